//! A manifest out of the store, which may hold texts that were taken when less was refused.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::document_node::DocumentNode;
use super::manifest::Manifest;
use super::manifest_error::ManifestError;

/// The text of a manifest as it was kept.
///
/// What is taken for a manifest has become less, and may again. A text that is none any more is kept all the
/// same: what holds it must still be read, to be shown, put anew and taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredManifest {
    /// A text that is a valid manifest.
    Read(Manifest),
    /// A text that is not, by the rules of today.
    Unread(RefusedManifest),
}

/// A text that is no manifest, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedManifest {
    text: String,
    error: ManifestError,
}

impl RefusedManifest {
    /// The reason why it is no manifest.
    #[must_use]
    pub fn error(&self) -> &ManifestError {
        &self.error
    }
}

impl<'de> Deserialize<'de> for StoredManifest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A node rather than a `String`: a manifest written as an object is told what is meant.
        match DocumentNode::deserialize(deserializer)? {
            DocumentNode::Text(text) => Ok(match text.parse() {
                Ok(manifest) => Self::Read(manifest),
                Err(error) => Self::Unread(RefusedManifest { text, error }),
            }),
            _ => Err(serde::de::Error::custom("a manifest is a text of YAML or JSON")),
        }
    }
}

impl Serialize for StoredManifest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Read(manifest) => manifest.serialize(serializer),
            Self::Unread(unread) => serializer.serialize_str(&unread.text),
        }
    }
}
