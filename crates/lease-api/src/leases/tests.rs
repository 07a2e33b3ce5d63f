//! What holders and administrators see of leases.

mod again;
mod bad_input;
mod exec_credential;
mod many;

use lease_testing::Fault;
use serde_json::{Value, json};

use crate::testing::{ADMIN, Answer, EXISTING, Installation, PLAIN, TEMPORARY};

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.json["code"].as_str().unwrap_or_default())
}

fn renew(app: &Installation, path: &str, body: &str) -> Answer {
    app.send("POST", &format!("{path}/renew"), ADMIN, body)
}

fn installation(account: &str, more: &str) -> Installation {
    let app = Installation::with_target();
    app.put_dynamic_secret("ci", account, more);
    app
}

/// The answer without what is another each time, once that was looked at.
fn golden(answer: &Answer) -> Value {
    let mut json = answer.json.clone();
    let id = json["lease_id"].as_str().expect("an id").to_owned();
    assert_eq!(id.len(), 32, "{json}");
    let mut text = json.take().to_string().replace(&id, "LEASE").replace(&id[..20], "RANDOM");
    if let Some(token) = answer.json["token"].as_str() {
        text = text.replace(token, "TOKEN");
    }
    let mut json: Value = serde_json::from_str(&text).expect("JSON");
    assert!(json["jti"].as_str().is_some_and(|jti| !jti.is_empty()), "{json}");
    json["jti"] = json!("JTI");
    json
}

/// Returns the fields that all new leases of `ci` share.
fn lease(more: &Value) -> Value {
    let mut lease = json!({
        "lease_id": "LEASE",
        "dynamic_secret": "ci",
        "target": "prod",
        "revocable": true,
        "state": "active",
        "namespace": "apps",
        "service_account": "deployer",
        "audiences": [],
        "requester": "administrator",
        "jti": "JTI",
        "issued_at": "2026-11-22T07:00:00Z",
        "expires_at": "2026-11-22T08:00:00Z",
        "max_expires_at": "2026-11-23T07:00:00Z",
        "ttl_seconds": 3600,
        "warnings": [],
        "token": "TOKEN",
    });
    for (key, value) in more.as_object().expect("an object").clone() {
        lease[key] = value;
    }
    lease
}

#[test]
fn each_kind_of_lease_is_told_with_its_token_once() {
    let role =
        r#"{"type":"temporary","scope":"namespace","role":{"kind":"ClusterRole","name":"view"}}"#;
    let cluster =
        r#"{"type":"temporary","scope":"cluster","role":{"kind":"ClusterRole","name":"view"}}"#;
    let named =
        |kind: &str| json!({"kind": kind, "namespace": "apps", "name": "kubelease-ci-RANDOM"});
    let everywhere = |kind: &str| json!({"kind": kind, "name": "kubelease-ci-RANDOM"});
    let plain = "this token is bound to no object: it cannot be revoked before it expires";
    let own = "kubelease-ci-RANDOM";
    for (account, more) in [
        (PLAIN, json!({"mode": "plain", "revocable": false, "objects": [], "warnings": [plain]})),
        (EXISTING, json!({"mode": "existing", "objects": [named("Secret"), named("Lease")]})),
        (
            TEMPORARY,
            json!({
                "mode": "temporary_in_namespace", "service_account": own,
                "objects": [named("RoleBinding"), named("ServiceAccount"), named("Role")],
            }),
        ),
        (
            role,
            json!({
                "mode": "temporary_in_namespace", "service_account": own,
                "objects": [named("RoleBinding"), named("ServiceAccount")],
            }),
        ),
        (
            cluster,
            json!({
                "mode": "temporary_in_cluster", "service_account": own,
                "objects": [everywhere("ClusterRoleBinding"), named("ServiceAccount")],
            }),
        ),
    ] {
        let app = installation(account, "");
        let issued = app.issue("");
        assert_eq!(issued.status, 201, "{account}: {}", issued.json);
        assert_eq!(issued.header("location"), issued.lease_path());
        assert_eq!(issued.header("cache-control"), "no-store");
        let mut told = golden(&issued);
        let order = |told: &mut Value| {
            if let Some(objects) = told["objects"].as_array_mut() {
                objects.sort_by_key(|object| object["kind"].to_string());
            }
        };
        let mut expected = lease(&more);
        order(&mut told);
        order(&mut expected);
        assert_eq!(told, expected, "{account}");
        let shown = app.send("GET", &issued.lease_path(), ADMIN, "");
        let mut without_token = issued.json.clone();
        without_token.as_object_mut().expect("an object").remove("token");
        assert_eq!((shown.status, shown.json), (200, without_token), "{account}");
        let token = issued.json["token"].as_str().expect("a token");
        assert!(app.ports.http.accepts(token) && !app.stored().contains(token), "{account}");
    }
}

