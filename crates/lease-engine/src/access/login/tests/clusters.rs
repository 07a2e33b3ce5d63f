//! The clusters that tokens are shown to.

use lease_core::TargetAuthInput;

use super::kubernetes::is_review;
use super::*;
use crate::ClusterError;
use crate::fixtures::{restarted, target};
use lease_testing::{Fault, Sent};

const A: &str = "https://kubernetes.default.svc";
const B: &str = "https://b.issuer.example";

fn method(target: &str) -> Value {
    json!({"type": "kubernetes", "target": target, "reviewer": "target", "allowed_names": ["*"],
        "allowed_namespaces": ["apps"], "allowed_audience": "kubelease"})
}

/// An engine with targets `prod` at a.example and `other` at b.example, which are two clusters of issuers `A` and `B`
/// if they tell, and an identity for each.
fn two_clusters(tells: [bool; 2]) -> Engine<TestPorts> {
    let engine = with_identity(json!({"auth": [method("prod")]}));
    put_target(&engine, "other", "https://b.example");
    put(&engine, "other", json!({"auth": [method("other")]}));
    let http = &engine.ports.http;
    for (world, issuer, tells) in [(1, B, tells[1]), (0, A, tells[0])] {
        http.go_to(world);
        http.set_issuer(tells.then_some(issuer));
    }
    http.route_by_host(&["a.example", "b.example"]);
    engine
}

fn put_target(engine: &Engine<TestPorts>, name: &str, url: &str) {
    let definition =
        target(name, url, TargetAuthInput::Token(Some(crate::fixtures::token("t0ken"))));
    let administrator = restarted(engine).acting_for(Requester::first_administrator());
    administrator.put_target(definition).expect("puts");
}

fn token(engine: &Engine<TestPorts>, issuer: &str) -> String {
    let claims = json!({"iss": issuer, "aud": ["kubelease"], "sub": "system:serviceaccount:apps:deployer",
        "exp": seconds(engine) + 600});
    TestKey::P256.issue("k", &claims)
}

/// Logs in by a token of `issuer`, and returns as whom, or why not, and the hosts that have seen the token.
fn log_in(
    engine: &Engine<TestPorts>,
    name: Option<&str>,
    issuer: &str,
) -> (Result<String, LoginError>, Vec<String>) {
    engine.ports.http.forget();
    let jwt = token(engine, issuer);
    let outcome = block_on(engine.log_in_by_kubernetes(name.map(name_of).as_ref(), &jwt));
    let sent = engine.ports.http.sent();
    let saw = |sent: &&Sent| {
        let shown = sent.authorization().is_some_and(|shown| shown.contains(&jwt));
        shown || sent.body.to_string().contains(&jwt)
    };
    let hosts = sent.iter().filter(saw).map(|sent| sent.host.clone()).collect();
    (outcome.map(|made| made.claims.identity), hosts)
}

#[test]
fn a_token_is_shown_to_no_cluster_of_another_issuer() {
    let engine = two_clusters([true, true]);
    put(&engine, "both", json!({"auth": [method("prod"), method("other")], "disabled": true}));
    for _ in 0..2 {
        let (outcome, saw) = log_in(&engine, None, A);
        assert_eq!(
            (outcome.expect("lets in"), saw),
            ("ci".to_owned(), vec!["a.example".to_owned()])
        );
        let (outcome, saw) = log_in(&engine, None, B);
        assert_eq!(
            (outcome.expect("lets in"), saw),
            ("other".to_owned(), vec!["b.example".to_owned()])
        );
    }
    put(&engine, "both", json!({"auth": [method("prod"), method("other")]}));
    let (outcome, saw) = log_in(&engine, Some("both"), B);
    assert_eq!((outcome.expect("lets in"), saw), ("both".to_owned(), vec!["b.example".to_owned()]));
    for (name, issuer) in
        [(None, "https://c.example"), (Some("ci"), B), (Some("other"), A), (Some("ci"), "")]
    {
        let (outcome, saw) = log_in(&engine, name, issuer);
        let refused = outcome.expect_err("is refused").to_string();
        assert!(refused.contains("`iss` is not the issuer"), "{name:?} {issuer}: {refused}");
        assert_eq!(saw, Vec::<String>::new(), "{name:?} {issuer}");
    }
}

