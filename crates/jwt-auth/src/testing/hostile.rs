//! Tokens that nobody should be let in by, each with what is wrong with it.

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::{TestKey, encode, sign};

/// Returns tokens that differ from a good one of [`TestKey::P256`] in one thing that matters. `claims` are those of
/// the good one, which the key signs under the id `p256`.
#[must_use]
pub fn hostile_tokens(claims: &Value) -> Vec<(String, String)> {
    let mut tokens = wrong_headers(claims);
    tokens.extend(wrong_claims(claims));
    tokens.extend(wrong_signatures(claims));
    tokens.extend(wrong_texts(claims));
    tokens
}

fn wrong_headers(claims: &Value) -> Vec<(String, String)> {
    let evil = TestKey::OtherRsa.jwk("evil");
    let algorithms = [
        "none", "None", "NONE", "nOnE", "", " ES256", "es256", "HS256", "HS384", "HS512", "ES384",
        "ES512", "ES256K", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA",
        "Ed25519", "dir", "A128KW",
    ];
    let mut headers: Vec<Value> =
        algorithms.map(|alg| json!({"alg": alg, "kid": "p256", "typ": "JWT"})).into();
    headers.extend(
        [json!(null), json!(7), json!(true), json!(["ES256"]), json!({"ES256": true})]
            .map(|alg| json!({"alg": alg, "kid": "p256"})),
    );
    headers.push(json!({"kid": "p256"}));
    headers.extend(
        [
            json!(""),
            json!("evil"),
            json!("P256"),
            json!("p256 "),
            json!("p256\u{0}"),
            json!("../p256"),
            json!("../../../../dev/null"),
            json!("p256'--"),
            json!("p256|cat /etc/passwd"),
            json!("https://evil.example/key"),
            json!(7),
            json!(null),
            json!(["p256"]),
            json!({"p256": 1}),
        ]
        .map(|kid| json!({"alg": "ES256", "kid": kid})),
    );
    headers.extend([
        json!({"alg": "ES256"}),
        json!({"alg": "ES256", "jwk": evil}),
        json!({"alg": "ES256", "kid": "evil", "jwk": evil}),
        json!({"alg": "ES256", "jku": "https://evil.example/jwks"}),
        json!({"alg": "ES256", "kid": "evil", "jku": "https://evil.example/jwks"}),
        json!({"alg": "ES256", "kid": "evil", "x5u": "https://evil.example/x5u"}),
        json!({"alg": "ES256", "kid": "evil", "x5c": ["AAAA"]}),
    ]);
    headers.extend(
        [
            json!(["exp"]),
            json!(["b64"]),
            json!([]),
            json!(null),
            json!("b64"),
            json!(["unheard-of"]),
        ]
        .map(|crit| json!({"alg": "ES256", "kid": "p256", "crit": crit, "b64": false})),
    );
    headers.extend(
        [
            json!("at+jwt"),
            json!("secevent+jwt"),
            json!("JWE"),
            json!("JWT "),
            json!(7),
            json!(null),
        ]
        .map(|typ| json!({"alg": "ES256", "kid": "p256", "typ": typ})),
    );
    let label = |header: &Value| format!("header {header}");
    headers
        .into_iter()
        .map(|header| (label(&header), TestKey::P256.sign(Algorithm::ES256, &header, claims)))
        .collect()
}

fn wrong_claims(claims: &Value) -> Vec<(String, String)> {
    let exp = claims["exp"].as_i64().unwrap_or_default();
    let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    let issuer = text("iss");
    let mut changes = vec![];
    let mut change = |name: &'static str, values: Vec<Value>| {
        changes.extend(values.into_iter().map(|value| (name, value)));
    };
    change(
        "iss",
        vec![
            json!(format!("{issuer}/")),
            json!(format!("{issuer}.evil.example")),
            json!(issuer.to_uppercase()),
            json!(format!(" {issuer}")),
            json!([issuer]),
            json!({"url": issuer}),
            json!(7),
            json!(true),
            json!(""),
            Value::Null,
        ],
    );
    change(
        "aud",
        vec![
            json!("kubelease2"),
            json!("KUBELEASE"),
            json!("kubelease "),
            json!("https://github.com/acme"),
            json!([]),
            json!([""]),
            json!([["kubelease"]]),
            json!(["kubelease", 7]),
            json!({"kubelease": 1}),
            json!(true),
            json!(7),
            json!(""),
            Value::Null,
        ],
    );
    change(
        "exp",
        vec![
            json!(exp - 100_000),
            json!(0),
            json!(-1),
            json!(1),
            json!(9e18),
            json!(-9e18),
            json!(1e300),
            json!(exp.to_string()),
            json!([exp]),
            json!({"at": exp}),
            json!(true),
            json!(""),
            Value::Null,
        ],
    );
    change(
        "nbf",
        vec![json!(exp + 100_000), json!(exp.to_string()), json!([exp]), json!(9e18), json!("")],
    );
    change("iat", vec![json!(exp + 100_000), json!("now"), json!([exp]), json!(9e18), json!({})]);
    change("sub", vec![json!(""), json!([text("sub")]), json!(7), json!({}), Value::Null]);
    changes
        .into_iter()
        .map(|(name, value)| {
            let mut broken = claims.clone();
            match (&value, broken.as_object_mut()) {
                (Value::Null, Some(fields)) => _ = fields.remove(name),
                _ => broken[name] = value.clone(),
            }
            (format!("{name} {value}"), TestKey::P256.issue("p256", &broken))
        })
        .collect()
}