#[test]
fn a_lease_is_as_it_was_asked_for() {
    let app = installation(EXISTING, r#","audiences":{"default":["a"],"allowed":["b"]}"#);
    for (body, ttl, audiences) in [
        ("", 3600, json!(["a"])),
        ("{}", 3600, json!(["a"])),
        ("null", 3600, json!(["a"])),
        (r#"{"ttl":null,"namespace":null,"audiences":null}"#, 3600, json!(["a"])),
        (r#"{"ttl":"10s"}"#, 10, json!(["a"])),
        (r#"{"ttl":90,"namespace":"apps","audiences":["b"]}"#, 90, json!(["b"])),
        (r#"{"ttl":"24h","audiences":["b","a"]}"#, 86400, json!(["b", "a"])),
    ] {
        let issued = app.issue(body);
        let told = (issued.status, &issued.json["ttl_seconds"], &issued.json["audiences"]);
        assert_eq!(told, (201, &json!(ttl), &audiences), "{body}: {}", issued.json);
    }
}

#[test]
fn a_token_that_the_cluster_shortens_makes_a_shorter_lease_and_is_warned_of() {
    let app = installation(EXISTING, "");
    app.ports.http.set_longest_token(1200);
    let issued = app.issue("");
    assert_eq!((issued.status, &issued.json["ttl_seconds"]), (201, &json!(1200)));
    let warning = issued.json["warnings"][0].as_str().unwrap_or_default();
    assert!(warning.contains("1200 seconds; 3600 were requested"), "{}", issued.json);
}

#[test]
fn a_lease_is_taken_back_and_taken_back_again() {
    for account in [EXISTING, TEMPORARY] {
        let app = installation(account, "");
        let issued = app.issue("");
        let path = issued.lease_path();
        app.pass(60);
        for _ in 0..2 {
            let revoked = app.send("DELETE", &path, ADMIN, "");
            assert_eq!(
                (revoked.status, &revoked.json["state"]),
                (200, &json!("revoked")),
                "{account}"
            );
            let ended = json!({"why": "revoked", "at": "2026-11-22T07:01:00Z"});
            assert_eq!(revoked.json["ended"], ended, "{account}");
            assert_eq!(revoked.json.get("token"), None, "{account}");
            app.pass(1);
        }
        assert!(!app.ports.http.accepts(issued.json["token"].as_str().expect("a token")));
        assert_eq!(app.ports.http.made(), Vec::<Value>::new(), "{account}");
        assert_eq!(code(&renew(&app, &path, "")), (409, "lease_not_active"), "{account}");
    }
}

#[test]
fn a_lease_that_cannot_be_taken_back_now_says_why_and_goes_on() {
    let app = installation(TEMPORARY, "");
    let path = app.issue("").lease_path();
    app.ports.http.deny("delete", "serviceaccounts");
    let begun = app.send("DELETE", &path, ADMIN, "");
    assert_eq!((begun.status, &begun.json["state"]), (202, &json!("revoking")), "{}", begun.json);
    let reason =
        "kubelease may not `delete` `serviceaccounts` in namespace `apps` on target `prod`";
    let closing = json!({"why": "revoked", "since": "2026-11-22T07:00:00Z", "reason": reason});
    assert_eq!(begun.json["closing"], closing);
    assert_eq!(app.send("GET", &path, ADMIN, "").json["closing"], closing);
    app.ports.http.heal();
    app.pass(3600);
    let swept = app.send("POST", "/api/v1/sweep", ADMIN, "");
    assert_eq!((swept.status, &swept.json["done"]), (200, &json!(1)), "{}", swept.json);
    assert_eq!(app.send("GET", &path, ADMIN, "").json["state"], "revoked");
}

#[test]
fn a_plain_token_is_not_taken_back_or_renewed_and_ends_by_itself() {
    let app = installation(PLAIN, "");
    let path = app.issue("").lease_path();
    assert_eq!(code(&app.send("DELETE", &path, ADMIN, "")), (409, "not_revocable"));
    assert_eq!(code(&renew(&app, &path, "")), (409, "not_renewable"));
    app.pass(3600);
    let ended = app.send("DELETE", &path, ADMIN, "");
    assert_eq!((ended.status, &ended.json["state"]), (200, &json!("expired")));
}

#[test]
fn a_lease_is_renewed_with_a_new_token_and_never_past_its_latest_end() {
    for account in [EXISTING, TEMPORARY] {
        let app = installation(account, r#","max_ttl":"2h""#);
        let issued = app.issue("");
        let path = issued.lease_path();
        app.pass(1800);
        let renewed = renew(&app, &path, "");
        assert_eq!(renewed.status, 200, "{account}: {}", renewed.json);
        assert_eq!(renewed.json["expires_at"], "2026-11-22T08:30:00Z", "{account}");
        assert_eq!(renewed.json["max_expires_at"], "2026-11-22T09:00:00Z", "{account}");
        assert_eq!(renewed.json["warnings"], json!([]), "{account}");
        assert_ne!(renewed.json["token"], issued.json["token"], "{account}");
        let shorter = renew(&app, &path, r#"{"ttl":"60s"}"#);
        assert_eq!(shorter.json["expires_at"], "2026-11-22T08:30:00Z", "{account}");
        let capped = renew(&app, &path, r#"{"ttl":"2h"}"#);
        assert_eq!(capped.json["expires_at"], "2026-11-22T09:00:00Z", "{account}");
        assert_eq!(capped.json["warnings"].as_array().map(Vec::len), Some(1), "{account}");
        assert_eq!(code(&renew(&app, &path, "")), (409, "lease_at_maximum"), "{account}");
        assert_eq!(app.send("GET", &path, ADMIN, "").json["warnings"], json!([]), "{account}");
    }
}

#[test]
fn a_lease_ends_in_the_sweep_and_is_forgotten_after_its_retention() {
    let mut app = installation(TEMPORARY, "");
    app.variables.lease_retention = "1h".to_owned();
    let path = app.issue(r#"{"ttl":"60s"}"#).lease_path();
    app.pass(60);
    assert_eq!(app.send("GET", &path, ADMIN, "").json["state"], "revoking");
    let swept = app.send("POST", "/api/v1/sweep", ADMIN, "{}");
    let report = json!({
        "due": 1, "done": 1, "postponed": 0, "held": 0, "voided": 0, "forgotten": 0, "resealed": 0,
        "signatures_renewed": 0, "failed": [], "targets": {},
        "reconciled": {
            "targets": 0, "orphans": 0, "removed": 0, "adopted": 0, "parked": 0, "lost": 0, "extended": 0,
        },
        "calls": swept.json["calls"], "more": false, "last_success": "2026-11-22T07:01:00Z",
    });
    assert_eq!((swept.status, &swept.json), (200, &report));
    let ended = app.send("GET", &path, ADMIN, "").json;
    let told = json!({"why": "expired", "at": "2026-11-22T07:01:00Z"});
    assert_eq!((&ended["state"], &ended["ended"]), (&json!("expired"), &told));
    // Its object could say for a day that it lives.
    app.pass(2 * 3600);
    assert_eq!(app.send("POST", "/api/v1/sweep", ADMIN, "").json["forgotten"], 0);
    app.pass(22 * 3600);
    assert_eq!(app.send("POST", "/api/v1/sweep", ADMIN, "").json["forgotten"], 1);
    assert_eq!(code(&app.send("GET", &path, ADMIN, "")), (404, "unknown_lease"));
}

#[test]
fn what_a_cluster_does_wrong_is_told_without_what_it_said() {
    for (fault, status, told) in [
        (Fault::Unreachable, 502, "target_unreachable"),
        // The authorizers allow it: something behind them does not.
        (Fault::Forbid, 502, "target_refused"),
        (Fault::Lose, 504, "target_timeout"),
        (Fault::Fail(401), 502, "target_unauthorized"),
        (Fault::Fail(500), 502, "target_refused"),
        (Fault::Busy(1), 502, "target_refused"),
    ] {
        let app = installation(TEMPORARY, "");
        let path = app.issue("").lease_path();
        app.ports.http.fail_all(fault, |sent| sent.asks("create", "serviceaccounts/token"));
        for answer in [app.issue(""), renew(&app, &path, "")] {
            assert_eq!(code(&answer), (status, told), "{fault:?}: {}", answer.json);
            let detail = answer.json["detail"].as_str().unwrap_or_default();
            assert!(detail.contains("`prod`"), "{fault:?}: {detail}");
            assert!(!answer.body.contains("User cannot"), "{fault:?}: {}", answer.json);
        }
    }
}

#[test]
fn what_rbac_does_not_allow_is_named() {
    let app = installation(TEMPORARY, "");
    let path = app.issue("").lease_path();
    app.ports.http.deny("create", "serviceaccounts/token");
    for answer in [app.issue(""), renew(&app, &path, "")] {
        assert_eq!(code(&answer), (502, "target_forbidden"), "{}", answer.json);
        let detail = answer.json["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("may not `create` `serviceaccounts/token`"), "{detail}");
    }
}

#[test]
fn who_takes_a_lease_back_is_told_what_goes_on() {
    let let_in = |answer: &Answer| answer.json["warnings"].to_string().contains("a watch");
    for account in [EXISTING, TEMPORARY] {
        let app = installation(account, "");
        let issued = app.issue("");
        let path = issued.lease_path();
        assert!(!let_in(&issued) && !let_in(&app.send("GET", &path, ADMIN, "")), "{account}");
        app.ports
            .http
            .deny("delete", if account == EXISTING { "secrets" } else { "serviceaccounts" });
        let begun = app.send("DELETE", &path, ADMIN, "");
        assert!(begun.status == 202 && let_in(&begun), "{account}: {}", begun.json);
        app.ports.http.heal();
        let ended = app.send("DELETE", &path, ADMIN, "");
        assert!(ended.status == 200 && let_in(&ended), "{account}: {}", ended.json);
    }
}

#[test]
fn a_cluster_is_written_off_with_its_leases() {
    let app = installation(TEMPORARY, "");
    let path = app.issue("").lease_path();
    app.ports.http.fail_all(Fault::Unreachable, |_| true);
    let body = r#"{"reason":"burnt down"}"#;
    let done = app.send("POST", "/api/v1/targets/prod/write-off", ADMIN, body);
    assert_eq!((done.status, done.json), (200, json!({"ended": 1, "more": false})));
    let lease = app.send("GET", &path, ADMIN, "").json;
    let ended = json!({"why": "lost", "at": "2026-11-22T07:00:00Z", "note": "burnt down"});
    assert_eq!((&lease["state"], &lease["ended"]), (&json!("lost"), &ended));
}

#[test]
fn a_target_with_live_leases_is_deleted_with_them() {
    let prod = "/api/v1/targets/prod";
    let app = installation(TEMPORARY, "");
    let in_use = app.send("DELETE", &format!("{prod}?revoke=true"), ADMIN, "");
    assert_eq!(code(&in_use), (409, "target_in_use"));
    app.issue("");
    app.put_dynamic_secret("other", EXISTING, "");
    app.ports.http.fail_all(Fault::Unreachable, |_| true);
    for name in ["ci?revoke=true", "other"] {
        let path = format!("/api/v1/dynamic-secrets/{name}");
        assert!(app.send("DELETE", &path, ADMIN, "").status < 300, "{name}");
    }
    assert_eq!(code(&app.send("DELETE", prod, ADMIN, "")), (409, "live_leases"));
    let retired = app.send("DELETE", &format!("{prod}?revoke=true"), ADMIN, "");
    assert_eq!(
        (retired.status, &retired.json["deleting"]),
        (202, &json!(true)),
        "{}",
        retired.json
    );
    app.ports.http.heal();
    app.pass(3600);
    app.send("POST", "/api/v1/sweep", ADMIN, "");
    assert_eq!(app.send("GET", prod, ADMIN, "").status, 404);
}
