use jwt_auth::testing::TestKey;
use serde_json::{Value, json};

use crate::testing::{ADMIN, Answer, Installation, TEMPORARY};

const EXPLAIN: &str = "/api/v1/explain";
const LOGIN: &str = "/api/v1/auth/oidc/login";

/// The claims of a job that identity `ci` lets in.
fn claims(app: &Installation) -> Value {
    let now = app.ports.now().timestamp();
    json!({"iss": "https://ci.example", "sub": "repo:acme/app", "aud": "kubelease", "exp": now + 600,
        "iat": now, "repository_id": "123", "ref": "refs/heads/main", "unbound": "canary-unbound"})
}

/// Identity `ci` as it is put, with one field changed.
fn identity(field: &str, value: Value) -> Value {
    let mut identity = json!({
        "auth": [{"type": "oidc", "issuer": "https://ci.example", "audiences": ["kubelease"],
            "claims": {"repository_id": ["123", "456"], "ref": ["refs/heads/main"]}, "max_token_age": "10m",
            "jwks": {"keys": [TestKey::P256.jwk("k")]}}],
        "grants": [{"dynamic_secrets": ["ci"], "namespaces": ["apps", "team-*"], "actions": ["issue"], "max_ttl": "2h"}],
    });
    match field {
        "" => {}
        field => *identity.pointer_mut(field).expect(field) = value,
    }
    identity
}

/// An installation with dynamic secret `ci` in `apps` and wherever the label `team` is `a`, and identity `ci`.
fn installation(identity: &Value) -> Installation {
    let app = Installation::with_target();
    let selector = r#","namespace_selector":{"matchLabels":{"team":"a"}},"namespace_match":"any""#;
    app.put_dynamic_secret("ci", TEMPORARY, selector);
    app.ports.http.put_namespace("team-a", &json!({"team": "a"}), None);
    app.ports.http.put_namespace("team-b", &json!({"team": "b"}), None);
    put(&app, identity);
    app
}

fn put(app: &Installation, identity: &Value) {
    let answer = app.send("PUT", "/api/v1/identities/ci", ADMIN, &identity.to_string());
    assert!(matches!(answer.status, 200 | 201), "{}", answer.json);
}

/// Asks for an explanation of this credential, and a lease with these fields.
fn explain(app: &Installation, shown: (&str, Value), lease: &Value) -> Answer {
    let mut body = json!({"identity": "ci", "dynamic_secret": "ci"});
    body[shown.0] = shown.1;
    for (field, value) in lease.as_object().expect("an object") {
        body[field] = value.clone();
    }
    let answer = app.send("POST", EXPLAIN, ADMIN, &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer
}

/// Does the same for real. Returns nothing, or the status and code of the refusal.
fn really(app: &Installation, jwt: &str, lease: &Value) -> Option<(u16, String)> {
    let body = json!({"identity": "ci", "jwt": jwt}).to_string();
    let login = app.send("POST", LOGIN, "", &body);
    let code = |answer: &Answer| answer.json["code"].as_str().unwrap_or_default().to_owned();
    if login.status != 200 {
        return Some((login.status, code(&login)));
    }
    let token = login.json["access_token"].as_str().expect("a token");
    let path = "/api/v1/dynamic-secrets/ci/leases";
    let issued = app.send("POST", path, token, &lease.to_string());
    (issued.status != 201).then(|| (issued.status, code(&issued)))
}

/// The refusal that is told.
fn told(answer: &Answer) -> Option<(u16, String)> {
    let refusal = &answer.json["refusal"];
    assert_eq!(answer.json["allowed"], json!(refusal.is_null()), "{}", answer.json);
    let status = u16::try_from(refusal["status"].as_u64()?).expect("a status");
    Some((status, refusal["code"].as_str()?.to_owned()))
}

/// The rules under a pointer that do not pass.
fn failed(answer: &Answer, pointer: &str) -> Vec<String> {
    let rules = answer.json.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let failed = rules.iter().filter(|rule| rule["passed"] == json!(false));
    failed.filter_map(|rule| rule["rule"].as_str().map(str::to_owned)).collect()
}

/// A change of the claims; nothing for a claim takes it away.
type Change = (&'static str, Value);

/// A change of the identity, one of the claims, the lease that is asked for, and the rules of the login and of the issue
/// that fail.
type Row = (Change, Change, Value, &'static [&'static str], &'static [&'static str]);

