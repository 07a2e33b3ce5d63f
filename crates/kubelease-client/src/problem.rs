//! Problems: what the server says of a request that it does not carry out (RFC 9457).

use std::fmt;

use serde::Deserialize;

use crate::replace_control_characters;

/// A refusal or failure that the server tells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Problem {
    /// The status code of the answer.
    #[serde(default)]
    pub status: u16,
    /// A stable word by which a program decides, such as `unknown_dynamic_secret`.
    pub code: String,
    /// A sentence that says what would be right.
    pub detail: String,
    /// The fields of the request that do not fit.
    #[serde(default)]
    pub errors: Vec<FieldError>,
    /// After how many seconds another attempt makes sense.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

/// A field of a request that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FieldError {
    /// The place, as a JSON pointer.
    pub pointer: String,
    /// The rule that it breaks.
    pub detail: String,
}

impl Problem {
    /// Returns true if the request was refused, and false if the server or a cluster could not carry it out.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        (400..500).contains(&self.status)
    }

    /// Returns true if the credential was not accepted.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        self.status == 401
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({})",
            replace_control_characters(&self.detail),
            replace_control_characters(&self.code)
        )?;
        // One error is the detail itself.
        for error in self.errors.iter().skip(usize::from(self.errors.len() == 1)) {
            write!(
                f,
                "\n  {}: {}",
                replace_control_characters(&error.pointer),
                replace_control_characters(&error.detail)
            )?;
        }
        Ok(())
    }
}
