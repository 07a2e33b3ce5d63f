//! ID tokens: good ones are believed, and each rule that one breaks is named.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey};
use jwt_auth::testing::{self, TestKey};
use jwt_auth::{
    IdTokenRequirements, JwtError, KeySet, SigningAlgorithm, UnverifiedJwt, VerifiedClaims,
};
use serde_json::{Value, json};

const NOW: i64 = 1_795_337_400;
const ISSUER: &str = "https://ci.example";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).expect("a time")
}

fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "repo:acme/app:ref:refs/heads/main", "aud": "kubelease",
           "exp": NOW + 300, "iat": NOW, "nbf": NOW - 600, "repository_id": "123"})
}

/// The good claims with one of them changed; `null` leaves it out.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let fields = claims.as_object_mut().expect("an object");
    if value.is_null() {
        fields.remove(name)
    } else {
        fields.insert(name.to_owned(), value)
    };
    claims
}

fn key_set(keys: &[(TestKey, &str)]) -> KeySet {
    let keys: Vec<_> = keys.iter().map(|(key, id)| key.jwk(id)).collect();
    KeySet::from_value(&json!({ "keys": keys })).expect("a key set")
}

fn all_keys() -> KeySet {
    use TestKey::{Ed25519, OtherRsa, P256, P384, Rsa};
    key_set(&[(Rsa, "rsa"), (OtherRsa, "other"), (P256, "p256"), (P384, "p384"), (Ed25519, "ed")])
}

fn verify(token: &str, keys: &KeySet) -> Result<VerifiedClaims, JwtError> {
    let audiences = ["other".to_owned(), "kubelease".to_owned()];
    let expected = IdTokenRequirements {
        issuer: ISSUER,
        audiences: &audiences,
        algorithms: &SigningAlgorithm::ALL,
        max_age: Some(TimeDelta::minutes(10)),
    };
    UnverifiedJwt::parse(token)?.verify_signature_and_claims(keys, &expected, now())
}

#[test]
fn a_token_of_each_kind_of_key_is_believed() {
    use TestKey::{Ed25519, P256, P384, Rsa};
    for (key, id, algorithm) in [
        (Rsa, "rsa", Algorithm::RS256),
        (Rsa, "rsa", Algorithm::RS384),
        (Rsa, "rsa", Algorithm::RS512),
        (Rsa, "rsa", Algorithm::PS256),
        (Rsa, "rsa", Algorithm::PS384),
        (Rsa, "rsa", Algorithm::PS512),
        (P256, "p256", Algorithm::ES256),
        (P384, "p384", Algorithm::ES384),
        (Ed25519, "ed", Algorithm::EdDSA),
    ] {
        // Most issuers name the algorithm of a key; where they do, no other is accepted for it.
        let mut jwk = key.jwk(id);
        jwk.as_object_mut().expect("an object").remove("alg");
        let keys = KeySet::from_value(&json!({ "keys": [jwk, TestKey::OtherRsa.jwk("other")] }));
        let header = json!({"alg": algorithm, "kid": id});
        let token = key.sign(algorithm, &header, &claims());
        let verified = verify(&token, &keys.expect("a key set")).expect("is believed");
        assert_eq!(verified.get("repository_id"), Some(&json!("123")), "{algorithm:?}");
        assert_eq!(verified.expires_at().timestamp(), NOW + 300);
    }
}

