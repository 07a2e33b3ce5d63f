//! Values with their places in a text.

use std::fmt;

use serde_json::{Map, Value};

/// A place in a text, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextPosition {
    pub line: usize,
    pub column: usize,
}

/// A value, and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct PositionedNode {
    pub content: Content,
    pub place: TextPosition,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    Null,
    Flag(bool),
    Number(i64),
    Text(String),
    List(Vec<PositionedNode>),
    Map(Vec<(Key, PositionedNode)>),
}

/// The key of an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    pub name: String,
    pub place: TextPosition,
}

/// Something wrong at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionedFault {
    pub place: TextPosition,
    pub text: String,
}

impl PositionedNode {
    /// Returns the value of an entry of a map.
    pub fn get(&self, name: &str) -> Option<&PositionedNode> {
        self.entries().iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
    }

    /// Returns the entries of a map; of anything else none.
    pub fn entries(&self) -> &[(Key, PositionedNode)] {
        if let Content::Map(entries) = &self.content { entries } else { &[] }
    }

    /// Returns the text of a scalar that is one.
    pub fn text(&self) -> Option<&str> {
        if let Content::Text(text) = &self.content { Some(text) } else { None }
    }

    /// Returns the name of the type, as JSON Schema has it.
    pub fn type_name(&self) -> &'static str {
        match self.content {
            Content::Null => "null",
            Content::Flag(_) => "boolean",
            Content::Number(_) => "integer",
            Content::Text(_) => "string",
            Content::List(_) => "array",
            Content::Map(_) => "object",
        }
    }

    /// Returns the value without its places.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Flag(flag) => Value::Bool(*flag),
            Content::Number(number) => Value::from(*number),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(PositionedNode::to_json).collect(),
            Content::Map(entries) => {
                let entry =
                    |(key, value): &(Key, PositionedNode)| (key.name.clone(), value.to_json());
                Value::Object(entries.iter().map(entry).collect::<Map<_, _>>())
            }
        }
    }

    /// Returns the place of what a JSON pointer names, or of the innermost value around it that is there.
    pub fn nearest_place_of_pointer(&self, pointer: &str) -> TextPosition {
        let mut node = self;
        for part in pointer.split('/').skip(1) {
            let name = part.replace("~1", "/").replace("~0", "~");
            let inner = match &node.content {
                Content::List(items) => name.parse().ok().and_then(|index: usize| items.get(index)),
                _ => node.get(&name),
            };
            match inner {
                Some(inner) => node = inner,
                None => break,
            }
        }
        node.place
    }
}

impl PositionedFault {
    pub fn new(place: TextPosition, text: impl Into<String>) -> Self {
        Self { place, text: text.into() }
    }
}

impl fmt::Display for TextPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}
