//! Keys by which the server knows a request again that was sent before.

use std::fmt::Write;

/// A key of one request, which stays the same however often that request is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Returns a new key, which nobody else has.
    ///
    /// # Errors
    /// Fails if the system has no randomness.
    pub fn random() -> Result<Self, std::io::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        let mut key = "kubelease-".to_owned();
        for byte in bytes {
            // Unwrap safety: writing to a text never fails.
            write!(key, "{byte:02x}").expect("a text takes what is written");
        }
        Ok(Self(key))
    }

    /// Returns the key as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
