use jwt_auth::testing::TestKey;
use serde_json::{Value, json};

use super::{assert_fields, events, newest, writes};
use crate::testing::{ADMIN, Answer, Installation};

/// Identity `ci` with a login by an ID token, and the claims that it lets in.
fn with_job() -> (Installation, Value) {
    let app = Installation::with_dynamic_secret("");
    let body = json!({"auth": [{"type": "oidc", "issuer": "https://ci.example", "audiences": ["kubelease"],
        "claims": {"repository_id": ["123"]}, "jwks": {"keys": [TestKey::P256.jwk("k")]}}]});
    assert_eq!(app.send("PUT", "/api/v1/identities/ci", ADMIN, &body.to_string()).status, 201);
    let now = app.ports.now().timestamp();
    let claims = json!({"iss": "https://ci.example", "sub": "job", "aud": "kubelease", "exp": now + 600,
        "iat": now, "repository_id": "123"});
    (app, claims)
}

fn log_in(app: &Installation, jwt: &str) -> Answer {
    let body = json!({"identity": "ci", "jwt": jwt}).to_string();
    app.send("POST", "/api/v1/auth/oidc/login", "", &body)
}

#[test]
fn a_login_costs_its_event_and_a_refused_one_is_recorded_within_limits() {
    let (app, claims) = with_job();
    let (made, written) = writes(&app, || log_in(&app, &TestKey::P256.issue("k", &claims)));
    assert_eq!((made.status, written), (200, 6), "a slot, the first of its minute, and its event");
    let (made, written) = writes(&app, || log_in(&app, &TestKey::P256.issue("k", &claims)));
    assert_eq!((made.status, written), (200, 4), "a slot, and its event");
    assert_fields(
        &newest(&app),
        &json!({"event": "login", "decision": "allowed", "identity": "ci", "auth_method": "oidc",
            "accessor": made.json["accessor"], "claims": {"repository_id": "123", "sub": "job"},
            "ttl_seconds": 3600}),
    );
    let mut other = claims;
    other["repository_id"] = json!("canary");
    let other = TestKey::P256.issue("k", &other);
    for (number, cost) in [7, 5, 5].into_iter().enumerate() {
        let (refused, written) = writes(&app, || log_in(&app, &other));
        assert_eq!((refused.status, written), (401, cost), "{number}");
    }
    assert_fields(
        &newest(&app),
        &json!({"event": "login", "decision": "denied", "requester": "nobody", "subject_identity": "ci",
            "reason": "the login is refused: `ci`: claim `repository_id` has none of the values that the identity binds"}),
    );
    assert!(!app.stored().contains("canary"));
    for _ in 3..20 {
        log_in(&app, &other);
    }
    let recorded = events(&app, "type=login").len();
    let (shut_out, written) = writes(&app, || log_in(&app, &other));
    assert_eq!((shut_out.status, written), (429, 0));
    assert_eq!(events(&app, "type=login").len(), recorded, "who is shut out is not recorded");
}

#[test]
fn of_all_strangers_together_so_many_are_recorded() {
    let (app, _) = with_job();
    // From some hundred addresses at once: each may fail, and all of them together fill the store no further.
    let mut costs = vec![];
    for client in 0..130 {
        let (answer, written) = writes(&app, || {
            let body = json!({"jwt": "a.b.c"}).to_string();
            app.send_from(&format!("192.0.2.{client}:1"), "/api/v1/auth/oidc/login", &body)
        });
        assert_eq!(answer.status, 401);
        costs.push(written);
    }
    assert_eq!(events(&app, "type=login").len(), 100);
    assert!(costs[100..].iter().all(|cost| *cost == 4), "only its slot is counted: {costs:?}");
}
