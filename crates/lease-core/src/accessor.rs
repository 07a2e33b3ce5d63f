//! The ids of access tokens.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of an access token and of all that it is renewed to: 128 random bits, written as 32 hexadecimal digits.
///
/// Who knows it can have the token revoked and find it in the audit log, and cannot use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Accessor(u128);

/// A text that is not the id of any access token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an accessor is 32 lower-case hexadecimal digits")]
pub struct AccessorError;

impl Accessor {
    /// An accessor of these random bytes.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(random))
    }
}

impl fmt::Display for Accessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Accessor {
    type Err = AccessorError;

    fn from_str(text: &str) -> Result<Self, AccessorError> {
        // One accessor has one text, since it becomes part of keys: `from_str_radix` alone would take a sign.
        let digits =
            text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let id = u128::from_str_radix(text, 16).map_err(|_| AccessorError)?;
        if digits { Ok(Self(id)) } else { Err(AccessorError) }
    }
}

impl TryFrom<String> for Accessor {
    type Error = AccessorError;

    fn try_from(text: String) -> Result<Self, AccessorError> {
        text.parse()
    }
}

impl From<Accessor> for String {
    fn from(accessor: Accessor) -> Self {
        accessor.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_accessor_has_one_text() {
        let accessor = Accessor::new([0x0a; 16]);
        assert_eq!(accessor.to_string().parse(), Ok(accessor));
        for text in ["", "0", &"0A".repeat(16), &"0a".repeat(15), &format!("+{}", "0".repeat(31))] {
            assert_eq!(text.parse::<Accessor>(), Err(AccessorError), "{text:?}");
        }
    }
}
