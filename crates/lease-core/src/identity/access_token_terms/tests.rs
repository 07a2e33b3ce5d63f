use super::*;

fn read(json: &str) -> Result<AccessTokenTerms, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn what_is_left_out_fits_what_is_said() {
    for (json, ttl, max_ttl, warned) in [
        ("{}", "1h", "24h", false),
        (r#"{"ttl":"10m"}"#, "10m", "24h", false),
        (r#"{"ttl":"2d"}"#, "2d", "2d", true),
        (r#"{"max_ttl":"30m"}"#, "30m", "30m", false),
        (r#"{"ttl":"30d","max_ttl":"30d"}"#, "30d", "30d", true),
        (r#"{"max_ttl":"365d"}"#, "1h", "365d", true),
    ] {
        let terms = read(json).expect("reads");
        let told = (terms.ttl().to_string(), terms.max_ttl().to_string());
        assert_eq!(told, (ttl.to_owned(), max_ttl.to_owned()), "{json}");
        assert_eq!(!terms.warnings().is_empty(), warned, "{json}");
        let written = serde_json::to_string(&terms).expect("serialises");
        assert_eq!(read(&written).as_ref(), Ok(&terms), "{json}");
    }
    assert_eq!(read("{}").as_ref(), Ok(&AccessTokenTerms::default()));
}

#[test]
fn terms_that_do_not_hold_together_are_refused() {
    for (json, says) in [
        (r#"{"ttl":"2h","max_ttl":"1h"}"#, "`ttl` 2h is more than `max_ttl` 1h"),
        (r#"{"max_ttl":"366d"}"#, "`max_ttl` is at most 365d"),
        (r#"{"num_uses":1000001}"#, "`num_uses` is at most 1000000"),
        (r#"{"num_uses":-1}"#, "expected u32"),
        (r#"{"period":"1h"}"#, "unknown field `period`"),
        (r#"{"trusted_ips":[]}"#, "1 to 64 networks"),
        (r#"{"trusted_ips":["canary"]}"#, "a network is written"),
        (r#"{"trusted_ips":["10.0.0.1/8"]}"#, "all bits after the prefix"),
        (r#"{"trusted_ips":["10.0.0.0/33"]}"#, "a network is written"),
        (r#"{"trusted_ips":["10.0.0.0/8 "]}"#, "a network is written"),
    ] {
        let error = read(json).expect_err("is refused");
        assert!(error.contains(says) && !error.contains("canary"), "{json}: {error}");
    }
}

#[test]
fn an_address_is_trusted_by_the_network_it_is_in() {
    let networks = |json: &str| serde_json::from_str::<TrustedIps>(json).expect("networks");
    for (trusted, address, is_trusted) in [
        (r#"["10.0.0.0/8"]"#, Some("10.9.9.9"), true),
        (r#"["10.0.0.0/8"]"#, Some("11.0.0.1"), false),
        (r#"["10.0.0.0/8"]"#, Some("::ffff:10.9.9.9"), true),
        (r#"["10.0.0.0/8"]"#, Some("::10.9.9.9"), false),
        (r#"["10.0.0.0/8"]"#, None, false),
        (r#"["192.0.2.7"]"#, Some("192.0.2.7"), true),
        (r#"["192.0.2.7"]"#, Some("192.0.2.8"), false),
        (r#"["2001:db8::/32"]"#, Some("2001:db8:1::1"), true),
        (r#"["2001:db8::/32"]"#, Some("10.0.0.1"), false),
        (r#"["0.0.0.0/0"]"#, Some("10.0.0.1"), true),
        (r#"["0.0.0.0/0"]"#, Some("2001:db8::1"), false),
        (r#"["0.0.0.0/0"]"#, None, false),
        (r#"["0.0.0.0/0","::/0"]"#, None, true),
        (r#"["::/0","0.0.0.0/0","10.0.0.0/8"]"#, None, true),
    ] {
        let address = address.map(|text| text.parse::<IpAddr>().expect("an address"));
        assert_eq!(networks(trusted).is_trusted(address), is_trusted, "{trusted}: {address:?}");
    }
}