fn rows() -> Vec<Row> {
    let none = || ("", Value::Null);
    let now = Installation::default().ports.now().timestamp();
    vec![
        (none(), none(), json!({"namespace": "apps"}), &[], &[]),
        (none(), none(), json!({"namespace": "team-a", "ttl": "2h"}), &[], &[]),
        (none(), ("repository_id", json!("456")), json!({"namespace": "apps"}), &[], &[]),
        (
            none(),
            ("repository_id", json!("124")),
            json!({"namespace": "apps"}),
            &["claims.repository_id"],
            &[],
        ),
        (
            none(),
            ("repository_id", json!(123)),
            json!({"namespace": "apps"}),
            &["claims.repository_id"],
            &[],
        ),
        (none(), ("ref", Value::Null), json!({"namespace": "apps"}), &["claims.ref"], &[]),
        (
            none(),
            ("iss", json!("https://other.example")),
            json!({"namespace": "apps"}),
            &["iss"],
            &[],
        ),
        (none(), ("aud", json!(["a", "b"])), json!({"namespace": "apps"}), &["aud"], &[]),
        (none(), ("aud", json!(["a", "kubelease"])), json!({"namespace": "apps"}), &[], &[]),
        (none(), ("sub", Value::Null), json!({"namespace": "apps"}), &["sub"], &[]),
        (none(), ("exp", json!(now - 3600)), json!({"namespace": "apps"}), &["exp"], &[]),
        (none(), ("exp", json!("soon")), json!({"namespace": "apps"}), &["exp"], &[]),
        (none(), ("nbf", json!(now + 3600)), json!({"namespace": "apps"}), &["nbf"], &[]),
        (none(), ("iat", json!(now - 3600)), json!({"namespace": "apps"}), &["max_token_age"], &[]),
        (none(), ("iat", Value::Null), json!({"namespace": "apps"}), &["max_token_age"], &[]),
        (none(), none(), json!({}), &[], &["namespace_chosen"]),
        (none(), none(), json!({"namespace": "team-b"}), &[], &["namespace_covered"]),
        (none(), none(), json!({"namespace": "team-z"}), &[], &["namespace_covered"]),
        (none(), none(), json!({"namespace": "web"}), &[], &["grant_for_namespace"]),
        (none(), none(), json!({"namespace": "apps", "ttl": "3h"}), &[], &["ttl"]),
        (none(), none(), json!({"namespace": "apps", "ttl": "1s"}), &[], &["ttl"]),
        (
            ("/grants", json!([])),
            none(),
            json!({"namespace": "apps"}),
            &[],
            &["grant_for_dynamic_secret"],
        ),
        (
            ("/grants/0/actions", json!(["read"])),
            none(),
            json!({"namespace": "apps"}),
            &[],
            &["grant_for_dynamic_secret"],
        ),
        (
            ("/grants/0/dynamic_secrets", json!(["c"])),
            none(),
            json!({"namespace": "apps"}),
            &[],
            &["grant_for_dynamic_secret"],
        ),
        (
            ("/auth/0/claims/ref", json!(["refs/heads/*"])),
            none(),
            json!({"namespace": "apps"}),
            &["claims.ref"],
            &[],
        ),
        (
            ("/auth/0/jwks/keys/0", TestKey::P384.jwk("k")),
            none(),
            json!({"namespace": "apps"}),
            &["verified"],
            &[],
        ),
        (("/auth", json!([])), none(), json!({"namespace": "apps"}), &[], &[]),
    ]
}