#[test]
fn a_cluster_that_does_not_tell_its_issuer_sees_a_token_if_no_other_is_left() {
    for (tells, name, issuer, as_whom) in [
        ([true, false], None, A, Ok("ci")),
        ([true, false], None, B, Ok("other")),
        ([false, true], None, B, Ok("other")),
        ([false, false], None, A, Err("may come from another cluster")),
        ([false, false], Some("ci"), A, Ok("ci")),
        ([false, false], Some("both"), A, Err("may come from another cluster")),
        ([true, false], Some("both"), A, Ok("both")),
    ] {
        let engine = two_clusters(tells);
        let disabled = name != Some("both");
        let methods = [method("prod"), method("other")];
        put(&engine, "both", json!({"auth": methods, "disabled": disabled}));
        let (outcome, saw) = log_in(&engine, name, issuer);
        match as_whom {
            Ok(as_whom) => {
                assert_eq!(outcome.expect("lets in"), as_whom, "{tells:?} {issuer}");
                assert_eq!(saw.len(), 1, "{tells:?} {name:?} {issuer}: {saw:?}");
            }
            Err(why) => {
                let refused = outcome.expect_err("is refused").to_string();
                assert!(refused.contains(why) && saw.is_empty(), "{tells:?}: {refused}, {saw:?}");
            }
        }
    }
}

#[test]
fn a_token_of_our_own_says_who_issues_those_of_a_cluster_that_does_not_tell() {
    let engine = two_clusters([false, false]);
    let own = json!({"iss": A, "aud": ["x"], "sub": "system:serviceaccount:kubelease:broker", "iat": 1, "exp": 2,
        "kubernetes.io": {"namespace": "kubelease", "serviceaccount": {"name": "broker", "uid": "u"}}});
    let definition = target(
        "prod",
        "https://a.example",
        TargetAuthInput::Token(Some(crate::fixtures::token(&TestKey::P256.issue("k", &own)))),
    );
    let administrator = restarted(&engine).acting_for(Requester::first_administrator());
    administrator.put_target(definition).expect("puts");
    let (outcome, saw) = log_in(&engine, None, A);
    assert_eq!((outcome.expect("lets in"), saw), ("ci".to_owned(), vec!["a.example".to_owned()]));
    // It does not say that there is no other.
    let (outcome, saw) = log_in(&engine, Some("ci"), "https://later.example");
    assert_eq!((outcome.expect("lets in"), saw.len()), ("ci".to_owned(), 1));
}

#[test]
fn a_dead_cluster_fails_the_logins_that_need_it_and_no_others() {
    for is_met in [true, false] {
        let engine = two_clusters([true, true]);
        if is_met {
            log_in(&engine, None, A).0.expect("lets in");
            log_in(&engine, None, B).0.expect("lets in");
        }
        let http = &engine.ports.http;
        http.fail_all(Fault::Unreachable, |sent| sent.host == "a.example");
        let (outcome, saw) = log_in(&engine, None, B);
        assert_eq!(outcome.expect("lets in"), "other", "{is_met}");
        assert_eq!(saw, ["b.example"], "{is_met}");
        for name in [Some("ci"), None] {
            let outcome = log_in(&engine, name, A).0;
            let Err(LoginError::Review { identity, .. }) = outcome else { panic!("{outcome:?}") };
            assert_eq!(identity, name_of("ci"), "{is_met}");
        }
        http.heal();
        assert_eq!(log_in(&engine, None, A).0.expect("lets in"), "ci");
    }
}

#[test]
fn clusters_that_do_not_answer_share_one_deadline() {
    let engine = two_clusters([true, true]);
    let names: Vec<_> = (0..20).map(|n| format!("t{n}")).collect();
    for name in &names {
        put_target(&engine, name, &format!("https://{name}.example"));
        put(&engine, name, json!({"auth": [method(name)]}));
    }
    engine.ports.http.fail_all(Fault::Lose, |sent| sent.host.starts_with('t'));
    let began = engine.now();
    let (outcome, _) = log_in(&engine, None, A);
    assert_eq!(outcome.expect("lets in"), "ci");
    let took = engine.now() - began;
    assert!(took <= LOGIN_TIME + TimeDelta::seconds(1), "{took}");
}

