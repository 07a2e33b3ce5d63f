mod administrators;
mod clusters;
mod kubernetes;
mod limit;
mod oidc;

use jwt_auth::testing::TestKey;
use kube_rest::TransportError;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::{block_on, engine, name_of, pass, prod};
use crate::{Origin, Requester};
use lease_testing::{Answer, TestPorts};

const ISSUER: &str = "https://ci.example";

/// An engine with target `prod` and identity `ci` with these ways to log in, that acts for somebody at 192.0.2.1.
#[expect(clippy::needless_pass_by_value, reason = "it is written where it is passed")]
fn with_auth(auth: Value) -> Engine<TestPorts> {
    with_identity(json!({ "auth": auth }))
}

fn with_identity(input: Value) -> Engine<TestPorts> {
    let engine = engine();
    engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
    put(&engine, "ci", input);
    engine.ports.http.forget();
    let address = "192.0.2.1".parse().ok();
    engine.acting_for(Requester::nobody().from(Origin { address, ..Origin::default() }))
}

fn put(engine: &Engine<TestPorts>, name: &str, input: Value) {
    let input = serde_json::from_value(input).expect("a good identity");
    let manager = Requester::first_administrator();
    let acting =
        Engine::new(engine.ports.clone(), crate::fixtures::keys("A"), engine.config.clone());
    acting.acting_for(manager).put_identity(name_of(name), input).expect("puts");
}

fn seconds(engine: &Engine<TestPorts>) -> i64 {
    engine.now().timestamp()
}

/// The message of a refusal.
fn reason(outcome: Result<NewAccessToken, LoginError>) -> String {
    outcome.map(|_| ()).expect_err("is refused").to_string()
}

#[test]
fn what_is_said_of_an_identity_counts_for_its_logins() {
    let auth = json!([{"type": "oidc", "issuer": ISSUER, "audiences": ["kubelease"], "subject": "s",
        "jwks": {"keys": [TestKey::P256.jwk("k1")]}}]);
    for (more, why) in [
        (json!({}), None),
        (json!({"disabled": true}), Some("is disabled")),
        (json!({"access_token": {"trusted_ips": ["10.0.0.0/8"]}}), Some("is not trusted")),
        (json!({"access_token": {"trusted_ips": ["192.0.2.0/24"]}}), None),
    ] {
        let mut input = json!({ "auth": auth });
        for (field, value) in more.as_object().expect("an object") {
            input[field] = value.clone();
        }
        let engine = with_identity(input);
        let exp = seconds(&engine) + 300;
        let jwt = TestKey::P256
            .issue("k1", &json!({"iss": ISSUER, "aud": "kubelease", "sub": "s", "exp": exp}));
        let outcome = block_on(engine.log_in_by_oidc(Some(&name_of("ci")), &jwt));
        match why {
            None => _ = outcome.expect("lets in"),
            Some(why) => assert!(reason(outcome).contains(why), "{more}"),
        }
        let unknown = block_on(engine.log_in_by_oidc(Some(&name_of("nobody")), &jwt));
        assert!(reason(unknown).contains("no identity"));
    }
}
