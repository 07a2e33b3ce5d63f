//! The tree of a kubeconfig, with the lines where its parts begin.

use granit_parser::{Event, Parser};
use serde_json::Value;

/// A value in a file. Only texts matter here, so that a number or a boolean is a text too.
#[derive(Debug, Clone)]
pub enum Node {
    Scalar(String),
    List(Vec<Item>),
    Map(Vec<Entry>),
}

/// An item of a list.
#[derive(Debug, Clone)]
pub struct Item {
    /// The line of its value, from 0. Behind a `-` that is the line of the `-` too.
    pub line: usize,
    pub value: Node,
}

/// An entry of a map.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The line of its key, from 0.
    pub line: usize,
    pub key: String,
    pub value: Node,
}

/// Reads the one document of a text; one without a document is an empty map.
///
/// # Errors
/// Fails for what is no YAML or JSON, for several documents, and for anchors, aliases and tags. The text is not
/// repeated, since it may hold secrets.
pub fn parse_single_document(text: &str) -> Result<Node, &'static str> {
    let options = granit_parser::options! {
        emit_unresolved_aliases: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = TreeBuilder { documents: vec![], open: vec![] };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|_| "it is neither YAML nor JSON")?;
        // The parser counts lines from 1.
        builder.take_event(event, span.start.line().saturating_sub(1))?;
    }
    match <[Node; 1]>::try_from(builder.documents) {
        Ok([nothing @ Node::Scalar(_)]) if nothing.is_null_or_empty_list() => Ok(Node::Map(vec![])),
        Ok([document @ Node::Map(_)]) => Ok(document),
        Ok(_) => Err("it is no map"),
        Err(documents) if documents.is_empty() => Ok(Node::Map(vec![])),
        Err(_) => Err("it has several documents"),
    }
}

impl Node {
    /// Returns a field of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Self::Map(entries) => entries.iter().find(|it| it.key == key).map(|it| &it.value),
            _ => None,
        }
    }

    /// Returns a field of a map that is a text.
    pub fn text_field(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Self::Scalar(text)) => Some(text),
            _ => None,
        }
    }

    /// Returns the items of a list; of anything else, none.
    pub fn list_items(&self) -> &[Item] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Returns true for a value that says nothing: an empty list, or null.
    pub fn is_null_or_empty_list(&self) -> bool {
        match self {
            Self::Scalar(text) => matches!(text.as_str(), "" | "~" | "null"),
            Self::List(items) => items.is_empty(),
            Self::Map(entries) => entries.is_empty(),
        }
    }
}

/// The same texts in the same places, wherever their lines are. The order of a map's entries does not matter.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(one), Self::Scalar(other)) => one == other,
            (Self::List(one), Self::List(other)) => {
                one.iter().map(|it| &it.value).eq(other.iter().map(|it| &it.value))
            }
            (Self::Map(entries), Self::Map(others)) => {
                entries.len() == others.len()
                    && entries.iter().all(|entry| other.get(&entry.key) == Some(&entry.value))
            }
            _ => false,
        }
    }
}

impl From<&Value> for Node {
    fn from(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Scalar(text.clone()),
            Value::Array(items) => {
                Self::List(items.iter().map(|it| Item { line: 0, value: it.into() }).collect())
            }
            Value::Object(fields) => Self::Map(
                fields
                    .iter()
                    .map(|(key, value)| Entry { line: 0, key: key.clone(), value: value.into() })
                    .collect(),
            ),
            other => Self::Scalar(other.to_string()),
        }
    }
}

struct TreeBuilder {
    documents: Vec<Node>,
    /// The lists and maps that are not closed yet with the lines where they begin, the innermost last.
    open: Vec<(usize, OpenCollection)>,
}

enum OpenCollection {
    List(Vec<Item>),
    /// With the key whose value comes next.
    Map(Vec<Entry>, Option<(usize, String)>),
}

impl TreeBuilder {
    fn take_event(&mut self, event: Event<'_>, line: usize) -> Result<(), &'static str> {
        match event {
            Event::Scalar(text, _, 0, None) => match self.open.last_mut() {
                Some((_, OpenCollection::Map(entries, key @ None))) => {
                    if entries.iter().any(|entry| entry.key == *text) {
                        return Err("it has a key twice");
                    }
                    *key = Some((line, text.into_owned()));
                }
                _ => self.put_node(line, Node::Scalar(text.into_owned())),
            },
            Event::SequenceStart(_, 0, None) => {
                self.begin_node(line, OpenCollection::List(vec![]))?;
            }
            Event::MappingStart(_, 0, None) => {
                self.begin_node(line, OpenCollection::Map(vec![], None))?;
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some((line, OpenCollection::List(items))) => self.put_node(line, Node::List(items)),
                Some((line, OpenCollection::Map(entries, _))) => {
                    self.put_node(line, Node::Map(entries));
                }
                None => {}
            },
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd => {}
            _ => return Err("it has anchors, aliases or tags"),
        }
        Ok(())
    }

    fn begin_node(&mut self, line: usize, open: OpenCollection) -> Result<(), &'static str> {
        if matches!(self.open.last(), Some((_, OpenCollection::Map(_, None)))) {
            return Err("it has a key that is no text");
        }
        self.open.push((line, open));
        Ok(())
    }

    fn put_node(&mut self, line: usize, value: Node) {
        match self.open.last_mut() {
            None => self.documents.push(value),
            Some((_, OpenCollection::List(items))) => items.push(Item { line, value }),
            Some((_, OpenCollection::Map(entries, key))) => {
                entries.extend(key.take().map(|(line, key)| Entry { line, key, value }));
            }
        }
    }
}

/// Far deeper than a kubeconfig goes.
const MAX_DEPTH: usize = 64;
