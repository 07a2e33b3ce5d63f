//! Credentials that stay with the host: in variables, each bound to one origin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ApiServerUrl;

/// The name of a variable that holds a target's token: `target_prod`.
///
/// Only these can be named: a definition could otherwise send the installation's own keys to a stranger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenVariableName(String);

/// A text that names no such variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a target's variable is named `{PREFIX}` and at most {MAX_NAME_BYTES} characters in all: words of \
     lower-case letters and digits that begin with a letter, joined by `_`"
)]
pub struct VariableNameError;

/// The one origin to which each variable may be sent, as the operator has said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VariableOrigins(BTreeMap<TokenVariableName, String>);

/// A text that does not say which variable may be sent where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an entry is written `target_prod=https://10.0.0.1:6443`; entries are separated by spaces or \
     commas"
)]
pub struct VariableOriginsError;

impl TokenVariableName {
    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl VariableOrigins {
    /// Reads `target_prod=https://10.0.0.1:6443 target_dev=…`.
    ///
    /// # Errors
    /// Fails if a part is written otherwise, or names a variable twice.
    pub fn parse(text: &str) -> Result<Self, VariableOriginsError> {
        let mut origins = BTreeMap::new();
        let separator = |c: char| c.is_ascii_whitespace() || c == ',';
        for part in text.split(separator).filter(|part| !part.is_empty()) {
            let (name, url) = part.split_once('=').ok_or(VariableOriginsError)?;
            let name =
                TokenVariableName::try_from(name.to_owned()).map_err(|_| VariableOriginsError)?;
            let url = ApiServerUrl::try_from(url.to_owned()).map_err(|_| VariableOriginsError)?;
            if origins.insert(name, url.origin().to_owned()).is_some() {
                return Err(VariableOriginsError);
            }
        }
        Ok(Self(origins))
    }

    /// Returns true if the variable may be sent to this address.
    #[must_use]
    pub fn is_allowed(&self, variable: &TokenVariableName, url: &ApiServerUrl) -> bool {
        self.0.get(variable).is_some_and(|origin| origin == url.origin())
    }
}

impl TryFrom<String> for TokenVariableName {
    type Error = VariableNameError;

    fn try_from(text: String) -> Result<Self, VariableNameError> {
        let word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        let good = text.len() <= MAX_NAME_BYTES
            && text.strip_prefix(PREFIX).is_some_and(|rest| rest.split('_').all(word));
        if good { Ok(Self(text)) } else { Err(VariableNameError) }
    }
}

impl From<TokenVariableName> for String {
    fn from(name: TokenVariableName) -> Self {
        name.0
    }
}

impl std::fmt::Display for TokenVariableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The prefix of such a name.
const PREFIX: &str = "target_";

/// The longest such name; Spin has no limit of its own.
const MAX_NAME_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_targets_own_variables_can_be_named() {
        for (text, good) in [
            ("target_prod", true),
            ("target_prod_eu1", true),
            ("target_", false),
            ("target", false),
            ("target_origins_", false),
            ("target_1", false),
            ("target_Prod", false),
            ("target_a__b", false),
            ("master_key", false),
            ("admin_token", false),
            ("target_a-b", false),
            (&format!("target_{}", "a".repeat(58)), false),
        ] {
            assert_eq!(TokenVariableName::try_from(text.to_owned()).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn a_variable_goes_to_its_own_origin_and_nowhere_else() {
        let told = "target_a=https://a.example:443/x, target_b=http://127.0.0.1:8001\n";
        let origins = VariableOrigins::parse(told).expect("reads");
        for (name, url, allowed) in [
            ("target_a", "https://a.example", true),
            ("target_a", "https://a.example/prefix", true),
            ("target_a", "https://a.example:6443", false),
            ("target_a", "https://b.example", false),
            ("target_b", "http://127.0.0.1:8001", true),
            ("target_b", "https://a.example", false),
            ("target_c", "https://a.example", false),
        ] {
            let name = TokenVariableName::try_from(name.to_owned()).expect("a good name");
            let url = ApiServerUrl::try_from(url.to_owned()).expect("a good url");
            assert_eq!(origins.is_allowed(&name, &url), allowed, "{name} {url}");
        }
        for text in ["target_a", "target_a=x", "master_key=https://a.example", "=https://a"] {
            assert_eq!(VariableOrigins::parse(text), Err(VariableOriginsError), "{text}");
        }
        let twice = "target_a=https://a target_a=https://b";
        assert_eq!(VariableOrigins::parse(twice), Err(VariableOriginsError));
    }
}