#[test]
fn claims_are_looked_at_one_by_one() {
    use JwtError::{Audience, Claim, Expired, Issuer, NotYetValid, TooOld};
    let far = json!(9e18);
    for (name, value, error) in [
        ("iss", json!("https://ci.example/"), Some(Issuer)),
        ("iss", json!("https://CI.example"), Some(Issuer)),
        ("iss", json!([ISSUER]), Some(Claim("iss"))),
        ("iss", json!(7), Some(Claim("iss"))),
        ("iss", Value::Null, Some(Claim("iss"))),
        ("sub", Value::Null, Some(Claim("sub"))),
        ("sub", json!(""), Some(Claim("sub"))),
        ("sub", json!(["a"]), Some(Claim("sub"))),
        ("aud", json!(["kubelease"]), None),
        ("aud", json!(["a", "kubelease"]), None),
        ("aud", json!("other"), None),
        ("aud", json!("kubelease "), Some(Audience)),
        ("aud", json!("KUBELEASE"), Some(Audience)),
        ("aud", json!([]), Some(Audience)),
        ("aud", json!(""), Some(Audience)),
        ("aud", json!("https://github.com/acme"), Some(Audience)),
        ("aud", json!(["kubelease", 7]), Some(Claim("aud"))),
        ("aud", json!({"kubelease": true}), Some(Claim("aud"))),
        ("aud", json!(true), Some(Claim("aud"))),
        ("aud", Value::Null, Some(Claim("aud"))),
        ("exp", json!(NOW - 59), None),
        ("exp", json!(NOW - 60), Some(Expired)),
        ("exp", json!(0), Some(Expired)),
        ("exp", json!(-1), Some(Claim("exp"))),
        ("exp", far.clone(), Some(Claim("exp"))),
        ("exp", json!((NOW + 300).to_string()), Some(Claim("exp"))),
        ("exp", json!([NOW + 300]), Some(Claim("exp"))),
        ("exp", json!(true), Some(Claim("exp"))),
        ("exp", Value::Null, Some(Claim("exp"))),
        ("nbf", json!(NOW + 60), None),
        ("nbf", json!(NOW + 61), Some(NotYetValid)),
        ("nbf", json!("soon"), Some(Claim("nbf"))),
        ("nbf", far.clone(), Some(Claim("nbf"))),
        ("nbf", Value::Null, None),
        ("iat", json!(NOW + 60), None),
        ("iat", json!(NOW + 61), Some(NotYetValid)),
        ("iat", json!(NOW - 660), None),
        ("iat", json!(NOW - 661), Some(TooOld)),
        ("iat", json!("now"), Some(Claim("iat"))),
        ("iat", far, Some(Claim("iat"))),
        ("iat", Value::Null, Some(Claim("iat"))),
    ] {
        let token = TestKey::P256.issue("p256", &with(name, value.clone()));
        assert_eq!(verify(&token, &all_keys()).err(), error, "{name}: {value}");
    }
}

