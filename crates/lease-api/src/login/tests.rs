use jwt_auth::testing::{TestKey, hostile_tokens};
use serde_json::{Value, json};

use crate::testing::{ADMIN, Answer, Installation};

const LOGIN: &str = "/api/v1/auth/oidc/login";

/// The claims of a job that identity `ci` lets in.
fn claims(app: &Installation) -> Value {
    let now = app.ports.now().timestamp();
    json!({"iss": "https://ci.example", "sub": "repo:acme/app:ref:refs/heads/main", "aud": "kubelease",
        "exp": now + 86_400, "iat": now, "nbf": now - 600, "repository_id": "123"})
}

/// An installation with identity `ci`, which knows the keys of its issuer.
fn installation() -> Installation {
    let app = Installation::with_dynamic_secret("");
    let keys: Vec<_> = [
        (TestKey::Rsa, "rsa"),
        (TestKey::OtherRsa, "other"),
        (TestKey::P256, "p256"),
        (TestKey::P384, "p384"),
    ]
    .map(|(key, id)| key.jwk(id))
    .into();
    let body = json!({
        "auth": [{"type": "oidc", "issuer": "https://ci.example", "audiences": ["kubelease"],
            "claims": {"repository_id": ["123"]}, "jwks": {"keys": keys}}],
        "grants": [{"dynamic_secrets": ["ci"], "namespaces": ["apps"], "actions": ["issue"]}],
    });
    let answer = app.send("PUT", "/api/v1/identities/ci", ADMIN, &body.to_string());
    assert_eq!(answer.status, 201, "{}", answer.json);
    app
}

fn log_in(app: &Installation, jwt: &str) -> Answer {
    app.send("POST", LOGIN, "", &json!({"identity": "ci", "jwt": jwt}).to_string())
}

#[test]
fn a_job_logs_in_and_leases_what_it_was_granted() {
    let app = installation();
    let answer = log_in(&app, &TestKey::P256.issue("p256", &claims(&app)));
    assert_eq!(answer.status, 200, "{}", answer.json);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        (&answer.json["token_type"], &answer.json["identity"]),
        (&json!("Bearer"), &json!("ci"))
    );
    assert_eq!(
        (&answer.json["expires_in"], &answer.json["max_expires_in"]),
        (&json!(3600), &json!(86400))
    );
    let token = answer.json["access_token"].as_str().expect("a token").to_owned();
    let lease = app.send("POST", "/api/v1/dynamic-secrets/ci/leases", &token, "{}");
    assert_eq!(lease.status, 201, "{}", lease.json);
    assert_eq!(lease.json["requester"], "identity:ci");
    assert!(!app.stored().contains(&token), "the access token is in the store");
}

#[test]
fn hostile_tokens_are_refused_alike() {
    let app = installation();
    let refused = log_in(&app, "a.b.c");
    let bytes = refused.json.to_string();
    assert_eq!((refused.status, &refused.json["code"]), (401, &json!("login_refused")));
    let mut tokens = hostile_tokens(&claims(&app));
    let good = TestKey::P256.issue("p256", &claims(&app));
    let mut other = claims(&app);
    other["repository_id"] = json!("124");
    tokens.push(("another repository's".to_owned(), TestKey::P256.issue("p256", &other)));
    let access_token = log_in(&app, &TestKey::P256.issue("p256", &claims(&app)));
    let access_token = access_token.json["access_token"].as_str().expect("a token").to_owned();
    tokens.push(("an access token".to_owned(), access_token));
    assert!(tokens.len() >= 150, "{}", tokens.len());
    for (label, token) in tokens {
        // Each is the first of its minute, so that as much is written for it.
        app.pass(60);
        let body = json!({"identity": "ci", "jwt": token});
        let answer = app.send("POST", LOGIN, "", &body.to_string());
        assert_eq!(answer.status, 401, "{label}: {}", answer.json);
        assert_eq!(answer.json.to_string(), bytes, "{label}");
        assert_eq!((answer.cost.1, refused.cost.1), (9, 9), "{label}: writes");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{label}");
    }
    let unknown = json!({"identity": "nobody", "jwt": TestKey::P256.issue("p256", &claims(&app))});
    let answer = app.send("POST", LOGIN, "", &unknown.to_string());
    assert_eq!((answer.status, answer.json.to_string()), (401, bytes), "an unknown identity");
    app.pass(60);
    assert_eq!(log_in(&app, &good).status, 200, "the good one, all the same");
}

#[test]
fn a_login_token_is_no_access_token() {
    let app = installation();
    let id_token = TestKey::P256.issue("p256", &claims(&app));
    let unknown = app.send("GET", "/api/v1/leases", "unknown", "");
    for token in [id_token.as_str(), &"x".repeat(4000)] {
        let answer = app.send("GET", "/api/v1/leases", token, "");
        assert_eq!((answer.status, &answer.json), (401, &unknown.json));
    }
}

#[test]
fn a_body_that_does_not_fit_says_what_would() {
    let app = installation();
    for (body, status, detail) in [
        ("", 400, "not JSON"),
        ("{}", 422, "missing field `jwt`"),
        (r#"{"jwt":7}"#, 422, "`jwt`"),
        (r#"{"jwt":"a","identity":"Canary"}"#, 422, "`identity`"),
        (r#"{"jwt":"a","role":"x"}"#, 422, "unknown field `role`"),
        (r#"{"jwt":"a","jwt":"b"}"#, 422, "duplicate field"),
    ] {
        let answer = app.send("POST", LOGIN, "", body);
        assert_eq!(answer.status, status, "{body}: {}", answer.json);
        assert!(answer.json["detail"].to_string().contains(detail), "{body}: {}", answer.json);
    }
}

#[test]
fn infisical_s_clients_read_their_own_errors() {
    let app = installation();
    let login = "/api/v1/auth/kubernetes-auth/login";
    for (body, status, error) in [
        (r#"{"identityId":"ci","jwt":"a.b.c"}"#, 401, "Unauthorized"),
        (
            r#"{"identityId":"7f0d3a52-0000-4000-8000-000000000000","jwt":"a.b.c"}"#,
            401,
            "Unauthorized",
        ),
        (r#"{"identityId":"ci"}"#, 422, "ValidationFailure"),
        (r#"{"identityId":"Nobody Here","jwt":"a"}"#, 422, "ValidationFailure"),
    ] {
        let answer = app.send("POST", login, "", body);
        assert_eq!(answer.status, status, "{body}: {}", answer.json);
        assert_eq!(answer.json["statusCode"], json!(status), "{body}");
        assert_eq!(answer.json["error"], error, "{body}");
        assert!(answer.json["message"].is_string() && answer.json["reqId"].is_string(), "{body}");
    }
}
