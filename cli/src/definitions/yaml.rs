//! YAML, and with it JSON, as far as definitions need it: no aliases, no tags, no guesses.
//!
//! A word without quotes that readers of YAML take for different things (`yes`, `0777`, `1e3`) is refused, so that a
//! definition means the same to every program that reads it.

use granit_parser::{Event, Marker, Parser, ScalarStyle};

use super::positioned_node::{Content, Key, PositionedFault, PositionedNode, TextPosition};

/// Reads the documents of a text; those that are empty are left out.
pub fn read_documents(text: &str) -> Result<Vec<PositionedNode>, PositionedFault> {
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut tree = TreeBuilder { documents: vec![], open: vec![] };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| {
            let text = "this is not valid YAML or JSON, or it is nested deeper than 64 levels";
            PositionedFault::new(text_position(error.marker()), text)
        })?;
        tree.take_event(event, text_position(&span.start))?;
    }
    let is_said = |node: &PositionedNode| node.content != Content::Null;
    Ok(tree.documents.into_iter().filter(is_said).collect())
}

struct TreeBuilder {
    documents: Vec<PositionedNode>,
    /// The lists and maps that are not closed yet, the innermost last.
    open: Vec<OpenCollection>,
}

enum OpenCollection {
    List(Vec<PositionedNode>, TextPosition),
    /// With the key whose value comes next.
    Map(Vec<(Key, PositionedNode)>, Option<Key>, TextPosition),
}

impl TreeBuilder {
    fn take_event(&mut self, event: Event<'_>, place: TextPosition) -> Result<(), PositionedFault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse_anchor_or_tag(anchor, tag.is_some(), place)?;
                self.take_scalar(&text, style == ScalarStyle::Plain, place)
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_anchor_or_tag(anchor, tag.is_some(), place)?;
                self.open_node(OpenCollection::List(vec![], place), place)
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_anchor_or_tag(anchor, tag.is_some(), place)?;
                self.open_node(OpenCollection::Map(vec![], None, place), place)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                match self.open.pop() {
                    Some(OpenCollection::List(items, place)) => {
                        self.put_node(PositionedNode { content: Content::List(items), place });
                    }
                    Some(OpenCollection::Map(entries, _, place)) => {
                        self.put_node(PositionedNode { content: Content::Map(entries), place });
                    }
                    None => {}
                }
                Ok(())
            }
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_, None)
            | Event::DocumentEnd => Ok(()),
            Event::Alias(_) | Event::UnresolvedAlias(_) | Event::Anchor(..) => {
                Err(PositionedFault::new(place, NO_ALIASES_MESSAGE))
            }
            // A directive, or an event of a later version of the parser.
            _ => Err(PositionedFault::new(place, "directives (`%`) are not supported")),
        }
    }

    fn take_scalar(
        &mut self,
        text: &str,
        plain: bool,
        place: TextPosition,
    ) -> Result<(), PositionedFault> {
        let Some(OpenCollection::Map(entries, key @ None, _)) = self.open.last_mut() else {
            let content = if plain { parse_unambiguous_scalar(text) } else { Some(text.into()) };
            let content =
                content.ok_or_else(|| PositionedFault::new(place, AMBIGUOUS_WORD_MESSAGE))?;
            self.put_node(PositionedNode { content, place });
            return Ok(());
        };
        if plain && text == "<<" {
            return Err(PositionedFault::new(place, NO_ALIASES_MESSAGE));
        }
        if entries.iter().any(|(known, _)| known.name == *text) {
            return Err(PositionedFault::new(place, "this key is a duplicate in its map"));
        }
        *key = Some(Key { name: text.to_owned(), place });
        Ok(())
    }

    fn open_node(
        &mut self,
        node: OpenCollection,
        place: TextPosition,
    ) -> Result<(), PositionedFault> {
        if matches!(self.open.last(), Some(OpenCollection::Map(_, None, _))) {
            return Err(PositionedFault::new(place, "a key must be a string"));
        }
        self.open.push(node);
        Ok(())
    }

    fn put_node(&mut self, node: PositionedNode) {
        match self.open.last_mut() {
            None => self.documents.push(node),
            Some(OpenCollection::List(items, _)) => items.push(node),
            Some(OpenCollection::Map(entries, key, _)) => {
                entries.extend(key.take().map(|key| (key, node)));
            }
        }
    }
}