#[test]
fn what_is_explained_is_what_really_comes_of_it() {
    for (change, (claim, value), lease, login_rules, issue_rules) in rows() {
        let app = installation(&identity(change.0, change.1.clone()));
        let mut claims = claims(&app);
        match (claim, value.is_null()) {
            ("", _) => {}
            (claim, true) => _ = claims.as_object_mut().expect("an object").remove(claim),
            (claim, false) => claims[claim] = value,
        }
        let row = format!("{change:?}, {claims}, {lease}");
        let jwt = TestKey::P256.issue("k", &claims);
        let before = app.ports.store.all_contents();
        let by_jwt = explain(&app, ("jwt", json!(jwt)), &lease);
        let by_claims = explain(&app, ("claims", claims.clone()), &lease);
        assert_eq!(app.ports.store.all_contents(), before, "{row}: it changes nothing");
        for answer in [&by_jwt, &by_claims] {
            let body = &answer.body;
            assert!(!body.contains(&jwt) && !body.contains("canary-unbound"), "{row}: {body}");
        }
        let rules = "/login/methods/0/rules";
        assert_eq!(failed(&by_jwt, rules), login_rules, "{row}: {}", by_jwt.json);
        assert_eq!(failed(&by_jwt, "/issue/rules"), issue_rules, "{row}: {}", by_jwt.json);
        let came = really(&app, &jwt, &lease);
        assert_eq!(told(&by_jwt), came, "{row}: {}", by_jwt.json);
        // Of claims nobody says that they are signed.
        if !login_rules.contains(&"verified") {
            assert_eq!(told(&by_claims), came, "{row}: {}", by_claims.json);
            assert_eq!(failed(&by_claims, rules), login_rules, "{row}");
        }
        assert_eq!(
            login_rules.is_empty() && issue_rules.is_empty() && change.0 != "/auth",
            came.is_none(),
            "{row}"
        );
    }
}

#[test]
fn an_explanation_shows_what_was_compared_and_what_would_pass() {
    let app = installation(&identity("", Value::Null));
    let mut claims = claims(&app);
    claims["repository_id"] = json!("999");
    let answer = explain(&app, ("claims", claims), &json!({"namespace": "team-a"}));
    let rules = answer.json["login"]["methods"][0]["rules"].as_array().expect("rules");
    let rule = rules.iter().find(|rule| rule["rule"] == "claims.repository_id").expect("a rule");
    assert_eq!((&rule["compared"], &rule["would_pass"]), (&json!("999"), &json!(["123", "456"])));
    let reason = answer.json["refusal"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("`repository_id` has none of the values"), "{reason}");
    // The rest is told all the same.
    let issue = &answer.json["issue"];
    assert_eq!(issue["granted"], json!({"namespace": "team-a", "ttl": "1h", "max_ttl": "2h"}));
    assert_eq!(issue["namespaces"]["items"], json!(["apps", "team-a"]));
    assert_eq!(issue["namespaces"]["granted"], json!(["apps", "team-*"]));
    let objects: Vec<_> = issue["objects"].as_array().expect("objects").iter().collect();
    let kinds: Vec<_> = objects.iter().filter_map(|object| object["kind"].as_str()).collect();
    assert_eq!(kinds, ["ServiceAccount", "Role", "RoleBinding"]);
    assert!(objects.iter().all(|object| object["namespace"] == "team-a"), "{issue}");
    let grant = &answer.json["grants"][0];
    assert_eq!(grant["allows"], true);
    assert_eq!(grant["rules"][2]["would_pass"], json!(["apps", "team-*"]));
}

#[test]
fn a_token_that_is_good_once_is_not_used_up_by_an_explanation() {
    let mut once = identity("", Value::Null);
    once["auth"][0]["single_use"] = json!(true);
    let app = installation(&once);
    let lease = json!({"namespace": "apps"});
    let jwt = TestKey::P256.issue("k", &claims(&app));
    for _ in 0..2 {
        assert_eq!(told(&explain(&app, ("jwt", json!(jwt)), &lease)), None);
    }
    assert_eq!(really(&app, &jwt, &lease), None);
    let answer = explain(&app, ("jwt", json!(jwt)), &lease);
    assert_eq!(told(&answer), really(&app, &jwt, &lease));
    assert_eq!(failed(&answer, "/login/methods/0/rules"), ["verified"]);
}

