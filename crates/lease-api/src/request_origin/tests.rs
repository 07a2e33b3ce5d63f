use super::*;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::try_from(*name).expect("a name");
        headers.append(name, value.parse().expect("a value"));
    }
    headers
}

fn proxies() -> Vec<IpNet> {
    ["10.0.0.0/8", "2001:db8:ffff::/48"].map(|text| text.parse().expect("a network")).into()
}

/// The address that these headers tell, with the proxies of these tests.
fn told(pairs: &[(&str, &str)]) -> Option<String> {
    client_address(&headers(pairs), &proxies()).map(|address| address.to_string())
}

const PEER: &str = "spin-client-addr";
const XFF: &str = "x-forwarded-for";

/// The connection comes from a trusted proxy.
const FROM_PROXY: (&str, &str) = (PEER, "10.0.0.1:4711");

#[test]
fn without_a_trusted_proxy_only_the_host_is_believed() {
    for (row, pairs) in [
        vec![(PEER, "192.0.2.1:80")],
        vec![(PEER, "10.0.0.1:80"), (PEER, "192.0.2.1:80")],
        vec![(PEER, "10.0.0.1"), (PEER, "192.0.2.1:80")],
        vec![("Spin-Client-Addr", "10.0.0.1:80"), (PEER, "192.0.2.1:80")],
        vec![(XFF, "203.0.113.9"), (PEER, "192.0.2.1:80")],
        vec![(XFF, "10.0.0.1"), (PEER, "192.0.2.1:80")],
        vec![("forwarded", "for=203.0.113.9"), (PEER, "192.0.2.1:80")],
        vec![("x-real-ip", "203.0.113.9"), (PEER, "192.0.2.1:80")],
        vec![("true-client-ip", "203.0.113.9"), (PEER, "192.0.2.1:80")],
        vec![("cf-connecting-ip", "203.0.113.9"), (PEER, "192.0.2.1:80")],
        vec![("x-client-ip", "203.0.113.9"), (PEER, "192.0.2.1:80")],
        vec![(PEER, "[::ffff:192.0.2.1]:80")],
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(told(pairs).as_deref(), Some("192.0.2.1"), "row {row}: {pairs:?}");
    }
    for pairs in [vec![], vec![(XFF, "192.0.2.1")], vec![(PEER, "192.0.2.1")], vec![(PEER, "x")]] {
        assert_eq!(told(&pairs), None, "{pairs:?}");
    }
}

#[test]
fn behind_a_trusted_proxy_the_last_untrusted_address_counts() {
    for (pairs, address) in [
        (vec![], Some("10.0.0.1")),
        (vec![(XFF, "192.0.2.1")], Some("192.0.2.1")),
        (vec![(XFF, "203.0.113.9, 192.0.2.1")], Some("192.0.2.1")),
        (vec![(XFF, "203.0.113.9"), (XFF, "192.0.2.1")], Some("192.0.2.1")),
        (vec![(XFF, "192.0.2.1, 10.0.0.2")], Some("192.0.2.1")),
        (vec![(XFF, "203.0.113.9, 192.0.2.1, 10.0.0.2,10.0.0.3")], Some("192.0.2.1")),
        (vec![(XFF, "10.0.0.3, 10.0.0.2")], Some("10.0.0.3")),
        (vec![(XFF, "192.0.2.1:4711")], Some("192.0.2.1")),
        (vec![(XFF, "2001:db8::1")], Some("2001:db8::1")),
        (vec![(XFF, "[2001:db8::1]:4711, 2001:db8:ffff::2")], Some("2001:db8::1")),
        (vec![(XFF, "192.0.2.1, unknown")], None),
        (vec![(XFF, "")], None),
        (vec![(XFF, "192.0.2.1, ")], None),
        (vec![("forwarded", "for=192.0.2.1")], Some("192.0.2.1")),
        (vec![("forwarded", "For=\"192.0.2.1:4711\";proto=https;by=10.0.0.1")], Some("192.0.2.1")),
        (vec![("forwarded", "for=203.0.113.9, for=192.0.2.1")], Some("192.0.2.1")),
        (vec![("forwarded", "for=\"[2001:db8::1]:80\", for=10.0.0.2")], Some("2001:db8::1")),
        (vec![("forwarded", "for=203.0.113.9;x=\"a,for=192.0.2.1\"")], Some("203.0.113.9")),
        (vec![("forwarded", "for=203.0.113.9, for=_hidden")], None),
        (vec![("forwarded", "for=\"203.0.113.9")], None),
        (vec![("forwarded", "by=10.0.0.1")], None),
        // The proxy writes one of the two; which one, nobody can tell.
        (vec![(XFF, "192.0.2.1"), ("forwarded", "for=192.0.2.1")], Some("192.0.2.1")),
        (vec![(XFF, "192.0.2.1"), ("forwarded", "for=203.0.113.9")], None),
        (vec![(XFF, "203.0.113.9"), ("forwarded", "for=192.0.2.1")], None),
    ] {
        let pairs = [pairs, vec![FROM_PROXY]].concat();
        assert_eq!(told(&pairs).as_deref(), address, "{pairs:?}");
    }
}

#[test]
fn ids_of_requests_and_traces_are_kept_if_they_can_do_no_harm() {
    let long = "a".repeat(MAX_ID_BYTES + 1);
    for (id, kept) in [
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", true),
        ("1-67891233-abcdef012345678912345678", true),
        ("", false),
        ("a b", false),
        ("a\"b", false),
        (long.as_str(), false),
    ] {
        let told = request_id(&headers(&[("x-request-id", id)]));
        assert_eq!(told.as_deref(), kept.then_some(id), "{id}");
    }
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (parent, kept) in [
        (format!("00-{id}-00f067aa0ba902b7-01"), true),
        (format!("ff-{id}-00f067aa0ba902b7-01"), false),
        (format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()), false),
        (format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), false),
        (id.to_owned(), false),
        (String::new(), false),
    ] {
        let told = trace_id(&headers(&[("traceparent", &parent)]));
        assert_eq!(told.as_deref(), kept.then_some(id), "{parent}");
    }
}
