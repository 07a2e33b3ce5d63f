//! What kubectl makes of a text before it parses YAML (`YAMLOrJSONDecoder` of `k8s.io/apimachinery`).
//!
//! A text that begins with `{` is read as JSON objects one after the other. Any other is cut at the lines that
//! begin with `---`, and each piece may begin with a byte order mark of its own, as files do that were joined.

use std::borrow::Cow;

use crate::rbac::document_node::{DocumentNode, TextPosition};

use super::{TextError, TextProblem};

/// A text, and the way in which it is read on.
pub(super) enum PreparedYamlSource<'a> {
    /// JSON, read to its end.
    Json(Vec<DocumentNode>),
    /// YAML, without the byte order marks that may be there.
    Yaml(Cow<'a, str>),
}

/// Decides how a text is read.
///
/// # Errors
/// Refuses characters that split lines or words for some readers alone, wherever they stand.
pub(super) fn prepare_source(text: &str) -> Result<PreparedYamlSource<'_>, TextError> {
    check_line_ends(text)?;
    // kubectl reads on as YAML if JSON ends in the midst, and then no longer drops marks.
    let begins_as_json = text.trim_start().starts_with('{');
    if begins_as_json {
        if !text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
            // kubectl skips blanks of all kinds before `{`, and YAML takes most of them for a part of a word.
            let place = TextPosition { line: 1, column: 1 };
            return Err(TextError::At { place, problem: TextProblem::Syntax });
        }
        let objects = serde_json::Deserializer::from_str(text).into_iter::<DocumentNode>();
        if let Ok(documents) = objects.collect() {
            return Ok(PreparedYamlSource::Json(documents));
        }
    }
    check_separators(text)?;
    drop_byte_order_marks(text, begins_as_json).map(PreparedYamlSource::Yaml)
}

/// NEL, LS and PS end a line to kubectl, and so a comment, and are ordinary characters to YAML 1.2.
///
/// With a carriage return alone it is the reverse for `---`: kubectl's search for it knows line feeds only.
fn check_line_ends(text: &str) -> Result<(), TextError> {
    for (line, content) in numbered_lines(text) {
        let content = content.strip_suffix('\r').unwrap_or(content);
        if let Some(column) =
            find_column(content, |c| ['\r', '\u{85}', '\u{2028}', '\u{2029}'].contains(&c))
        {
            let place = TextPosition { line, column };
            return Err(TextError::At { place, problem: TextProblem::LineEnd });
        }
    }
    Ok(())
}

/// A line that begins with `---` ends a document to kubectl, whatever is in it and wherever it stands. It refuses most
/// of those that are no separators to YAML; `---#` it takes for one with a comment.
fn check_separators(text: &str) -> Result<(), TextError> {
    for (line, content) in numbered_lines(text) {
        let behind = content.strip_prefix("---").unwrap_or_default();
        if behind.starts_with(|c| ![' ', '\t', '\r'].contains(&c)) {
            let place = TextPosition { line, column: 1 };
            return Err(TextError::At { place, problem: TextProblem::Separator });
        }
    }
    Ok(())
}

/// Removes the mark at the beginning of a document; any other would be part of a word to kubectl.
fn drop_byte_order_marks(text: &str, begins_as_json: bool) -> Result<Cow<'_, str>, TextError> {
    if !text.contains(BYTE_ORDER_MARK) {
        return Ok(Cow::Borrowed(text));
    }
    let mut kept = String::with_capacity(text.len());
    // A `---` ends a document that has a line, and is the first line of one that has none.
    let mut has_line = false;
    for (line, content) in numbered_lines(text) {
        let may_have_mark = !has_line && !begins_as_json;
        let unmarked = if may_have_mark {
            content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content)
        } else {
            content
        };
        if let Some(column) = find_column(unmarked, |c| c == BYTE_ORDER_MARK) {
            let place = TextPosition { line, column };
            return Err(TextError::At { place, problem: TextProblem::ByteOrderMark });
        }
        has_line = !(has_line && content.starts_with("---"));
        if line > 1 {
            kept.push('\n');
        }
        kept.push_str(unmarked);
    }
    Ok(Cow::Owned(kept))
}

fn numbered_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.split('\n'))
}

/// The column of the first character that is looked for.
fn find_column(line: &str, is_it: impl Fn(char) -> bool) -> Option<usize> {
    line.chars().position(is_it).map(|before| before + 1)
}

/// The byte order mark.
const BYTE_ORDER_MARK: char = '\u{feff}';
