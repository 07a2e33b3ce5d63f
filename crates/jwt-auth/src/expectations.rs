//! Rules that a token has to keep, and what it then claims.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::JwtError;
use crate::times::{CLOCK_LEEWAY, numeric_date};
use crate::unverified::audiences;

/// The rules that an ID token has to keep.
#[derive(Debug, Clone)]
pub struct Expectations<'a> {
    /// The issuer, compared as it is written.
    pub issuer: &'a str,
    /// The audiences of which it must name at least one.
    pub audiences: &'a [String],
    /// The algorithms that are accepted.
    pub algorithms: &'a [SigningAlgorithm],
    /// The longest time since it was issued; then `iat` has to be there.
    pub max_age: Option<TimeDelta>,
}

/// An algorithm by which an ID token may be signed: asymmetric ones only, since whoever can verify a symmetric
/// signature can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum SigningAlgorithm {
    /// ECDSA on P-256.
    Es256,
    /// ECDSA on P-384.
    Es384,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// RSA PKCS#1 v1.5 with SHA-384.
    Rs384,
    /// RSA PKCS#1 v1.5 with SHA-512.
    Rs512,
    /// RSA PSS with SHA-256.
    Ps256,
    /// RSA PSS with SHA-384.
    Ps384,
    /// RSA PSS with SHA-512.
    Ps512,
    /// Ed25519.
    EdDsa,
}

/// The claims of a token that was verified. Only [`UnverifiedJwt::verify`](crate::UnverifiedJwt::verify) makes them.
#[derive(Clone, PartialEq)]
pub struct VerifiedClaims {
    claims: Map<String, Value>,
    expires_at: DateTime<Utc>,
}

impl Expectations<'_> {
    /// Checks the claims of a token whose signature is right.
    pub(crate) fn check_claims(
        &self,
        claims: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<VerifiedClaims, JwtError> {
        let issuer = claims.get("iss").and_then(Value::as_str).ok_or(JwtError::Claim("iss"))?;
        if issuer != self.issuer {
            return Err(JwtError::Issuer);
        }
        match claims.get("sub").and_then(Value::as_str) {
            Some(subject) if !subject.is_empty() => {}
            _ => return Err(JwtError::Claim("sub")),
        }
        let named = audiences(claims).ok_or(JwtError::Claim("aud"))?;
        if !named.iter().any(|audience| self.audiences.iter().any(|ours| ours == audience)) {
            return Err(JwtError::Audience);
        }
        let expires_at = self.check_times(claims, now)?;
        Ok(VerifiedClaims { claims: claims.clone(), expires_at })
    }

    /// Checks `exp`, `nbf` and `iat`, and returns the first of them.
    fn check_times(
        &self,
        claims: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, JwtError> {
        let time = |name: &'static str| match claims.get(name) {
            None => Ok(None),
            Some(value) => numeric_date(value).map(Some).ok_or(JwtError::Claim(name)),
        };
        let expires_at = time("exp")?.ok_or(JwtError::Claim("exp"))?;
        let (not_before, issued_at) = (time("nbf")?, time("iat")?);
        if now - CLOCK_LEEWAY >= expires_at {
            return Err(JwtError::Expired);
        }
        if [not_before, issued_at].iter().flatten().any(|&at| at > now + CLOCK_LEEWAY) {
            return Err(JwtError::NotYetValid);
        }
        if let Some(max_age) = self.max_age {
            let issued_at = issued_at.ok_or(JwtError::Claim("iat"))?;
            if now - issued_at > max_age + CLOCK_LEEWAY {
                return Err(JwtError::TooOld);
            }
        }
        Ok(expires_at)
    }
}

impl SigningAlgorithm {
    /// All of them: the ones that are accepted if nothing is said.
    pub const ALL: [Self; 9] = [
        Self::Es256,
        Self::Es384,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::EdDsa,
    ];

    /// Returns its name in RFC 7518 §3.1 and RFC 8037 §3.1.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl FromStr for SigningAlgorithm {
    type Err = JwtError;

    fn from_str(name: &str) -> Result<Self, JwtError> {
        Self::ALL.into_iter().find(|known| known.as_str() == name).ok_or(JwtError::Algorithm)
    }
}

impl TryFrom<String> for SigningAlgorithm {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse().map_err(|_| {
            let names: Vec<_> = Self::ALL.into_iter().map(Self::as_str).collect();
            format!("an algorithm is one of {}", names.join(", "))
        })
    }
}

impl From<SigningAlgorithm> for &'static str {
    fn from(algorithm: SigningAlgorithm) -> Self {
        algorithm.as_str()
    }
}

impl From<SigningAlgorithm> for Algorithm {
    fn from(algorithm: SigningAlgorithm) -> Self {
        match algorithm {
            SigningAlgorithm::Es256 => Self::ES256,
            SigningAlgorithm::Es384 => Self::ES384,
            SigningAlgorithm::Rs256 => Self::RS256,
            SigningAlgorithm::Rs384 => Self::RS384,
            SigningAlgorithm::Rs512 => Self::RS512,
            SigningAlgorithm::Ps256 => Self::PS256,
            SigningAlgorithm::Ps384 => Self::PS384,
            SigningAlgorithm::Ps512 => Self::PS512,
            SigningAlgorithm::EdDsa => Self::EdDSA,
        }
    }
}

impl VerifiedClaims {
    /// Returns a claim.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// Returns all claims.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// Returns the time at which the token ends.
    #[must_use]
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }
}

/// Claims name people: none are printed.
impl fmt::Debug for VerifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedClaims(redacted)")
    }
}