#[test]
fn another_issuer_is_learnt_and_the_one_before_is_not_forgotten() {
    let engine = two_clusters([true, true]);
    log_in(&engine, None, A).0.expect("lets in");
    engine.ports.http.set_issuer(Some("https://new.example"));
    let refused = log_in(&engine, Some("ci"), "https://new.example").0.expect_err("is refused");
    assert!(refused.to_string().contains("`iss`"), "{refused}");
    assert_eq!(engine.ports.http.calls(), 0, "it was asked a moment ago");
    pass(&engine, 300);
    for issuer in ["https://new.example", A] {
        log_in(&engine, Some("ci"), issuer).0.expect(issuer);
    }
    // Whatever strangers show, it is asked once in five minutes.
    pass(&engine, 300);
    let asks = |engine: &Engine<TestPorts>| {
        log_in(engine, Some("ci"), "https://c.example").0.expect_err("is refused");
        engine.ports.http.calls()
    };
    assert_eq!([asks(&engine), asks(&engine), asks(&engine)], [1, 0, 0]);
}

#[test]
fn a_target_whose_cluster_has_changed_decides_no_login() {
    let engine = two_clusters([true, true]);
    log_in(&engine, Some("ci"), A).0.expect("lets in");
    let uid = |engine: &Engine<TestPorts>| {
        let known =
            engine.known_clusters().get(&name_of("prod")).expect("reads").expect("is known");
        known.changed.map(|changed| changed.found.uid)
    };
    let is_changed = |outcome| {
        matches!(outcome, Err(LoginError::Review { source: ClusterError::Changed { .. }, .. }))
    };
    assert_eq!(uid(&engine), None);
    // Another cluster has come to be at its address, which calls itself by the same issuer.
    engine.ports.http.on_call(|cluster, sent| {
        if sent.host == "a.example" {
            cluster.go_to(2);
            cluster.set_issuer(Some(A));
        }
    });
    let (outcome, saw) = log_in(&engine, Some("ci"), A);
    assert!(is_changed(outcome) && saw.len() == 1, "it is found out when it has answered");
    let found = uid(&engine).expect("it is noted");
    let (outcome, saw) = log_in(&engine, Some("ci"), A);
    assert!(is_changed(outcome) && saw.is_empty(), "from then on it is shown nothing");
    assert_eq!(engine.ports.http.calls(), 0);
    engine.accept_cluster(&name_of("prod"), &found).expect("accepts");
    log_in(&engine, Some("ci"), A).0.expect("lets in");
}

#[test]
fn a_cluster_is_met_before_it_sees_a_token() {
    let engine = two_clusters([true, true]);
    log_in(&engine, Some("ci"), A).0.expect("lets in");
    engine.ports.http.on_call(|cluster, sent| {
        if sent.host == "a.example" {
            cluster.go_to(2);
            cluster.set_issuer(Some(A));
        }
    });
    pass(&engine, 1);
    put_target(&engine, "prod", "https://a.example");
    let (outcome, saw) = log_in(&engine, Some("ci"), A);
    assert!(outcome.is_err() && saw.is_empty(), "{outcome:?}");
}

#[test]
fn a_cluster_that_does_not_say_which_it_is_decides_until_it_is_known() {
    let engine = two_clusters([true, true]);
    engine.ports.http.deny("get", "namespaces");
    log_in(&engine, Some("ci"), A).0.expect("nothing was ever known of it");
    let kept = engine.known_clusters().get(&name_of("prod")).expect("reads");
    assert_eq!(kept, None, "no namespace that a token names stands for the cluster");
    engine.ports.http.heal();
    log_in(&engine, Some("ci"), A).0.expect("lets in");
    engine.ports.http.deny("get", "namespaces");
    let outcome = log_in(&engine, Some("ci"), A).0;
    assert!(matches!(outcome, Err(LoginError::Review { .. })), "{outcome:?}");
}

#[test]
fn a_review_that_is_forbidden_counts_if_it_was_asked_with_the_token_itself() {
    for (reviewer, counts) in [("client", true), ("target", false)] {
        let mut method = method("prod");
        method["reviewer"] = json!(reviewer);
        let engine = with_auth(json!([method]));
        engine.ports.http.fail_all(Fault::Forbid, is_review);
        for _ in 0..MAX_FAILED_LOGINS {
            let outcome = log_in(&engine, Some("ci"), A).0;
            assert!(matches!(outcome, Err(LoginError::Review { .. })), "{outcome:?}");
        }
        let outcome = log_in(&engine, Some("ci"), A).0;
        let is_shut_out = matches!(outcome, Err(LoginError::TooManyFailures { .. }));
        assert_eq!(is_shut_out, counts, "{reviewer}");
    }
}
