//! What people say of a dynamic secret, and how many leases of it may live.

use serde::{Deserialize, Serialize};

/// The longest description, in characters: some sentences. It is kept with the definition and shown in lists.
pub const MAX_DESCRIPTION_CHARS: usize = 1024;

/// The most tags of one dynamic secret; they are kept with it and shown in lists.
pub const MAX_TAGS: usize = 32;

/// The longest tag.
pub const MAX_TAG_BYTES: usize = 64;

/// The most live leases that a cap may allow: ten times what one installation is measured with.
pub const MAX_MAX_LIVE_LEASES: u32 = 1_000_000;

/// A description of a dynamic secret, in one line of at most 1024 characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Description(String);

/// A word to find a dynamic secret by: 1 to 64 of `A-Z a-z 0-9 . _ : / = -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

/// The tags of a dynamic secret, each once, in the order they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Tag>", into = "Vec<Tag>")]
pub struct Tags(Vec<Tag>);

/// The greatest number of leases of a dynamic secret that may live at once: 1 to 1,000,000.
///
/// Zero is not a cap: a dynamic secret that gives no leases is a disabled one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct MaxLiveLeases(u32);

/// Why what is said of a dynamic secret is not taken. It is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// No description.
    #[error("a description is one line of at most {MAX_DESCRIPTION_CHARS} characters")]
    Description,
    /// No tag.
    #[error("a tag is 1 to {MAX_TAG_BYTES} letters, digits, `.`, `_`, `:`, `/`, `=` or `-`")]
    Tag,
    /// Too many tags.
    #[error("at most {MAX_TAGS} tags can be given")]
    TagCount,
    /// A tag that is given twice.
    #[error("tag `{0}` is given twice")]
    TagTwice(Tag),
    /// No cap.
    #[error("`max_live_leases` is 1 to {MAX_MAX_LIVE_LEASES}; to stop leases, set `disabled`")]
    MaxLiveLeases,
}

impl Description {
    /// The description as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Tag {
    /// The tag as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Tags {
    /// The tags in the order they were given.
    #[must_use]
    pub fn as_slice(&self) -> &[Tag] {
        &self.0
    }

    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl MaxLiveLeases {
    /// The number, never zero.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<String> for Description {
    type Error = MetadataError;

    fn try_from(text: String) -> Result<Self, MetadataError> {
        let too_long = text.chars().nth(MAX_DESCRIPTION_CHARS).is_some();
        if too_long || text.chars().any(breaks_a_line) {
            Err(MetadataError::Description)
        } else {
            Ok(Self(text))
        }
    }
}

/// Returns true if a character could forge a line, or turn its direction, where the text is listed
/// or logged.
fn breaks_a_line(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl TryFrom<String> for Tag {
    type Error = MetadataError;

    fn try_from(text: String) -> Result<Self, MetadataError> {
        let sized = (1..=MAX_TAG_BYTES).contains(&text.len());
        if sized && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:/=-".contains(&b)) {
            Ok(Self(text))
        } else {
            Err(MetadataError::Tag)
        }
    }
}

impl TryFrom<Vec<Tag>> for Tags {
    type Error = MetadataError;

    fn try_from(tags: Vec<Tag>) -> Result<Self, MetadataError> {
        if tags.len() > MAX_TAGS {
            return Err(MetadataError::TagCount);
        }
        let twice = |(i, tag)| tags[..i].contains(tag);
        match tags.iter().enumerate().position(twice) {
            Some(i) => Err(MetadataError::TagTwice(tags[i].clone())),
            None => Ok(Self(tags)),
        }
    }
}

impl TryFrom<u64> for MaxLiveLeases {
    type Error = MetadataError;

    fn try_from(count: u64) -> Result<Self, MetadataError> {
        match u32::try_from(count) {
            Ok(count @ 1..=MAX_MAX_LIVE_LEASES) => Ok(Self(count)),
            _ => Err(MetadataError::MaxLiveLeases),
        }
    }
}

impl From<Description> for String {
    fn from(description: Description) -> Self {
        description.0
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

impl From<Tags> for Vec<Tag> {
    fn from(tags: Tags) -> Self {
        tags.0
    }
}

impl From<MaxLiveLeases> for u64 {
    fn from(cap: MaxLiveLeases) -> Self {
        u64::from(cap.0)
    }
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_one_line() {
        for (text, good) in [
            ("", true),
            ("Deploys, from CI. Fragt Jürgen 🦀", true),
            (&*"é".repeat(1024), true),
            (&*"é".repeat(1025), false),
            ("a\nb", false),
            ("a\tb", false),
            ("a\0", false),
            ("a\u{1b}[31m", false),
            ("a\u{85}b", false),
            ("a\u{2028}b", false),
            ("a\u{202e}b", false),
        ] {
            assert_eq!(Description::try_from(text.to_owned()).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn tags_are_words_and_each_is_given_once() {
        let tag = |i| format!(r#""t{i}""#);
        let tags = |count| format!("[{}]", (0..count).map(tag).collect::<Vec<_>>().join(","));
        for (json, says) in [
            ("[]".to_owned(), None),
            (r#"["team:a","cost/center=7","A._-"]"#.to_owned(), None),
            (format!(r#"["{}"]"#, "t".repeat(64)), None),
            (tags(MAX_TAGS), None),
            (tags(MAX_TAGS + 1), Some("at most 32 tags")),
            (r#"["a","b","a"]"#.to_owned(), Some("tag `a` is given twice")),
            (format!(r#"["{}"]"#, "t".repeat(65)), Some("a tag is 1 to 64")),
            (r#"[""]"#.to_owned(), Some("a tag is 1 to 64")),
            (r#"["canary canary"]"#.to_owned(), Some("a tag is 1 to 64")),
            (r#"["é"]"#.to_owned(), Some("a tag is 1 to 64")),
            (r#""a""#.to_owned(), Some("expected a sequence")),
        ] {
            match (serde_json::from_str::<Tags>(&json).map_err(|e| e.to_string()), says) {
                (Ok(read), None) => {
                    assert_eq!(serde_json::to_string(&read).expect("serialises"), json);
                }
                (Err(error), Some(says)) => {
                    assert!(error.contains(says) && !error.contains("canary"), "{json}: {error}");
                }
                (read, _) => panic!("{json}: {read:?}, expected {says:?}"),
            }
        }
    }

    #[test]
    fn a_cap_allows_something() {
        for (json, cap) in [
            ("1", Some(1)),
            ("1000000", Some(1_000_000)),
            ("1000001", None),
            ("0", None),
            ("-1", None),
            ("4294967297", None),
            ("1.5", None),
            (r#""1""#, None),
            ("null", None),
        ] {
            let read = serde_json::from_str::<MaxLiveLeases>(json).ok();
            assert_eq!(read.map(MaxLiveLeases::get), cap, "{json}");
            if let Some(read) = read {
                assert_eq!(serde_json::to_string(&read).expect("serialises"), json);
            }
        }
    }
}
