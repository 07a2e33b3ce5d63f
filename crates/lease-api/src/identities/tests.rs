use serde_json::{Value, json};

use crate::testing::{ADMIN, Answer, Installation, MALFORMED_NAMES};

fn put(app: &Installation, name: &str, body: &Value) -> Answer {
    app.send("PUT", &format!("/api/v1/identities/{name}"), ADMIN, &body.to_string())
}

/// A login by `ServiceAccount`s of `prod`, with this reviewer.
fn kubernetes(reviewer: &Value) -> Value {
    json!({"type": "kubernetes", "target": "prod", "reviewer": reviewer, "allowed_names": ["ci-*"],
           "allowed_namespaces": ["build"], "allowed_audience": "kubelease"})
}

fn oidc() -> Value {
    json!({"type": "oidc", "issuer": "https://token.actions.githubusercontent.com",
           "audiences": ["kubelease"], "claims": {"repository_id": ["123"]},
           "claims_match": "exact", "single_use": false})
}

#[test]
fn an_identity_is_shown_as_it_was_put_without_its_secrets() {
    let app = Installation::with_target();
    let grant = json!({"dynamic_secrets": ["ci-*"], "namespaces": ["team-a-*"],
                       "actions": ["issue", "read"], "max_ttl": "1h", "of": "all"});
    let body = json!({
        "description": "builds", "tags": ["ci"], "apply_set": "infra", "disabled": true, "admin": true,
        "max_live_leases": 50, "max_issues_per_minute": 60,
        "auth": [kubernetes(&json!({"token": "canary"})), kubernetes(&json!("client")), oidc(),
                 {"type": "token"}],
        "grants": [grant],
        "access_token": {"ttl": "30m", "max_ttl": "2d", "num_uses": 7, "trusted_ips": ["10.0.0.0/8"]},
    });
    let answer = put(&app, "ci", &body);
    assert_eq!(answer.status, 201, "{}", answer.json);
    assert!(answer.json["warnings"][0].as_str().expect("a warning").contains("2d"));
    let shown = app.send("GET", "/api/v1/identities/ci", ADMIN, "");
    assert_eq!(shown.status, 200);
    let mut expected = body.clone();
    expected["auth"][0]["reviewer"] = json!({"token": null});
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&shown.json[field], value, "{field}");
    }
    assert!(!answer.body.contains("canary") && !shown.body.contains("canary"));
    assert!(!app.stored().contains("canary"));

    // What is shown can be put again.
    let mut again = shown.json.clone();
    for field in ["name", "created_at", "updated_at"] {
        again.as_object_mut().expect("an object").remove(field);
    }
    assert_eq!(put(&app, "ci", &again).status, 200);
    let list = app.send("GET", "/api/v1/identities", ADMIN, "");
    assert_eq!(list.json["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(list.json["items"][0]["auth"], expected["auth"]);
}

#[test]
fn what_does_not_fit_is_named_and_not_repeated() {
    let app = Installation::with_target();
    for (body, status, code, detail) in [
        (json!({}), 201, "", ""),
        (json!({"role": "canary"}), 422, "invalid_field", "unknown field `role`"),
        (json!({"auth": {}}), 422, "invalid_field", "`auth`"),
        (json!({"auth": [{"type": "canary"}]}), 422, "invalid_field", "`auth.0.type`"),
        (
            json!({"auth": [{"type": "token"}, {"type": "token"}]}),
            422,
            "invalid_field",
            "at most once",
        ),
        (json!({"auth": [kubernetes(&json!("canary"))]}), 422, "invalid_field", "`auth.0"),
        (
            json!({"auth": [kubernetes(&json!({"token": null}))]}),
            422,
            "invalid_field",
            "`auth.0.reviewer`: `reviewer.token` is required",
        ),
        (
            json!({"auth": [{"type": "oidc", "issuer": "https://a.example", "audiences": ["b"]}]}),
            422,
            "invalid_field",
            "bind `subject`",
        ),
        (json!({"grants": [{"dynamic_secrets": ["a"]}]}), 422, "invalid_field", "missing field"),
        (json!({"manage_administrators": true}), 422, "invalid_field", "needs `admin`"),
        (
            json!({"access_token": {"trusted_ips": ["canary"]}}),
            422,
            "invalid_field",
            "a network is",
        ),
        (
            json!({"admin": true, "manage_administrators": true,
                   "auth": [kubernetes(&json!("target"))]}),
            422,
            "invalid_field",
            "`auth`: an identity with `manage_administrators` cannot log in by `kubernetes`",
        ),
        (json!({"max_live_leases": 0}), 422, "invalid_field", "`max_live_leases`"),
        (json!({"max_issues_per_minute": 0}), 422, "invalid_field", "`max_issues_per_minute`"),
    ] {
        let answer = put(&app, "new", &body);
        assert_eq!(answer.status, status, "{body}: {}", answer.json);
        if status != 201 {
            assert_eq!(answer.json["code"], code, "{body}: {}", answer.json);
            let told = answer.json["detail"].as_str().expect("a detail");
            assert!(told.contains(detail), "{body}: {told}");
            assert!(!answer.body.contains("canary"), "{body}: {}", answer.body);
        }
    }
    let mut elsewhere = kubernetes(&json!("target"));
    elsewhere["target"] = json!("other");
    let answer = put(&app, "new", &json!({"auth": [elsewhere]}));
    assert_eq!((answer.status, &answer.json["code"]), (404, &json!("unknown_target")));
    for name in MALFORMED_NAMES {
        assert_eq!(put(&app, name, &json!({})).json["code"], "invalid_name", "{name}");
    }
}

#[test]
fn an_identity_that_is_not_there_is_told_by_name() {
    let app = Installation::default();
    for (method, path) in [
        ("GET", "/api/v1/identities/nobody"),
        ("DELETE", "/api/v1/identities/nobody"),
        ("POST", "/api/v1/identities/nobody/tokens"),
        ("POST", "/api/v1/identities/nobody/revoke"),
    ] {
        let answer = app.send(method, path, ADMIN, "");
        assert_eq!(
            (answer.status, &answer.json["code"]),
            (404, &json!("unknown_identity")),
            "{path}"
        );
    }
    let query = app.send("DELETE", "/api/v1/identities/nobody?leases=all", ADMIN, "");
    assert_eq!((query.status, &query.json["code"]), (422, &json!("invalid_query")));
}

#[test]
fn an_administrator_has_an_audience_of_its_own() {
    let app = Installation::with_target();
    let secret = |audience: &str| {
        let body = json!({"target": "prod", "account": {"type": "existing", "name": "deployer"},
                          "namespaces": ["apps"], "audiences": {"allowed": [audience]}});
        app.send("PUT", "/api/v1/dynamic-secrets/ci", ADMIN, &body.to_string())
    };
    let admin = json!({"admin": true, "auth": [kubernetes(&json!("target"))]});
    let conflict = (409, json!("audience_of_administrators"));
    assert_eq!(secret("kubelease").status, 201);
    let refused = put(&app, "ops", &admin);
    assert_eq!((refused.status, refused.json["code"].clone()), conflict, "{}", refused.json);
    let told = refused.json["detail"].as_str().expect("a detail");
    assert!(told.contains("`ci`") && told.contains("`kubelease`"), "{told}");
    assert_eq!(secret("vault").status, 200);
    assert_eq!(put(&app, "ops", &admin).status, 201);
    let refused = secret("kubelease");
    assert_eq!((refused.status, refused.json["code"].clone()), conflict, "{}", refused.json);
    assert_eq!(secret("other").status, 200);
}
