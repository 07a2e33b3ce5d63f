//! The name under which a request with an `Idempotency-Key` is kept.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name under which a request is kept: at most 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReservationKey(String);

/// A text that names no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key of a reservation has 1 to 64 hexadecimal digits")]
pub struct ReservationKeyError;

impl TryFrom<String> for ReservationKey {
    type Error = ReservationKeyError;

    fn try_from(text: String) -> Result<Self, ReservationKeyError> {
        let good = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if good { Ok(Self(text)) } else { Err(ReservationKeyError) }
    }
}

impl From<ReservationKey> for String {
    fn from(key: ReservationKey) -> Self {
        key.0
    }
}

impl fmt::Display for ReservationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
