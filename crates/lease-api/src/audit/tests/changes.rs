use lease_store::KeyValue;
use serde_json::{Value, json};

use super::{WHOAMI, assert_fields, events, newest, with_bot, writes};
use crate::testing::{ADMIN, Installation};

#[test]
fn a_change_that_cannot_be_recorded_is_not_made_and_taking_back_goes_on() {
    let (app, token) = with_bot(&json!({}));
    // The counter of the log holds what no counter does: whatever needs a number there fails.
    let broken = [("count.audit".to_owned(), b"broken".to_vec())];
    app.ports.store.set_many(&broken).expect("writes");
    for (method, path, body) in [
        ("PUT", "/api/v1/identities/other", "{}"),
        ("DELETE", "/api/v1/identities/bot", ""),
        ("POST", "/api/v1/identities/bot/tokens", "{}"),
        ("PUT", "/api/v1/targets/prod", r#"{"url":"https://a.example","auth":{"type":"token"}}"#),
        ("DELETE", "/api/v1/dynamic-secrets/ci", ""),
    ] {
        let answer = app.send(method, path, ADMIN, body);
        assert_eq!(
            (answer.status, &answer.json["code"]),
            (503, &json!("store_unavailable")),
            "{method} {path}"
        );
    }
    assert_eq!(app.send("GET", "/api/v1/identities/other", ADMIN, "").status, 404);
    assert_eq!(app.send("GET", "/api/v1/identities/bot", ADMIN, "").status, 200);
    assert_eq!(app.send("GET", "/api/v1/dynamic-secrets/ci", ADMIN, "").status, 200);
    assert_eq!(app.send("POST", "/api/v1/auth/token/renew", &token, "").status, 503);
    assert_eq!(app.send("POST", "/api/v1/auth/token/revoke", &token, "").status, 204);
    assert_ne!(app.send("GET", WHOAMI, &token, "").status, 200, "it is revoked all the same");
}

const TARGET: &str = "/api/v1/targets/prod";
const SECRET: &str = "/api/v1/dynamic-secrets/ci";
const IDENTITY: &str = "/api/v1/identities/bot";

#[test]
fn each_change_of_a_definition_is_one_event_in_its_own_write() {
    let app = Installation::default();
    let target = |auth: &str, more: &str| {
        format!(r#"{{"url":"https://a.example","auth":{{"type":"token"{auth}}}{more}}}"#)
    };
    let (new, other) = (target(r#","token":"t0ken""#, ""), target(r#","token":"0ther""#, ""));
    let (kept, disabled) = (target("", ""), target("", r#","disabled":true"#));
    let secret =
        r#"{"target":"prod","account":{"type":"existing","name":"deployer"},"namespaces":["apps"]"#;
    let secret = [format!("{secret}}}"), format!(r#"{secret},"max_ttl":"2h"}}"#)];
    // The writes: a number for what is new, that of its event, both in one step; what is deleted is deleted after that.
    for (method, path, body, event, change, cost) in [
        ("PUT", TARGET, new.as_str(), "target_put", "created", 3),
        ("PUT", TARGET, &kept, "target_put", "unchanged", 2),
        ("PUT", TARGET, &new, "target_put", "unchanged", 2),
        ("PUT", TARGET, &other, "target_put", "changed: `auth`", 2),
        ("PUT", TARGET, &disabled, "target_put", "changed: `disabled`", 2),
        ("PUT", TARGET, &kept, "target_put", "changed: `disabled`", 2),
        ("PUT", SECRET, &secret[0], "dynamic_secret_put", "created", 3),
        ("PUT", SECRET, &secret[0], "dynamic_secret_put", "unchanged", 2),
        ("PUT", SECRET, &secret[1], "dynamic_secret_put", "changed: `max_ttl`", 2),
        ("PUT", IDENTITY, "{}", "identity_put", "created", 3),
        ("PUT", IDENTITY, "{}", "identity_put", "unchanged", 2),
        ("PUT", IDENTITY, r#"{"tags":["a"]}"#, "identity_put", "changed: `tags`", 2),
        ("DELETE", IDENTITY, "", "identity_deleted", "deleted", 3),
        ("DELETE", SECRET, "", "dynamic_secret_deleted", "deleted", 3),
        ("DELETE", TARGET, "", "target_deleted", "deleted", 3),
    ] {
        let (kind, reason) = match change.split_once(':') {
            Some((kind, _)) => (kind, json!(change)),
            None => (change, json!(null)),
        };
        if method == "PUT" {
            let rehearsed = || app.send(method, &format!("{path}?dry_run=true"), ADMIN, body);
            let (answer, written) = writes(&app, rehearsed);
            assert_eq!((answer.status, written), (200, 0), "{path} {body}: {}", answer.json);
            assert_put(&answer.json, change);
        }
        let (answer, written) = writes(&app, || app.send(method, path, ADMIN, body));
        assert!(answer.status < 300, "{method} {path} {body}: {}", answer.json);
        if method == "PUT" {
            assert_put(&answer.json, change);
            assert_eq!(app.send("GET", path, ADMIN, "").json["change"], json!(null), "{path}");
        }
        let found = newest(&app);
        let mut expected = json!({"event": event, "change": kind, "reason": reason,
            "requester": "administrator", "decision": "allowed"});
        let (field, name) = match path {
            TARGET => ("target", "prod"),
            SECRET => ("dynamic_secret", "ci"),
            _ => ("subject_identity", "bot"),
        };
        expected[field] = json!(name);
        assert_fields(&found, &expected);
        assert_eq!(written, cost, "{method} {path} {body}");
    }
    let all = serde_json::to_string(&events(&app, "")).expect("JSON");
    assert!(!all.contains("t0ken") && !all.contains("0ther"), "{all}");
}

/// Asserts that the answer to a put tells a change, which is written as events have it.
fn assert_put(answer: &Value, change: &str) {
    let kind = change.split(':').next().unwrap_or_default();
    let fields: Vec<_> = change.split('`').skip(1).step_by(2).collect();
    let told = answer["changed_fields"].as_array().cloned().unwrap_or_default();
    assert_eq!(
        (&answer["change"], told),
        (&json!(kind), fields.iter().map(|it| json!(it)).collect())
    );
}
