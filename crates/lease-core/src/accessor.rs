//! The ids of access tokens.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of an access token and of all that it is renewed to: 80 random bits and the number of its identity, written as
/// 32 hexadecimal digits.
///
/// Whoever knows it can have the token revoked and find it in the audit log, and cannot use it. It names the identity, so
/// that it is known whose token is revoked though nothing is kept of a token: with another number it is another accessor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Accessor(u128);

/// A text that is not the id of any access token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an accessor is 32 lower-case hexadecimal digits")]
pub struct AccessorError;

impl Accessor {
    /// An accessor of a token of the identity of this number.
    #[must_use]
    pub fn new(random: [u8; 10], identity: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[..10].copy_from_slice(&random);
        // Numbers are given one by one: none is as long as 48 bits.
        bytes[10..].copy_from_slice(&identity.to_be_bytes()[2..]);
        Self(u128::from_be_bytes(bytes))
    }

    /// The number of the identity whose token it is.
    #[must_use]
    pub fn identity_number(self) -> u64 {
        let mut bytes = [0; 8];
        bytes[2..].copy_from_slice(&self.0.to_be_bytes()[10..]);
        u64::from_be_bytes(bytes)
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
        let accessor = Accessor::new([0x0a; 10], 0x0a0a_0a0a_0a0a);
        assert_eq!(accessor.to_string().parse(), Ok(accessor));
        for text in ["", "0", &"0A".repeat(16), &"0a".repeat(15), &format!("+{}", "0".repeat(31))] {
            assert_eq!(text.parse::<Accessor>(), Err(AccessorError), "{text:?}");
        }
    }

    #[test]
    fn an_accessor_names_the_identity_of_its_token() {
        for number in [0, 1, 258, (1 << 48) - 1] {
            for random in [[0; 10], [0xff; 10]] {
                let accessor = Accessor::new(random, number);
                assert_eq!(accessor.identity_number(), number);
                assert_eq!(accessor.to_string().parse(), Ok(accessor));
            }
        }
    }
}
