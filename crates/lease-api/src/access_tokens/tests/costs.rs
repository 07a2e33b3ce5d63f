//! The reads and durable writes of a login, and of an issue by who has logged in.

use jwt_auth::testing::TestKey;
use lease_testing::Answer as Reply;
use serde_json::{Value, json};

use super::{ISSUE, RENEW, REVOKE, WHOAMI, all_of_ci, make, put, token_of};
use crate::testing::{ADMIN, Answer, EXISTING, Installation, PLAIN, TEMPORARY};

/// Reads and durable writes.
type Cost = (usize, usize);

/// The answer to a request, and what it has cost.
fn ask(app: &Installation, request: impl FnOnce() -> Answer) -> (Answer, Cost) {
    let (reads, writes) = (app.ports.store.number_of_reads(), app.ports.store.number_of_writes());
    let answer = request();
    (
        answer,
        (app.ports.store.number_of_reads() - reads, app.ports.store.number_of_writes() - writes),
    )
}

fn issue(app: &Installation, token: &str) -> Cost {
    let (answer, cost) = ask(app, || app.send("POST", ISSUE, token, ""));
    assert_eq!(answer.status, 201, "{}", answer.json);
    cost
}

/// Returns the cost beyond that of `admin_token`, for an identity with these fields.
fn more(app: &Installation, fields: &Value) -> Cost {
    let mut identity = all_of_ci();
    for (field, value) in fields.as_object().expect("an object") {
        identity[field] = value.clone();
    }
    put(app, "bot", &identity);
    let token = token_of(app, "bot");
    issue(app, &token);
    let ((reads, writes), by_admin) = (issue(app, &token), issue(app, ADMIN));
    (reads - by_admin.0, writes - by_admin.1)
}

#[test]
fn an_issue_costs_what_its_kind_does_and_six_reads_for_its_requester() {
    for (account, cost) in [(PLAIN, (14, 2)), (EXISTING, (15, 3)), (TEMPORARY, (14, 3))] {
        let app = Installation::with_target();
        app.put_dynamic_secret("ci", account, "");
        issue(&app, ADMIN);
        assert_eq!(issue(&app, ADMIN), cost, "{account}");
        // Identity, mark of the token and mark of all are read when it comes, and when its lease is on record.
        assert_eq!(more(&app, &json!({})), (6, 0), "{account}");
        // The count of its uses.
        assert_eq!(more(&app, &json!({"access_token": {"num_uses": 9}})), (7, 1), "{account}");
        // A number among its leases; the summaries that say how many of them live.
        assert_eq!(more(&app, &json!({"max_live_leases": 9})), (11, 1), "{account}");
        // The count of this minute.
        assert_eq!(more(&app, &json!({"max_issues_per_minute": 9})), (7, 1), "{account}");
    }
}

#[test]
fn an_access_token_costs_three_reads_to_show_and_its_event_to_change() {
    let app = Installation::with_dynamic_secret("");
    put(&app, "bot", &all_of_ci());
    let (made, cost) = ask(&app, || make(&app, "bot", ""));
    assert_eq!(cost, (1, 2), "made");
    let token = made.json["access_token"].as_str().expect("a token");
    // It lists the one dynamic secret that may be asked for.
    assert_eq!(ask(&app, || app.send("GET", WHOAMI, token, "")).1, (6, 0), "shown");
    app.pass(10);
    assert_eq!(ask(&app, || app.send("POST", RENEW, token, "")).1, (3, 2), "renewed");
    assert_eq!(ask(&app, || app.send("POST", REVOKE, token, "")).1, (3, 3), "revoked");
    let (refused, cost) = ask(&app, || app.send("GET", WHOAMI, token, ""));
    assert_eq!((refused.status, refused.cost), (401, (4, 0)), "refused, before the answer");
    assert_eq!(cost, (5, 5), "for the first time in an hour, with what is done after it");
    let (refused, cost) = ask(&app, || app.send("GET", WHOAMI, token, ""));
    assert_eq!((refused.status, refused.cost, cost), (401, (4, 0), (5, 0)), "refused again");
}

fn now(app: &Installation) -> i64 {
    app.ports.now().timestamp()
}

