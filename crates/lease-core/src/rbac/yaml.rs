//! YAML, and with it JSON, as far as an RBAC object needs it: no aliases, no tags, no guesses.
//!
//! A text is read as `kubectl` would read it, or not at all; `tests/kubectl_yaml.rs` compares the two. [`kubectl_source`]
//! deals with what kubectl does before its parser of YAML sees a document, [`document_builder`] builds nodes from the events
//! of ours, and [`plain_scalars`] knows which unquoted words are no texts. What YAML can do and an RBAC object never
//! needs is refused where it appears, before it costs anything: an alias is not expanded and then counted, it ends
//! the reading.

mod document_builder;
mod kubectl_source;
mod plain_scalars;

use serde_json::Value;

use self::kubectl_source::PreparedYamlSource;
use super::document_node::{DocumentNode, DuplicateKey, TextPosition};

/// The longest text that is read: as long as the largest body of a request.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// The greatest nesting of lists and maps. The verbs of a rule in a list of objects are the sixth
/// level; other objects, which are refused by their kinds once they are read, go deeper.
const MAX_DEPTH: usize = 64;

/// Why a text is not read, and at which place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The text is too long.
    #[error("the text is longer than {MAX_TEXT_BYTES} bytes")]
    TooLong,
    /// The text holds something that it must not.
    #[error("{place}: {problem}")]
    At {
        /// The place.
        place: TextPosition,
        /// The problem there.
        problem: TextProblem,
    },
}

/// The problem with a place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextProblem {
    /// Neither YAML nor JSON.
    #[error("this is neither YAML nor JSON")]
    Syntax,
    /// Anchors and aliases make a short text long (the "billion laughs"), and merges need them.
    #[error(
        "anchors (`&`), aliases (`*`) and merges (`<<`) are not supported: write the value in \
         full, and quote a `*`"
    )]
    Alias,
    /// A tag makes a value another type than it looks.
    #[error("tags (`!`) are not supported: every value is a string, a list or a map")]
    Tag,
    /// A directive changes how the rest is read.
    #[error("directives (`%`) are not supported")]
    Directive,
    /// Nested deeper than any object of RBAC.
    #[error("the text is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A character that ends a line, and with it a comment, for some readers alone.
    #[error(
        "lines must end with a line feed: YAML readers differ about a carriage return alone, \
         U+0085, U+2028 and U+2029"
    )]
    LineEnd,
    /// A byte order mark that kubectl would read as part of a word.
    #[error("a byte order mark (U+FEFF) is allowed only at the very beginning of a document")]
    ByteOrderMark,
    /// A line that kubectl would take for the end of a document.
    #[error(
        "a line that begins with `---` ends a document: if more follows on the line, it must begin \
         with a blank"
    )]
    Separator,
    /// A document that kubectl would not read.
    #[error("a document after another one must begin with a line `---`")]
    NoSeparator,
    /// A key that is a list, a map or nothing.
    #[error("a key must be a string")]
    Key,
    /// A key that is in its map already.
    #[error(transparent)]
    Duplicate(DuplicateKey),
}

/// The documents of a text as far as they were read.
pub(super) struct ReadDocuments {
    /// In order. An empty document is [`DocumentNode::Null`]; the last one ends early if the reading did.
    pub(super) documents: Vec<DocumentNode>,
    /// Why the reading ended before the text.
    pub(super) error: Option<TextError>,
}

/// Reads the documents of a text up to the first error.
pub(super) fn read_documents_until_error(text: &str) -> ReadDocuments {
    let source = if text.len() > MAX_TEXT_BYTES {
        Err(TextError::TooLong)
    } else {
        kubectl_source::prepare_source(text)
    };
    match source {
        Ok(PreparedYamlSource::Json(documents)) => ReadDocuments { documents, error: None },
        Ok(PreparedYamlSource::Yaml(text)) => document_builder::build_documents_until_error(&text),
        Err(error) => ReadDocuments { documents: vec![], error: Some(error) },
    }
}

/// The documents of a text, in order, each read whole.
pub(super) fn parse_all_documents(text: &str) -> Result<Vec<DocumentNode>, TextError> {
    let ReadDocuments { documents, error } = read_documents_until_error(text);
    error.map_or(Ok(documents), Err)
}

/// Reads the documents of a text as JSON, for a comparison with other readers.
///
/// A `true` stands for a number or a boolean: their values are not kept, and nothing else is one in what it returns.
///
/// # Errors
/// Fails if the text is not read; says where and why.
pub fn documents_as_json(text: &str) -> Result<Vec<Value>, TextError> {
    parse_all_documents(text).map(|documents| documents.into_iter().map(to_json).collect())
}

fn to_json(node: DocumentNode) -> Value {
    match node {
        DocumentNode::Null => Value::Null,
        DocumentNode::Text(text) => Value::String(text),
        DocumentNode::Typed(_) => Value::Bool(true),
        DocumentNode::List(list) => list.into_iter().map(to_json).collect(),
        DocumentNode::Map(map) => {
            map.into_iter().map(|(key, value)| (key, to_json(value))).collect()
        }
    }
}

#[cfg(test)]
mod tests;
