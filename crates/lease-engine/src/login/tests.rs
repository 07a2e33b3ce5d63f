mod administrators;
mod limit;
mod oidc;

use jwt_auth::testing::TestKey;
use kube_rest::TransportError;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::{block_on, engine, name_of, pass, prod};
use crate::testing::{Answer, TestPorts};
use crate::{Origin, Requester};

const ISSUER: &str = "https://ci.example";

/// An engine with target `prod` and identity `ci` with these ways to log in, that acts for somebody at 192.0.2.1.
#[expect(clippy::needless_pass_by_value, reason = "it is written where it is passed")]
fn with_auth(auth: Value) -> Engine<TestPorts> {
    with_identity(json!({ "auth": auth }))
}

fn with_identity(input: Value) -> Engine<TestPorts> {
    let engine = engine();
    engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
    put(&engine, "ci", input);
    engine.ports.http.forget();
    let address = "192.0.2.1".parse().ok();
    engine.acting_for(Requester::nobody().from(Origin { address, ..Origin::default() }))
}

fn put(engine: &Engine<TestPorts>, name: &str, input: Value) {
    let input = serde_json::from_value(input).expect("a good identity");
    let manager = Requester::first_administrator();
    let acting =
        Engine::new(engine.ports.clone(), crate::fixtures::keys("A"), engine.config.clone());
    acting.acting_for(manager).put_identity(name_of(name), input).expect("puts");
}

fn seconds(engine: &Engine<TestPorts>) -> i64 {
    engine.now().timestamp()
}

/// The message of a refusal.
fn reason(outcome: Result<NewAccessToken, LoginError>) -> String {
    outcome.map(|_| ()).expect_err("is refused").to_string()
}

