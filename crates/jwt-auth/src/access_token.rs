//! The access tokens that kubelease gives out itself.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::serde::ts_seconds;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{JwtError, UnverifiedJwt};

/// The keys that access tokens are signed and verified with: HMAC-SHA-256, since nobody else has to verify them.
pub struct AccessTokenKeys {
    /// The installation, which is both issuer and audience.
    issuer: String,
    /// The first signs; all verify.
    keys: Vec<(String, Zeroizing<[u8; 32]>)>,
}

/// An access token: delivered once, in one answer; never stored, never logged.
pub struct AccessToken(Zeroizing<String>);

/// The claims of an access token. What may change (grants, addresses, whether the identity exists) is not
/// among them: it is read when the token is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// The name of the identity.
    #[serde(rename = "sub")]
    pub identity: String,
    /// The number of the identity, which is never given again: one that is made anew under its name does not
    /// bring old tokens back.
    #[serde(rename = "idn")]
    pub identity_number: u64,
    /// The token's own id, by which it can be revoked and found in the audit log without being known. All tokens
    /// of one login have the same.
    #[serde(rename = "jti")]
    pub accessor: String,
    /// The time of the login.
    #[serde(rename = "iat", with = "ts_seconds")]
    pub issued_at: DateTime<Utc>,
    /// The end of this token.
    #[serde(rename = "exp", with = "ts_seconds")]
    pub expires_at: DateTime<Utc>,
    /// The end past which no renewal goes.
    #[serde(rename = "mex", with = "ts_seconds")]
    pub max_expires_at: DateTime<Utc>,
    /// The lifetime that a renewal gives, in seconds.
    pub ttl: u32,
    /// The number of requests that it is good for; 0 for any number.
    #[serde(rename = "uses")]
    pub max_uses: u32,
    /// The way in which its bearer logged in, as `kubernetes`.
    #[serde(rename = "am")]
    pub auth_method: String,
    /// The claims by which the login was decided.
    #[serde(rename = "cl", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub login_claims: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct SignedClaims<C> {
    iss: String,
    aud: String,
    #[serde(flatten)]
    claims: C,
}

impl AccessTokenKeys {
    /// Signs with the first of `keys`, and verifies with all; each has an id, which tells nothing of it.
    #[must_use]
    pub fn new(issuer: String, keys: Vec<(String, Zeroizing<[u8; 32]>)>) -> Self {
        Self { issuer, keys }
    }

    /// Signs an access token.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it does not panic: see below")]
    pub fn sign_token(&self, claims: &AccessTokenClaims) -> AccessToken {
        let mut header = Header::new(ALGORITHM);
        header.typ = Some(ACCESS_TOKEN_TYPE.to_owned());
        let (iss, aud) = (self.issuer.clone(), self.issuer.clone());
        // Unwrap safety: a keyring has at least its current key, and claims of texts and numbers serialise.
        let (id, key) = self.keys.first().unwrap();
        header.kid = Some(id.clone());
        let key = EncodingKey::from_secret(key.as_slice());
        // Unwrap safety: as above; HMAC takes a key of any length.
        let token =
            jsonwebtoken::encode(&header, &SignedClaims { iss, aud, claims }, &key).unwrap();
        AccessToken(Zeroizing::new(token))
    }

