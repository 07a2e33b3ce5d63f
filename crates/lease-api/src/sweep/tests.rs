use lease_testing::block_on;
use serde_json::{Value, json};

use crate::testing::{ADMIN, Installation, SWEEP, TEMPORARY};

const PATH: &str = "/api/v1/sweep";

/// An installation with a lease of ten minutes.
fn installation() -> (Installation, String) {
    let app = Installation::with_target();
    app.put_dynamic_secret("ci", TEMPORARY, "");
    let path = app.issue(r#"{"ttl":"10m"}"#).lease_path();
    (app, path)
}

fn state(app: &Installation, path: &str) -> Value {
    app.send("GET", path, ADMIN, "").json["state"].clone()
}

#[test]
fn the_last_sweep_is_shown_to_who_may_sweep() {
    let (app, _) = installation();
    assert_eq!(app.send("GET", PATH, SWEEP, "").status, 404);
    let mut swept = app.send("POST", PATH, SWEEP, "").json;
    let told = swept.as_object_mut().and_then(|report| report.remove("last_success"));
    assert_eq!(told, Some(json!("2026-11-22T07:00:00Z")));
    for token in [SWEEP, ADMIN] {
        let last = app.send("GET", PATH, token, "");
        assert_eq!((last.status, &last.json["report"]), (200, &swept));
        assert_eq!(last.json["at"], "2026-11-22T07:00:00Z");
        assert_eq!(last.json["last_success"], "2026-11-22T07:00:00Z");
    }
    for token in ["", "wrong"] {
        assert_eq!(app.send("GET", PATH, token, "").status, 401, "{token}");
    }
}

#[test]
fn a_dry_run_tells_what_would_be_done() {
    let (app, path) = installation();
    app.pass(601);
    let told = app.send("POST", "/api/v1/sweep?dry_run=true", SWEEP, "").json;
    assert_eq!(
        (&told["dry_run"], &told["due"], &told["done"]),
        (&json!(true), &json!(1), &json!(0))
    );
    assert_eq!(state(&app, &path), "revoking");
    assert_eq!(app.send("GET", PATH, ADMIN, "").status, 404, "it is no sweep");
    let done = app.send("POST", "/api/v1/sweep?dry_run=false", SWEEP, "").json;
    assert_eq!((&done["dry_run"], &done["done"]), (&Value::Null, &json!(1)));
}

#[test]
fn a_reconcile_is_made_when_it_is_asked_for() {
    let (app, path) = installation();
    app.send("POST", PATH, SWEEP, "");
    for (path, targets) in [(PATH, 0), ("/api/v1/sweep?reconcile=true", 1)] {
        let told = app.send("POST", path, SWEEP, "").json;
        assert_eq!(told["reconciled"]["targets"], targets, "{path}");
    }
    assert_eq!(state(&app, &path), "active");
}

#[test]
fn what_has_expired_is_held_where_the_operator_says_so() {
    let (mut app, path) = installation();
    app.variables.hold_expired = "true".to_owned();
    app.pass(601);
    let told = app.send("POST", PATH, SWEEP, "").json;
    assert_eq!((&told["held"], &told["done"]), (&json!(1), &json!(0)));
    let ready = app.send("GET", "/readyz", "", "").json;
    assert_eq!(
        (&ready["status"], &ready["degraded"]),
        (&json!("degraded"), &json!(["expiry_held"]))
    );
    assert_eq!(app.send("DELETE", &path, ADMIN, "").status, 200);
}

#[test]
fn anybody_sees_in_numbers_how_the_sweeps_do_and_no_names() {
    let (app, _) = installation();
    assert_eq!(app.send("GET", "/readyz", "", "").json, json!({"status": "ready"}));
    app.send("POST", PATH, SWEEP, "");
    app.pass(601);
    app.ports.http.fail_all(lease_testing::Fault::Unreachable, |_| true);
    app.send("POST", PATH, SWEEP, "");
    for (token, sees) in [("", false), ("wrong", false), (SWEEP, true), (ADMIN, true)] {
        let ready = app.send("GET", "/readyz", token, "");
        assert_eq!((ready.status, &ready.json["status"]), (200, &json!("degraded")), "{token}");
        assert_eq!(ready.json["degraded"], json!(["targets_failing"]), "{token}");
        assert_eq!(ready.json.to_string().contains("prod"), sees, "{token}: {}", ready.json);
        let sweep = &ready.json["sweep"];
        let due = if sees { &sweep["report"]["due"] } else { &sweep["due"] };
        assert_eq!((due, &sweep["last_success"]), (&json!(1), &json!("2026-11-22T07:00:00Z")));
    }
}

#[test]
fn where_sweeps_are_missing_a_request_sweeps_a_little_once_it_is_answered() {
    let (app, path) = installation();
    app.send("POST", PATH, SWEEP, "");
    app.pass(601);
    let ready = app.send("GET", "/readyz", "", "").json;
    assert_eq!(
        (&ready["status"], &ready["degraded"]),
        (&json!("degraded"), &json!(["sweeps_missing"]))
    );
    assert_eq!(state(&app, &path), "revoking");
    let nothing = http::Extensions::new();
    block_on(crate::run_after_api_answer(app.ports.clone(), &Ok(app.variables.clone()), nothing));
    assert_eq!(state(&app, &path), "expired");
}
