//! The access tokens that kubelease gives out itself.

use std::collections::BTreeMap;
use std::fmt;

use chrono::serde::ts_seconds;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize, Serializer};
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
struct Signed<C> {
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
    pub fn sign(&self, claims: &AccessTokenClaims) -> AccessToken {
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(TYPE.to_owned());
        let (iss, aud) = (self.issuer.clone(), self.issuer.clone());
        // Unwrap safety: a keyring has at least its current key, and claims of texts and numbers serialise.
        let (id, key) = self.keys.first().unwrap();
        header.kid = Some(id.clone());
        let key = EncodingKey::from_secret(key.as_slice());
        // Unwrap safety: as above; HMAC takes a key of any length.
        let token = jsonwebtoken::encode(&header, &Signed { iss, aud, claims }, &key).unwrap();
        AccessToken(Zeroizing::new(token))
    }

    /// Verifies an access token of ours and reads its claims.
    ///
    /// The work is the same for an expired one, one of another installation and one that is no token: each is
    /// checked against a key.
    ///
    /// # Errors
    /// Fails with the reason, which is for the audit log alone.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<AccessTokenClaims, JwtError> {
        let claims = self.verify_signature(token)?;
        // No leeway: it is our own clock that set the end.
        if now >= claims.expires_at { Err(JwtError::Expired) } else { Ok(claims) }
    }

    /// Verifies that an access token is ours and reads its claims, be its time over or not.
    ///
    /// # Errors
    /// Fails with the reason, which is for the audit log alone.
    pub fn verify_signature(&self, token: &str) -> Result<AccessTokenClaims, JwtError> {
        let unverified = UnverifiedJwt::read(token)?;
        unverified.check_header(TYPE)?;
        let id = unverified.key_id()?;
        let key = self.keys.iter().find(|(known, _)| Some(known.as_str()) == id);
        let known = key.is_some();
        let Some((_, key)) = key.or(self.keys.first()) else { return Err(JwtError::UnknownKey) };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.issuer]);
        // The time is left to the caller.
        validation.validate_exp = false;
        let key = DecodingKey::from_secret(key.as_slice());
        let decoded = jsonwebtoken::decode::<Signed<AccessTokenClaims>>(token, &key, &validation);
        let claims = decoded.map_err(|_| JwtError::Signature)?.claims.claims;
        if known { Ok(claims) } else { Err(JwtError::UnknownKey) }
    }
}

impl AccessToken {
    /// Returns the token, for the one answer that delivers it.
    #[must_use]
    pub fn reveal(&self) -> &str {
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
const TYPE: &str = "at+jwt";