/// Returns the value of a word without quotes; nothing if readers differ over it.
pub fn parse_unambiguous_scalar(plain: &str) -> Option<Content> {
    match plain {
        "" | "~" | "null" => return Some(Content::Null),
        "true" => return Some(Content::Flag(true)),
        "false" => return Some(Content::Flag(false)),
        _ => {}
    }
    let digits = plain.strip_prefix('-').unwrap_or(plain);
    let is_decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_decimal && (digits == "0" || !digits.starts_with('0')) {
        return plain.parse().ok().map(Content::Number);
    }
    (!is_ambiguous(plain)).then(|| plain.into())
}

/// Returns true for a word that some reader takes for a number or a boolean, or for nothing.
fn is_ambiguous(plain: &str) -> bool {
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", ".inf", ".nan"];
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    let may_be_number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let compact = unsigned.replace(['_', ':'], "");
    let digits = compact.get(2..).filter(|digits| !digits.is_empty()).unwrap_or("?");
    let is_based = [("0x", 16), ("0o", 8), ("0b", 2)].iter().any(|(prefix, base)| {
        compact.to_ascii_lowercase().starts_with(prefix)
            && digits.chars().all(|digit| digit.is_digit(*base))
    });
    words.iter().any(|word| unsigned.eq_ignore_ascii_case(word))
        || may_be_number && (is_based || compact.parse::<f64>().is_ok())
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

fn refuse_anchor_or_tag(
    anchor: usize,
    is_tagged: bool,
    place: TextPosition,
) -> Result<(), PositionedFault> {
    match (anchor, is_tagged) {
        (0, false) => Ok(()),
        (0, true) => Err(PositionedFault::new(place, "tags (`!`) are not supported")),
        _ => Err(PositionedFault::new(place, NO_ALIASES_MESSAGE)),
    }
}

/// The parser counts lines from 1 and columns from 0.
fn text_position(marker: &Marker) -> TextPosition {
    TextPosition { line: marker.line(), column: marker.col() + 1 }
}

const NO_ALIASES_MESSAGE: &str = "anchors (`&`), aliases (`*`) and merges (`<<`) are not supported: write the value out, and put a text with `*` in quotes";

const AMBIGUOUS_WORD_MESSAGE: &str = "YAML parsers differ over this word: put a text in quotes, and write a number without `.` and leading zeros";

/// Far deeper than a definition goes.
const MAX_DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_read_with_the_places_of_their_values() {
        let text = "# a comment\na: 1\nb:\n  - x\n  - {c: \"yes\"}\n---\n---\n{\"d\": null, \"e\": true}\n";
        let documents = read_documents(text).expect("it is YAML");
        let values: Vec<_> = documents.iter().map(PositionedNode::to_json).collect();
        assert_eq!(
            values,
            [json!({"a": 1, "b": ["x", {"c": "yes"}]}), json!({"d": null, "e": true})]
        );
        for (pointer, line, column) in
            [("/a", 2, 4), ("/b/0", 4, 5), ("/b/1/c", 5, 9), ("/b/1/missing", 5, 5), ("/b/7", 4, 3)]
        {
            assert_eq!(
                documents[0].nearest_place_of_pointer(pointer),
                TextPosition { line, column },
                "{pointer}"
            );
        }
    }

    #[test]
    fn what_readers_differ_over_is_refused_with_its_place() {
        for (text, line, column, says) in [
            ("a: yes", 1, 4, "differ"),
            ("a:\n  - 0777", 2, 5, "differ"),
            ("a: 1e3", 1, 4, "differ"),
            ("a: 1:30", 1, 4, "differ"),
            ("a: 0x1F", 1, 4, "differ"),
            ("a: True", 1, 4, "differ"),
            ("a: 1.5", 1, 4, "differ"),
            ("a: 99999999999999999999", 1, 4, "differ"),
            ("a: 1\na: 2", 2, 1, "duplicate"),
            ("a: &x 1", 1, 7, "anchors"),
            ("a: *x", 1, 4, "anchors"),
            ("<<: {}", 1, 1, "merges"),
            ("a: !!str 1", 1, 10, "tags"),
            ("a: [", 1, 4, "not valid"),
            ("%YAML 1.2\n---\na: 1", 1, 1, "not valid"),
        ] {
            let fault = read_documents(text).expect_err(text);
            assert!(fault.text.contains(says), "{text}: {fault:?}");
            assert_eq!(fault.place, TextPosition { line, column }, "{text}: {fault:?}");
        }
    }

    #[test]
    fn other_words_are_texts() {
        for text in ["15m", "1.2.3", "10.0.0.0/8", "2026-11-28", "system:x", "-", "1h30m", "v1"] {
            assert_eq!(parse_unambiguous_scalar(text), Some(text.into()), "{text}");
        }
    }
}