mod kubernetes {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "it is written where it is passed")]
    fn auth(reviewer: Value) -> Value {
        json!([{"type": "kubernetes", "target": "prod", "reviewer": reviewer, "allowed_names": ["dep*"],
            "allowed_namespaces": ["apps"], "allowed_audience": "kubelease"}])
    }

    fn token(engine: &Engine<TestPorts>, change: impl Fn(&mut Value)) -> String {
        let mut claims = json!({"iss": "https://kubernetes.default.svc", "aud": ["kubelease"],
            "sub": "system:serviceaccount:apps:deployer", "exp": seconds(engine) + 600});
        change(&mut claims);
        TestKey::P256.issue("k", &claims)
    }

    fn review(change: impl Fn(&mut Value)) -> Answer {
        let mut status = json!({"authenticated": true, "audiences": ["kubelease"], "user": {
            "username": "system:serviceaccount:apps:deployer", "uid": "u1",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:apps", "system:authenticated"]}});
        change(&mut status);
        let review = json!({"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status});
        Answer::Reply(201, review.to_string())
    }

    fn log_in(engine: &Engine<TestPorts>, jwt: &str) -> Result<NewAccessToken, LoginError> {
        block_on(engine.log_in_by_kubernetes(Some(&name_of("ci")), jwt))
    }

    #[test]
    fn a_reviewed_account_gets_an_access_token_for_one_request_and_its_event() {
        let engine = with_auth(auth(json!("target")));
        let jwt = token(&engine, |_| {});
        engine.ports.http.script([review(|_| {})]);
        let writes = engine.ports.store.writes();
        let made = log_in(&engine, &jwt).expect("lets in");
        let written = engine.ports.store.writes() - writes;
        assert_eq!(written, 2 + 2 + 2, "a slot, the first of its minute, and its event");
        assert_eq!(made.claims.auth_method, "kubernetes");
        assert_eq!(made.claims.login_claims["namespace"], "apps");
        assert_eq!(made.claims.login_claims["service_account_uid"], "u1");
        let [sent] = &engine.ports.http.sent()[..] else { panic!("one request") };
        assert_eq!(sent.line(), "POST /apis/authentication.k8s.io/v1/tokenreviews");
        assert_eq!(sent.body["spec"], json!({"token": jwt, "audiences": ["kubelease"]}));
        let session = engine.authenticate(made.token.reveal(), &engine.requester.origin);
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
            engine.ports.http.script([review(|_| {})]);
            log_in(&engine, &jwt).expect("lets in");
            let shown = if shown.is_empty() { format!("Bearer {jwt}") } else { shown };
            assert_eq!(engine.ports.http.bearers(), [shown], "{reviewer}");
        }
    }

    #[test]
    fn a_token_that_could_not_be_let_in_is_sent_to_nobody() {
        type Change = fn(&mut Value);
        let cases: [(Change, &str); 8] = [
            (|c| c["sub"] = json!("system:serviceaccount:web:deployer"), "not among"),
            (|c| c["sub"] = json!("system:serviceaccount:apps:other"), "not among"),
            (|c| c["sub"] = json!("system:serviceaccount:apps"), "no ServiceAccount"),
            (|c| c["sub"] = json!("system:admin"), "no ServiceAccount"),
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
            (
                |s| _ = s.as_object_mut().expect("an object").remove("authenticated"),
                "does not accept",
            ),
            (
                |s| s["user"]["username"] = json!("system:serviceaccount:web:deployer"),
                "somebody else",
            ),
            (|s| s["user"]["groups"] = json!(["system:authenticated"]), "somebody else"),
            (|s| s["audiences"] = json!([]), "another audience"),
        ];
        for (row, (change, why)) in cases.into_iter().enumerate() {
            let engine = with_auth(auth(json!("target")));
            engine.ports.http.script([review(change)]);
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
            let body =
                json!({"kind": "Status", "status": "Failure", "code": status, "reason": "x"});
            engine.ports.http.script([Answer::Reply(status, body.to_string())]);
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
        let log_in = |answers: usize| {
            engine.ports.http.script((0..answers).map(|_| review(|_| {})));
            block_on(engine.log_in_by_kubernetes(None, &jwt))
        };
        assert_eq!(log_in(1).expect("lets in").claims.identity, "ci");
        put(&engine, "other", json!({"auth": [{"type": "token"}]}));
        assert_eq!(log_in(1).expect("lets in").claims.identity, "ci");
        put(&engine, "twin", json!({"auth": auth(json!("target"))}));
        assert!(matches!(log_in(2), Err(LoginError::Ambiguous)));
        put(&engine, "twin", json!({"auth": auth(json!("target")), "disabled": true}));
        assert_eq!(log_in(1).expect("lets in").claims.identity, "ci");
    }
}

#[test]
fn what_is_said_of_an_identity_counts_for_its_logins() {
    let auth = json!([{"type": "oidc", "issuer": ISSUER, "audiences": ["kubelease"], "subject": "s",
        "jwks": {"keys": [TestKey::P256.jwk("k1")]}}]);
    for (more, why) in [
        (json!({}), None),
        (json!({"disabled": true}), Some("is disabled")),
        (json!({"access_token": {"trusted_ips": ["10.0.0.0/8"]}}), Some("is not trusted")),
        (json!({"access_token": {"trusted_ips": ["192.0.2.0/24"]}}), None),
    ] {
        let mut input = json!({ "auth": auth });
        for (field, value) in more.as_object().expect("an object") {
            input[field] = value.clone();
        }
        let engine = with_identity(input);
        let exp = seconds(&engine) + 300;
        let jwt = TestKey::P256
            .issue("k1", &json!({"iss": ISSUER, "aud": "kubelease", "sub": "s", "exp": exp}));
        let outcome = block_on(engine.log_in_by_oidc(Some(&name_of("ci")), &jwt));
        match why {
            None => _ = outcome.expect("lets in"),
            Some(why) => assert!(reason(outcome).contains(why), "{more}"),
        }
        let unknown = block_on(engine.log_in_by_oidc(Some(&name_of("nobody")), &jwt));
        assert!(reason(unknown).contains("no identity"));
    }
}
