//! Definitions as YAML, as they could stand in a file.

use std::fmt::Write;

use kubelease_client::{API_VERSION, DefinitionKind, replace_control_characters};
use serde_json::{Map, Value, json};

use super::positioned_node::Content;
use super::yaml::parse_unambiguous_scalar;

/// Returns a definition that a server has shown as a document, without what only the server knows of it.
pub fn definition_without_server_fields(kind: DefinitionKind, shown: &Map<String, Value>) -> Value {
    let is_said = |(name, value): &(&String, &Value)| {
        !SERVER_FIELDS.contains(&name.as_str()) && !is_omittable_value(value)
    };
    let spec: Map<_, _> =
        shown.iter().filter(is_said).map(|(name, value)| (name.clone(), value.clone())).collect();
    json!({
        "apiVersion": API_VERSION,
        "kind": kind.as_str(),
        "metadata": {"name": shown.get("name")},
        "spec": spec,
    })
}

/// Returns true for what a definition may leave out and mean the same.
fn is_omittable_value(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_omittable_value),
        _ => false,
    }
}

/// Returns a value as YAML that every reader reads the same.
pub fn to_yaml(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => write_fields(&mut text, fields, 0, false),
        Value::Array(items) if !items.is_empty() => write_items(&mut text, items, 0),
        scalar => {
            text.push_str(&to_scalar(scalar));
            text.push('\n');
        }
    }
    text
}

/// Writes the entries of a map; the first one without its indent if it goes on with the line of a list's item.
fn write_fields(text: &mut String, fields: &Map<String, Value>, indent: usize, is_begun: bool) {
    for (index, (name, value)) in sort_fields(fields).into_iter().enumerate() {
        if index > 0 || !is_begun {
            text.push_str(&" ".repeat(indent));
        }
        let _ = write!(text, "{}:", quote_if_needed(name));
        write_value(text, value, indent);
    }
}

/// Writes the value of an entry behind its key.
fn write_value(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            text.push('\n');
            write_fields(text, fields, indent + 2, false);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            write_items(text, items, indent + 2);
        }
        Value::String(lines) if fits_block_scalar(lines) => {
            text.push_str(" |\n");
            for line in lines.lines() {
                let line = format!("{}{line}", " ".repeat(indent + 2));
                text.extend([line.trim_end(), "\n"]);
            }
        }
        scalar => {
            let _ = writeln!(text, " {}", to_scalar(scalar));
        }
    }
}

fn write_items(text: &mut String, items: &[Value], indent: usize) {
    for item in items {
        let _ = write!(text, "{}-", " ".repeat(indent));
        match item {
            Value::Object(fields) if !fields.is_empty() => {
                text.push(' ');
                write_fields(text, fields, indent + 2, true);
            }
            Value::Array(inner) if !inner.is_empty() => {
                text.push('\n');
                write_items(text, inner, indent + 2);
            }
            scalar => {
                let _ = writeln!(text, " {}", to_scalar(scalar));
            }
        }
    }
}

/// Returns the entries of a map in the order in which a person writes them; all others by name.
fn sort_fields(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = fields.iter().collect();
    let place = |name: &str| {
        LEADING_FIELDS.iter().position(|first| *first == name).unwrap_or(LEADING_FIELDS.len())
    };
    entries.sort_by_key(|(name, _)| (place(name), name.as_str()));
    entries
}

fn to_scalar(value: &Value) -> String {
    match value {
        Value::String(text) => quote_if_needed(text),
        other => other.to_string(),
    }
}

/// Returns a text without quotes if that is safe, and otherwise in those of JSON, which are YAML's too.
fn quote_if_needed(text: &str) -> String {
    let is_plain = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte))
        && !text.starts_with(['-', '.'])
        && matches!(parse_unambiguous_scalar(text), Some(Content::Text(_)));
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}

/// Returns true for lines that read better as a block, and come back from it as they were.
fn fits_block_scalar(text: &str) -> bool {
    let lines = text.strip_suffix('\n').unwrap_or_default();
    !lines.is_empty()
        && !lines.starts_with([' ', '\n'])
        && !lines.ends_with('\n')
        && lines
            .split('\n')
            .all(|line| line == line.trim_end() && replace_control_characters(line) == *line)
}

/// The fields that only the server sets, and the set, which is said on the command line.
const SERVER_FIELDS: [&str; 11] = [
    "apply_set",
    "name",
    "created_at",
    "updated_at",
    "cluster",
    "last_check",
    "deleting",
    "inline_target",
    "warnings",
    "change",
    "changed_fields",
];

const LEADING_FIELDS: [&str; 14] = [
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "spec",
    "description",
    "target",
    "url",
    "type",
    "auth",
    "account",
    "scope",
    "dynamic_secrets",
    "namespaces",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::yaml;

    #[test]
    fn what_is_written_is_read_as_it_was() {
        for value in [
            json!({"a": "yes", "b": "1", "c": 1, "d": true, "e": null, "f": "", "g": "15m"}),
            json!({"list": ["*", "a b", "-", "- a", "é", "\u{1b}", "x: y", "#", "\u{2028}"]}),
            json!({"nested": [{"a": [{"b": ["c"]}], "d": {}}, [], [["e"], "f"]]}),
            json!({"block": "a:\n  b\n\nc\n", "no": "a\n", "none": "a\n\n", "other": " a\nb\n"}),
            json!({"trailing": "a \nb\n", "open": "a\nb", "tab": "\ta\nb\n", "cr": "a\r\nb\n"}),
            json!({"*key": "v", "y": "z", "1": 2, "a/b.c-d": 3}),
            json!({"deep": {"block": "kind: Role\nrules: []\n"}, "list": [{"x": "l1\nl2\n"}]}),
        ] {
            let text = to_yaml(&value);
            let read =
                yaml::read_documents(&text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
            assert_eq!(read.len(), 1, "{text}");
            assert_eq!(read[0].to_json(), value, "{text}");
        }
    }

    #[test]
    fn a_document_has_what_is_said_and_not_what_the_server_knows() {
        let shown = json!({"name": "prod", "url": "https://a.example", "auth": {"type": "token"},
            "ca": "custom", "description": "", "disabled": false, "created_at": "t",
            "updated_at": "t", "cluster": null, "last_check": null, "apply_set": "infra"});
        let shown = shown.as_object().expect("an object");
        assert_eq!(
            to_yaml(&definition_without_server_fields(DefinitionKind::Target, shown)),
            "apiVersion: kubelease.dev/v1\nkind: Target\nmetadata:\n  name: prod\nspec:\n  \
             url: \"https://a.example\"\n  auth:\n    type: token\n  ca: custom\n"
        );
    }
}
