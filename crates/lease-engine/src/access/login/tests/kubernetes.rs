//! Logins by tokens of `ServiceAccount`s.

use super::*;
use lease_testing::{Fault, Sent};

#[expect(clippy::needless_pass_by_value, reason = "it is written where it is passed")]
pub(super) fn auth(reviewer: Value) -> Value {
    json!([{"type": "kubernetes", "target": "prod", "reviewer": reviewer, "allowed_names": ["dep*"],
        "allowed_namespaces": ["apps"], "allowed_audience": "kubelease"}])
}

pub(super) fn token(engine: &Engine<TestPorts>, change: impl Fn(&mut Value)) -> String {
    let mut claims = json!({"iss": "https://kubernetes.default.svc", "aud": ["kubelease"],
        "sub": "system:serviceaccount:apps:deployer", "exp": seconds(engine) + 600});
    change(&mut claims);
    TestKey::P256.issue("k", &claims)
}

pub(super) fn log_in(engine: &Engine<TestPorts>, jwt: &str) -> Result<NewAccessToken, LoginError> {
    block_on(engine.log_in_by_kubernetes(Some(&name_of("ci")), jwt))
}

pub(super) fn is_review(sent: &Sent) -> bool {
    sent.path.ends_with("/tokenreviews")
}

#[test]
fn a_reviewed_account_gets_an_access_token() {
    let engine = with_auth(auth(json!("target")));
    let jwt = token(&engine, |_| {});
    log_in(&engine, &jwt).expect("meets the cluster");
    pass(&engine, 60);
    engine.ports.http.forget();
    let reads = engine.ports.store.number_of_reads();
    let writes = engine.ports.store.number_of_writes();
    let made = log_in(&engine, &jwt).expect("lets in");
    let written = engine.ports.store.number_of_writes() - writes;
    assert_eq!(written, 2 + 2 + 2, "a slot, the first of its minute, and its event");
    let slot = 2;
    let definitions = ["its identity", "its target"].len();
    let clusters = ["which it is", "who issues its tokens", "if it takes `Expect`"].len();
    assert_eq!(engine.ports.store.number_of_reads() - reads, slot + definitions + clusters);
    assert_eq!(made.claims.auth_method, "kubernetes");
    assert_eq!(made.claims.login_claims["namespace"], "apps");
    assert_eq!(made.claims.login_claims["service_account_uid"], "u1");
    let sent = engine.ports.http.sent();
    let lines: Vec<_> = sent.iter().map(Sent::line).collect();
    let review = "POST /apis/authentication.k8s.io/v1/tokenreviews";
    assert_eq!(lines, [review, "GET /api/v1/namespaces/kube-system"]);
    assert_eq!(engine.ports.http.rounds(), 1, "the cluster is confirmed at no cost in time");
    assert_eq!(sent[0].body["spec"], json!({"token": jwt, "audiences": ["kubelease"]}));
    let session = engine.authenticate_token(made.token.expose_secret(), &engine.requester.origin);
    assert_eq!(session.expect("lets in").identity.name, name_of("ci"));
}

#[test]
fn each_reviewer_shows_its_own_credential() {
    for (reviewer, shown) in [
        (json!("target"), "Bearer t0ken".to_owned()),
        (json!({"token": "reviewer-t0ken"}), "Bearer reviewer-t0ken".to_owned()),
        (json!({"variable": "target_reviewer"}), "Bearer from-a-variable".to_owned()),
        (json!("client"), String::new()),
    ] {
        let mut engine = with_auth(auth(reviewer.clone()));
        let variable = ("target_reviewer".to_owned(), Some("from-a-variable".to_owned()));
        engine.ports.variables.borrow_mut().extend([variable]);
        engine.config.origins =
            lease_core::VariableOrigins::parse("target_reviewer=https://a.example")
                .expect("origins");
        let jwt = token(&engine, |_| {});
        log_in(&engine, &jwt).expect("lets in");
        let shown = if shown.is_empty() { format!("Bearer {jwt}") } else { shown };
        for sent in engine.ports.http.sent() {
            let expected = if is_review(&sent) { &shown } else { "Bearer t0ken" };
            assert_eq!(sent.authorization(), Some(expected), "{reviewer}: {}", sent.line());
        }
    }
}

