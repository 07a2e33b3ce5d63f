//! Tokens that nobody has verified yet.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};
use unique_json::UniqueValue;

use crate::id_token_requirements::SigningAlgorithm;
use crate::times::read_numeric_date;
use crate::{IdTokenRequirements, JwtError, KeySet, VerifiedClaims};

/// The longest token that is looked at, in bytes. GitLab's grow with the groups of a user; none come near.
pub const MAX_JWT_BYTES: usize = 16 * 1024;

/// A token as it was shown: its claims are what its bearer would like us to believe.
///
/// They serve to find out whose keys could verify it, and to refuse what could not be let in anyway before
/// it is sent to anybody.
pub struct UnverifiedJwt<'a> {
    text: &'a str,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

/// Claims that nobody has verified.
#[derive(Clone, Copy)]
pub struct UnverifiedClaims<'a>(&'a Map<String, Value>);

impl<'a> UnverifiedClaims<'a> {
    /// Claims as they are told.
    #[must_use]
    pub fn new(claims: &'a Map<String, Value>) -> Self {
        Self(claims)
    }

    /// Returns all of them.
    #[must_use]
    pub fn as_map(self) -> &'a Map<String, Value> {
        self.0
    }

    /// Returns the issuer that they name.
    #[must_use]
    pub fn issuer(self) -> Option<&'a str> {
        self.0.get("iss")?.as_str()
    }

    /// Returns the subject that they name.
    #[must_use]
    pub fn subject(self) -> Option<&'a str> {
        self.0.get("sub")?.as_str()
    }

    /// Returns the audiences that they name: one, several, or none.
    #[must_use]
    pub fn audiences(self) -> Vec<&'a str> {
        read_audiences(self.0).unwrap_or_default()
    }

    /// Returns the time at which they say that the token ends.
    #[must_use]
    pub fn expires_at(self) -> Option<DateTime<Utc>> {
        self.0.get("exp").and_then(read_numeric_date)
    }
}

impl<'a> UnverifiedJwt<'a> {
    /// Reads a token in the compact serialisation (RFC 7515 §7.1).
    ///
    /// # Errors
    /// Fails if it is too long, is not three parts of base64url, or if header or claims are no JSON object or have
    /// two fields of one name at any depth: of those another reader might look at the other.
    pub fn parse(text: &'a str) -> Result<Self, JwtError> {
        if text.len() > MAX_JWT_BYTES {
            return Err(JwtError::TooLong);
        }
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwtError::Malformed);
        };
        if signature.is_empty() || URL_SAFE_NO_PAD.decode(signature).is_err() {
            return Err(JwtError::Malformed);
        }
        Ok(Self { text, header: decode_json_part(header)?, claims: decode_json_part(claims)? })
    }

    /// Returns all that it claims.
    #[must_use]
    pub fn claims(&self) -> UnverifiedClaims<'_> {
        UnverifiedClaims(&self.claims)
    }

    /// Verifies it by the keys of its issuer: only then its claims count.
    ///
    /// URLs, keys and certificates in its header are never looked at: the keys come from `keys` alone.
    ///
    /// # Errors
    /// Fails with the first rule of `expected` that it breaks, the signature before any claim.
    pub fn verify_signature_and_claims(
        &self,
        keys: &KeySet,
        expected: &IdTokenRequirements<'_>,
        now: DateTime<Utc>,
    ) -> Result<VerifiedClaims, JwtError> {
        let algorithm = self.require_allowed_algorithm(expected)?;
        let key = keys.find(self.key_id()?, algorithm)?;
        self.check_signature(&key, algorithm)?;
        expected.check_claims(&self.claims, now)
    }

    /// Checks the signature by itself.
    ///
    /// `jsonwebtoken::decode` would look at claims too, by its own clock and by other rules than ours: it takes a
    /// claim of the wrong type for a missing one, a list of issuers for an issuer, and skips `nbf`.
    fn check_signature(
        &self,
        key: &DecodingKey,
        algorithm: SigningAlgorithm,
    ) -> Result<(), JwtError> {
        let (message, signature) = self.text.rsplit_once('.').ok_or(JwtError::Malformed)?;
        match jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, algorithm.into()) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(JwtError::Signature),
        }
    }

    /// Returns the algorithm that its header names, if it is one of those that are allowed.
    fn require_allowed_algorithm(
        &self,
        expected: &IdTokenRequirements<'_>,
    ) -> Result<SigningAlgorithm, JwtError> {
        self.check_type_and_crit("JWT")?;
        let named = self.header.get("alg").and_then(Value::as_str).ok_or(JwtError::Algorithm)?;
        let algorithm: SigningAlgorithm = named.parse()?;
        if expected.algorithms.contains(&algorithm) {
            Ok(algorithm)
        } else {
            Err(JwtError::Algorithm)
        }
    }

    /// Returns true if its header names this algorithm.
    pub(crate) fn names_algorithm(&self, name: &str) -> bool {
        self.header.get("alg").and_then(Value::as_str) == Some(name)
    }

    /// Refuses what says that it is another kind of token than `kind`, and extensions that must be understood.
    pub(crate) fn check_type_and_crit(&self, kind: &str) -> Result<(), JwtError> {
        if self.header.contains_key("crit") {
            return Err(JwtError::Critical);
        }
        match self.header.get("typ") {
            // RFC 7519 §5.1: compared without case; most issuers say `JWT`, and it may be left out.
            None if kind == "JWT" => Ok(()),
            Some(Value::String(typ)) if typ.eq_ignore_ascii_case(kind) => Ok(()),
            _ => Err(JwtError::Type),
        }
    }

    /// Returns the id of the key that it says it was signed with.
    pub(crate) fn key_id(&self) -> Result<Option<&str>, JwtError> {
        match self.header.get("kid") {
            None => Ok(None),
            Some(Value::String(id)) => Ok(Some(id)),
            Some(_) => Err(JwtError::Malformed),
        }
    }
}

/// Reads the audiences of claims: a text, or a list of texts (RFC 7519 §4.1.3).
pub(crate) fn read_audiences(claims: &Map<String, Value>) -> Option<Vec<&str>> {
    match claims.get("aud")? {
        Value::String(one) => Some(vec![one]),
        Value::Array(several) => several.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

fn decode_json_part(part: &str) -> Result<Map<String, Value>, JwtError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Malformed)?;
    match serde_json::from_slice(&bytes) {
        Ok(UniqueValue(Value::Object(object))) => Ok(object),
        _ => Err(JwtError::Malformed),
    }
}
