mod callers;
mod costs;
mod grants;
mod used_up;

use serde_json::{Value, json};

use crate::testing::{ADMIN, Answer, Installation, SWEEP};

/// An installation with identity `bot`, which takes tokens that are made for it, with these fields besides.
fn with_bot(more: &Value) -> Installation {
    let app = Installation::with_dynamic_secret("");
    put(&app, "bot", more);
    app
}

fn put(app: &Installation, name: &str, more: &Value) {
    let mut body = json!({"auth": [{"type": "token"}]});
    for (field, value) in more.as_object().expect("an object") {
        body[field] = value.clone();
    }
    let path = format!("/api/v1/identities/{name}");
    let answer = app.send("PUT", &path, ADMIN, &body.to_string());
    assert!(matches!(answer.status, 200 | 201), "{body}: {}", answer.json);
}

/// Makes an access token, as this body asks.
fn make(app: &Installation, name: &str, body: &str) -> Answer {
    app.send("POST", &format!("/api/v1/identities/{name}/tokens"), ADMIN, body)
}

fn token_of(app: &Installation, name: &str) -> String {
    let made = make(app, name, "");
    assert_eq!(made.status, 201, "{}", made.json);
    made.json["access_token"].as_str().expect("a token").to_owned()
}

/// Everything that `bot` may be granted with leases of `ci`.
fn all_of_ci() -> Value {
    json!({"grants": [{"dynamic_secrets": ["ci"], "namespaces": ["*"],
                       "actions": ["issue", "read", "renew", "revoke"]}]})
}

const WHOAMI: &str = "/api/v1/auth/token";
const RENEW: &str = "/api/v1/auth/token/renew";
const REVOKE: &str = "/api/v1/auth/token/revoke";
const ISSUE: &str = "/api/v1/dynamic-secrets/ci/leases";

