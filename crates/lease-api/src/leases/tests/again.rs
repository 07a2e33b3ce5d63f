//! The same lease for the same request.

use serde_json::json;

use super::{code, installation};
use crate::testing::{ADMIN, EXISTING, PLAIN, TEMPORARY};

#[test]
fn a_retry_is_answered_with_the_same_lease_and_another_token() {
    for account in [EXISTING, TEMPORARY, PLAIN] {
        let app = installation(account, "");
        let first = app.issue_once(&["job-7"], "");
        assert_eq!(first.status, 201, "{account}: {}", first.json);
        app.pass(60);
        for key in ["job-7", "\"job-7\""] {
            let again = app.issue_once(&[key], "{}");
            assert_eq!(again.status, 200, "{account}: {}", again.json);
            assert_eq!(again.header("location"), first.lease_path(), "{account}");
            assert_ne!(again.json["token"], first.json["token"], "{account}");
            for field in ["lease_id", "issued_at", "expires_at", "objects"] {
                assert_eq!(again.json[field], first.json[field], "{account}: {field}");
            }
        }
        let other = app.issue_once(&["job-8"], "");
        assert_eq!(other.status, 201, "{account}");
        assert_ne!(other.json["lease_id"], first.json["lease_id"], "{account}");
    }
}

#[test]
fn a_key_is_for_one_request_of_one_lease() {
    let app = installation(EXISTING, "");
    let first = app.issue_once(&["k"], "");
    for body in [r#"{"ttl":"30m"}"#, r#"{"audiences":[]}"#] {
        let answer = app.issue_once(&["k"], body);
        let same = body.contains("audiences");
        let expected = if same { (200, "") } else { (422, "idempotency_key_reused") };
        assert_eq!(code(&answer), expected, "{body}: {}", answer.json);
    }
    assert_eq!(app.send("DELETE", &first.lease_path(), ADMIN, "").status, 200);
    let ended = app.issue_once(&["k"], "");
    assert_eq!(code(&ended), (409, "lease_ended"));
    let id = first.json["lease_id"].as_str().expect("an id");
    assert!(ended.json["detail"].as_str().is_some_and(|told| told.contains(id)), "{}", ended.json);
}

#[test]
fn a_plain_token_with_little_time_left_is_not_given_twice() {
    let app = installation(PLAIN, "");
    app.issue_once(&["k"], "");
    app.pass(3001);
    assert_eq!(code(&app.issue_once(&["k"], "")), (409, "lease_ends_too_soon"));
}

#[test]
fn every_check_of_a_new_lease_is_made_of_a_retry_too() {
    let app = installation(EXISTING, "");
    app.issue_once(&["k"], "");
    app.put_dynamic_secret("ci", EXISTING, r#","disabled":true"#);
    assert_eq!(code(&app.issue_once(&["k"], "")), (409, "disabled"));
}

#[test]
fn a_request_that_failed_frees_its_key() {
    let app = installation(TEMPORARY, "");
    app.ports.http.deny("create", "serviceaccounts");
    assert_eq!(code(&app.issue_once(&["k"], "")), (502, "target_forbidden"));
    app.ports.http.heal();
    assert_eq!(app.issue_once(&["k"], "").status, 201);
}

#[test]
fn no_more_leases_live_than_may() {
    let app = installation(EXISTING, r#","max_live_leases":2"#);
    let first = app.issue_once(&["k"], "");
    assert_eq!((first.status, app.issue("").status), (201, 201));
    let full = app.issue("");
    assert_eq!((code(&full), full.header("retry-after")), ((409, "too_many_leases"), "10"));
    assert_eq!(app.issue_once(&["k"], "").json["lease_id"], first.json["lease_id"]);
    app.send("DELETE", &first.lease_path(), ADMIN, "");
    assert_eq!(app.issue("").status, 201);
    assert_eq!(full.json["title"], json!("Conflict"));
}
