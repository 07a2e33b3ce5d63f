//! Access tokens without a use left: what they give back, and nothing else.

use serde_json::{Value, json};

use super::{ISSUE, RENEW, REVOKE, WHOAMI, make, put, token_of};
use crate::testing::{ADMIN, Answer, Installation, PLAIN};

/// An installation in which `bot` has used up its token with two leases, of which the second is of a plain token.
fn with_used_up(more: &Value) -> (Installation, String, [Answer; 2]) {
    let app = Installation::with_dynamic_secret("");
    app.put_dynamic_secret("plain", PLAIN, "");
    let mut identity = json!({"access_token": {"num_uses": 2}, "grants": [{"dynamic_secrets": ["*"],
        "namespaces": ["*"], "actions": ["issue", "read", "renew", "revoke"], "of": "all"}]});
    for (field, value) in more.as_object().expect("an object") {
        identity[field] = value.clone();
    }
    put(&app, "bot", &identity);
    let token = token_of(&app, "bot");
    let of_plain = "/api/v1/dynamic-secrets/plain/leases";
    let leases = [ISSUE, of_plain].map(|path| app.send("POST", path, &token, ""));
    assert!(leases.iter().all(|lease| lease.status == 201));
    (app, token, leases)
}

fn state(app: &Installation, lease: &Answer) -> Value {
    app.send("GET", &lease.lease_path(), ADMIN, "").json["state"].clone()
}

#[test]
fn a_token_that_is_used_up_gives_back_its_own_leases_and_nothing_else() {
    for more in [json!({}), json!({"admin": true})] {
        let (app, token, [lease, plain]) = with_used_up(&more);
        let others = app.issue("");
        let unknown = app.send("GET", WHOAMI, "unknown", "");
        let refused = |method: &str, path: &str, body: &str| {
            let answer = app.send(method, path, &token, body);
            assert_eq!((answer.status, &answer.body), (401, &unknown.body), "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), unknown.header("www-authenticate"));
        };
        let uses = || {
            app.ports.store.all_contents().into_iter().find(|(key, _)| key.contains("token-uses"))
        };
        let before = uses();
        refused("GET", WHOAMI, "");
        refused("POST", ISSUE, "");
        refused("GET", &lease.lease_path(), "");
        refused("POST", &format!("{}/renew", lease.lease_path()), "");
        refused("POST", RENEW, "");
        refused("DELETE", &others.lease_path(), "");
        refused("DELETE", &format!("/api/v1/leases/{}", "0".repeat(32)), "");
        refused("DELETE", "/api/v1/leases/nope", "");
        refused("POST", "/api/v1/leases/revoke", "{}");
        refused("POST", "/api/v1/leases/revoke", "{");
        let told = app.send("GET", "/api/v1/audit?identity=bot&type=refusal", ADMIN, "").body;
        assert!(told.contains("invalid_token: the access token is used up"), "{told}");
        assert_eq!((state(&app, &lease), state(&app, &others)), (json!("active"), json!("active")));

        let back = app.send("DELETE", &lease.lease_path(), &token, "");
        assert_eq!((back.status, &back.json["state"]), (200, &json!("revoked")), "{}", back.json);
        let again = app.send("DELETE", &lease.lease_path(), &token, "");
        assert_eq!(again.status, 200, "asked again it says how it stands");
        let kept = app.send("DELETE", &plain.lease_path(), &token, "");
        assert_eq!((kept.status, &kept.json["code"]), (409, &json!("not_revocable")));
        assert_eq!(state(&app, &others), "active");
        assert_eq!(uses(), before, "nothing of it is a use");
    }
}

#[test]
fn a_token_that_is_used_up_gives_back_all_that_is_its_own() {
    let revoke = format!("{REVOKE}?leases=revoke");
    for (path, body, in_header) in [
        ("/api/v1/leases/revoke", r#"{"dynamic_secret":"ci"}"#, true),
        (&revoke, "", true),
        (&revoke, "TOKEN", true),
        (&revoke, "TOKEN", false),
    ] {
        let (app, token, [lease, _]) = with_used_up(&json!({}));
        let others = app.issue("");
        let body = body.replace("TOKEN", &json!({ "accessToken": token }).to_string());
        let answer = app.send("POST", path, if in_header { &token } else { "" }, &body);
        let told = (answer.status, &answer.json["revoked"]);
        assert_eq!(told, (200, &json!(1)), "{path}: {}", answer.json);
        assert_eq!(
            (state(&app, &lease), state(&app, &others)),
            (json!("revoked"), json!("active"))
        );
    }
}

#[test]
fn a_token_that_is_over_gives_nothing_back() {
    type End = fn(&Installation, &str);
    let ends: [End; 4] = [
        |app, _| app.pass(3600),
        |app, token| assert_eq!(app.send("POST", REVOKE, token, "").status, 204),
        |app, _| assert_eq!(app.send("DELETE", "/api/v1/identities/bot", ADMIN, "").status, 204),
        |app, _| put(app, "bot", &json!({"disabled": true})),
    ];
    for (row, end) in ends.into_iter().enumerate() {
        let (app, token, [lease, _]) = with_used_up(&json!({}));
        end(&app, &token);
        for (method, path) in [("DELETE", &*lease.lease_path()), ("POST", REVOKE)] {
            assert_eq!(
                app.send(method, path, &token, "").status,
                401,
                "row {row}: {method} {path}"
            );
        }
    }
}

#[test]
fn giving_back_is_a_use_as_long_as_there_is_one() {
    let app = Installation::with_dynamic_secret("");
    put(&app, "bot", &json!({"access_token": {"num_uses": 2}}));
    let made = make(&app, "bot", "");
    let token = made.json["access_token"].as_str().expect("a token");
    let bulk =
        || app.send("POST", "/api/v1/leases/revoke", token, r#"{"dynamic_secret":"ci"}"#).status;
    assert_eq!((bulk(), bulk(), bulk()), (200, 200, 200));
    assert_eq!(app.send("GET", WHOAMI, token, "").status, 401);
}