#[test]
fn headers_choose_neither_key_nor_algorithm() {
    use JwtError::{Algorithm as Alg, Critical, KeyIdMissing, Malformed, Signature, Type};
    use JwtError::{UnfitKey, UnknownKey};
    let own = TestKey::OtherRsa.jwk("evil");
    for (header, error) in [
        (json!({"alg": "ES256", "kid": "p256"}), None),
        (json!({"alg": "ES256", "kid": "p256", "typ": "jwt"}), None),
        // RFC 7515 §4.1.2 to §4.1.8: whoever sends the token says these, so none is looked at.
        (json!({"alg": "ES256", "kid": "p256", "jku": "https://evil.example/jwks"}), None),
        (json!({"alg": "ES256", "kid": "p256", "x5u": "https://evil.example/x5u"}), None),
        (json!({"alg": "ES256", "kid": "p256", "jwk": own}), None),
        (json!({"alg": "ES256", "kid": "p256", "x5c": ["AAAA"]}), None),
        (json!({"alg": "ES256"}), Some(KeyIdMissing)),
        (json!({"alg": "ES256", "jwk": own}), Some(KeyIdMissing)),
        (json!({"alg": "ES256", "kid": "evil", "jwk": own}), Some(UnknownKey)),
        (json!({"alg": "ES256", "kid": ""}), Some(UnknownKey)),
        (json!({"alg": "ES256", "kid": "P256"}), Some(UnknownKey)),
        (json!({"alg": "ES256", "kid": "../p256"}), Some(UnknownKey)),
        (json!({"alg": "ES256", "kid": "p256' OR '1'='1"}), Some(UnknownKey)),
        (json!({"alg": "ES256", "kid": "p256\0"}), Some(UnknownKey)),
        (json!({"alg": "ES256", "kid": "/dev/null"}), Some(UnknownKey)),
        (json!({"alg": "ES256", "kid": ["p256"]}), Some(Malformed)),
        (json!({"alg": "ES256", "kid": 7}), Some(Malformed)),
        (json!({"alg": "ES256", "kid": null}), Some(Malformed)),
        (json!({"alg": "ES256", "kid": "rsa"}), Some(UnfitKey)),
        (json!({"alg": "ES256", "kid": "p384"}), Some(UnfitKey)),
        (json!({"alg": "ES256", "kid": "ed"}), Some(UnfitKey)),
        (json!({"alg": "ES384", "kid": "p256"}), Some(UnfitKey)),
        (json!({"alg": "RS256", "kid": "p256"}), Some(UnfitKey)),
        (json!({"alg": "RS256", "kid": "rsa"}), Some(Signature)),
        (json!({"alg": "RS512", "kid": "rsa"}), Some(UnfitKey)),
        (json!({"alg": "EdDSA", "kid": "ed"}), Some(Signature)),
        (json!({"alg": "none", "kid": "p256"}), Some(Alg)),
        (json!({"alg": "None", "kid": "p256"}), Some(Alg)),
        (json!({"alg": "nOnE", "kid": "p256"}), Some(Alg)),
        (json!({"alg": "", "kid": "p256"}), Some(Alg)),
        (json!({"alg": "HS256", "kid": "p256"}), Some(Alg)),
        (json!({"alg": "HS384", "kid": "p256"}), Some(Alg)),
        (json!({"alg": "HS512", "kid": "p256"}), Some(Alg)),
        (json!({"alg": "es256", "kid": "p256"}), Some(Alg)),
        (json!({"alg": "ES256K", "kid": "p256"}), Some(Alg)),
        (json!({"alg": "ES512", "kid": "p256"}), Some(Alg)),
        (json!({"alg": "dir", "enc": "A256GCM", "kid": "p256"}), Some(Alg)),
        (json!({"alg": ["ES256"], "kid": "p256"}), Some(Alg)),
        (json!({"alg": null, "kid": "p256"}), Some(Alg)),
        (json!({"alg": 7, "kid": "p256"}), Some(Alg)),
        (json!({"kid": "p256"}), Some(Alg)),
        (json!({"alg": "ES256", "kid": "p256", "crit": ["exp"]}), Some(Critical)),
        (json!({"alg": "ES256", "kid": "p256", "crit": []}), Some(Critical)),
        (json!({"alg": "ES256", "kid": "p256", "crit": null}), Some(Critical)),
        (json!({"alg": "ES256", "kid": "p256", "crit": ["b64"], "b64": false}), Some(Critical)),
        (json!({"alg": "ES256", "kid": "p256", "typ": "at+jwt"}), Some(Type)),
        (json!({"alg": "ES256", "kid": "p256", "typ": "secevent+jwt"}), Some(Type)),
        (json!({"alg": "ES256", "kid": "p256", "typ": ["JWT"]}), Some(Type)),
        (json!({"alg": "ES256", "kid": "p256", "typ": null}), Some(Type)),
    ] {
        let token = TestKey::P256.sign(Algorithm::ES256, &header, &claims());
        assert_eq!(verify(&token, &all_keys()).err(), error, "{header}");
    }
}