#[test]
fn a_token_is_shown_once_and_lets_its_bearer_ask() {
    let app = with_bot(&all_of_ci());
    let made = make(&app, "bot", r#"{"ttl":"10m","description":"for the bot"}"#);
    assert_eq!(made.status, 201);
    for (field, value) in [
        ("token_type", json!("Bearer")),
        ("expires_in", json!(600)),
        ("max_expires_in", json!(86_400)),
        ("identity", json!("bot")),
    ] {
        assert_eq!(made.json[field], value, "{field}");
    }
    assert_eq!(made.header("cache-control"), "no-store");
    let token = made.json["access_token"].as_str().expect("a token");
    assert!(!app.stored().contains(token), "it is kept nowhere");
    let lease = app.send("POST", ISSUE, token, "");
    assert_eq!(lease.status, 201, "{}", lease.json);
    assert_eq!(lease.json["requester"], "identity:bot");

    let caller = app.send("GET", WHOAMI, token, "");
    assert_eq!(caller.status, 200, "{}", caller.json);
    assert_eq!(caller.json["identity"], "bot");
    assert_eq!(caller.json["admin"], false);
    assert_eq!(caller.json["token"]["accessor"], made.json["accessor"]);
    assert_eq!(caller.json["token"]["auth_method"], "token");
    assert_eq!(caller.json["token"]["claims"], json!({"description": "for the bot"}));
    assert_eq!(caller.json["token"]["expires_at"], "2026-11-22T07:10:00Z");
    assert_eq!(caller.json["grants"][0]["dynamic_secrets"], json!(["ci"]));
    assert_eq!(caller.json["dynamic_secrets"], json!(["ci"]));
    let first = app.send("GET", WHOAMI, ADMIN, "");
    assert_eq!((&first.json["identity"], &first.json["admin"]), (&Value::Null, &json!(true)));
}

#[test]
fn every_refused_token_is_answered_with_the_same_bytes_and_the_same_work() {
    let once = json!({"access_token": {"num_uses": 1}});
    let app = with_bot(&json!({}));
    let unknown = app.send("GET", WHOAMI, "unknown", "");
    assert_eq!((unknown.status, &unknown.json["code"]), (401, &json!("invalid_token")));
    let in_body = app.send("POST", RENEW, "", r#"{"accessToken":"unknown"}"#);
    assert_eq!((in_body.status, &in_body.json["error"]), (401, &json!("Unauthorized")));
    let refused = |token: &str, why: &str| {
        let answer = app.send("GET", WHOAMI, token, "");
        assert_eq!((answer.status, &answer.body), (401, &unknown.body), "{why}");
        assert_eq!((answer.cost, unknown.cost), ((4, 0), (4, 0)), "{why}: reads and writes");
        assert_eq!(answer.header("www-authenticate"), unknown.header("www-authenticate"), "{why}");
        let answer = app.send("POST", RENEW, "", &json!({"accessToken": token}).to_string());
        assert_eq!((answer.status, &answer.body), (401, &in_body.body), "{why}, in the body");
    };
    let good = token_of(&app, "bot");
    assert_eq!(app.send("GET", WHOAMI, &good, "").status, 200);
    refused(&good[..good.len() - 1], "cut");
    refused("a.b.c", "malformed");
    refused(SWEEP, "the sweep's");
    let revoked = token_of(&app, "bot");
    assert_eq!(app.send("POST", REVOKE, &revoked, "").status, 204);
    refused(&revoked, "revoked");
    put(&app, "bot", &once);
    let used = token_of(&app, "bot");
    assert_eq!(app.send("GET", WHOAMI, &used, "").status, 200);
    refused(&used, "used up");
    put(&app, "bot", &json!({"disabled": true}));
    refused(&good, "disabled");
    put(&app, "bot", &json!({"access_token": {"trusted_ips": ["10.0.0.0/8"]}}));
    refused(&good, "from elsewhere");
    put(&app, "bot", &json!({}));
    assert_eq!(app.send("GET", WHOAMI, &good, "").status, 200, "is good again");
    app.pass(3600);
    refused(&good, "expired");
    let fresh = token_of(&app, "bot");
    assert_eq!(app.send("DELETE", "/api/v1/identities/bot", ADMIN, "").status, 204);
    put(&app, "bot", &json!({}));
    refused(&fresh, "of an identity that was made anew");
}

#[test]
fn a_token_is_renewed_by_the_header_or_by_the_body() {
    let app = with_bot(&json!({"access_token": {"ttl": "10m", "max_ttl": "15m"}}));
    let first = token_of(&app, "bot");
    app.pass(60);
    let renewed = app.send("POST", RENEW, &first, "");
    assert_eq!(renewed.status, 200, "{}", renewed.json);
    assert_eq!(
        (&renewed.json["expires_in"], &renewed.json["max_expires_in"]),
        (&json!(600), &json!(840))
    );
    let second = renewed.json["access_token"].as_str().expect("a token");
    let in_body = json!({"accessToken": second}).to_string();
    app.pass(60);
    for token in ["", second] {
        let answer = app.send("POST", RENEW, token, &in_body);
        assert_eq!(answer.status, 200, "{}", answer.json);
        assert_eq!(answer.json["expiresIn"], 600);
        assert_eq!(answer.json["accessTokenMaxTTL"], 900);
        assert_eq!(answer.json["tokenType"], "Bearer");
    }
    app.pass(500);
    let last = app.send("POST", RENEW, "", &in_body).json["accessToken"].clone();
    let last = last.as_str().expect("a token");
    let answer = app.send("POST", RENEW, last, "");
    assert_eq!((answer.status, &answer.json["code"]), (401, &json!("access_token_at_maximum")));
    // Two that are not the same are no proof of either.
    let other = token_of(&app, "bot");
    assert_eq!(
        app.send("POST", RENEW, &other, &json!({"accessToken": last}).to_string()).status,
        401
    );
    assert_eq!(app.send("POST", RENEW, "", "").json["code"], "unauthenticated");
    assert_eq!(app.send("POST", RENEW, ADMIN, "").json["code"], "not_granted");
}

#[test]
fn the_body_alone_decides_in_which_shape_a_holder_is_answered() {
    let app = with_bot(&json!({"access_token": {"ttl": "10m", "max_ttl": "10m"}}));
    let (token, other) = (token_of(&app, "bot"), token_of(&app, "bot"));
    let shown = |token: &str| json!({"accessToken": token}).to_string();
    let shown_twice = format!(r#"{{"accessToken":"{token}","organizationId":"x"}}"#);
    // The path, the header, the body, and what is answered: in Infisical's shape, or by a problem of ours.
    for (path, header, body, status, error, code) in [
        (RENEW, "", shown("wrong"), 401, "Unauthorized", ""),
        (RENEW, "", shown(&token), 401, "Unauthorized", ""),
        (RENEW, "wrong", shown("wrong"), 401, "Unauthorized", ""),
        (RENEW, "wrong", shown(&token), 401, "Unauthorized", ""),
        (RENEW, &token, shown(&other), 401, "Unauthorized", ""),
        (RENEW, "", r#"{"accessToken":null}"#.to_owned(), 401, "Unauthorized", ""),
        (RENEW, "", r#"{"accessToken":7}"#.to_owned(), 422, "ValidationFailure", ""),
        (RENEW, "", shown_twice, 422, "ValidationFailure", ""),
        ("/api/v1/auth/token/renew?x=1", "", shown(&token), 422, "ValidationFailure", ""),
        (REVOKE, "", shown("wrong"), 401, "Unauthorized", ""),
        ("/api/v1/auth/token/revoke?leases=x", "", shown(&token), 422, "ValidationFailure", ""),
        (RENEW, "wrong", String::new(), 401, "", "invalid_token"),
        (RENEW, "wrong", "{".to_owned(), 401, "", "invalid_token"),
        (RENEW, "", "{".to_owned(), 400, "", "invalid_json"),
        (RENEW, "", String::new(), 401, "", "unauthenticated"),
        (RENEW, &token, "{}".to_owned(), 401, "", "access_token_at_maximum"),
        (RENEW, &token, shown(&token), 401, "Unauthorized", ""),
        (RENEW, "", shown(&token).replace('T', "t"), 422, "", "invalid_field"),
        (RENEW, ADMIN, String::new(), 403, "", "not_granted"),
        (REVOKE, "", r#"["accessToken"]"#.to_owned(), 422, "", "invalid_field"),
    ] {
        let answer = app.send("POST", path, header, &body);
        let row = format!("{path} {body}: {}", answer.json);
        assert_eq!(answer.status, status, "{row}");
        if code.is_empty() {
            assert_eq!(answer.header("content-type"), "application/json", "{row}");
            assert_eq!(
                (&answer.json["error"], &answer.json["statusCode"]),
                (&json!(error), &json!(status)),
                "{row}"
            );
            assert!(
                answer.json["message"].is_string() && answer.json["reqId"].is_string(),
                "{row}"
            );
        } else {
            assert_eq!(answer.header("content-type"), "application/problem+json", "{row}");
            assert_eq!(answer.json["code"], code, "{row}");
        }
        assert!(!answer.body.contains(&token), "{row}");
    }
    assert_eq!(app.send("GET", WHOAMI, &token, "").status, 200, "nothing of it has revoked it");
}

#[test]
fn a_token_is_revoked_by_its_bearer_and_by_an_administrator() {
    let app = with_bot(&all_of_ci());
    let is_good = |token: &str| app.send("GET", WHOAMI, token, "").status == 200;
    let by_body = token_of(&app, "bot");
    let answer = app.send("POST", REVOKE, "", &json!({"accessToken": by_body}).to_string());
    assert_eq!((answer.status, is_good(&by_body)), (200, false));
    assert_eq!(answer.json["message"], "Successfully revoked access token");

    let made = make(&app, "bot", "");
    let token = made.json["access_token"].as_str().expect("a token");
    let lease = app.send("POST", ISSUE, token, "");
    let accessor = made.json["accessor"].as_str().expect("an accessor");
    let path = format!("/api/v1/auth/accessors/{accessor}/revoke");
    assert_eq!(app.send("POST", &path, token, "").status, 403, "only an administrator does so");
    assert_eq!(app.send("POST", &path, ADMIN, "").status, 204);
    assert!(!is_good(token));
    let lease_state = || app.send("GET", &lease.lease_path(), ADMIN, "").json["state"].clone();
    assert_eq!(lease_state(), "active");
    let answer = app.send("POST", &format!("{path}?leases=revoke"), ADMIN, "");
    assert_eq!((answer.status, &answer.json["revoked"]), (200, &json!(1)));
    assert_eq!(lease_state(), "revoked");
    let answer = app.send("POST", "/api/v1/auth/accessors/nope/revoke", ADMIN, "");
    assert_eq!((answer.status, &answer.json["code"]), (422, &json!("invalid_name")));

    let tokens = [token_of(&app, "bot"), token_of(&app, "bot")];
    let lease = app.send("POST", ISSUE, &tokens[0], "");
    let answer = app.send("POST", "/api/v1/identities/bot/revoke?leases=revoke", ADMIN, "");
    assert_eq!((answer.status, &answer.json["revoked"]), (200, &json!(1)), "{}", answer.json);
    assert!(!is_good(&tokens[0]) && !is_good(&tokens[1]));
    assert_eq!(app.send("GET", &lease.lease_path(), ADMIN, "").json["state"], "revoked");

    app.pass(1);
    let token = token_of(&app, "bot");
    let lease = app.send("POST", ISSUE, &token, "");
    let answer = app.send("POST", &format!("{REVOKE}?leases=revoke"), &token, "");
    assert_eq!((answer.status, &answer.json["revoked"]), (200, &json!(1)));
    assert_eq!(app.send("GET", &lease.lease_path(), ADMIN, "").json["state"], "revoked");
}

#[test]
fn the_first_administrator_makes_the_second_and_goes() {
    let mut app = Installation::with_target();
    let administrator = json!({"admin": true, "manage_administrators": true});
    put(&app, "ops", &administrator);
    let token = token_of(&app, "ops");
    app.variables.admin_token.clear();
    assert_eq!(app.send("GET", "/readyz", "", "").status, 200);
    assert_eq!(app.send("GET", "/api/v1/targets/prod", &token, "").status, 200);
    for shown in [ADMIN, "", "wrong"] {
        assert_eq!(app.send("GET", "/api/v1/targets/prod", shown, "").status, 401, "{shown}");
    }
    let body = json!({"auth": [{"type": "token"}], "admin": true}).to_string();
    assert_eq!(app.send("PUT", "/api/v1/identities/second", &token, &body).status, 201);
    let second = app.send("POST", "/api/v1/identities/second/tokens", &token, "");
    let second = second.json["access_token"].as_str().expect("a token");
    assert_eq!(app.send("GET", "/api/v1/targets/prod", second, "").status, 200);
    for (method, path, body) in [
        ("PUT", "/api/v1/identities/ops", body.as_str()),
        ("DELETE", "/api/v1/identities/ops", ""),
        ("POST", "/api/v1/identities/ops/tokens", ""),
        ("POST", "/api/v1/identities/ops/revoke", ""),
        ("PUT", "/api/v1/identities/third", body.as_str()),
    ] {
        let answer = app.send(method, path, second, body);
        let told = (answer.status, &answer.json["code"]);
        assert_eq!(told, (403, &json!("administrators_protected")), "{method} {path}");
    }
    assert_eq!(app.send("DELETE", "/api/v1/identities/ops", &token, "").status, 204);
    // The second is left, which may not put another; the variable lets the first one in again.
    app.variables.admin_token = ADMIN.to_owned();
    assert_eq!(app.send("PUT", "/api/v1/identities/third", ADMIN, &body).status, 201);
}

#[test]
fn no_more_issues_in_a_minute_than_are_allowed() {
    let mut identity = all_of_ci();
    identity["max_issues_per_minute"] = json!(2);
    let app = with_bot(&identity);
    let token = token_of(&app, "bot");
    let leases = [(); 2].map(|()| app.send("POST", ISSUE, &token, ""));
    assert!(leases.iter().all(|lease| lease.status == 201));
    let refused = app.send("POST", ISSUE, &token, "");
    assert_eq!((refused.status, &refused.json["code"]), (429, &json!("too_many_issues")));
    assert_eq!(refused.header("retry-after"), "60");
    let renew = format!("{}/renew", leases[0].lease_path());
    assert_eq!(app.send("POST", &renew, &token, r#"{"ttl":"2h"}"#).status, 200, "never shut out");
    assert_eq!(
        app.send("DELETE", &leases[1].lease_path(), &token, "").status,
        200,
        "never shut out"
    );
    assert_eq!(app.send("POST", "/api/v1/sweep", SWEEP, "").status, 200, "never shut out");
    assert_eq!(app.issue("").status, 201, "it is the identity's limit");
    app.pass(60);
    assert_eq!(app.send("POST", ISSUE, &token, "").status, 201);
}

#[test]
fn no_more_leases_of_an_identity_live_than_may() {
    let mut identity = all_of_ci();
    identity["max_live_leases"] = json!(2);
    let app = with_bot(&identity);
    let (first, second) = (token_of(&app, "bot"), token_of(&app, "bot"));
    let leases = [&first, &second].map(|token| app.send("POST", ISSUE, token, ""));
    assert!(leases.iter().all(|lease| lease.status == 201));
    for token in [&first, &second] {
        let refused = app.send("POST", ISSUE, token, "");
        let told = (refused.status, &refused.json["code"]);
        assert_eq!(told, (409, &json!("too_many_leases_of_identity")));
        assert_eq!(refused.header("retry-after"), "10");
    }
    assert_eq!(app.issue("").status, 201, "it is the identity's limit");
    assert_eq!(app.send("DELETE", &leases[0].lease_path(), &first, "").status, 200);
    assert_eq!(app.send("POST", ISSUE, &second, "").status, 201);
    assert_eq!(app.send("POST", ISSUE, &second, "").status, 409);
    // It goes with the identity, and leaves nothing.
    assert_eq!(app.send("DELETE", "/api/v1/identities/bot", ADMIN, "").status, 204);
    let left = |key: &String| key.contains("identity-lease") || key.contains("identity-1");
    assert!(!app.ports.store.list_keys().iter().any(left), "{:?}", app.ports.store.list_keys());
}
