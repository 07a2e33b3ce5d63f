//! Identities, actions and leases: each with each.

use serde_json::{Value, json};

use super::{put, token_of};
use crate::testing::{ADMIN, Answer, Installation, TEMPORARY};

/// The identities, and what each is granted.
fn identities() -> [(&'static str, Value); 9] {
    let grant = |secrets: &str, actions: &[&str], of: &str| json!([{"dynamic_secrets": [secrets], "namespaces": ["apps"], "actions": actions, "of": of}]);
    let all = ["issue", "read", "renew", "revoke"];
    let mut elsewhere = grant("*", &all, "all");
    elsewhere[0]["namespaces"] = json!(["web"]);
    [
        ("owner", json!({"grants": grant("ci-*", &all, "own")})),
        ("issuer", json!({"grants": grant("ci-*", &["issue"], "own")})),
        ("reader", json!({"grants": grant("ci-*", &["read"], "all")})),
        ("renewer", json!({"grants": grant("ci-*", &["renew"], "all")})),
        ("revoker", json!({"grants": grant("ci-*", &["revoke"], "all")})),
        ("other", json!({"grants": grant("ops", &all, "all")})),
        ("elsewhere", json!({"grants": elsewhere})),
        ("nobody", json!({})),
        ("admin", json!({"admin": true})),
    ]
}

/// An installation with all identities, and a lease each of `owner`, `issuer` and `admin_token` of `ci-x`.
fn installation() -> (Installation, [String; 3]) {
    let app = Installation::with_target();
    app.put_dynamic_secret("ci-x", TEMPORARY, "");
    app.put_dynamic_secret("ops", TEMPORARY, "");
    for (name, more) in identities() {
        put(&app, name, &more);
    }
    let issue = |token: &str| {
        let lease = app.send("POST", "/api/v1/dynamic-secrets/ci-x/leases", token, "");
        assert_eq!(lease.status, 201, "{}", lease.json);
        lease.json["lease_id"].as_str().expect("a lease").to_owned()
    };
    let leases = [&*token_of(&app, "owner"), &token_of(&app, "issuer"), ADMIN].map(issue);
    (app, leases)
}

/// Does one thing with one lease.
fn act(app: &Installation, action: &str, token: &str, lease: &str) -> Answer {
    let path = format!("/api/v1/leases/{lease}");
    match action {
        "read" => app.send("GET", &path, token, ""),
        "renew" => app.send("POST", &format!("{path}/renew"), token, r#"{"ttl":"2h"}"#),
        _ => app.send("DELETE", &path, token, ""),
    }
}

#[test]
fn each_identity_does_with_each_lease_what_it_is_granted_and_learns_of_no_other() {
    // action, identity: the answers for the leases of `owner`, `issuer` and the first administrator
    for (action, identity, expected) in [
        ("read", "owner", [200, 404, 404]),
        ("read", "issuer", [404, 403, 404]),
        ("read", "reader", [200, 200, 200]),
        ("read", "renewer", [404, 404, 404]),
        ("read", "revoker", [404, 404, 404]),
        ("read", "other", [404, 404, 404]),
        ("read", "elsewhere", [404, 404, 404]),
        ("read", "nobody", [404, 404, 404]),
        ("read", "admin", [200, 200, 200]),
        ("renew", "owner", [200, 404, 404]),
        ("renew", "issuer", [404, 403, 404]),
        ("renew", "reader", [403, 403, 403]),
        ("renew", "renewer", [200, 200, 200]),
        ("renew", "revoker", [404, 404, 404]),
        ("renew", "other", [404, 404, 404]),
        ("renew", "elsewhere", [404, 404, 404]),
        ("renew", "nobody", [404, 404, 404]),
        ("renew", "admin", [200, 200, 200]),
        ("revoke", "owner", [200, 404, 404]),
        ("revoke", "issuer", [404, 200, 404]),
        ("revoke", "reader", [403, 403, 403]),
        ("revoke", "renewer", [404, 404, 404]),
        ("revoke", "revoker", [200, 200, 200]),
        ("revoke", "other", [404, 404, 404]),
        ("revoke", "elsewhere", [404, 404, 404]),
        ("revoke", "nobody", [404, 404, 404]),
        ("revoke", "admin", [200, 200, 200]),
    ] {
        let (app, leases) = installation();
        let token = token_of(&app, identity);
        for (lease, status) in leases.iter().zip(expected) {
            let row = format!("{identity} may {action} {lease}");
            let contents = app.all_but_events();
            let answer = act(&app, action, &token, lease);
            assert_eq!(answer.status, status, "{row}: {}", answer.json);
            if status == 200 {
                continue;
            }
            assert_eq!(app.all_but_events(), contents, "{row}: something has changed");
            if status == 404 {
                let unknown = "0".repeat(32);
                let told = act(&app, action, &token, &unknown).body.replace(&unknown, lease);
                assert_eq!(answer.body, told, "{row}: it can be told from one that is not there");
            } else {
                assert_eq!(answer.json["code"], "not_granted", "{row}");
            }
        }
    }
}

#[test]
fn a_list_shows_and_a_bulk_revocation_takes_only_what_is_granted() {
    for (identity, shown, taken) in [
        ("owner", 1, 1),
        ("issuer", 0, 1),
        ("reader", 3, 0),
        ("renewer", 0, 0),
        ("revoker", 0, 3),
        ("other", 0, 0),
        ("elsewhere", 0, 0),
        ("nobody", 0, 0),
        ("admin", 3, 3),
    ] {
        let (app, _) = installation();
        let token = token_of(&app, identity);
        let list = app.send("GET", "/api/v1/leases", &token, "");
        assert_eq!(list.status, 200, "{identity}");
        assert_eq!(list.json["items"].as_array().map(Vec::len), Some(shown), "{identity}");
        let by_owner = app.send("GET", "/api/v1/leases?identity=owner", &token, "");
        let expected = usize::from(shown > 0);
        assert_eq!(by_owner.json["items"].as_array().map(Vec::len), Some(expected), "{identity}");
        let body = r#"{"dynamic_secret":"ci-x"}"#;
        let answer = app.send("POST", "/api/v1/leases/revoke", &token, body);
        let done = (&answer.json["revoked"], &answer.json["not_revocable"]);
        assert_eq!(done, (&json!(taken), &json!(0)), "{identity}: {}", answer.json);
        let live = app.send("GET", "/api/v1/leases?state=active", ADMIN, "");
        assert_eq!(live.json["items"].as_array().map(Vec::len), Some(3 - taken), "{identity}");
    }
}

#[test]
fn an_issue_is_of_what_is_granted_and_tells_nothing_of_the_rest() {
    let (app, _) = installation();
    for (identity, secret, status) in [
        ("owner", "ci-x", 201),
        ("owner", "ops", 403),
        ("owner", "ci-none", 404),
        ("owner", "none", 403),
        ("issuer", "ci-x", 201),
        ("reader", "ci-x", 403),
        ("renewer", "ci-x", 403),
        ("revoker", "ci-x", 403),
        ("other", "ops", 201),
        ("other", "ci-x", 403),
        ("elsewhere", "ci-x", 403),
        ("nobody", "ci-x", 403),
        ("nobody", "none", 403),
        ("admin", "ci-x", 201),
        ("admin", "none", 404),
    ] {
        let token = token_of(&app, identity);
        let path = format!("/api/v1/dynamic-secrets/{secret}/leases");
        let answer = app.send("POST", &path, &token, "");
        assert_eq!(answer.status, status, "{identity}: {secret}: {}", answer.json);
        if status == 403 {
            assert_eq!(answer.json["code"], "not_granted", "{identity}: {secret}");
        }
    }
    // One that exists cannot be told from one that does not.
    let token = token_of(&app, "nobody");
    let told = |secret: &str| {
        let answer =
            app.send("POST", &format!("/api/v1/dynamic-secrets/{secret}/leases"), &token, "");
        answer.body.replace(secret, "X")
    };
    assert_eq!(told("ops"), told("none"));
}

#[test]
fn a_grant_narrows_how_long_and_where_and_never_widens() {
    let app = Installation::with_target();
    let body = json!({"target": "prod", "account": serde_json::from_str::<Value>(TEMPORARY).expect("JSON"),
                      "namespaces": ["apps", "web"], "default_ttl": "1h", "max_ttl": "2h"});
    let path = "/api/v1/dynamic-secrets/ci-x";
    assert_eq!(app.send("PUT", path, ADMIN, &body.to_string()).status, 201);
    let grant = |max_ttl: &str| {
        json!({"grants": [{"dynamic_secrets": ["ci-*"], "namespaces": ["apps"],
                           "actions": ["issue", "renew"], "max_ttl": max_ttl}]})
    };
    for (max_ttl, asked, status, seconds) in [
        ("30m", json!({"namespace": "apps"}), 201, 1800),
        ("30m", json!({"namespace": "apps", "ttl": "30m"}), 201, 1800),
        ("30m", json!({"namespace": "apps", "ttl": "31m"}), 422, 0),
        ("24h", json!({"namespace": "apps", "ttl": "2h"}), 201, 7200),
        ("24h", json!({"namespace": "apps", "ttl": "121m"}), 422, 0),
        ("24h", json!({"namespace": "web"}), 403, 0),
        ("24h", json!({"namespace": "other"}), 403, 0),
        ("24h", json!({}), 422, 0),
    ] {
        put(&app, "bot", &grant(max_ttl));
        let token = token_of(&app, "bot");
        let answer = app.send("POST", &format!("{path}/leases"), &token, &asked.to_string());
        assert_eq!(answer.status, status, "{max_ttl} {asked}: {}", answer.json);
        if status == 201 {
            assert_eq!(answer.json["ttl_seconds"], seconds, "{max_ttl} {asked}");
        }
    }
    // A renewal goes no further than the grants allow by now.
    put(&app, "bot", &grant("2h"));
    let token = token_of(&app, "bot");
    let lease = app.send("POST", &format!("{path}/leases"), &token, r#"{"namespace":"apps"}"#);
    put(&app, "bot", &grant("90m"));
    let renew = format!("{}/renew", lease.lease_path());
    let told = app.send("POST", &renew, &token, r#"{"ttl":"2h"}"#);
    assert_eq!((told.status, &told.json["code"]), (422, &json!("ttl_too_long")), "{}", told.json);
    app.pass(3000);
    let renewed = app.send("POST", &renew, &token, r#"{"ttl":"90m"}"#);
    assert_eq!(
        (renewed.status, &renewed.json["ttl_seconds"]),
        (200, &json!(5400)),
        "{}",
        renewed.json
    );
    let at_maximum = app.send("POST", &renew, &token, r#"{"ttl":"90m"}"#);
    assert_eq!(at_maximum.json["code"], "lease_at_maximum");
}

#[test]
fn what_is_for_administrators_is_for_them_alone() {
    let (app, _) = installation();
    let (owner, admin) = (token_of(&app, "owner"), token_of(&app, "admin"));
    for (method, path, body) in [
        ("GET", "/api/v1/targets", ""),
        ("GET", "/api/v1/targets/prod", ""),
        ("GET", "/api/v1/dynamic-secrets", ""),
        ("GET", "/api/v1/dynamic-secrets/ci-x", ""),
        ("GET", "/api/v1/identities", ""),
        ("GET", "/api/v1/identities/owner", ""),
        ("PUT", "/api/v1/identities/owner", r#"{"auth":[{"type":"token"}]}"#),
        ("POST", "/api/v1/sweep", ""),
    ] {
        let refused = app.send(method, path, &owner, body);
        assert_eq!((refused.status, &refused.json["code"]), (403, &json!("not_granted")), "{path}");
        assert_eq!(app.send(method, path, &admin, body).status, 200, "{method} {path}");
    }
}
