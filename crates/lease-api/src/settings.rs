//! What the operator sets, and whether one can work with it.

use std::fmt;

use lease_core::{Keyring, MasterKey};

use crate::bearer::BearerToken;

/// The variables as they are set: each empty where it is not. They are checked before anything else.
#[derive(Default, Clone)]
pub struct Variables {
    /// The first administrator's bearer token, at least 32 bytes.
    pub admin_token: String,
    /// 32 bytes in base64: what every key is derived from.
    pub master_key: String,
    /// Earlier master keys, separated by commas: they open what they sealed.
    pub previous_master_keys: String,
    /// The bearer token of whoever calls the sweep, at least 32 bytes; empty admits nobody.
    pub sweep_token: String,
}

/// Why one cannot work with the variables as they are set. Names them, and repeats none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A required variable is not set.
    #[error("the variable `{0}` is not set: {1}")]
    Missing(&'static str, &'static str),
    /// The host could not tell what a variable is set to. That is not the same as unset: the next request
    /// may find it set.
    #[error("the host does not tell what the variable `{0}` is set to")]
    Unreadable(&'static str),
    /// A variable is set to something else than it should be.
    #[error("the variable `{0}` is malformed: {1}")]
    Malformed(&'static str, &'static str),
}

/// What the variables say, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) administrator: BearerToken,
    pub(crate) sweeper: Option<BearerToken>,
    pub(crate) keys: Keyring,
}

impl Settings {
    /// Checks every variable.
    ///
    /// # Errors
    /// Names the first that does not fit, and what would.
    pub(crate) fn read(
        variables: &Result<Variables, SettingsError>,
    ) -> Result<Self, SettingsError> {
        let variables = variables.as_ref().map_err(Clone::clone)?;
        let administrator = bearer("admin_token", &variables.admin_token)?
            .ok_or(SettingsError::Missing("admin_token", TOKEN_RULE))?;
        let sweeper = bearer("sweep_token", &variables.sweep_token)?;
        let current = master_key("master_key", &variables.master_key)?
            .ok_or(SettingsError::Missing("master_key", KEY_RULE))?;
        let previous: Result<Vec<_>, _> = variables
            .previous_master_keys
            .split(',')
            .filter_map(|text| master_key("previous_master_keys", text).transpose())
            .collect();
        Ok(Self { administrator, sweeper, keys: Keyring::new(&current, &previous?) })
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variables(redacted)")
    }
}

fn bearer(name: &'static str, text: &str) -> Result<Option<BearerToken>, SettingsError> {
    // A file read into a variable brings its trailing newline along.
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Ok(None);
    }
    BearerToken::of(text).map(Some).ok_or(SettingsError::Malformed(name, TOKEN_RULE))
}

fn master_key(name: &'static str, text: &str) -> Result<Option<MasterKey>, SettingsError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    MasterKey::from_base64(text).map(Some).map_err(|_| SettingsError::Malformed(name, KEY_RULE))
}

const TOKEN_RULE: &str = "at least 32 visible ASCII characters without spaces; \
                          `openssl rand -hex 32` makes one";

const KEY_RULE: &str = "32 bytes in base64; `openssl rand -base64 32` makes one";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::variables;

    #[test]
    fn each_variable_that_does_not_fit_is_named_and_not_repeated() {
        type Break = fn(&mut Variables);
        let cases: [(Break, Option<&str>); 13] = [
            (|_| {}, None),
            (|v| v.sweep_token.clear(), None),
            (|v| v.previous_master_keys = format!("{0},{0}\n", v.master_key), None),
            (|v| v.admin_token.push('\n'), None),
            (|v| v.admin_token.clear(), Some("`admin_token` is not set")),
            (|v| v.admin_token = "\n".to_owned(), Some("`admin_token` is not set")),
            (|v| v.admin_token = "canary".repeat(5), Some("`admin_token` is malformed")),
            (|v| v.admin_token = "canary ".repeat(9), Some("`admin_token` is malformed")),
            (|v| v.master_key.clear(), Some("`master_key` is not set")),
            (|v| v.master_key = "canary".to_owned(), Some("`master_key` is malformed")),
            (|v| v.master_key = "AAAA".repeat(11), Some("`master_key` is malformed")),
            (
                |v| v.previous_master_keys = "canary".to_owned(),
                Some("`previous_master_keys` is mal"),
            ),
            (|v| v.sweep_token = "canary".to_owned(), Some("`sweep_token` is malformed")),
        ];
        for (row, (break_one, error)) in cases.into_iter().enumerate() {
            let mut variables = variables();
            break_one(&mut variables);
            let told = Settings::read(&Ok(variables)).err().map(|error| error.to_string());
            match (&told, error) {
                (None, None) => {}
                (Some(told), Some(error)) => {
                    assert!(told.contains(error) && !told.contains("canary"), "{row}: {told}");
                }
                _ => panic!("row {row}: told {told:?}, expected {error:?}"),
            }
        }
    }

    #[test]
    fn variables_are_never_printed() {
        let printed = format!("{:?} {:?}", variables(), Settings::read(&Ok(variables())));
        assert!(!printed.contains(&variables().admin_token), "{printed}");
        assert!(!printed.contains(&variables().master_key), "{printed}");
    }
}
