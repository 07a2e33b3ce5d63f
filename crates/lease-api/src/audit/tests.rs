mod changes;
mod logins;
mod reading;
mod tampering;

use serde_json::{Value, json};

use crate::testing::{ADMIN, Answer, Installation};

/// All events that a query selects, the newest first.
fn events(app: &Installation, query: &str) -> Vec<Value> {
    let (mut events, mut cursor) = (vec![], String::new());
    for _ in 0..100 {
        let page = app.send("GET", &format!("/api/v1/audit?{query}{cursor}"), ADMIN, "");
        assert_eq!(page.status, 200, "{query}: {}", page.json);
        events.extend(page.json["items"].as_array().expect("events").iter().cloned());
        match page.json["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return events,
        }
    }
    panic!("the pages of `{query}` do not end")
}

/// The newest event of the general log.
fn newest(app: &Installation) -> Value {
    let is_general =
        |event: &&Value| event["id"].as_str().is_some_and(|id| id.starts_with("audit."));
    events(app, "limit=100").iter().find(is_general).cloned().expect("an event")
}

/// An installation with identity `bot`, which may be granted leases of `ci`, and a token of it.
fn with_bot(more: &Value) -> (Installation, String) {
    let app = Installation::with_dynamic_secret("");
    let token = put_bot(&app, more);
    (app, token)
}

fn put_bot(app: &Installation, more: &Value) -> String {
    let mut body = json!({"auth": [{"type": "token"}], "grants": [{"dynamic_secrets": ["ci"],
        "namespaces": ["*"], "actions": ["issue", "read"], "max_ttl": "2h"}]});
    for (field, value) in more.as_object().expect("an object") {
        body[field] = value.clone();
    }
    let answer = app.send("PUT", "/api/v1/identities/bot", ADMIN, &body.to_string());
    assert!(matches!(answer.status, 200 | 201), "{}", answer.json);
    let made = app.send("POST", "/api/v1/identities/bot/tokens", ADMIN, "{}");
    made.json["access_token"].as_str().expect("a token").to_owned()
}

fn assert_fields(event: &Value, expected: &Value) {
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&event[name], value, "{name}: {event}");
    }
}

/// The number of writes that a request costs.
fn writes(app: &Installation, request: impl FnOnce() -> Answer) -> (Answer, usize) {
    let before = app.ports.store.number_of_writes();
    let answer = request();
    (answer, app.ports.store.number_of_writes() - before)
}

const ISSUE: &str = "/api/v1/dynamic-secrets/ci/leases";
const WHOAMI: &str = "/api/v1/auth/token";

