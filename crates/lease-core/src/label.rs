//! The key and the value of a label, as Kubernetes spells them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::{MAX_SUBDOMAIN_BYTES, has_label_shape};

/// The key of a label or an annotation: `name`, or `prefix/name`.
///
/// The name is 1 to 63 bytes, the prefix a subdomain of at most 253, as Kubernetes has it
/// (`IsQualifiedName`). For annotations Kubernetes would take upper case in the prefix; we do not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabelKey(String);

/// The value of a label: at most 63 bytes, and it may be empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabelValue(String);

/// Why a text is no key, or no value. A value is never repeated: it may be a misplaced secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// A text that is no key, shown as far as it is harmless.
    #[error(
        "`{0}` is not a key: a key is `name` or `prefix/name`; the name is 1 to 63 letters, \
         digits, `-`, `_` or `.` and begins and ends with a letter or digit, and the prefix is a \
         lower-case DNS name of at most 253 characters"
    )]
    Key(String),
    /// A text that is no label's value.
    #[error(
        "a label's value is empty or 1 to 63 letters, digits, `-`, `_` or `.`, and begins and ends \
         with a letter or digit; an annotation may hold any text"
    )]
    Value,
}

impl LabelKey {
    /// The key as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LabelValue {
    /// The value as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LabelKey {
    type Error = LabelError;

    fn try_from(text: String) -> Result<Self, LabelError> {
        let (prefix, name) = match text.split_once('/') {
            Some((prefix, name)) => (Some(prefix), name),
            None => (None, text.as_str()),
        };
        let is_prefix = |prefix: &str| {
            prefix.len() <= MAX_SUBDOMAIN_BYTES && prefix.split('.').all(has_label_shape)
        };
        if prefix.is_none_or(is_prefix) && is_label_name(name) {
            Ok(Self(text))
        } else {
            Err(LabelError::Key(redact_excerpt(&text)))
        }
    }
}

impl TryFrom<String> for LabelValue {
    type Error = LabelError;

    fn try_from(text: String) -> Result<Self, LabelError> {
        if text.is_empty() || is_label_name(&text) {
            Ok(Self(text))
        } else {
            Err(LabelError::Value)
        }
    }
}

impl fmt::Display for LabelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<LabelKey> for String {
    fn from(key: LabelKey) -> Self {
        key.0
    }
}

impl From<LabelValue> for String {
    fn from(value: LabelValue) -> Self {
        value.0
    }
}

/// The name in a key, and the value of a label that has one: `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`.
fn is_label_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    text.len() <= MAX_NAME_BYTES
        && ends.iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        && bytes.iter().all(|&b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// The beginning of a refused text, which may go into an error and a log: enough to find it by.
pub(crate) fn redact_excerpt(text: &str) -> String {
    let shown = |c: char| if c.is_ascii_graphic() && c != '`' { c } else { '?' };
    let mut beginning: String = text.chars().take(MAX_SHOWN_CHARS).map(shown).collect();
    if text.chars().nth(MAX_SHOWN_CHARS).is_some() {
        beginning.push('…');
    }
    beginning
}

/// The longest name in a key, and the longest value (`LabelValueMaxLength` and `IsQualifiedName`).
const MAX_NAME_BYTES: usize = 63;

/// The part of a refused text that is shown: a key is seldom longer, and a pasted token is not
/// whole.
const MAX_SHOWN_CHARS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<LabelKey, LabelError> {
        LabelKey::try_from(text.to_owned())
    }

    #[test]
    fn keys_are_those_of_kubernetes() {
        let (n63, n64) = ("n".repeat(63), "n".repeat(64));
        let (p253, p255) = (["a"; 127].join("."), ["a"; 128].join("."));
        for (text, good) in [
            ("team", true),
            ("Team_1.x-y", true),
            ("example.com/team", true),
            ("a/b", true),
            (&n63, true),
            (&format!("{p253}/{n63}"), true),
            (&n64, false),
            (&format!("{p255}/a"), false),
            ("", false),
            ("/a", false),
            ("a/", false),
            ("a/b/c", false),
            ("-a", false),
            ("a-", false),
            ("a b", false),
            ("Example.com/a", false),
            ("a_b/c", false),
            ("a..b/c", false),
            (".a/c", false),
            ("té", false),
            ("a\n", false),
        ] {
            assert_eq!(key(text).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn values_are_those_of_kubernetes() {
        for (text, good) in [
            ("", true),
            ("a", true),
            ("A.b_c-9", true),
            (&*"v".repeat(63), true),
            (&*"v".repeat(64), false),
            ("-a", false),
            ("a.", false),
            ("a/b", false),
            ("a b", false),
            ("ä", false),
        ] {
            assert_eq!(LabelValue::try_from(text.to_owned()).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn a_refused_key_is_shown_as_far_as_it_is_harmless() {
        let error = key(&"x y".repeat(100)).unwrap_err().to_string();
        assert!(error.len() < 400 && error.contains("`x?yx?y"), "{error}");
        let error = key("a`\u{1b}[31m\n").unwrap_err().to_string();
        assert!(error.starts_with("`a??[31m?` is not a key"), "{error}");
    }
}