/// A login by the one way that `ci` has.
fn log_in(app: &Installation, kind: &str, is_named: bool, jwt: &str) -> (u16, Cost) {
    let mut body = json!({"jwt": jwt});
    if is_named {
        body["identity"] = json!("ci");
    }
    let path = format!("/api/v1/auth/{kind}/login");
    let (answer, cost) = ask(app, || app.send("POST", &path, "", &body.to_string()));
    (answer.status, cost)
}

fn put_login(app: &Installation, method: &Value) {
    let body = json!({"auth": [method]}).to_string();
    assert!(app.send("PUT", "/api/v1/identities/ci", ADMIN, &body).status < 300);
}

#[test]
fn a_login_by_a_service_account_costs_its_target_its_identity_and_its_event() {
    let app = Installation::with_target();
    put(&app, "other", &json!({}));
    put_login(
        &app,
        &json!({"type": "kubernetes", "target": "prod", "reviewer": "target",
        "allowed_names": ["deployer"], "allowed_namespaces": ["apps"], "allowed_audience": "kubelease"}),
    );
    let jwt = TestKey::P256.issue(
        "k",
        &json!({"iss": "https://kubernetes.default.svc", "aud": ["kubelease"], "exp": now(&app) + 600,
        "sub": "system:serviceaccount:apps:deployer"}),
    );
    let cost = |is_named, authenticated| {
        app.ports.http.set_reviewer(move |status| status["authenticated"] = json!(authenticated));
        log_in(&app, "kubernetes", is_named, &jwt)
    };
    // Besides, which cluster it is and who issues its tokens are read, found out and kept.
    assert_eq!(cost(true, true), (200, (9, 9)), "the first since the target was put");
    app.pass(60);
    // The two counts of its slot, the identity, its target, which cluster that is and who issues its tokens, and what is
    // known of the way there.
    assert_eq!(cost(true, true), (200, (7, 6)), "the first in a minute");
    assert_eq!(cost(true, true), (200, (7, 4)), "another");
    // All identities are read for one that is not named: how many there are, and two reads for each.
    assert_eq!(cost(false, true), (200, (11, 4)));
    assert_eq!(cost(true, false), (401, (8, 7)), "the first that fails in a minute");
    assert_eq!(cost(true, false), (401, (8, 5)), "another");
}

#[test]
fn a_login_by_an_id_token_costs_its_keys_its_identity_and_its_event() {
    let app = Installation::with_target();
    put(&app, "other", &json!({}));
    let method = |more: Value| {
        let mut method = json!({"type": "oidc", "issuer": "https://ci.example", "audiences": ["kubelease"],
            "claims": {"repository_id": ["123"]}});
        for (field, value) in more.as_object().expect("an object") {
            method[field] = value.clone();
        }
        put_login(&app, &method);
    };
    let jwt = |id: &str| {
        TestKey::P256.issue(
            "k1",
            &json!({"iss": "https://ci.example", "aud": "kubelease",
        "sub": "job", "exp": now(&app) + 300, "iat": now(&app), "repository_id": "123", "jti": id}),
        )
    };
    method(json!({"jwks": {"keys": [TestKey::P256.jwk("k1")]}}));
    let cost = |is_named, id| log_in(&app, "oidc", is_named, &jwt(id));
    assert_eq!(cost(true, "a"), (200, (3, 6)), "the first in a minute");
    assert_eq!(cost(true, "a"), (200, (3, 4)), "the two counts of its slot, and the identity");
    assert_eq!(cost(false, "a"), (200, (7, 4)), "all identities");
    method(json!({"jwks": {"keys": [TestKey::P256.jwk("k1")]}, "single_use": true}));
    assert_eq!(cost(true, "a"), (200, (5, 7)), "the first use of the token");
    assert_eq!(cost(true, "a"), (401, (5, 7)), "the second, which is the first that fails");
    method(json!({}));
    let document = json!({"issuer": "https://ci.example", "jwks_uri": "https://ci.example/keys"});
    let keys = json!({"keys": [TestKey::P256.jwk("k1")]});
    app.ports.http.script([document, keys].map(|body| Reply::Reply(200, body.to_string())));
    assert_eq!(cost(true, "a"), (200, (5, 9)), "the keys are fetched");
    assert_eq!(cost(true, "a"), (200, (4, 4)), "they are known");
}