#[test]
fn a_public_key_is_no_secret_to_sign_with() {
    let jwk = TestKey::Rsa.jwk("rsa");
    let modulus = jwk["n"].as_str().expect("a modulus").to_owned();
    for secret in [jwk.to_string(), modulus, "rsa".to_owned(), String::new()] {
        let key = EncodingKey::from_secret(secret.as_bytes());
        for (algorithm, named, error) in [
            (Algorithm::HS256, "HS256", JwtError::Algorithm),
            (Algorithm::HS512, "HS512", JwtError::Algorithm),
            (Algorithm::HS256, "RS256", JwtError::Signature),
        ] {
            let header = json!({"alg": named, "kid": "rsa"}).to_string();
            let token = testing::sign(&key, algorithm, &header, &claims().to_string());
            assert_eq!(verify(&token, &all_keys()).err(), Some(error), "{named}");
        }
    }
}

#[test]
fn what_is_not_written_as_a_token_is_read_by_nobody() {
    use JwtError::{Malformed, Signature, TooLong};
    let good = TestKey::P256.issue("p256", &claims());
    let parts: Vec<_> = good.split('.').map(str::to_owned).collect();
    let (header, body, signature) = (&parts[0], &parts[1], &parts[2]);
    let other = TestKey::P256.issue("p256", &with("sub", json!("somebody")));
    let others: Vec<_> = other.split('.').collect();
    let text =
        |header: &str, claims: &str| TestKey::P256.sign_text(Algorithm::ES256, header, claims);
    let plain = r#"{"alg":"ES256","kid":"p256"}"#;
    let mut rows = vec![
        (String::new(), Malformed),
        (".".to_owned(), Malformed),
        ("..".to_owned(), Malformed),
        ("a.b.c".to_owned(), Malformed),
        (format!("{header}.{body}"), Malformed),
        (format!("{header}.{body}."), Malformed),
        (format!("{header}..{signature}"), Malformed),
        (format!(".{body}.{signature}"), Malformed),
        (format!("{good}."), Malformed),
        (format!("{good}.{signature}"), Malformed),
        (format!("{good}.a.b"), Malformed),
        (format!(" {good}"), Malformed),
        (format!("{good}\n"), Malformed),
        (format!("{good}="), Malformed),
        (format!("Bearer {good}"), Malformed),
        (good.replace('.', "%2e"), Malformed),
        (format!("{header}.{body}.{}", "AAAA"), Signature),
        (format!("{header}.{body}.{}", signature.to_lowercase()), Signature),
        (format!("{header}.{}.{signature}", others[1]), Signature),
        (format!("{header}.{body}.{}", others[2]), Signature),
        (text(plain, "[]"), Malformed),
        (text(plain, "null"), Malformed),
        (text(plain, "\"text\""), Malformed),
        (text(plain, ""), Malformed),
        (text(plain, "{\"iss\":"), Malformed),
        (text(plain, "\u{feff}{}"), Malformed),
        (text("[]", "{}"), Malformed),
        (text("", "{}"), Malformed),
        // Which of the two would count?
        (text(plain, &claims().to_string().replace('{', r#"{"sub":"a","#)), Malformed),
        (text(plain, &claims().to_string().replace('{', r#"{"x":{"y":1,"y":2},"#)), Malformed),
        (
            text(plain, &claims().to_string().replace('{', r#"{"iss":"https://evil.example","#)),
            Malformed,
        ),
        (text(plain, &claims().to_string().replace('{', r#"{"\u0069ss":"x","#)), Malformed),
        (text(&plain.replace('{', r#"{"alg":"none","#), &claims().to_string()), Malformed),
        (text(&plain.replace('{', r#"{"kid":"rsa","#), &claims().to_string()), Malformed),
        (text(plain, &format!("{{\"x\":{}1{}}}", "[".repeat(400), "]".repeat(400))), Malformed),
        (text(plain, &with("x", json!("y".repeat(20_000))).to_string()), TooLong),
    ];
    // An ES256 signature in DER is not a JWS signature, and neither is one that is cut or has more to it.
    for length in [2, 4, 43, 84] {
        rows.push((format!("{header}.{body}.{}", &signature[..length]), Signature));
    }
    let der = "MEUCIQDzJ4uQ3q1sXq5yqf8q0Zk1wqQeR9mY3mVn0l2m7p3o1gIgB9mY3mVn0l2m7p3o1gB9mY3mVn0l2m7p3o1gB9mY3w";
    rows.push((format!("{header}.{body}.{der}"), Signature));
    for (token, error) in rows {
        let refused = verify(&token, &all_keys()).err();
        let is_right = refused == Some(error)
            // A cut signature may not even be base64url.
            || (error == Signature && refused == Some(Malformed));
        assert!(is_right, "{token}: {refused:?}, not {error:?}");
    }
}

#[test]
fn one_changed_character_of_the_signature_or_the_claims_is_seen() {
    let good = TestKey::P256.issue("p256", &claims());
    assert!(verify(&good, &all_keys()).is_ok());
    let start = good.find('.').expect("a dot") + 1;
    for at in (start..good.len() - 1).step_by(7) {
        let mut bytes = good.clone().into_bytes();
        if bytes[at] == b'.' {
            continue;
        }
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let token = String::from_utf8(bytes).expect("text");
        assert!(verify(&token, &all_keys()).is_err(), "byte {at}");
    }
}

#[test]
fn only_keys_that_could_verify_are_kept() {
    let strong = TestKey::P256.jwk("p256");
    let change = |name: &str, value: Value| {
        let mut key = strong.clone();
        key[name] = value;
        key
    };
    for (key, kept) in [
        (strong.clone(), true),
        (change("use", json!("enc")), false),
        (change("key_ops", json!(["verify"])), true),
        (change("key_ops", json!(["sign"])), false),
        (change("crv", json!("P-521")), false),
        (change("crv", json!("secp256k1")), false),
        (change("kty", json!("RSA")), false),
        (change("kty", json!("unheard-of")), false),
        (change("alg", json!("ES384")), false),
        (TestKey::WeakRsa.jwk("weak"), false),
        (json!({"kty": "oct", "k": "c2VjcmV0", "kid": "oct"}), false),
        (json!({"kty": "RSA"}), false),
        (json!("key"), false),
        (json!(null), false),
    ] {
        let set = KeySet::from_value(&json!({ "keys": [key, TestKey::Ed25519.jwk("ed")] }));
        assert_eq!(set.expect("a key set").len(), if kept { 2 } else { 1 }, "{key}");
    }
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[],"keys":[]}"#] {
        assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
    }
    let long = format!("{}{}", " ".repeat(100 * 1024), json!({ "keys": [strong] }));
    assert!(KeySet::parse(long.as_bytes()).is_err());
}

#[test]
fn a_set_of_one_key_needs_no_id() {
    for (id_of_key, id_of_token, error) in [
        (Some("p256"), None, None),
        (None, Some("any"), None),
        (None, None, None),
        (Some("p256"), Some("p256"), None),
        (Some("p256"), Some("other"), Some(JwtError::UnknownKey)),
    ] {
        let mut jwk = TestKey::P256.jwk("p256");
        if id_of_key.is_none() {
            jwk.as_object_mut().expect("an object").remove("kid");
        }
        let keys = KeySet::from_value(&json!({ "keys": [jwk] })).expect("a key set");
        let mut header = json!({"alg": "ES256"});
        if let Some(id) = id_of_token {
            header["kid"] = json!(id);
        }
        let token = TestKey::P256.sign(Algorithm::ES256, &header, &claims());
        assert_eq!(verify(&token, &keys).err(), error, "{id_of_key:?} {id_of_token:?}");
    }
}

#[test]
fn no_hostile_token_is_believed() {
    let tokens = testing::hostile_tokens(&claims());
    assert!(tokens.len() >= 150, "{}", tokens.len());
    for (label, token) in tokens {
        assert!(verify(&token, &all_keys()).is_err(), "{label}");
    }
}