#[test]
fn each_refusal_is_recorded_with_who_asked_for_what_and_why() {
    let (app, token) = with_bot(&json!({"max_issues_per_minute": 1}));
    let others = app.issue("").lease_path();
    let id = others.rsplit('/').next().expect("an id").to_owned();
    for (method, path, body, status, expected) in [
        (
            "PUT",
            "/api/v1/targets/x",
            "{}",
            403,
            json!({"action": "PUT /api/v1/targets/{name}", "target": "x", "event": "refusal",
                "decision": "denied"}),
        ),
        (
            "GET",
            "/api/v1/audit",
            "",
            403,
            json!({"action": "GET /api/v1/audit", "event": "refusal"}),
        ),
        (
            "POST",
            "/api/v1/dynamic-secrets/ops/leases",
            "",
            403,
            json!({"action": "POST /api/v1/dynamic-secrets/{name}/leases", "dynamic_secret": "ops"}),
        ),
        (
            "POST",
            ISSUE,
            r#"{"ttl":"3h"}"#,
            422,
            json!({"dynamic_secret": "ci",
                "reason": "ttl_too_long: dynamic secret `ci`: a ttl of 10800 seconds is more than the maximum of 7200"}),
        ),
        (
            "GET",
            &others,
            "",
            404,
            json!({"lease_id": id, "reason": "unknown_lease: the lease belongs to another requester"}),
        ),
        (
            "DELETE",
            &others,
            "",
            404,
            json!({"lease_id": id, "reason": "unknown_lease: the lease belongs to another requester"}),
        ),
    ] {
        let (answer, written) = writes(&app, || app.send(method, path, &token, body));
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.json);
        // The first of a minute registers its count to be forgotten.
        assert!(matches!(written, 3 | 5), "{method} {path}: {written} writes");
        let event = newest(&app);
        assert_fields(&event, &json!({"identity": "bot", "requester": "identity:bot"}));
        if expected["reason"].is_string()
            && !event["reason"].as_str().is_some_and(|r| r.starts_with("ttl"))
        {
            assert_eq!(event["reason"], expected["reason"], "{event}");
        }
        let mut expected = expected;
        expected.as_object_mut().expect("an object").remove("reason");
        assert_fields(&event, &expected);
    }
    assert_eq!(app.send("POST", ISSUE, &token, "").status, 201);
    assert_eq!(app.send("POST", ISSUE, &token, "").status, 429);
    let reason = newest(&app)["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.starts_with("too_many_issues: "), "{reason}");
    // What is only written wrong, or asks for nothing that exists, is not.
    let before = events(&app, "");
    for (method, path, body) in [
        ("POST", ISSUE, "{"),
        ("POST", ISSUE, r#"{"ttl":"soon"}"#),
        ("GET", "/api/v1/leases?x=1", ""),
        ("GET", "/api/v1/leases/00000000000000000000000000000000", ""),
        ("GET", "/api/v1/leases", ""),
        ("GET", WHOAMI, ""),
    ] {
        app.send(method, path, &token, body);
    }
    app.send("GET", WHOAMI, "a stranger's", "");
    assert_eq!(events(&app, ""), before);
}

#[test]
fn what_a_cluster_keeps_from_being_done_is_recorded_as_failed() {
    let (app, token) = with_bot(&json!({}));
    app.ports.http.fail_all(lease_testing::Fault::Unreachable, |_| true);
    assert_eq!(app.send("POST", ISSUE, &token, "").status, 502);
    let failed = events(&app, "type=request_failed");
    assert_fields(
        &failed[0],
        &json!({"decision": "failed", "identity": "bot", "dynamic_secret": "ci"}),
    );
    assert!(
        failed[0]["reason"]
            .as_str()
            .is_some_and(|reason| reason.starts_with("target_unreachable: "))
    );
}

#[test]
fn who_is_refused_without_end_writes_no_more_than_so_much() {
    let (app, token) = with_bot(&json!({}));
    let refuse = || app.send("GET", "/api/v1/targets", &token, "");
    for _ in 0..59 {
        assert_eq!(refuse().status, 403);
    }
    assert_eq!(refuse().status, 403);
    let last = newest(&app)["reason"].as_str().expect("a reason").to_owned();
    assert!(last.ends_with("further ones are not recorded for a while"), "{last}");
    for _ in 0..3 {
        let (answer, written) = writes(&app, refuse);
        assert_eq!((answer.status, written), (403, 0));
    }
    assert_eq!(events(&app, "type=refusal").len(), 60);
    app.pass(60);
    refuse();
    assert_eq!(events(&app, "type=refusal").len(), 61);
}

#[test]
fn a_token_that_is_good_no_more_is_recorded_once_an_hour() {
    let (app, token) = with_bot(&json!({}));
    assert_eq!(app.send("POST", "/api/v1/auth/token/revoke", &token, "").status, 204);
    let revoked = newest(&app);
    assert_fields(&revoked, &json!({"event": "access_token_revoked", "identity": "bot"}));
    for written in [5, 0, 0] {
        let (answer, cost) = writes(&app, || app.send("GET", WHOAMI, &token, ""));
        assert_eq!((answer.status, cost), (401, written));
    }
    let event = newest(&app);
    assert_fields(
        &event,
        &json!({"event": "refusal", "requester": "nobody", "subject_identity": "bot",
            "subject_accessor": revoked["accessor"]}),
    );
    assert!(event["reason"].as_str().is_some_and(|reason| reason.contains("the token is revoked")));
    // Its time is over too by then; the audit still knows whose it was.
    app.pass(3600);
    app.send("GET", WHOAMI, &token, "");
    let event = newest(&app);
    assert_fields(&event, &json!({"subject_accessor": revoked["accessor"]}));
    assert!(
        event["reason"].as_str().is_some_and(|reason| reason.contains("`exp` is in the past")),
        "{event}"
    );
}
