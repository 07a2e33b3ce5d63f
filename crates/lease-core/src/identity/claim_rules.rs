//! Rules that the claims of a login have to keep.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::claim_pattern::ClaimPattern;

/// The claims that bind an identity to the jobs that may log in as it.
///
/// Every named claim has to be there (AND), with one of the values that are given for it (OR). Values are compared
/// with their types: `"true"` is not `true`, and `"7"` is not `7`. A claim that is a list fits if one element does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ClaimRulesSpec", into = "ClaimRulesSpec")]
pub struct ClaimRules {
    rules: BTreeMap<ClaimName, Vec<ClaimValue>>,
    matching: ClaimMatchMode,
}

/// The way in which texts are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimMatchMode {
    /// Letter by letter.
    #[default]
    Exact,
    /// By patterns: `*` stands for any letters but `/` and `:`, and `**` for any letters.
    Glob,
}

/// The name of a claim, or a JSON pointer (RFC 6901) into one if it begins with `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClaimName(String);

/// A value that a claim may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClaimValue {
    /// `true` or `false`, as JSON has them.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text, or a pattern.
    Text(String),
}

/// The rule that claims do not keep: for the audit log and for administrators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimMismatch {
    /// The claim is not there.
    #[error("claim `{0}` is missing")]
    Missing(ClaimName),
    /// The claim has another value.
    #[error("claim `{0}` has none of the values that the identity binds")]
    Other(ClaimName),
}

/// The reason for which rules cannot be kept or would bind nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimRulesError {
    /// Too many claims or values, or too long ones.
    #[error(
        "`claims` has at most {MAX_CLAIMS} entries of at most {MAX_VALUES} values; names and \
         values have 1 to {MAX_CLAIM_VALUE_BYTES} bytes"
    )]
    TooMany,
    /// A claim without a value, which nothing could fit.
    #[error("claim `{0}` needs at least one value")]
    NoValue(ClaimName),
    /// A pattern that everything fits.
    #[error("claim `{0}` has only `*`, which matches every value: give a narrower pattern")]
    BindsNothing(ClaimName),
    /// A claim that has a field of its own.
    #[error(
        "claim `{0}` is checked by the fields `issuer` and `audiences`: leave it out of `claims`"
    )]
    OwnField(ClaimName),
}

/// Claim rules as they are written.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRulesSpec {
    /// The claims, each with the values of which one has to be met.
    #[serde(default)]
    pub claims: BTreeMap<ClaimName, Vec<ClaimValue>>,
    /// The way in which texts are compared.
    #[serde(default)]
    pub claims_match: ClaimMatchMode,
}

impl ClaimRules {
    /// Makes rules; without any, everything is let in.
    ///
    /// # Errors
    /// Fails if there are too many, or if a rule would let in nothing or everything.
    pub fn new(
        rules: BTreeMap<ClaimName, Vec<ClaimValue>>,
        matching: ClaimMatchMode,
    ) -> Result<Self, ClaimRulesError> {
        if rules.len() > MAX_CLAIMS {
            return Err(ClaimRulesError::TooMany);
        }
        for (name, values) in &rules {
            if matches!(&*name.top_level_claim(), "iss" | "aud") {
                return Err(ClaimRulesError::OwnField(name.clone()));
            }
            if values.is_empty() {
                return Err(ClaimRulesError::NoValue(name.clone()));
            }
            let too_long = |value: &ClaimValue| match value {
                ClaimValue::Text(text) => text.is_empty() || text.len() > MAX_CLAIM_VALUE_BYTES,
                _ => false,
            };
            if values.len() > MAX_VALUES || values.iter().any(too_long) {
                return Err(ClaimRulesError::TooMany);
            }
            let is_open = |value: &ClaimValue| match value {
                ClaimValue::Text(text) => text.bytes().all(|byte| byte == b'*'),
                _ => false,
            };
            if matching == ClaimMatchMode::Glob && values.iter().any(is_open) {
                return Err(ClaimRulesError::BindsNothing(name.clone()));
            }
        }
        Ok(Self { rules, matching })
    }

    /// Returns true if a rule tells jobs of one issuer from each other. Times and ids of tokens do not: every job's
    /// tokens have them.
    #[must_use]
    pub fn can_distinguish_jobs(&self) -> bool {
        self.claim_names().any(|name| !COMMON_CLAIMS.contains(&&*name.top_level_claim()))
    }

    /// Returns the names of the claims that decide.
    pub fn claim_names(&self) -> impl Iterator<Item = &ClaimName> {
        self.rules.keys()
    }