#[test]
fn caps_and_limits_are_explained_and_not_counted() {
    let mut limited = identity("", Value::Null);
    limited["max_issues_per_minute"] = json!(1);
    let app = installation(&limited);
    let (lease, jwt) = (json!({"namespace": "apps"}), TestKey::P256.issue("k", &claims(&app)));
    for _ in 0..3 {
        assert_eq!(told(&explain(&app, ("jwt", json!(jwt)), &lease)), None);
    }
    assert_eq!(really(&app, &jwt, &lease), None);
    let answer = explain(&app, ("jwt", json!(jwt)), &lease);
    assert_eq!(failed(&answer, "/issue/rules"), ["issues_per_minute"]);
    assert_eq!(told(&answer), really(&app, &jwt, &lease));
    app.pass(60);
    put(&app, &{
        let mut capped = identity("", Value::Null);
        capped["max_live_leases"] = json!(1);
        capped
    });
    let jwt = TestKey::P256.issue("k", &claims(&app));
    assert_eq!(really(&app, &jwt, &lease), None, "those before were not counted");
    let answer = explain(&app, ("jwt", json!(jwt)), &lease);
    assert_eq!(failed(&answer, "/issue/rules"), ["live_leases"]);
    assert_eq!(told(&answer), really(&app, &jwt, &lease));
}

#[test]
fn whoever_cannot_come_in_is_told_apart() {
    let mut local = identity("", Value::Null);
    local["access_token"] = json!({"trusted_ips": ["10.0.0.0/8"]});
    let app = installation(&local);
    let jwt = json!(TestKey::P256.issue("k", &claims(&app)));
    for (address, refusal) in [
        (json!("10.1.2.3"), None),
        (json!("192.0.2.1"), Some((401, "login_refused".to_owned()))),
        (Value::Null, None),
    ] {
        let lease = json!({"namespace": "apps", "address": address});
        let answer = explain(&app, ("jwt", jwt.clone()), &lease);
        assert_eq!(told(&answer), refusal, "{address}");
        let passed = &answer.json["identity"]["rules"][2]["passed"];
        assert_eq!(*passed, if address.is_null() { Value::Null } else { json!(refusal.is_none()) });
    }
    put(&app, &{
        let mut disabled = identity("", Value::Null);
        disabled["disabled"] = json!(true);
        disabled
    });
    let lease = json!({"namespace": "apps"});
    let answer = explain(&app, ("jwt", jwt.clone()), &lease);
    assert_eq!(told(&answer), Some((401, "login_refused".to_owned())));
    assert_eq!(failed(&answer, "/identity/rules"), ["enabled"]);
    for (body, code) in [
        (json!({"identity": "nobody", "jwt": jwt}), "login_refused"),
        (json!({"identity": "nobody"}), "invalid_token"),
        (json!({"identity": "ci"}), "invalid_token"),
        (json!({"identity": "ci", "jwt": "a.b.c"}), "login_refused"),
    ] {
        let answer = app.send("POST", EXPLAIN, ADMIN, &body.to_string());
        assert_eq!((answer.status, &answer.json["refusal"]["code"]), (200, &json!(code)), "{body}");
    }
}

#[test]
fn an_explanation_is_for_administrators_and_says_what_it_takes() {
    let mut bot = identity("", Value::Null);
    bot["auth"] = json!([{"type": "token"}]);
    let app = installation(&bot);
    let made = app.send("POST", "/api/v1/identities/ci/tokens", ADMIN, "");
    let token = made.json["access_token"].as_str().expect("a token");
    let answer = app.send("POST", EXPLAIN, token, r#"{"identity":"ci"}"#);
    assert_eq!((answer.status, &answer.json["code"]), (403, &json!("not_granted")));
    for (body, detail) in [
        ("{}", "missing field `identity`"),
        (r#"{"identity":"ci","claims":{},"jwt":"canary"}"#, "not both"),
        (r#"{"identity":"ci","namespace":"apps"}"#, "needs `dynamic_secret`"),
        (r#"{"identity":"ci","ttl":"1h"}"#, "needs `dynamic_secret`"),
        (r#"{"identity":"ci","jwt":["canary"]}"#, "expected a string"),
        (r#"{"identity":"ci","claims":{"a":1,"a":2}}"#, "duplicate field"),
        (r#"{"identity":"ci","address":"canary"}"#, "`address`"),
    ] {
        let answer = app.send("POST", EXPLAIN, ADMIN, body);
        assert_eq!(answer.status, 422, "{body}: {}", answer.json);
        let text = answer.json["detail"].to_string();
        assert!(text.contains(detail) && !answer.body.contains("canary"), "{body}: {text}");
    }
}
