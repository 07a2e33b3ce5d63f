use serde_json::json;

use super::{code, installation};
use crate::testing::{ADMIN, EXISTING, PLAIN};

const PATH: &str = "/api/v1/dynamic-secrets/ci/exec-credential";

#[test]
fn a_lease_is_answered_as_client_go_reads_it() {
    let app = installation(EXISTING, "");
    let answer = app.send("POST", PATH, ADMIN, r#"{"ttl":"20m"}"#);
    assert_eq!(answer.status, 201, "{}", answer.json);
    let token = answer.json["status"]["token"].as_str().expect("a token").to_owned();
    // Half a minute before the lease ends at 07:20.
    assert_eq!(
        answer.json,
        json!({
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": {"token": token, "expirationTimestamp": "2026-11-22T07:19:30Z"},
        })
    );
    let path = answer.header("location").to_owned();
    let lease = app.send("GET", &path, ADMIN, "");
    assert_eq!((lease.status, &lease.json["state"]), (200, &json!("active")));
    assert_eq!(lease.json["expires_at"], "2026-11-22T07:20:00Z");
    let beta = app.send("POST", &format!("{PATH}?api_version=v1beta1"), ADMIN, "");
    assert_eq!(beta.json["apiVersion"], "client.authentication.k8s.io/v1beta1");
    let unknown = app.send("POST", &format!("{PATH}?api_version=v2"), ADMIN, "");
    assert_eq!(code(&unknown), (422, "invalid_query"));
}

#[test]
fn a_request_that_is_sent_again_has_the_same_lease() {
    let app = installation(PLAIN, "");
    let send = || app.post_once(PATH, &["job/7"], "");
    let (first, again) = (send(), send());
    assert_eq!((first.status, again.status), (201, 200), "{}", again.json);
    assert_eq!(first.header("location"), again.header("location"));
}
