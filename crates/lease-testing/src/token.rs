//! Tokens, as kube-apiserver 1.36 issues them but for the signature.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// The UID of the account `deployer` in namespace `apps` of the first cluster.
pub const DEPLOYER_UID: &str = "aaaaaaaa-0000-4000-8000-000000000002";

/// A token that is bound to nothing, of the account that tests begin with: it has that account's UID.
#[must_use]
pub fn token(namespace: &str, account: &str, issued: i64, expires: i64) -> String {
    let private = json!({
        "namespace": namespace, "serviceaccount": {"name": account, "uid": DEPLOYER_UID},
    });
    encode(&json!({
        "sub": format!("system:serviceaccount:{namespace}:{account}"),
        "aud": [AUDIENCE],
        "iat": issued,
        "nbf": issued,
        "exp": expires,
        "iss": AUDIENCE,
        "jti": "5a0f",
        "kubernetes.io": private,
    }))
}

/// Whose token is asked for, and by what it ends.
pub(super) struct Subject<'a> {
    pub(super) namespace: &'a str,
    pub(super) account: &'a str,
    pub(super) account_uid: &'a str,
    /// Name and UID.
    pub(super) secret: Option<(&'a str, &'a str)>,
}

pub(super) fn claims(
    subject: &Subject<'_>,
    audiences: &Value,
    issued: DateTime<Utc>,
    seconds: u64,
    number: u64,
) -> Value {
    let audiences = match audiences.as_array() {
        Some(audiences) if !audiences.is_empty() => json!(audiences),
        _ => json!([AUDIENCE]),
    };
    let Subject { namespace, account, account_uid, secret } = subject;
    let issued = issued.timestamp();
    let mut claims = json!({
        "sub": format!("system:serviceaccount:{namespace}:{account}"),
        "aud": audiences,
        "iat": issued,
        "nbf": issued,
        "exp": issued + i64::try_from(seconds).unwrap_or(i64::MAX / 2),
        "iss": AUDIENCE,
        "jti": format!("00000000-0000-4000-8000-{number:012x}"),
        "kubernetes.io": {
            "namespace": namespace, "serviceaccount": {"name": account, "uid": account_uid},
        },
    });
    if let Some((name, uid)) = secret {
        claims["kubernetes.io"]["secret"] = json!({"name": name, "uid": uid});
    }
    claims
}

pub(super) fn encode(claims: &Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(b"test");
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).expect("encodes")
}

/// The audience of a token that names nobody.
const AUDIENCE: &str = "https://kubernetes.default.svc";
