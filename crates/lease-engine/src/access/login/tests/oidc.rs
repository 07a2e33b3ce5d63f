//! Logins by ID tokens.

use super::*;

#[expect(clippy::needless_pass_by_value, reason = "it is written where it is passed")]
fn auth(more: Value) -> Value {
    let mut auth = json!({"type": "oidc", "issuer": ISSUER, "audiences": ["kubelease"],
        "claims": {"repository_id": ["123"]}});
    for (field, value) in more.as_object().expect("an object") {
        auth[field] = value.clone();
    }
    json!([auth])
}

fn token(engine: &Engine<TestPorts>, key: TestKey, id: &str) -> String {
    let now = seconds(engine);
    let claims = json!({"iss": ISSUER, "aud": "kubelease", "sub": "repo:acme/app:ref:refs/heads/main",
        "exp": now + 300, "iat": now, "repository_id": "123", "jti": "j1"});
    key.issue(id, &claims)
}

fn document() -> Answer {
    let document = json!({"issuer": ISSUER, "jwks_uri": "https://ci.example/keys"});
    Answer::Reply(200, document.to_string())
}

fn keys(keys: &[(TestKey, &str)]) -> Answer {
    let keys: Vec<_> = keys.iter().map(|(key, id)| key.jwk(id)).collect();
    Answer::Reply(200, json!({ "keys": keys }).to_string())
}

fn log_in(engine: &Engine<TestPorts>, jwt: &str) -> Result<NewAccessToken, LoginError> {
    block_on(engine.log_in_by_oidc(Some(&name_of("ci")), jwt))
}

#[test]
fn keys_are_discovered_once_and_kept() {
    let engine = with_auth(auth(json!({})));
    let jwt = token(&engine, TestKey::P256, "k1");
    engine.ports.http.script([document(), keys(&[(TestKey::P256, "k1")])]);
    let writes = engine.ports.store.number_of_writes();
    let made = log_in(&engine, &jwt).expect("lets in");
    let (event, slot) = (2, 2);
    let first_slot = slot + 2;
    let written = engine.ports.store.number_of_writes() - writes - event - first_slot;
    assert_eq!(written, 5, "who asks, that it does, and they");
    assert_eq!(made.claims.login_claims["repository_id"], "123");
    let lines: Vec<_> = engine.ports.http.sent().iter().map(lease_testing::Sent::line).collect();
    assert_eq!(lines, ["GET /.well-known/openid-configuration", "GET /keys"]);
    let writes = engine.ports.store.number_of_writes();
    log_in(&engine, &jwt).expect("lets in");
    let written = engine.ports.store.number_of_writes() - writes;
    assert_eq!((engine.ports.http.calls(), written), (2, event + slot));
}

#[test]
fn one_deadline_is_for_all_that_a_login_waits_for() {
    // More ways than are tried side by side, three times over, each of which may take seven seconds by itself.
    let engine = with_auth(auth(json!({})));
    for n in 0..24 {
        let url = format!("https://ci.example/keys/{n}");
        put(&engine, &format!("ci-{n}"), json!({"auth": auth(json!({ "jwks_url": url }))}));
    }
    let began = engine.now();
    engine.ports.http.fail_all(lease_testing::Fault::Lose, |_| true);
    let outcome = block_on(engine.log_in_by_oidc(None, &token(&engine, TestKey::P256, "k1")));
    assert!(matches!(outcome, Err(LoginError::IssuerKeys { .. })), "{outcome:?}");
    let took = engine.now() - began;
    assert!(took <= LOGIN_TIME + TimeDelta::seconds(1), "{took}");
}

#[test]
fn of_many_logins_at_once_one_asks_and_the_others_wait() {
    use futures::future::join_all;

    let engine = with_auth(auth(json!({"jwks_url": "https://ci.example/keys"})));
    let log_in_at_once = |key, id| {
        let (jwt, name) = (token(&engine, key, id), name_of("ci"));
        block_on(join_all((0..20).map(|_| engine.log_in_by_oidc(Some(&name), &jwt))))
    };
    engine.ports.http.script([keys(&[(TestKey::P256, "k1")])]);
    for made in log_in_at_once(TestKey::P256, "k1") {
        made.expect("lets in");
    }
    pass(&engine, 30);
    engine.ports.http.script([keys(&[(TestKey::Ed25519, "k2")])]);
    for made in log_in_at_once(TestKey::Ed25519, "k2") {
        made.expect("by the new key");
    }
    assert_eq!(engine.ports.http.calls(), 2);
}