#[test]
fn a_token_that_could_not_be_let_in_is_sent_to_nobody() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 8] = [
        (|c| c["sub"] = json!("system:serviceaccount:web:deployer"), "not among"),
        (|c| c["sub"] = json!("system:serviceaccount:apps:other"), "not among"),
        (|c| c["sub"] = json!("system:serviceaccount:apps"), "does not name a ServiceAccount"),
        (|c| c["sub"] = json!("system:admin"), "does not name a ServiceAccount"),
        (|c| c["aud"] = json!(["https://kubernetes.default.svc"]), "`aud`"),
        (|c| c["aud"] = Value::Null, "`aud`"),
        (|c| c["exp"] = json!(1), "`exp`"),
        (|c| c["exp"] = Value::Null, "`exp`"),
    ];
    for (row, (change, why)) in cases.into_iter().enumerate() {
        let engine = with_auth(auth(json!("target")));
        let refused = reason(log_in(&engine, &token(&engine, change)));
        assert!(refused.contains(why), "row {row}: {refused}");
        assert_eq!(engine.ports.http.calls(), 0, "row {row}");
    }
}

#[test]
fn what_the_api_server_says_decides() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 5] = [
        (|s| s["authenticated"] = json!(false), "does not accept"),
        (|s| _ = s.as_object_mut().expect("an object").remove("authenticated"), "does not accept"),
        (|s| s["user"]["username"] = json!("system:serviceaccount:web:deployer"), "another user"),
        (|s| s["user"]["groups"] = json!(["system:authenticated"]), "another user"),
        (|s| s["audiences"] = json!([]), "not for `allowed_audience`"),
    ];
    for (row, (change, why)) in cases.into_iter().enumerate() {
        let engine = with_auth(auth(json!("target")));
        engine.ports.http.set_reviewer(change);
        let refused = reason(log_in(&engine, &token(&engine, |_| {})));
        assert!(refused.contains(why), "row {row}: {refused}");
    }
}

#[test]
fn a_cluster_that_does_not_review_refuses_nobody_and_lets_nobody_in() {
    for (reviewer, status, is_refused) in [
        ("target", 401, false),
        ("target", 403, false),
        ("client", 401, true),
        ("client", 403, false),
    ] {
        let engine = with_auth(auth(json!(reviewer)));
        let fault =
            if status == 403 { Fault::Forbid } else { Fault::Misplace(401, "Unauthorized", "{}") };
        engine.ports.http.fail_all(fault, is_review);
        let outcome = log_in(&engine, &token(&engine, |_| {})).map(|_| ()).expect_err("fails");
        let refused = matches!(outcome, LoginError::Refused(_));
        assert_eq!(refused, is_refused, "{reviewer} {status}: {outcome}");
        assert!(refused || matches!(outcome, LoginError::Review { .. }), "{outcome}");
    }
}

#[test]
fn without_a_name_the_only_identity_that_lets_it_in_is_meant() {
    let engine = with_auth(auth(json!("target")));
    let jwt = token(&engine, |_| {});
    let log_in = || block_on(engine.log_in_by_kubernetes(None, &jwt));
    assert_eq!(log_in().expect("lets in").claims.identity, "ci");
    put(&engine, "other", json!({"auth": [{"type": "token"}]}));
    assert_eq!(log_in().expect("lets in").claims.identity, "ci");
    put(&engine, "twin", json!({"auth": auth(json!("target"))}));
    assert!(matches!(log_in(), Err(LoginError::Ambiguous)));
    put(&engine, "twin", json!({"auth": auth(json!("target")), "disabled": true}));
    assert_eq!(log_in().expect("lets in").claims.identity, "ci");
}
