//! What a text or a JSON value holds, before it is anything of ours: texts, lists and maps.
//!
//! The objects of RBAC hold texts, lists and maps alone. Numbers and booleans are kept apart from texts, without
//! their values: they are refused only if a text is wanted, so that they do not hide what else is wrong.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A text, a list, a map, or nothing; or a number or a boolean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DocumentNode {
    /// `null`: as if it were not there.
    Null,
    Text(String),
    /// A number or a boolean.
    Typed(NonTextScalar),
    List(Vec<DocumentNode>),
    /// In the order in which it is written; no key twice.
    Map(Vec<(String, DocumentNode)>),
}

impl DocumentNode {
    pub(super) fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// True if Kubernetes takes the value for one that was left out.
    pub(super) fn is_empty_value(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::Typed(_) => false,
            Self::List(list) => list.is_empty(),
            Self::Map(map) => map.is_empty(),
        }
    }
}

/// A number or a boolean, as an error: it stands where a text is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonTextScalar(pub(super) Option<TextPosition>);

impl fmt::Display for NonTextScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(place) => write!(
                f,
                "{place}: YAML may read this as a number or a boolean: quote it if it is a string"
            ),
            None => f.write_str("this must be a string, not a number or a boolean"),
        }
    }
}

impl std::error::Error for NonTextScalar {}

/// A place in a text. Lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextPosition {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for TextPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A map that is being read.
#[derive(Default)]
pub(super) struct MapBuilder {
    entries: Vec<(String, DocumentNode)>,
    keys: BTreeSet<String>,
}

/// A key that is there already: one reader would take its first value, another its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key occurs twice")]
pub struct DuplicateKey;

impl MapBuilder {
    /// Takes the next key; its value is pushed later.
    pub(super) fn reserve_key(&mut self, key: &str) -> Result<(), DuplicateKey> {
        if self.keys.insert(key.to_owned()) { Ok(()) } else { Err(DuplicateKey) }
    }

    pub(super) fn push(&mut self, key: String, value: DocumentNode) {
        self.entries.push((key, value));
    }

    pub(super) fn finish_map(self) -> DocumentNode {
        DocumentNode::Map(self.entries)
    }
}

/// Depth is bounded by the deserializer: 128 levels, for `serde_json`.
impl<'de> Deserialize<'de> for DocumentNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = DocumentNode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a list or an object")
    }

    fn visit_unit<E: Error>(self) -> Result<DocumentNode, E> {
        Ok(DocumentNode::Null)
    }

    fn visit_none<E: Error>(self) -> Result<DocumentNode, E> {
        Ok(DocumentNode::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<DocumentNode, D::Error> {
        DocumentNode::deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<DocumentNode, E> {
        Ok(DocumentNode::Typed(NonTextScalar(None)))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<DocumentNode, E> {
        Ok(DocumentNode::Typed(NonTextScalar(None)))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<DocumentNode, E> {
        Ok(DocumentNode::Typed(NonTextScalar(None)))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<DocumentNode, E> {
        Ok(DocumentNode::Typed(NonTextScalar(None)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<DocumentNode, E> {
        Ok(DocumentNode::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<DocumentNode, E> {
        Ok(DocumentNode::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<DocumentNode, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(DocumentNode::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<DocumentNode, A::Error> {
        let mut map = MapBuilder::default();
        while let Some(key) = entries.next_key::<String>()? {
            map.reserve_key(&key).map_err(A::Error::custom)?;
            map.push(key, entries.next_value()?);
        }
        Ok(map.finish_map())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_no_double_keys_here_and_its_numbers_and_booleans_are_no_texts() {
        for (json, good) in [
            (r#"["a",null,{"b":"c"}]"#, true),
            ("null", true),
            (r#"{"a":"b","a":"b"}"#, false),
            (r#"[{"a":1,"b":2,"a":1}]"#, false),
            (&"[".repeat(60_000), false),
        ] {
            let read = serde_json::from_str::<DocumentNode>(json);
            assert_eq!(read.is_ok(), good, "{}", json.get(..40).unwrap_or(json));
        }
        for json in ["1", "-1", "1.5", "true", "18446744073709551615"] {
            let read = serde_json::from_str::<DocumentNode>(json).expect("reads");
            assert_eq!(read, DocumentNode::Typed(NonTextScalar(None)), "{json}");
        }
    }

    #[test]
    fn many_keys_are_read_in_no_time() {
        let keys: Vec<String> = (0..6_000).map(|i| format!(r#""k{i}":"""#)).collect();
        let began = std::time::Instant::now();
        let read = serde_json::from_str::<DocumentNode>(&format!("{{{}}}", keys.join(",")));
        assert!(matches!(read, Ok(DocumentNode::Map(map)) if map.len() == 6_000));
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    }
}