#[test]
fn whoever_died_while_asking_is_waited_for_and_not_for_ever() {
    let engine = with_auth(auth(json!({"jwks_url": "https://ci.example/keys"})));
    let jwt = token(&engine, TestKey::P256, "k1");
    engine.ports.http.script([keys(&[(TestKey::P256, "k1")])]);
    {
        let name = name_of("ci");
        let mut dying = std::pin::pin!(engine.log_in_by_oidc(Some(&name), &jwt));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(dying.as_mut().poll(&mut context).is_pending(), "it is asking");
    }
    let began = engine.now();
    let outcome = log_in(&engine, &jwt);
    assert!(matches!(outcome, Err(LoginError::IssuerKeys { .. })), "{outcome:?}");
    let waited = (engine.now() - began).num_seconds();
    assert!((14..=16).contains(&waited), "{waited}");
    pass(&engine, 30);
    engine.ports.http.script([keys(&[(TestKey::P256, "k1")])]);
    log_in(&engine, &jwt).expect("asks anew");
}

#[test]
fn a_new_key_is_found_and_a_made_up_one_costs_one_request_in_half_a_minute() {
    let engine = with_auth(auth(json!({"jwks_url": "https://ci.example/keys"})));
    engine.ports.http.script([keys(&[(TestKey::P256, "k1")])]);
    log_in(&engine, &token(&engine, TestKey::P256, "k1")).expect("lets in");
    pass(&engine, 30);
    engine.ports.http.script([keys(&[(TestKey::P256, "k1"), (TestKey::Ed25519, "k2")])]);
    log_in(&engine, &token(&engine, TestKey::Ed25519, "k2")).expect("is rotated");
    for _ in 0..5 {
        let refused = reason(log_in(&engine, &token(&engine, TestKey::P384, "k3")));
        assert!(refused.contains("no key with this `kid`"), "{refused}");
    }
    assert_eq!(engine.ports.http.calls(), 2);
}

#[test]
fn an_issuer_that_is_away_is_believed_by_its_last_keys_for_a_day() {
    let engine = with_auth(auth(json!({"jwks_url": "https://ci.example/keys"})));
    engine.ports.http.script([keys(&[(TestKey::P256, "k1")])]);
    log_in(&engine, &token(&engine, TestKey::P256, "k1")).expect("lets in");
    let away = || Answer::Fail(TransportError::Timeout("connect".to_owned()));
    pass(&engine, 86_399);
    engine.ports.http.script([away()]);
    log_in(&engine, &token(&engine, TestKey::P256, "k1")).expect("by its last keys");
    pass(&engine, 31);
    engine.ports.http.script([away()]);
    let outcome = log_in(&engine, &token(&engine, TestKey::P256, "k1"));
    assert!(matches!(outcome, Err(LoginError::IssuerKeys { .. })), "{outcome:?}");
    let calls = engine.ports.http.calls();
    let outcome = log_in(&engine, &token(&engine, TestKey::P256, "k1"));
    assert!(matches!(outcome, Err(LoginError::IssuerKeys { .. })), "{outcome:?}");
    assert_eq!(engine.ports.http.calls(), calls, "it is not asked again at once");
}

#[test]
fn an_issuer_that_lies_or_redirects_is_not_believed() {
    let document = |change: Value| {
        let mut document = json!({"issuer": ISSUER, "jwks_uri": "https://ci.example/keys"});
        for (field, value) in change.as_object().expect("an object") {
            document[field] = value.clone();
        }
        Answer::Reply(200, document.to_string())
    };
    for (answers, why) in [
        (vec![document(json!({"issuer": "https://ci.example/"}))], "names another issuer"),
        (vec![document(json!({"issuer": null}))], "names another issuer"),
        (vec![document(json!({"jwks_uri": "http://ci.example/keys"}))], "`jwks_uri`"),
        (vec![document(json!({"jwks_uri": "http://localhost/keys"}))], "`jwks_uri`"),
        (vec![document(json!({"jwks_uri": "http://127.0.0.1:8080/keys"}))], "`jwks_uri`"),
        (vec![document(json!({"jwks_uri": null}))], "`jwks_uri`"),
        (vec![Answer::Reply(200, "<html>".to_owned())], "not a JSON object"),
        (vec![Answer::Reply(302, String::new())], "status 302"),
        (vec![document(json!({})), Answer::Reply(301, String::new())], "status 301"),
        (vec![document(json!({})), Answer::Reply(500, String::new())], "status 500"),
        (vec![document(json!({})), Answer::Reply(200, "{}".to_owned())], "`keys`"),
        (vec![document(json!({})), keys(&[])], "no public signing key"),
        (vec![document(json!({})), Answer::Fail(TransportError::TooLarge(102_400))], "the key set"),
    ] {
        let engine = with_auth(auth(json!({})));
        engine.ports.http.script(answers);
        let outcome = log_in(&engine, &token(&engine, TestKey::P256, "k1"));
        let Err(LoginError::IssuerKeys { source, .. }) = outcome else {
            panic!("{why}: {outcome:?}")
        };
        assert!(source.to_string().contains(why), "{why}: {source}");
    }
}

