//! The fields of a map, taken by name.

use super::document_node::DocumentNode;

/// A map whose fields are taken one by one; what is left over is unknown.
pub(super) struct Fields(Vec<(String, DocumentNode)>);

impl Fields {
    /// Returns the fields of a map; `None` if the node is none.
    pub(super) fn from_node(node: DocumentNode) -> Option<Self> {
        match node {
            DocumentNode::Map(map) => Some(Self(map)),
            _ => None,
        }
    }

    /// Removes a field and returns its value. A field that is not there is [`DocumentNode::Null`], as `null` is.
    pub(super) fn take_field(&mut self, name: &str) -> DocumentNode {
        match self.0.iter().position(|(key, _)| key == name) {
            Some(at) => self.0.remove(at).1,
            None => DocumentNode::Null,
        }
    }

    /// Returns the name of the first field that is none of `known`.
    pub(super) fn first_unknown_field(&self, known: &[&str]) -> Option<String> {
        let unknown = self.0.iter().find(|(key, _)| !known.contains(&key.as_str()));
        unknown.map(|(key, _)| redact_name(key))
    }
}

/// A name out of a text, as it may stand in an error: what does not look like a name is not repeated, as it
/// may be a secret in the wrong place.
pub(super) fn redact_name(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    if name.len() <= MAX_SHOWN_BYTES && !name.is_empty() && name.bytes().all(plain) {
        name.to_owned()
    } else {
        "(unreadable)".to_owned()
    }
}

/// Longer than any kind or field of Kubernetes, shorter than a token.
const MAX_SHOWN_BYTES: usize = 63;