    /// Checks claims, rule by rule in the order of their names.
    ///
    /// # Errors
    /// Fails with the first rule that they do not keep.
    pub fn check_claims(&self, claims: &Map<String, Value>) -> Result<(), ClaimMismatch> {
        self.rules.iter().try_for_each(|(name, values)| self.check_one(name, values, claims))
    }

    /// Checks each rule by itself, for an explanation that shows them all.
    pub fn check_each_rule<'a>(
        &'a self,
        claims: &'a Map<String, Value>,
    ) -> impl Iterator<Item = (&'a ClaimName, &'a [ClaimValue], Result<(), ClaimMismatch>)> + 'a
    {
        let check = |name, values| self.check_one(name, values, claims);
        self.rules.iter().map(move |(name, values)| (name, values.as_slice(), check(name, values)))
    }

    fn check_one(
        &self,
        name: &ClaimName,
        values: &[ClaimValue],
        claims: &Map<String, Value>,
    ) -> Result<(), ClaimMismatch> {
        let claim = name.find_in(claims).ok_or_else(|| ClaimMismatch::Missing(name.clone()))?;
        let meets =
            |claim: &Value| values.iter().any(|value| value.matches_claim(claim, self.matching));
        let is_met = match claim {
            Value::Array(elements) => elements.iter().any(meets),
            claim => meets(claim),
        };
        if is_met { Ok(()) } else { Err(ClaimMismatch::Other(name.clone())) }
    }
}

impl ClaimValue {
    /// Returns whether a claim is this value. Lists and objects inside a list never are.
    fn matches_claim(&self, claim: &Value, matching: ClaimMatchMode) -> bool {
        match (self, claim) {
            (Self::Flag(flag), Value::Bool(claim)) => flag == claim,
            (Self::Number(number), Value::Number(claim)) => claim.as_i64() == Some(*number),
            (Self::Text(text), Value::String(claim)) => match matching {
                ClaimMatchMode::Exact => text == claim,
                ClaimMatchMode::Glob => ClaimPattern::new(text).matches_text(claim),
            },
            _ => false,
        }
    }
}

impl ClaimName {
    /// Returns the name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the claim that it names or points into.
    #[must_use]
    pub fn top_level_claim(&self) -> Cow<'_, str> {
        match self.split_pointer() {
            None => Cow::Borrowed(&self.0),
            Some((first, _)) => Cow::Owned(first.replace("~1", "/").replace("~0", "~")),
        }
    }

    /// Splits a pointer behind its first name, which is that of a claim.
    fn split_pointer(&self) -> Option<(&str, &str)> {
        let pointer = self.0.strip_prefix('/')?;
        Some(pointer.split_at(pointer.find('/').unwrap_or(pointer.len())))
    }

    /// Finds the claim. `null` counts as missing: issuers write it for what a job does not have.
    #[must_use]
    pub fn find_in<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let rest = self.split_pointer().map_or("", |(_, rest)| rest);
        let claim = claims.get(&*self.top_level_claim())?;
        claim.pointer(rest).filter(|claim| !claim.is_null())
    }
}

impl TryFrom<String> for ClaimName {
    type Error = ClaimRulesError;

    fn try_from(name: String) -> Result<Self, ClaimRulesError> {
        let fits = (1..=MAX_CLAIM_VALUE_BYTES).contains(&name.len());
        if fits { Ok(Self(name)) } else { Err(ClaimRulesError::TooMany) }
    }
}

impl From<ClaimName> for String {
    fn from(name: ClaimName) -> Self {
        name.0
    }
}

impl fmt::Display for ClaimName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<ClaimRulesSpec> for ClaimRules {
    type Error = ClaimRulesError;

    fn try_from(spec: ClaimRulesSpec) -> Result<Self, ClaimRulesError> {
        Self::new(spec.claims, spec.claims_match)
    }
}

impl From<ClaimRules> for ClaimRulesSpec {
    fn from(rules: ClaimRules) -> Self {
        Self { claims: rules.rules, claims_match: rules.matching }
    }
}

/// The claims that every token of an issuer has, or may have, whatever it is for.
const COMMON_CLAIMS: [&str; 6] = ["iss", "aud", "exp", "iat", "nbf", "jti"];

/// GitHub's tokens have some 30 claims, GitLab's 40.
const MAX_CLAIMS: usize = 32;
const MAX_VALUES: usize = 64;
/// Longer than any name of a repository, branch or workflow.
const MAX_CLAIM_VALUE_BYTES: usize = 512;

#[cfg(test)]
mod tests;
