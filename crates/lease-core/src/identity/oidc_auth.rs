//! Login by an ID token of an `OpenID` Connect issuer, such as a CI service.

use std::collections::BTreeMap;

use jwt_auth::{KeySet, KeySetError, SigningAlgorithm};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::claim_rules::{
    ClaimMatchMode, ClaimName, ClaimRules, ClaimRulesError, ClaimRulesSpec, ClaimValue,
};
use crate::{ApiServerUrl, Audience, Ttl};

/// Login by an ID token: who signs it, for whom it is, and which claims it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OidcAuthSpec", into = "OidcAuthSpec")]
pub struct OidcAuth {
    issuer: IssuerUrl,
    keys: KeySource,
    audiences: Vec<Audience>,
    algorithms: Vec<SigningAlgorithm>,
    rules: ClaimRules,
    max_token_age: Option<Ttl>,
    single_use: bool,
}

/// The place where the keys of an issuer are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// The discovery document of the issuer says it.
    Discovery,
    /// This address.
    Url(IssuerUrl),
    /// Here: these keys, and no others.
    Inline(KeySet),
}

/// The address of an issuer or of its keys: `https://…`, compared as it is written.
///
/// `http://` goes to this machine only: whoever stands in the way could put keys of his own into the answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IssuerUrl(String);

/// A text that is no address of an issuer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an issuer or the address of its keys is written `https://host[:port][/path]`, without user, query or \
     fragment; `http://` is for `127.0.0.1` and `localhost`"
)]
pub struct IssuerUrlError;

/// The reason why a login by ID tokens is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OidcAuthError {
    /// Keys from two places.
    #[error("give `jwks_url` or `jwks`, not both")]
    TwoKeySources,
    /// Keys that verify nothing.
    #[error("`jwks`: {0}")]
    Keys(#[from] KeySetError),
    /// No audience, or too many.
    #[error("`audiences` lists 1 to {MAX_AUDIENCES} audiences; a token must be for one of them")]
    Audiences,
    /// A list without an algorithm, or with one twice.
    #[error("`algorithms` lists each algorithm once; leave it out to allow all safe ones")]
    Algorithms,
    /// Nothing that tells one job of the issuer from another.
    #[error(
        "bind `subject` or at least one claim other than `exp`, `iat`, `nbf` and `jti`: otherwise \
         every token of the issuer could log in"
    )]
    NothingBound,
    /// `sub` in two places.
    #[error("give `subject` or the claim `sub`, not both")]
    SubjectTwice,
    /// Claims that cannot be kept.
    #[error(transparent)]
    Claims(#[from] ClaimRulesError),
}

impl OidcAuth {
    /// The issuer, which has to be named by tokens and by its discovery document as it is written here.
    #[must_use]
    pub fn issuer(&self) -> &IssuerUrl {
        &self.issuer
    }

    /// The place where its keys are found.
    #[must_use]
    pub fn key_source(&self) -> &KeySource {
        &self.keys
    }

    /// The audiences of which a token has to be for one.
    #[must_use]
    pub fn audiences(&self) -> &[Audience] {
        &self.audiences
    }

    /// The algorithms by which a token may be signed.
    #[must_use]
    pub fn algorithms(&self) -> &[SigningAlgorithm] {
        if self.algorithms.is_empty() { &SigningAlgorithm::ALL } else { &self.algorithms }
    }

    /// The rules that the claims have to keep, `subject` among them.
    #[must_use]
    pub fn claim_rules(&self) -> &ClaimRules {
        &self.rules
    }

    /// The longest time since a token was issued.
    #[must_use]
    pub fn max_token_age(&self) -> Option<Ttl> {
        self.max_token_age
    }

    /// Returns true if a token is good for one login only.
    #[must_use]
    pub fn is_single_use(&self) -> bool {
        self.single_use
    }
}

impl IssuerUrl {
    /// The address as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if what is read there is protected by TLS; it does not leave this machine otherwise.
    #[must_use]
    pub fn is_https(&self) -> bool {
        // A scheme is of either case (RFC 3986 §3.1).
        self.0
            .get(..HTTPS_PREFIX.len())
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(HTTPS_PREFIX))
    }
}

impl TryFrom<OidcAuthSpec> for OidcAuth {
    type Error = OidcAuthError;

