//! Rules that a token has to keep, and what it then claims.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::JwtError;
use crate::times::{CLOCK_LEEWAY, read_numeric_date};
use crate::unverified_jwt::read_audiences;

/// The rules that an ID token has to keep.
#[derive(Debug, Clone)]
pub struct IdTokenRequirements<'a> {
    /// The issuer, compared as it is written.
    pub issuer: &'a str,
    /// The audiences of which it must name at least one.
    pub audiences: &'a [String],
    /// The algorithms that are accepted.
    pub algorithms: &'a [SigningAlgorithm],
    /// The longest time since it was issued; then `iat` has to be there.
    pub max_age: Option<TimeDelta>,
}

/// One rule of [`IdTokenRequirements`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimRequirement {
    /// `iss` is the issuer.
    Issuer,
    /// `sub` is there.
    Subject,
    /// `aud` names one of the audiences.
    Audience,
    /// `exp` is there, and not past.
    Expiry,
    /// `nbf` is not in the future.
    NotBefore,
    /// `iat` is not in the future.
    IssuedAt,
    /// `iat` is not longer ago than is accepted.
    Age,
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

/// The claims of a token that was verified. Only [`UnverifiedJwt::verify_signature_and_claims`](crate::UnverifiedJwt::verify_signature_and_claims) makes them.
#[derive(Clone, PartialEq)]
pub struct VerifiedClaims {
    claims: Map<String, Value>,
    expires_at: DateTime<Utc>,
}

impl IdTokenRequirements<'_> {
    /// Checks each claim by itself, in the order in which they decide, for an explanation that shows them all.
    pub fn check_each_claim(
        &self,
        claims: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = (ClaimRequirement, Result<(), JwtError>)> {
        ClaimRequirement::ALL
            .into_iter()
            .map(move |claim| (claim, self.check_claim(claim, claims, now)))
    }

    fn check_claim(
        &self,
        claim: ClaimRequirement,
        claims: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<(), JwtError> {
        let text = |name: &'static str| {
            claims.get(name).and_then(Value::as_str).ok_or(JwtError::Claim(name))
        };
        let issued_at = || time_claim(claims, "iat");
        let is_future = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at > now + CLOCK_LEEWAY);
        let refused = match claim {
            ClaimRequirement::Issuer => (text("iss")? != self.issuer).then_some(JwtError::Issuer),
            ClaimRequirement::Subject => text("sub")?.is_empty().then_some(JwtError::Claim("sub")),
            ClaimRequirement::Audience => {
                let named = read_audiences(claims).ok_or(JwtError::Claim("aud"))?;
                let is_ours = |audience: &&str| self.audiences.iter().any(|ours| ours == audience);
                (!named.iter().any(is_ours)).then_some(JwtError::Audience)
            }
            ClaimRequirement::Expiry => {
                let expires_at = time_claim(claims, "exp")?.ok_or(JwtError::Claim("exp"))?;
                (now - CLOCK_LEEWAY >= expires_at).then_some(JwtError::Expired)
            }
            ClaimRequirement::NotBefore => {
                is_future(time_claim(claims, "nbf")?).then_some(JwtError::NotYetValid)
            }
            ClaimRequirement::IssuedAt => is_future(issued_at()?).then_some(JwtError::NotYetValid),
            ClaimRequirement::Age => match self.max_age {
                Some(max_age) => {
                    let issued_at = issued_at()?.ok_or(JwtError::Claim("iat"))?;
                    (now - issued_at > max_age + CLOCK_LEEWAY).then_some(JwtError::TooOld)
                }
                None => None,
            },
        };
        refused.map_or(Ok(()), Err)
    }

    /// Checks the claims of a token whose signature is right.
    pub(crate) fn check_claims(
        &self,
        claims: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<VerifiedClaims, JwtError> {
        self.check_each_claim(claims, now).try_for_each(|(_, outcome)| outcome)?;
        let expires_at = time_claim(claims, "exp")?.ok_or(JwtError::Claim("exp"))?;
        Ok(VerifiedClaims { claims: claims.clone(), expires_at })
    }
}

/// The time that a claim says; none if it is not there.
fn time_claim(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<DateTime<Utc>>, JwtError> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => read_numeric_date(value).map(Some).ok_or(JwtError::Claim(name)),
    }
}

impl ClaimRequirement {
    /// All of them, in the order in which they decide.
    pub const ALL: [Self; 7] = [
        Self::Issuer,
        Self::Subject,
        Self::Audience,
        Self::Expiry,
        Self::NotBefore,
        Self::IssuedAt,
        Self::Age,
    ];

    /// Returns the name of the claim that is looked at.
    #[must_use]
    pub fn claim_name(self) -> &'static str {
        match self {
            Self::Issuer => "iss",
            Self::Subject => "sub",
            Self::Audience => "aud",
            Self::Expiry => "exp",
            Self::NotBefore => "nbf",
            Self::IssuedAt | Self::Age => "iat",
        }
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
