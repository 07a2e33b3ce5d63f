//! What a text or a JSON value says, before it is anything of ours: texts, lists and maps.
//!
//! RBAC's shapes hold texts and nothing else. So there are no numbers or booleans here, and a value
//! of one type cannot come in under the name of another.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A text, a list, a map, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// `null`: as if it were not there.
    Null,
    Text(String),
    List(Vec<Node>),
    /// In the order in which it is written; no key twice.
    Map(Vec<(String, Node)>),
}

impl Node {
    pub(super) fn is_null(&self) -> bool {
        *self == Self::Null
    }
}

/// Why a key does not fit into a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is there already: one reader would take the first, another the last.
    #[error("a key is there twice")]
    Twice,
    /// There are too many.
    #[error("a map has at most {MAX_KEYS} keys")]
    TooMany,
}

/// Adds to a map what it does not have yet.
pub(super) fn insert(
    map: &mut Vec<(String, Node)>,
    key: String,
    value: Node,
) -> Result<(), KeyError> {
    if map.len() == MAX_KEYS {
        return Err(KeyError::TooMany);
    }
    if map.iter().any(|(other, _)| *other == key) {
        return Err(KeyError::Twice);
    }
    map.push((key, value));
    Ok(())
}

/// The most keys of one map: no object here has a dozen, and finding one twice looks at all of them.
const MAX_KEYS: usize = 32;

/// Depth is bounded by the deserializer: 128 levels, for `serde_json`.
impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a list or an object")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry()? {
            insert(&mut map, key, value).map_err(A::Error::custom)?;
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_no_numbers_booleans_or_double_keys_here() {
        let many: Vec<String> = (0..=MAX_KEYS).map(|i| format!(r#""k{i}":"""#)).collect();
        let many = format!("{{{}}}", many.join(","));
        for (json, good) in [
            (r#"["a",null,{"b":"c"}]"#, true),
            ("null", true),
            ("1", false),
            ("[true]", false),
            ("[1.5]", false),
            (r#"{"a":"b","a":"b"}"#, false),
            (&many, false),
            (&"[".repeat(60_000), false),
        ] {
            let read = serde_json::from_str::<Node>(json);
            assert_eq!(read.is_ok(), good, "{}", json.get(..40).unwrap_or(json));
        }
    }
}
