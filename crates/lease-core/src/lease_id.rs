//! The ids of leases.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of a lease: 128 random bits, written as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LeaseId(u128);

/// A text that is not the id of any lease.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a lease id is 32 lower-case hexadecimal digits")]
pub struct LeaseIdError;

impl LeaseId {
    /// An id of these random bytes.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(random))
    }

    /// The part of the id that ends the names of what is made for the lease: 80 bits, 20 digits.
    ///
    /// If a stranger has the name of one `attempt`, the next has another: the id gives two.
    #[must_use]
    pub fn random_part(self, attempt: u8) -> String {
        let digits = self.to_string();
        let from = if attempt == 0 { 0 } else { digits.len() - RANDOM_PART_DIGITS };
        digits[from..from + RANDOM_PART_DIGITS].to_owned()
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for LeaseId {
    type Err = LeaseIdError;

    fn from_str(text: &str) -> Result<Self, LeaseIdError> {
        // One id has one text: `from_str_radix` alone would take a sign and upper case.
        let digits =
            text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let id = u128::from_str_radix(text, 16).map_err(|_| LeaseIdError)?;
        if digits { Ok(Self(id)) } else { Err(LeaseIdError) }
    }
}

impl TryFrom<String> for LeaseId {
    type Error = LeaseIdError;

    fn try_from(text: String) -> Result<Self, LeaseIdError> {
        text.parse()
    }
}

impl From<LeaseId> for String {
    fn from(id: LeaseId) -> Self {
        id.to_string()
    }
}

/// Long enough that nobody meets or guesses one, short enough to leave a name of 63 most of its room.
const RANDOM_PART_DIGITS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_id_has_one_text() {
        let id = LeaseId::new([0x0a; 16]);
        assert_eq!(id.to_string(), "0a".repeat(16));
        assert_eq!("0a".repeat(16).parse(), Ok(id));
        let id = "0123456789abcdef0123456789abcdef".parse::<LeaseId>().expect("an id");
        assert_eq!(id.random_part(0), "0123456789abcdef0123");
        assert_eq!(id.random_part(1), "cdef0123456789abcdef");
        for text in
            ["", "0", &"0A".repeat(16), &"0a".repeat(15), &format!("+{}", "0".repeat(31)), "zz"]
        {
            assert_eq!(text.parse::<LeaseId>(), Err(LeaseIdError), "{text:?}");
        }
    }
}
