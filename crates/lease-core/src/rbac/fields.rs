//! The fields of a map, taken by name.

use super::node::Node;

/// A map whose fields are taken one by one; what is left over is unknown.
pub(super) struct Fields(Vec<(String, Node)>);

impl Fields {
    /// The fields of a map; `None` where the node is none.
    pub(super) fn of(node: Node) -> Option<Self> {
        match node {
            Node::Map(map) => Some(Self(map)),
            _ => None,
        }
    }

    /// A field's value. What is not there is [`Node::Null`], as `null` is.
    pub(super) fn take(&mut self, name: &str) -> Node {
        match self.0.iter().position(|(key, _)| key == name) {
            Some(at) => self.0.remove(at).1,
            None => Node::Null,
        }
    }

    /// The name of a field that nobody took.
    pub(super) fn unknown(&self) -> Option<String> {
        self.0.first().map(|(key, _)| shown(key))
    }
}

/// A name out of a text, as it may stand in an error: what does not look like a name is not repeated, as it
/// may be a secret in the wrong place.
pub(super) fn shown(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    if name.len() <= MAX_SHOWN_BYTES && !name.is_empty() && name.bytes().all(plain) {
        name.to_owned()
    } else {
        "(unreadable)".to_owned()
    }
}

/// Longer than any kind or field of Kubernetes, shorter than a token.
const MAX_SHOWN_BYTES: usize = 63;
