//! Access tokens: ours are believed, by every key that is configured, and nothing else is.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey};
use jwt_auth::testing::{self, TestKey};
use jwt_auth::{AccessTokenClaims, AccessTokenKeys, JwtError};
use serde_json::{Value, json};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_337_400, 0).expect("a time")
}

fn keys(ids: &[(&str, u8)]) -> AccessTokenKeys {
    let keys = ids.iter().map(|(id, byte)| ((*id).to_owned(), [*byte; 32].into())).collect();
    AccessTokenKeys::new("kubelease:0001".to_owned(), keys)
}

fn claims() -> AccessTokenClaims {
    AccessTokenClaims {
        identity: "ci".to_owned(),
        identity_number: 7,
        accessor: "5a0f".repeat(8),
        issued_at: now(),
        expires_at: now() + TimeDelta::hours(1),
        max_expires_at: now() + TimeDelta::hours(24),
        ttl: 3600,
        max_uses: 0,
        auth_method: "token".to_owned(),
        login_claims: BTreeMap::from([("repository_id".to_owned(), "123".to_owned())]),
    }
}

#[test]
fn a_token_is_believed_until_its_end_and_under_each_key() {
    let old = keys(&[("old", 1)]);
    let token = old.sign_token(&claims());
    let both = keys(&[("new", 2), ("old", 1)]);
    assert_eq!(both.verify_token(token.expose_secret(), now()), Ok(claims()));
    assert_eq!(old.verify_token(token.expose_secret(), now()), Ok(claims()));
    for (seconds, error) in [(3599, None), (3600, Some(JwtError::Expired))] {
        let at = now() + TimeDelta::seconds(seconds);
        assert_eq!(both.verify_token(token.expose_secret(), at).err(), error, "{seconds}");
    }
    let gone = keys(&[("new", 2)]).verify_token(token.expose_secret(), now());
    assert_eq!(gone, Err(JwtError::Signature));
    // Of another installation, by the same key.
    let other =
        AccessTokenKeys::new("kubelease:0002".to_owned(), vec![("old".to_owned(), [1; 32].into())]);
    assert_eq!(other.verify_token(token.expose_secret(), now()), Err(JwtError::Signature));
    assert_eq!(format!("{token:?} {both:?}"), "AccessToken(redacted) AccessTokenKeys(redacted)");
}

#[test]
fn whatever_is_no_access_token_of_ours_is_refused() {
    let keys = keys(&[("k", 1)]);
    let secret = EncodingKey::from_secret(&[1; 32]);
    let good = json!({"iss": "kubelease:0001", "aud": "kubelease:0001", "sub": "ci", "idn": 7, "jti": "5a0f",
        "iat": now().timestamp(), "exp": now().timestamp() + 60, "mex": now().timestamp() + 60, "ttl": 60,
        "uses": 0, "am": "token"});
    let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": "k"});
    let sign = |header: &Value, claims: &Value| {
        testing::sign(&secret, Algorithm::HS256, &header.to_string(), &claims.to_string())
    };
    assert!(keys.verify_token(&sign(&header, &good), now()).is_ok());
    let with = |base: &Value, name: &str, value: Value| {
        let mut changed = base.clone();
        let fields = changed.as_object_mut().expect("an object");
        if value.is_null() {
            fields.remove(name)
        } else {
            fields.insert(name.to_owned(), value)
        };
        changed
    };
    for (name, value) in [
        ("typ", json!("JWT")),
        ("typ", Value::Null),
        ("alg", json!("HS384")),
        ("alg", json!("none")),
        ("alg", json!("RS256")),
        ("kid", json!("other")),
        ("kid", Value::Null),
        ("crit", json!(["x"])),
    ] {
        let token = sign(&with(&header, name, value.clone()), &good);
        assert!(keys.verify_token(&token, now()).is_err(), "header {name}: {value}");
    }
    for (name, value) in [
        ("iss", json!("kubelease:0002")),
        ("iss", Value::Null),
        ("aud", json!("other")),
        ("aud", Value::Null),
        ("sub", Value::Null),
        ("sub", json!(7)),
        ("idn", json!("7")),
        ("idn", json!(-7)),
        ("jti", Value::Null),
        ("exp", json!(now().timestamp())),
        ("exp", json!("never")),
        ("exp", Value::Null),
        ("mex", Value::Null),
        ("ttl", json!(-1)),
        ("uses", json!("0")),
    ] {
        let token = sign(&header, &with(&good, name, value.clone()));
        assert!(keys.verify_token(&token, now()).is_err(), "{name}: {value}");
    }
    // An ID token of a key whose public half everybody knows, and one that says it is ours.
    let foreign = TestKey::Rsa.sign(Algorithm::RS256, &with(&header, "alg", json!("RS256")), &good);
    for token in [foreign.as_str(), "", "a.b.c", "secret"] {
        assert!(keys.verify_token(token, now()).is_err(), "{token}");
    }
}
