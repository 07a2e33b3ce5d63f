//! Patterns of names: which dynamic secrets, namespaces or service accounts a definition means.

use serde::{Deserialize, Serialize};

use crate::names::has_label_shape;

/// The longest pattern: as long as the longest name that Kubernetes accepts.
pub const MAX_PATTERN_BYTES: usize = crate::names::MAX_SUBDOMAIN_BYTES;

/// A name, or a name with `*` in it: `ci-*`, `team-*-prod`, `*`.
///
/// `*` stands for any run of letters, digits and `-`, also an empty one, and never for a `.`: each part between
/// dots is compared by itself. Only a pattern that is nothing but `*` means every name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern(String);

/// A list of patterns: 1 to 64, each once. A name meets it if it meets one of them.
///
/// An empty list is refused: it could be read as "nothing" and as "everything".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<NamePattern>", into = "Vec<NamePattern>")]
pub struct NamePatterns(Vec<NamePattern>);

/// The reason why a text is no pattern, or a list of them is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamePatternError {
    /// A text with other characters, or with two `*` side by side.
    #[error(
        "a pattern is a name or a name with `*` in it, such as `ci-*`: lower-case letters, digits, `-`, `.` \
         and `*`, at most {MAX_PATTERN_BYTES} characters, no two `*` side by side"
    )]
    Text,
    /// No pattern, or too many.
    #[error("1 to {MAX_PATTERNS} patterns are listed; `*` alone means every name")]
    Count,
    /// One pattern twice.
    #[error("pattern `{0}` is listed twice")]
    Twice(NamePattern),
}

impl NamePattern {
    /// The pattern as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if the pattern means `name`.
    #[must_use]
    pub fn matches_name(&self, name: &str) -> bool {
        if self.0 == EVERY_NAME {
            return true;
        }
        let (mut patterns, mut parts) = (self.0.split('.'), name.split('.'));
        loop {
            match (patterns.next(), parts.next()) {
                (Some(pattern), Some(part)) if matches_part(pattern, part) => {}
                (None, None) => return true,
                _ => return false,
            }
        }
    }
}

impl NamePatterns {
    /// The patterns, in the order in which they were given.
    #[must_use]
    pub fn as_slice(&self) -> &[NamePattern] {
        &self.0
    }

    /// Returns true if one of the patterns means `name`.
    #[must_use]
    pub fn match_any(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches_name(name))
    }
}

/// Returns true if `pattern`, in which `*` stands for any run of characters, means all of `part`.
fn matches_part(pattern: &str, part: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == part };
    let Some(mut left) = part.strip_prefix(first) else { return false };
    let mut pieces = rest.split('*').peekable();
    // The first place in which a piece stands leaves the most for the pieces behind it; the last piece has to
    // end the name.
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return left.ends_with(piece);
        }
        let Some(found) = left.find(piece) else { return false };
        left = &left[found + piece.len()..];
    }
    true
}

impl TryFrom<String> for NamePattern {
    type Error = NamePatternError;

    fn try_from(text: String) -> Result<Self, NamePatternError> {
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.*".contains(&b);
        let sized = (1..=MAX_PATTERN_BYTES).contains(&text.len());
        // With a letter in the place of each `*` it has to be a name, or it could never mean one.
        let example = text.replace('*', "a");
        let is_name = example.split('.').all(has_label_shape);
        if sized && text.bytes().all(known) && !text.contains("**") && is_name {
            Ok(Self(text))
        } else {
            Err(NamePatternError::Text)
        }
    }
}

impl TryFrom<Vec<NamePattern>> for NamePatterns {
    type Error = NamePatternError;

    fn try_from(patterns: Vec<NamePattern>) -> Result<Self, NamePatternError> {
        if !(1..=MAX_PATTERNS).contains(&patterns.len()) {
            return Err(NamePatternError::Count);
        }
        let is_repeated = |&i: &usize| patterns[..i].contains(&patterns[i]);
        match (0..patterns.len()).find(is_repeated) {
            Some(i) => Err(NamePatternError::Twice(patterns[i].clone())),
            None => Ok(Self(patterns)),
        }
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.0
    }
}

impl From<NamePatterns> for Vec<NamePattern> {
    fn from(patterns: NamePatterns) -> Self {
        patterns.0
    }
}

impl std::fmt::Display for NamePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The pattern that means every name.
const EVERY_NAME: &str = "*";

/// The most patterns of one list.
const MAX_PATTERNS: usize = 64;

#[cfg(test)]
mod tests;
