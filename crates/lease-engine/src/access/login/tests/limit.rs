//! How many logins may fail, however many come at once and from wherever.

use futures::future::join_all;

use super::*;
use crate::SweepOptions;
use crate::fixtures::sweep_with;
use lease_testing::Fault;

const FAILED: usize = MAX_FAILED_LOGINS as usize;

fn with_keys() -> Engine<TestPorts> {
    with_auth(json!([{"type": "oidc", "issuer": ISSUER, "audiences": ["kubelease"], "subject": "s",
        "jwks": {"keys": [TestKey::P256.jwk("k1")]}}]))
}

fn good_token(engine: &Engine<TestPorts>) -> String {
    let exp = seconds(engine) + 300;
    TestKey::P256.issue("k1", &json!({"iss": ISSUER, "aud": "kubelease", "sub": "s", "exp": exp}))
}

/// The same engine, for a request that comes from somewhere else.
fn from(engine: &Engine<TestPorts>, address: &str) -> Engine<TestPorts> {
    let address = Some(address.parse().expect("an address"));
    crate::fixtures::restarted(engine)
        .acting_for(Requester::nobody().from(Origin { address, ..Origin::default() }))
}

fn fail(engine: &Engine<TestPorts>) -> LoginError {
    block_on(engine.log_in_by_oidc(None, "a.b.c")).expect_err("fails")
}

#[test]
fn who_fails_too_often_waits_and_keeps_nobody_else_out() {
    let engine = with_keys();
    for _ in 0..FAILED {
        assert!(matches!(fail(&engine), LoginError::Refused(_)));
    }
    let writes = engine.ports.store.number_of_writes();
    assert!(matches!(fail(&engine), LoginError::TooManyFailures { retry_after: 60 }));
    assert_eq!(engine.ports.store.number_of_writes(), writes);
    assert!(matches!(fail(&from(&engine, "192.0.2.2")), LoginError::Refused(_)));
    pass(&engine, 60);
    assert!(matches!(fail(&engine), LoginError::Refused(_)));
}

#[test]
fn a_network_of_ipv6_is_one_client_and_an_ipv4_address_another() {
    for (addresses, is_one) in [
        (["2001:db8:1:2::1", "2001:db8:1:2:ffff::9"], true),
        (["2001:db8:1:2::1", "2001:db8:1:3::1"], false),
        (["192.0.2.1", "::ffff:192.0.2.1"], true),
        (["192.0.2.1", "192.0.2.2"], false),
    ] {
        let engine = with_keys();
        let [one, other] = addresses.map(|address| from(&engine, address));
        for _ in 0..FAILED {
            assert!(matches!(fail(&one), LoginError::Refused(_)));
        }
        let is_shut_out = matches!(fail(&other), LoginError::TooManyFailures { .. });
        assert_eq!(is_shut_out, is_one, "{addresses:?}");
    }
}

#[test]
fn of_many_that_fail_at_once_no_more_are_looked_at_than_may_fail() {
    let count = |outcomes: &[Result<_, LoginError>]| {
        let refused = outcomes.iter().filter(|o| matches!(o, Err(LoginError::Refused(_)))).count();
        let is_shut_out = |o: &&Result<_, _>| matches!(o, Err(LoginError::TooManyFailures { .. }));
        (refused, outcomes.iter().filter(is_shut_out).count())
    };
    let engine = with_keys();
    let outcomes = block_on(join_all((0..200).map(|_| engine.log_in_by_oidc(None, "a.b.c"))));
    assert_eq!(count(&outcomes), (FAILED, 180));
    // While the cluster looks at the first, all others have come: nobody has failed yet.
    let engine = with_auth(kubernetes::auth(json!("target")));
    engine.ports.http.set_reviewer(|status| status["authenticated"] = json!(false));
    let (ci, jwt) = (name_of("ci"), kubernetes::token(&engine, |_| {}));
    let logins = (0..200).map(|_| engine.log_in_by_kubernetes(Some(&ci), &jwt));
    let outcomes = block_on(join_all(logins));
    assert_eq!(count(&outcomes), (FAILED, 180));
    let reviews =
        engine.ports.http.sent().iter().filter(|sent| kubernetes::is_review(sent)).count();
    assert_eq!(reviews, FAILED);
}

#[test]
fn of_many_that_are_let_in_at_once_none_is_shut_out_and_none_counts() {
    let engine = with_keys();
    let jwt = good_token(&engine);
    for outcome in block_on(join_all((0..200).map(|_| engine.log_in_by_oidc(None, &jwt)))) {
        outcome.expect("lets in");
    }
    assert!(matches!(fail(&engine), LoginError::Refused(_)));
}

#[test]
fn an_issuer_that_is_away_shuts_nobody_out() {
    let engine = with_auth(json!([
        {"type": "oidc", "issuer": ISSUER, "audiences": ["kubelease"], "subject": "s"},
        {"type": "oidc", "issuer": "https://other.example", "audiences": ["kubelease"], "subject": "s",
            "jwks": {"keys": [TestKey::P256.jwk("k1")]}},
    ]));
    engine.ports.http.fail_all(Fault::Unreachable, |_| true);
    let jwt = good_token(&engine);
    let undecided = block_on(join_all((0..100).map(|_| engine.log_in_by_oidc(None, &jwt))));
    for outcome in undecided {
        assert!(matches!(outcome, Err(LoginError::IssuerKeys { .. })), "{outcome:?}");
    }
    let exp = seconds(&engine) + 300;
    let claims =
        json!({"iss": "https://other.example", "aud": "kubelease", "sub": "s", "exp": exp});
    block_on(engine.log_in_by_oidc(None, &TestKey::P256.issue("k1", &claims))).expect("lets in");
}

#[test]
fn no_number_of_addresses_makes_the_store_grow_without_end() {
    let engine = with_keys();
    let before: Vec<_> = engine.ports.store.list_keys();
    let is_of_logins = |key: &&String| {
        ["count.logins-", "expiring.minutes"].iter().any(|prefix| key.starts_with(prefix))
    };
    let events = |engine: &Engine<TestPorts>| {
        engine.ports.store.list_keys().iter().filter(|key| key.starts_with("event.audit.")).count()
    };
    for n in 0..20_000_u32 {
        let address = format!("2001:db8:{:x}:{:x}::1", n >> 16, n & 0xffff);
        fail(&from(&engine, &address));
    }
    let kept = engine.ports.store.list_keys().iter().filter(is_of_logins).count();
    let groups = usize::from(lease_core::ClientGroup::COUNT);
    assert!(kept > groups && kept <= 3 * groups, "{kept}: two counts and an entry of each group");
    assert!(events(&engine) <= 110, "{}", events(&engine));
    pass(&engine, 601);
    sweep_with(&engine, SweepOptions::default());
    let left: Vec<_> = engine.ports.store.list_keys();
    let left: Vec<_> =
        left.iter().filter(|key| !before.contains(key)).filter(is_of_logins).collect();
    assert_eq!(left, Vec::<&String>::new(), "one sweep forgets them all");
}