fn wrong_signatures(claims: &Value) -> Vec<(String, String)> {
    let good = TestKey::P256.issue("p256", claims);
    let (message, signature) = good.rsplit_once('.').unwrap_or_default();
    let jwk = TestKey::Rsa.jwk("rsa");
    let mut tokens = vec![
        ("no signature".to_owned(), format!("{message}.")),
        ("a signature of nothing".to_owned(), format!("{message}.AAAA")),
        ("zeros".to_owned(), format!("{message}.{}", "A".repeat(86))),
        ("half a signature".to_owned(), format!("{message}.{}", &signature[..43])),
        ("a signature and more".to_owned(), format!("{message}.{signature}AAAA")),
        ("another key's".to_owned(), TestKey::Rsa.issue("other", claims)),
        ("a weak key's".to_owned(), TestKey::WeakRsa.issue("rsa", claims)),
        ("another algorithm's".to_owned(), {
            let header = json!({"alg": "RS512", "kid": "rsa"});
            TestKey::Rsa.sign(Algorithm::RS256, &header, claims)
        }),
        ("an access token's".to_owned(), {
            let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": "p256"}).to_string();
            sign(
                &EncodingKey::from_secret(&[0; 32]),
                Algorithm::HS256,
                &header,
                &claims.to_string(),
            )
        }),
    ];
    for secret in [jwk.to_string(), jwk["n"].as_str().unwrap_or_default().to_owned(), String::new()]
    {
        for (named, algorithm) in
            [("HS256", Algorithm::HS256), ("HS512", Algorithm::HS512), ("RS256", Algorithm::HS256)]
        {
            let header = json!({"alg": named, "kid": "rsa"}).to_string();
            let key = EncodingKey::from_secret(secret.as_bytes());
            let token = sign(&key, algorithm, &header, &claims.to_string());
            tokens.push((format!("{named} by what is public"), token));
        }
    }
    tokens
}

fn wrong_texts(claims: &Value) -> Vec<(String, String)> {
    let good = TestKey::P256.issue("p256", claims);
    let plain = r#"{"alg":"ES256","kid":"p256"}"#;
    let body = claims.to_string();
    let sign_parts =
        |header: &str, claims: &str| TestKey::P256.sign_text(Algorithm::ES256, header, claims);
    let field_twice =
        |field: &str| sign_parts(plain, &body.replacen('{', &format!("{{{field},"), 1));
    let head_twice =
        |field: &str| sign_parts(&plain.replacen('{', &format!("{{{field},"), 1), &body);
    let parts: Vec<_> = good.split('.').collect();
    [
        ("nothing", String::new()),
        ("a word", "secret".to_owned()),
        ("dots", "..".to_owned()),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{good}.{}", parts[2])),
        ("five parts, as a JWE has", format!("{good}.a.b")),
        ("a scheme before it", format!("Bearer {good}")),
        ("padding", format!("{good}=")),
        ("another alphabet", good.replace(['-', '_'], "+") + "+/"),
        ("a line break inside", good.replacen('.', ".\n", 1)),
        ("no header", format!(".{}.{}", parts[1], parts[2])),
        ("no claims", format!("{}..{}", parts[0], parts[2])),
        ("a header that is a list", sign_parts("[]", &body)),
        ("a header that is nothing", sign_parts("", &body)),
        ("claims that are a list", sign_parts(plain, "[]")),
        ("claims that are null", sign_parts(plain, "null")),
        ("claims that break off", sign_parts(plain, "{\"iss\":")),
        ("claims after a byte order mark", sign_parts(plain, &format!("\u{feff}{body}"))),
        ("claims with more behind", sign_parts(plain, &format!("{body}{{}}"))),
        (
            "deep claims",
            sign_parts(plain, &format!("{{\"x\":{}1{}}}", "[".repeat(500), "]".repeat(500))),
        ),
        ("`iss` twice", field_twice(r#""iss":"https://evil.example""#)),
        ("`sub` twice", field_twice(r#""sub":"a""#)),
        ("`exp` twice", field_twice(r#""exp":1"#)),
        ("an escaped name twice", field_twice(r#""\u0061ud":"a""#)),
        ("a name twice inside", field_twice(r#""x":{"y":1,"y":2}"#)),
        ("`alg` twice", head_twice(r#""alg":"none""#)),
        ("`kid` twice", head_twice(r#""kid":"rsa""#)),
        (
            "20,000 bytes",
            sign_parts(
                plain,
                &body.replacen('{', &format!("{{\"x\":\"{}\",", "y".repeat(20_000)), 1),
            ),
        ),
        ("claims in the clear", format!("{}.{}.{}", encode(plain), body, parts[2])),
    ]
    .map(|(label, token)| (label.to_owned(), token))
    .into()
}
