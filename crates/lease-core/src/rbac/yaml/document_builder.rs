//! Nodes, built of the parser's events.

use granit_parser::{
    ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, Span, StructureStyle,
};

use crate::rbac::document_node::{DocumentNode, MapBuilder, NonTextScalar, TextPosition};

use super::plain_scalars::{is_boolean, is_number};
use super::{MAX_DEPTH, ReadDocuments, TextError, TextProblem};

/// Reads the documents of a text of YAML up to the first error.
pub(super) fn build_documents_until_error(text: &str) -> ReadDocuments {
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut tree = DocumentBuilder { text, documents: vec![], open: vec![], flow_depth: 0 };
    let mut events = Parser::new_from_str_with_options(text, options);
    let error = events.find_map(|next| match next {
        Ok((event, span)) => {
            let place = text_position(&span.start);
            tree.take_event(event, &span).err().map(|problem| TextError::At { place, problem })
        }
        Err(error) => Some(syntax_error(&error)),
    });
    if error.is_some() {
        tree.close_all();
    }
    ReadDocuments { documents: tree.documents, error }
}

/// The documents that are built, and the one that is being built.
struct DocumentBuilder<'a> {
    text: &'a str,
    documents: Vec<DocumentNode>,
    /// The lists and maps that are not closed yet, the innermost last.
    open: Vec<OpenNode>,
    /// The number of open lists and maps in flow style (`[a]`, `{a: b}`), or within one that is:
    /// these are the innermost.
    flow_depth: usize,
}

enum OpenNode {
    List(Vec<DocumentNode>),
    /// With the key whose value comes next.
    Map(MapBuilder, Option<OpenMapKey>),
}

struct OpenMapKey {
    text: String,
    /// Set if the key is a number or a boolean.
    typed: Option<NonTextScalar>,
}

impl DocumentBuilder<'_> {
    fn take_event(&mut self, event: Event<'_>, span: &Span) -> Result<(), TextProblem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                check_properties(anchor, tag.is_some())?;
                self.check_scalar(&text, style, span)?;
                let place = text_position(&span.start);
                self.take_scalar(text.into_owned(), style == ScalarStyle::Plain, place)
            }
            Event::SequenceStart(style, anchor, tag) => {
                check_properties(anchor, tag.is_some())?;
                self.open_node(OpenNode::List(Vec::new()), style)
            }
            Event::MappingStart(style, anchor, tag) => {
                check_properties(anchor, tag.is_some())?;
                self.open_node(OpenNode::Map(MapBuilder::default(), None), style)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.close_node();
                Ok(())
            }
            // Behind `...`, kubectl reads nothing up to the next `---`.
            Event::DocumentStart(false, None) if !self.documents.is_empty() => {
                Err(TextProblem::NoSeparator)
            }
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

    /// Refuses scalars that end, or begin, elsewhere for kubectl.
    fn check_scalar(&self, text: &str, style: ScalarStyle, span: &Span) -> Result<(), TextProblem> {
        let alike = match style {
            // At the top of a document, kubectl takes nothing that is not indented.
            ScalarStyle::Literal | ScalarStyle::Folded => !self.open.is_empty(),
            // `[?a]` is a key to kubectl, and in `{a:}` and `{a:,}` the colon is part of it.
            ScalarStyle::Plain if self.flow_depth > 0 => {
                let behind = span.end.byte_offset().and_then(|end| self.text.get(end..));
                let behind = behind.and_then(|text| text.strip_prefix(':'));
                let is_glued =
                    behind.is_some_and(|text| text.starts_with([',', '[', ']', '{', '}']));
                !text.starts_with('?') && !is_glued
            }
            _ => true,
        };
        if alike { Ok(()) } else { Err(TextProblem::Syntax) }
    }

    fn take_scalar(
        &mut self,
        text: String,
        plain: bool,
        place: TextPosition,
    ) -> Result<(), TextProblem> {
        let is_null = plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
        let typed = (plain && (is_boolean(&text) || is_number(&text)))
            .then_some(NonTextScalar(Some(place)));
        let Some(OpenNode::Map(map, key @ None)) = self.open.last_mut() else {
            self.put_node(match typed {
                Some(typed) => DocumentNode::Typed(typed),
                None if is_null => DocumentNode::Null,
                None => DocumentNode::Text(text),
            });
            return Ok(());
        };
        if is_null {
            return Err(TextProblem::Key);
        }
        if plain && text == "<<" {
            return Err(TextProblem::Alias);
        }
        map.reserve_key(&text).map_err(TextProblem::Duplicate)?;
        *key = Some(OpenMapKey { text, typed });
        Ok(())
    }

    fn open_node(&mut self, node: OpenNode, style: StructureStyle) -> Result<(), TextProblem> {
        if self.open.len() == MAX_DEPTH {
            return Err(TextProblem::TooDeep);
        }
        if matches!(self.open.last(), Some(OpenNode::Map(_, None))) {
            return Err(TextProblem::Key);
        }
        if self.flow_depth > 0 || style == StructureStyle::Flow {
            self.flow_depth += 1;
        }
        self.open.push(node);
        Ok(())
    }

    /// Closes the innermost list or map; a key that waits for its value has none.
    fn close_node(&mut self) {
        self.flow_depth = self.flow_depth.saturating_sub(1);
        match self.open.pop() {
            Some(OpenNode::List(list)) => self.put_node(DocumentNode::List(list)),
            Some(OpenNode::Map(mut map, key)) => {
                if let Some(key) = key {
                    map.push(key.text, DocumentNode::Null);
                }
                self.put_node(map.finish_map());
            }
            None => {}
        }
    }

    fn close_all(&mut self) {
        while !self.open.is_empty() {
            self.close_node();
        }
    }

    fn put_node(&mut self, node: DocumentNode) {
        match self.open.last_mut() {
            None => self.documents.push(node),
            Some(OpenNode::List(list)) => list.push(node),
            Some(OpenNode::Map(map, key)) => {
                if let Some(OpenMapKey { text, typed }) = key.take() {
                    // Readers differ over a key that is no text. Its entry is refused by whoever wants it, at the
                    // key's place; nobody else is kept from saying what is wrong besides.
                    map.push(text, typed.map_or(node, DocumentNode::Typed));
                }
            }
        }
    }
}

fn check_properties(anchor: usize, tagged: bool) -> Result<(), TextProblem> {
    match (anchor, tagged) {
        (0, false) => Ok(()),
        (0, true) => Err(TextProblem::Tag),
        _ => Err(TextProblem::Alias),
    }
}

fn syntax_error(error: &ScanError) -> TextError {
    let problem = match error.kind() {
        ErrorKind::RecursionLimitExceeded => TextProblem::TooDeep,
        ErrorKind::DirectiveDisallowed => TextProblem::Directive,
        ErrorKind::UnknownAnchor | ErrorKind::MissingAnchorOrAliasName => TextProblem::Alias,
        _ => TextProblem::Syntax,
    };
    TextError::At { place: text_position(error.marker()), problem }
}

/// The parser counts lines from 1 and columns from 0.
fn text_position(marker: &Marker) -> TextPosition {
    TextPosition { line: marker.line(), column: marker.col() + 1 }
}
