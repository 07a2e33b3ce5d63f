//! Names that stand in paths. A checked name cannot change which route is asked.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a target, a dynamic secret, an identity or a namespace: an RFC 1123 label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

/// Text that is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name is 1 to 63 lowercase letters, digits and `-`, and neither begins nor ends with `-`"
)]
pub struct InvalidName;

/// The id of a lease.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct LeaseId(String);

/// Text that is no id of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the id of a lease is 32 digits and letters from `a` to `f`, as `kubelease leases` shows it"
)]
pub struct InvalidLeaseId;

impl Name {
    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LeaseId {
    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let ends_well = |end: Option<&u8>| end.is_some_and(|byte| inner(*byte));
        let is_name = bytes.len() <= 63
            && bytes.iter().all(|byte| inner(*byte) || *byte == b'-')
            && ends_well(bytes.first())
            && ends_well(bytes.last());
        if is_name { Ok(Self(text)) } else { Err(InvalidName) }
    }
}

impl TryFrom<String> for LeaseId {
    type Error = InvalidLeaseId;

    fn try_from(text: String) -> Result<Self, InvalidLeaseId> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_id = text.len() == 32 && text.bytes().all(is_hex);
        if is_id { Ok(Self(text)) } else { Err(InvalidLeaseId) }
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        text.to_owned().try_into()
    }
}

impl FromStr for LeaseId {
    type Err = InvalidLeaseId;

    fn from_str(text: &str) -> Result<Self, InvalidLeaseId> {
        text.to_owned().try_into()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_hold_nothing_that_a_path_would_read_otherwise() {
        for text in ["ci", "a", "0-9", &"a".repeat(63)] {
            assert!(text.parse::<Name>().is_ok(), "{text}");
        }
        for text in ["", "-a", "a-", "A", "a.b", "../x", "a/b", "a%2fb", "a b", &"a".repeat(64)] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
        assert!("0123456789abcdef0123456789abcdef".parse::<LeaseId>().is_ok());
        for text in
            ["", "../", "0123456789ABCDEF0123456789ABCDEF", &"0".repeat(31), &"0".repeat(33)]
        {
            assert!(text.parse::<LeaseId>().is_err(), "{text}");
        }
    }
}