    /// Verifies an access token of ours and reads its claims.
    ///
    /// The work is the same for an expired one, one of another installation and one that is no token: each is
    /// checked against a key.
    ///
    /// # Errors
    /// Fails with the reason, which is for the audit log alone.
    pub fn verify_token(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<AccessTokenClaims, JwtError> {
        let claims = self.verify_ignoring_expiry(token)?;
        // No leeway: it is our own clock that set the end.
        if now >= claims.expires_at { Err(JwtError::Expired) } else { Ok(claims) }
    }

    /// Verifies that an access token is ours and reads its claims, be its time over or not.
    ///
    /// # Errors
    /// Fails with the reason, which is for the audit log alone.
    pub fn verify_ignoring_expiry(&self, token: &str) -> Result<AccessTokenClaims, JwtError> {
        let unverified = UnverifiedJwt::parse(token);
        let id = unverified.as_ref().ok().and_then(|jwt| jwt.key_id().ok().flatten());
        let key = self.keys.iter().find(|(known, _)| Some(known.as_str()) == id);
        let is_known = key.is_some();
        let Some((_, key)) = key.or(self.keys.first()) else { return Err(JwtError::UnknownKey) };
        // Before anything else is looked at, and of what is no token too: nobody learns by the time it takes.
        let is_signed = is_signature_valid(token, key);
        let unverified = unverified?;
        unverified.check_type_and_crit(ACCESS_TOKEN_TYPE)?;
        unverified.key_id()?;
        if !unverified.names_algorithm(ALGORITHM_NAME) {
            return Err(JwtError::Algorithm);
        }
        if !is_signed {
            return Err(JwtError::Signature);
        }
        let claims = Value::Object(unverified.claims().as_map().clone());
        let signed: Result<SignedClaims<AccessTokenClaims>, _> = serde_json::from_value(claims);
        let signed = signed.map_err(|_| JwtError::Signature)?;
        if signed.iss != self.issuer || signed.aud != self.issuer {
            return Err(JwtError::Signature);
        }
        if is_known { Ok(signed.claims) } else { Err(JwtError::UnknownKey) }
    }
}

/// Returns true if a token is signed with a key. The work depends on its length alone: what has no signature is compared
/// with one that nothing has.
fn is_signature_valid(token: &str, key: &[u8; 32]) -> bool {
    #[cfg(test)]
    tests::CHECKED.with(|count| count.set(count.get() + 1));
    let (message, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    let is_mac = URL_SAFE_NO_PAD.decode(signature).is_ok_and(|mac| mac.len() == MAC_BYTES);
    let signature = if is_mac { signature } else { DUMMY_SIGNATURE };
    let key = DecodingKey::from_secret(key);
    let checked = jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, ALGORITHM);
    is_mac && checked.unwrap_or(false)
}

impl AccessToken {
    /// Returns the token, for the one answer that delivers it.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl Serialize for AccessToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(redacted)")
    }
}

impl fmt::Debug for AccessTokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessTokenKeys(redacted)")
    }
}

/// The type of an access token (RFC 9068 §2.1): an ID token says `JWT` or nothing, so neither is taken for the
/// other (RFC 8725 §3.11).
const ACCESS_TOKEN_TYPE: &str = "at+jwt";

const ALGORITHM: Algorithm = Algorithm::HS256;
const ALGORITHM_NAME: &str = "HS256";

/// The length of a MAC.
const MAC_BYTES: usize = 32;

/// A text that is a MAC, of nothing that anybody knows.
const DUMMY_SIGNATURE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::testing::TestKey;

    thread_local! {
        /// The number of signatures that were checked.
        pub(super) static CHECKED: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn whatever_a_token_is_one_signature_is_checked() {
        let now = DateTime::UNIX_EPOCH;
        let keys = |byte: u8| {
            AccessTokenKeys::new("i".to_owned(), vec![("k".to_owned(), [byte; 32].into())])
        };
        let claims = AccessTokenClaims {
            identity: "ci".to_owned(),
            identity_number: 1,
            accessor: "a".to_owned(),
            issued_at: now,
            expires_at: now,
            max_expires_at: now,
            ttl: 1,
            max_uses: 0,
            auth_method: "token".to_owned(),
            login_claims: BTreeMap::new(),
        };
        let expired = keys(1).sign_token(&claims).expose_secret().to_owned();
        let foreign = keys(2).sign_token(&claims).expose_secret().to_owned();
        let id_token = TestKey::P256.issue("k", &serde_json::json!({"sub": "ci"}));
        let none = format!("{}.{}.", "eyJhbGciOiJub25lIn0", "e30");
        let cut = expired[..expired.len() - 1].to_owned();
        let mut counts = vec![];
        for token in [
            expired.as_str(),
            &foreign,
            &id_token,
            &none,
            &cut,
            "",
            "a",
            "a.b.c",
            &"x".repeat(20_000),
        ] {
            CHECKED.set(0);
            keys(1).verify_token(token, now).expect_err("is refused");
            counts.push(CHECKED.get());
        }
        assert_eq!(counts, [1; 9]);
        assert_eq!(keys(1).verify_token(&expired, now), Err(JwtError::Expired));
    }
}