    fn try_from(spec: OidcAuthSpec) -> Result<Self, OidcAuthError> {
        let keys = match (spec.jwks_url, spec.jwks) {
            (None, None) => KeySource::Discovery,
            (Some(url), None) => KeySource::Url(url),
            (None, Some(keys)) => KeySource::Inline(KeySet::from_value(&keys)?),
            (Some(_), Some(_)) => return Err(OidcAuthError::TwoKeySources),
        };
        if !(1..=MAX_AUDIENCES).contains(&spec.audiences.len()) {
            return Err(OidcAuthError::Audiences);
        }
        // None is not said; an empty list would let nothing in.
        let algorithms = match spec.algorithms {
            None => vec![],
            Some(algorithms) if algorithms.is_empty() => return Err(OidcAuthError::Algorithms),
            Some(algorithms) => algorithms,
        };
        if (0..algorithms.len()).any(|i| algorithms[..i].contains(&algorithms[i])) {
            return Err(OidcAuthError::Algorithms);
        }
        let mut claims = spec.claims;
        if let Some(subject) = spec.subject {
            let sub = ClaimName::try_from(SUBJECT_CLAIM.to_owned())?;
            if claims.insert(sub, vec![ClaimValue::Text(subject)]).is_some() {
                return Err(OidcAuthError::SubjectTwice);
            }
        }
        let rules = ClaimRules::new(claims, spec.claims_match)?;
        if !rules.can_distinguish_jobs() {
            return Err(OidcAuthError::NothingBound);
        }
        let OidcAuthSpec { issuer, audiences, max_token_age, single_use, .. } = spec;
        Ok(Self { issuer, keys, audiences, algorithms, rules, max_token_age, single_use })
    }
}

impl From<OidcAuth> for OidcAuthSpec {
    fn from(auth: OidcAuth) -> Self {
        let ClaimRulesSpec { mut claims, claims_match } = auth.rules.into();
        let (jwks_url, jwks) = match auth.keys {
            KeySource::Discovery => (None, None),
            KeySource::Url(url) => (Some(url), None),
            KeySource::Inline(keys) => (None, Some(json!({"keys": keys}))),
        };
        let is_subject = |name: &ClaimName, values: &[ClaimValue]| {
            name.as_str() == SUBJECT_CLAIM && matches!(values, [ClaimValue::Text(_)])
        };
        let subject = claims.iter().find(|(name, values)| is_subject(name, values));
        let subject = subject.map(|(name, _)| name.clone());
        let subject = subject.and_then(|name| claims.remove(&name)).and_then(|mut values| {
            match values.pop() {
                Some(ClaimValue::Text(text)) => Some(text),
                _ => None,
            }
        });
        Self {
            issuer: auth.issuer,
            jwks_url,
            jwks,
            audiences: auth.audiences,
            algorithms: (!auth.algorithms.is_empty()).then_some(auth.algorithms),
            subject,
            claims,
            claims_match,
            max_token_age: auth.max_token_age,
            single_use: auth.single_use,
        }
    }
}

impl TryFrom<String> for IssuerUrl {
    type Error = IssuerUrlError;

    fn try_from(text: String) -> Result<Self, IssuerUrlError> {
        // Kept as it is written, with a slash at its end if it has one: issuers compare letter by letter.
        let url = ApiServerUrl::try_from(text.clone()).map_err(|_| IssuerUrlError)?;
        if url.is_confidential() { Ok(Self(text)) } else { Err(IssuerUrlError) }
    }
}

impl From<IssuerUrl> for String {
    fn from(url: IssuerUrl) -> Self {
        url.0
    }
}

impl std::fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A login by ID tokens as it is written, before it is checked.
#[derive(Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with `issuer`, `audiences` and `subject` or `claims`"
)]
struct OidcAuthSpec {
    issuer: IssuerUrl,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jwks_url: Option<IssuerUrl>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jwks: Option<Value>,
    audiences: Vec<Audience>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    algorithms: Option<Vec<SigningAlgorithm>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(default)]
    claims: BTreeMap<ClaimName, Vec<ClaimValue>>,
    #[serde(default)]
    claims_match: ClaimMatchMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_token_age: Option<Ttl>,
    #[serde(default)]
    single_use: bool,
}

const HTTPS_PREFIX: &str = "https://";

/// The most audiences of one login.
const MAX_AUDIENCES: usize = 16;

/// The claim that `subject` stands for.
const SUBJECT_CLAIM: &str = "sub";

#[cfg(test)]
mod tests;
