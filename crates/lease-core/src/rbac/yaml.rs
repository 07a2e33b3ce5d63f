//! YAML, and with it JSON, as far as an RBAC object needs it: no aliases, no tags, no guesses.
//!
//! A parser of events is asked and a tree built here, so that what YAML can do and an RBAC object never
//! needs is refused where it appears, before it costs anything: an alias is not expanded and then
//! counted, it ends the reading.

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError};

use super::node::{KeyError, Node, insert};

/// The longest text that is read: as long as the largest body of a request.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Why a text is not read, and where it stops to make sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It is too long.
    #[error("the text is longer than {MAX_TEXT_BYTES} bytes")]
    TooLong,
    /// It holds what it must not.
    #[error("line {line}, column {column}: {problem}")]
    At {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong there.
        problem: TextProblem,
    },
}

/// What is wrong with a place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextProblem {
    /// Neither YAML nor JSON.
    #[error("this is neither YAML nor JSON")]
    Syntax,
    /// Anchors and aliases make a short text long (the "billion laughs").
    #[error("anchors (`&`) and aliases (`*`) are not read: write out what is meant, quote a `*`")]
    Alias,
    /// A tag makes a value another type than it looks.
    #[error("tags (`!`) are not read: every value is a text, a list or a map")]
    Tag,
    /// A directive changes how the rest is read.
    #[error("directives (`%`) are not read")]
    Directive,
    /// Nested deeper than any object of RBAC.
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// YAML readers differ over which type this is.
    #[error("YAML may take this for a number or a boolean: write it in quotes if it is a text")]
    NotText,
    /// A key that is a list, a map or nothing.
    #[error("a key is a text")]
    Key,
    /// A key that does not fit into its map.
    #[error(transparent)]
    Map(KeyError),
}

/// The documents of a text, in order. An empty one is [`Node::Null`].
pub(super) fn documents(text: &str) -> Result<Vec<Node>, TextError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(TextError::TooLong);
    }
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut tree = Tree::default();
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| syntax(&error))?;
        tree.take(event).map_err(|problem| at(&span.start, problem))?;
    }
    Ok(tree.documents)
}

/// What is built of events so far.
#[derive(Default)]
struct Tree {
    documents: Vec<Node>,
    /// The lists and maps that are not closed yet, the innermost last.
    open: Vec<Open>,
}

enum Open {
    List(Vec<Node>),
    /// With the key whose value comes next.
    Map(Vec<(String, Node)>, Option<String>),
}

impl Tree {
    fn take(&mut self, event: Event<'_>) -> Result<(), TextProblem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                without_properties(anchor, tag.is_some())?;
                self.put(scalar(text.into_owned(), style)?)
            }
            Event::SequenceStart(_, anchor, tag) => {
                without_properties(anchor, tag.is_some())?;
                self.open(Open::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                without_properties(anchor, tag.is_some())?;
                self.open(Open::Map(Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_, None)
            | Event::DocumentEnd => Ok(()),
            Event::Alias(_) | Event::UnresolvedAlias(_) | Event::Anchor(..) => {
                Err(TextProblem::Alias)
            }
            // A directive, or an event of a later version of the parser.
            _ => Err(TextProblem::Directive),
        }
    }

    fn open(&mut self, node: Open) -> Result<(), TextProblem> {
        if self.open.len() == MAX_DEPTH {
            return Err(TextProblem::TooDeep);
        }
        if matches!(self.open.last(), Some(Open::Map(_, None))) {
            return Err(TextProblem::Key);
        }
        self.open.push(node);
        Ok(())
    }

    fn close(&mut self) -> Result<(), TextProblem> {
        match self.open.pop() {
            Some(Open::List(list)) => self.put(Node::List(list)),
            Some(Open::Map(map, None)) => self.put(Node::Map(map)),
            Some(Open::Map(_, Some(_))) | None => Err(TextProblem::Syntax),
        }
    }

    fn put(&mut self, node: Node) -> Result<(), TextProblem> {
        match self.open.last_mut() {
            None => self.documents.push(node),
            Some(Open::List(list)) => list.push(node),
            Some(Open::Map(map, key)) => match (key.take(), node) {
                (None, Node::Text(text)) => *key = Some(text),
                (None, _) => return Err(TextProblem::Key),
                (Some(key), node) => insert(map, key, node).map_err(TextProblem::Map)?,
            },
        }
        Ok(())
    }
}

fn without_properties(anchor: usize, tagged: bool) -> Result<(), TextProblem> {
    match (anchor, tagged) {
        (0, false) => Ok(()),
        (0, true) => Err(TextProblem::Tag),
        _ => Err(TextProblem::Alias),
    }
}

fn scalar(text: String, style: ScalarStyle) -> Result<Node, TextProblem> {
    if style != ScalarStyle::Plain {
        return Ok(Node::Text(text));
    }
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Ok(Node::Null),
        plain if is_boolean(plain) || may_be_number(plain) => Err(TextProblem::NotText),
        _ => Ok(Node::Text(text)),
    }
}

/// A boolean to YAML 1.1 (<https://yaml.org/type/bool.html>), by which Kubernetes' own tools read.
fn is_boolean(plain: &str) -> bool {
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false"];
    words.iter().any(|word| plain.eq_ignore_ascii_case(word))
}

/// Perhaps a number or a time to YAML 1.1 or 1.2. Some names look like one too, and take quotes then.
fn may_be_number(plain: &str) -> bool {
    let unsigned = plain.trim_start_matches(['+', '-']);
    let word = [".inf", ".nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word));
    let signs = |b: u8| b.is_ascii_hexdigit() || b"+-._:xXoO".contains(&b);
    let begins = unsigned.trim_start_matches('.').starts_with(|c: char| c.is_ascii_digit());
    word || (begins && unsigned.bytes().all(signs))
}

fn syntax(error: &ScanError) -> TextError {
    let problem = match error.kind() {
        ErrorKind::RecursionLimitExceeded => TextProblem::TooDeep,
        ErrorKind::DirectiveDisallowed => TextProblem::Directive,
        ErrorKind::UnknownAnchor | ErrorKind::MissingAnchorOrAliasName => TextProblem::Alias,
        _ => TextProblem::Syntax,
    };
    at(error.marker(), problem)
}

/// The parser counts lines from 1 and columns from 0.
fn at(marker: &Marker, problem: TextProblem) -> TextError {
    TextError::At { line: marker.line(), column: marker.col() + 1, problem }
}

/// How deep lists and maps nest: a rule's verbs, in a list of objects, are the sixth level.
const MAX_DEPTH: usize = 12;

#[cfg(test)]
mod tests;
