//! What does not fit, and that it changes nothing.

use serde_json::{Value, json};

use super::{code, installation, renew};
use crate::testing::{ADMIN, EXISTING, Installation, MALFORMED_NAMES, PLAIN, TEMPORARY};

const REVOKE: &str = "/api/v1/leases/revoke";

fn nothing_was_made(app: &Installation) {
    assert_eq!(app.ports.http.made(), Vec::<Value>::new());
    assert_eq!(app.send("GET", "/api/v1/leases", ADMIN, "").json, json!({"items": []}));
}

#[test]
fn an_issue_that_does_not_fit_makes_nothing_and_is_told_what_would() {
    let app = installation(EXISTING, r#","max_ttl":"2h","audiences":{"allowed":["a"]}"#);
    for (body, status, told, detail) in [
        ("canary", 400, "invalid_json", "the body is not JSON"),
        ("[]", 422, "invalid_field", "expected an object with `ttl`, `namespace` and `audiences`"),
        (r#""canary""#, 422, "invalid_field", "expected an object with"),
        (r#"{"ttl":"canary"}"#, 422, "invalid_field", "`ttl`: a duration is"),
        (r#"{"ttl":0}"#, 422, "invalid_field", "`ttl`: a duration is"),
        (r#"{"ttl":-5}"#, 422, "invalid_field", "`ttl`: a duration is"),
        (r#"{"ttl":true}"#, 422, "invalid_field", "`ttl`: expected a duration like"),
        (r#"{"ttl":"9s"}"#, 422, "ttl_too_short", "is less than 10s"),
        (r#"{"ttl":"121m"}"#, 422, "ttl_too_long", "is more than the maximum of 2h"),
        (r#"{"namespace":"Canary"}"#, 422, "invalid_field", "`namespace`: a namespace is 1 to 63"),
        (r#"{"namespace":"*"}"#, 422, "invalid_field", "`namespace`: a namespace is 1 to 63"),
        (r#"{"namespace":["canary"]}"#, 422, "invalid_field", "`namespace`: expected a string"),
        (
            r#"{"namespace":"web"}"#,
            403,
            "namespace_not_allowed",
            "`ci` does not cover namespace `web`",
        ),
        (r#"{"audiences":"canary"}"#, 422, "invalid_field", "`audiences`: expected a sequence"),
        (
            r#"{"audiences":["can ary"]}"#,
            422,
            "invalid_field",
            "`audiences.0`: an audience is 1 to",
        ),
        (r#"{"audiences":["b"]}"#, 422, "audience_not_allowed", "audience `b` is not allowed"),
        (
            r#"{"audiences":["a","a"]}"#,
            422,
            "invalid_field",
            "`audiences`: audience `a` is listed twice",
        ),
        (r#"{"audience":["a"]}"#, 422, "invalid_field", "unknown field `audience`"),
        (r#"{"ttl":"1h","ttl":"2h"}"#, 422, "invalid_field", "duplicate field `ttl`"),
    ] {
        let answer = app.issue(body);
        assert_eq!(code(&answer), (status, told), "{body}: {}", answer.json);
        let said = answer.json["detail"].as_str().unwrap_or_default();
        assert!(said.contains(detail) && !answer.body.contains("canary"), "{body}: {said}");
    }
    for keys in [&[""][..], &["a b"], &["a", "b"]] {
        let answer = app.issue_once(keys, "");
        assert_eq!(code(&answer), (422, "invalid_idempotency_key"), "{keys:?}");
    }
    nothing_was_made(&app);
}

#[test]
fn an_issue_is_refused_for_what_stands_behind_it() {
    let app = installation(PLAIN, "");
    assert_eq!(code(&app.issue(r#"{"ttl":"599s"}"#)), (422, "ttl_too_short"));
    let both = r#"{"target":"prod","account":{"type":"existing","name":"deployer"},
        "namespaces":["apps","web"]}"#;
    app.send("PUT", "/api/v1/dynamic-secrets/ci", ADMIN, both);
    let required = app.issue("");
    assert_eq!(code(&required), (422, "namespace_required"));
    assert!(required.json["detail"].as_str().is_some_and(|told| told.contains("apps")));
    assert_eq!(code(&app.issue(r#"{"namespace":"web"}"#)), (502, "account_not_found"));
    app.ports.http.set_username("system:serviceaccount:apps:deployer");
    app.pass(1);
    let target = r#"{"url":"https://a.example","auth":{"type":"token"}}"#;
    app.send("PUT", "/api/v1/targets/prod", ADMIN, target);
    assert_eq!(code(&app.issue(r#"{"namespace":"apps"}"#)), (403, "own_account"));
    nothing_was_made(&app);
    for name in MALFORMED_NAMES {
        let path = format!("/api/v1/dynamic-secrets/{name}/leases");
        assert_eq!(code(&app.send("POST", &path, ADMIN, "")), (422, "invalid_name"), "{name}");
    }
    let unknown = app.send("POST", "/api/v1/dynamic-secrets/none/leases", ADMIN, "");
    assert_eq!(code(&unknown), (404, "unknown_dynamic_secret"));
}

#[test]
fn a_renewal_that_does_not_fit_changes_nothing() {
    let app = installation(TEMPORARY, r#","max_ttl":"2h""#);
    let path = app.issue("").lease_path();
    let before = app.send("GET", &path, ADMIN, "").json;
    app.pass(60);
    for (body, status, told, detail) in [
        ("canary", 400, "invalid_json", "not JSON"),
        ("[]", 422, "invalid_field", "expected an object with `ttl`, or no body"),
        (r#"{"ttl":"canary"}"#, 422, "invalid_field", "`ttl`: a duration is"),
        (r#"{"ttl":{}}"#, 422, "invalid_field", "`ttl`: expected a duration like"),
        (r#"{"ttl":"9s"}"#, 422, "ttl_too_short", "is less than 10s"),
        (r#"{"ttl":"121m"}"#, 422, "ttl_too_long", "is more than the maximum of 2h"),
        (r#"{"namespace":"apps"}"#, 422, "invalid_field", "unknown field `namespace`"),
    ] {
        let answer = renew(&app, &path, body);
        assert_eq!(code(&answer), (status, told), "{body}: {}", answer.json);
        let said = answer.json["detail"].as_str().unwrap_or_default();
        assert!(said.contains(detail) && !answer.body.contains("canary"), "{body}: {said}");
        assert_eq!(app.send("GET", &path, ADMIN, "").json, before, "{body}");
    }
    app.put_dynamic_secret("ci", TEMPORARY, r#","disabled":true"#);
    assert_eq!(code(&renew(&app, &path, "")), (409, "disabled"));
}

#[test]
fn what_is_no_lease_is_not_found() {
    let app = Installation::default();
    let never = "0".repeat(32);
    for (id, detail) in [
        (never.as_str(), "there is no lease"),
        ("nope", "32 lower-case hexadecimal digits"),
        ("REVOKE", "32 lower-case hexadecimal digits"),
        (&"A".repeat(32), "32 lower-case hexadecimal digits"),
        (&"0".repeat(33), "32 lower-case hexadecimal digits"),
    ] {
        let path = format!("/api/v1/leases/{id}");
        for (method, path) in
            [("GET", path.clone()), ("DELETE", path.clone()), ("POST", format!("{path}/renew"))]
        {
            let answer = app.send(method, &path, ADMIN, "");
            assert_eq!(code(&answer), (404, "unknown_lease"), "{method} {path}");
            let told = answer.json["detail"].as_str().unwrap_or_default();
            assert!(told.contains(detail), "{method} {path}: {told}");
        }
    }
}

#[test]
fn a_bulk_revocation_that_does_not_fit_takes_nothing_back() {
    let app = installation(TEMPORARY, "");
    let path = app.issue("").lease_path();
    for (body, status, told, detail) in [
        ("", 400, "invalid_json", "not JSON"),
        ("[]", 422, "invalid_field", "expected an object with one or more of"),
        ("{}", 422, "filter_required", "select leases by `dynamic_secret`"),
        (r#"{"limit":5}"#, 422, "filter_required", "select leases"),
        (r#"{"dynamic_secret":null}"#, 422, "filter_required", "select leases"),
        (
            r#"{"dynamic_secret":"Canary"}"#,
            422,
            "invalid_field",
            "`dynamic_secret`: a dynamic secret name",
        ),
        (r#"{"target":7}"#, 422, "invalid_field", "`target`: expected a string"),
        (r#"{"target":"*"}"#, 422, "invalid_field", "`target`: a target name is"),
        (r#"{"namespace":""}"#, 422, "invalid_field", "`namespace`: a namespace is 1 to 63"),
        (r#"{"state":"canary"}"#, 422, "invalid_field", "`state`: expected one of `pending`"),
        (
            r#"{"target":"prod","limit":0}"#,
            422,
            "invalid_field",
            "`limit`: a whole number from 1 to 500",
        ),
        (
            r#"{"target":"prod","limit":501}"#,
            422,
            "invalid_field",
            "`limit`: a whole number from 1 to",
        ),
        (r#"{"target":"prod","limit":"5"}"#, 422, "invalid_field", "`limit`: expected u64"),
        (
            r#"{"target":"prod","cursor":"canary"}"#,
            422,
            "invalid_field",
            "`cursor`: must be the `next_cursor`",
        ),
        (r#"{"target":"prod","cursor":7}"#, 422, "invalid_field", "`cursor`: expected a string"),
        (r#"{"target":"prod","all":true}"#, 422, "invalid_field", "unknown field `all`"),
    ] {
        let answer = app.send("POST", REVOKE, ADMIN, body);
        assert_eq!(code(&answer), (status, told), "{body}: {}", answer.json);
        let said = answer.json["detail"].as_str().unwrap_or_default();
        assert!(said.contains(detail) && !answer.body.contains("canary"), "{body}: {said}");
    }
    assert_eq!(app.send("GET", &path, ADMIN, "").json["state"], "active");
}