#[test]
fn keys_may_be_elsewhere_and_on_this_machine_if_their_issuer_is() {
    for (issuer, keys_url) in [
        (ISSUER, "https://keys.example/ci"),
        ("http://localhost:8080/ci", "http://localhost:8081/keys"),
        ("http://127.0.0.1:8080", "https://keys.example/ci"),
    ] {
        let engine = with_auth(auth(json!({ "issuer": issuer })));
        let document = json!({"issuer": issuer, "jwks_uri": keys_url}).to_string();
        engine.ports.http.script([Answer::Reply(200, document), keys(&[(TestKey::P256, "k1")])]);
        let claims = json!({"iss": issuer, "aud": "kubelease", "sub": "s", "exp": seconds(&engine) + 300,
            "repository_id": "123"});
        log_in(&engine, &TestKey::P256.issue("k1", &claims)).expect(keys_url);
    }
}

#[test]
fn a_token_that_could_not_be_let_in_has_no_keys_fetched() {
    for (auth, why) in [
        (auth(json!({"claims": {"repository_id": ["124"]}})), "`repository_id`"),
        (auth(json!({"subject": "repo:acme/app:pull_request"})), "`sub`"),
        (auth(json!({"audiences": ["other"]})), "`aud`"),
        (auth(json!({"issuer": "https://other.example"})), "`iss`"),
    ] {
        let engine = with_auth(auth);
        let refused = reason(log_in(&engine, &token(&engine, TestKey::P256, "k1")));
        assert!(refused.contains(why), "{refused}");
        assert_eq!(engine.ports.http.calls(), 0, "{why}");
    }
}

#[test]
fn a_token_that_is_good_once_is_used_up_by_a_login_and_not_by_a_refusal() {
    let jwks = json!({"keys": [TestKey::P256.jwk("k1")]});
    let method = auth(json!({"jwks": jwks, "single_use": true}));
    let engine = with_auth(method.clone());
    put(&engine, "twin", json!({ "auth": method }));
    let jwt = token(&engine, TestKey::P256, "k1");
    let outcome = block_on(engine.log_in_by_oidc(None, &jwt));
    assert!(matches!(outcome, Err(LoginError::Ambiguous)), "{outcome:?}");
    let is_kept = |key: &String| key.contains("id-token-uses");
    assert!(!engine.ports.store.list_keys().iter().any(is_kept), "nothing is used up");
    log_in(&engine, &jwt).expect("as the one that is named");
    let made = block_on(engine.log_in_by_oidc(None, &jwt)).expect("as the one that is left");
    assert_eq!(made.claims.identity, "twin");
    let refused = reason(block_on(engine.log_in_by_oidc(None, &jwt)));
    assert!(refused.contains("used before"), "{refused}");
}

#[test]
fn of_two_ways_one_that_uses_a_token_up_is_passed_over_once_it_has() {
    let jwks = json!({"keys": [TestKey::P256.jwk("k1")]});
    let mut methods = auth(json!({"jwks": jwks, "single_use": true}));
    let second = auth(json!({ "jwks": jwks }));
    methods.as_array_mut().expect("a list").push(second[0].clone());
    let engine = with_auth(methods);
    let jwt = token(&engine, TestKey::P256, "k1");
    for _ in 0..2 {
        log_in(&engine, &jwt).expect("by the one way or the other");
    }
}

#[test]
fn a_token_that_is_good_once_is_good_once() {
    let jwks = json!({"keys": [TestKey::P256.jwk("k1")]});
    let engine = with_auth(auth(json!({"jwks": jwks, "single_use": true})));
    let jwt = token(&engine, TestKey::P256, "k1");
    log_in(&engine, &jwt).expect("the first time");
    let refused = reason(log_in(&engine, &jwt));
    assert!(refused.contains("used before"), "{refused}");
    pass(&engine, 3700);
    engine.expiring_keys().delete_some_expired(engine.now()).expect("forgets");
    assert!(engine.ports.store.list_keys().iter().all(|key| !key.contains("id-token-uses")));
}
