//! Changes in the text of a kubeconfig, which leave everything else in it as it is: comments, order, quotes.
//!
//! An edit works on lines, and then the text is read again: it must hold exactly what was meant. So a way of writing YAML
//! that is not foreseen here is refused, and never broken.

use serde_json::{Value, json};

use super::tree::{Entry, Item, Node, parse_single_document};

/// A change.
#[derive(Debug, Clone, Copy)]
pub enum KubeconfigEdit<'a> {
    /// An entry of a list, by its `name`: put in place of the one that is there, or added.
    Put(&'a str, &'a Value),
    /// The context that is used if none is named.
    Use(&'a str),
}

/// Applies changes to a text, in order.
///
/// # Errors
/// Fails if the text cannot be read, or is written so that it cannot be changed in lines.
pub fn apply_changes(text: &str, changes: &[KubeconfigEdit<'_>]) -> Result<String, &'static str> {
    let mut text = text.to_owned();
    for change in changes {
        let tree = parse_single_document(&text)?;
        let expected = change.apply_to_tree(&tree);
        text = match serde_json::from_str::<Value>(&text) {
            // JSON has no comments, and is written anew.
            Ok(document) => change.apply_to_json(document)?,
            Err(_) => change.apply_to_lines(&text, &tree)?,
        };
        if parse_single_document(&text) != Ok(expected) {
            return Err(NOT_LINE_EDITABLE_MESSAGE);
        }
    }
    Ok(text)
}

impl KubeconfigEdit<'_> {
    /// Returns the tree as it is to be.
    fn apply_to_tree(self, tree: &Node) -> Node {
        let mut tree = tree.clone();
        let Node::Map(entries) = &mut tree else { return tree };
        let (key, value) = match self {
            Self::Put(section, new) => {
                let old = entries.iter().find(|it| it.key == section);
                let mut items = old.map(|it| it.value.list_items().to_vec()).unwrap_or_default();
                let item = Item { line: 0, value: new.into() };
                match items.iter().position(|it| has_name(&it.value, new)) {
                    Some(index) => items[index] = item,
                    None => items.push(item),
                }
                (section, Node::List(items))
            }
            Self::Use(context) => ("current-context", Node::Scalar(context.to_owned())),
        };
        match entries.iter_mut().find(|it| it.key == key) {
            Some(entry) => entry.value = value,
            None => entries.push(Entry { line: 0, key: key.to_owned(), value }),
        }
        tree
    }

    fn apply_to_json(self, mut document: Value) -> Result<String, &'static str> {
        match self {
            Self::Put(section, new) => {
                let list = &mut document[section];
                if list.is_null() {
                    *list = json!([]);
                }
                let items =
                    list.as_array_mut().ok_or("it has something else in place of a list")?;
                match items.iter_mut().find(|it| it["name"] == new["name"]) {
                    Some(item) => *item = new.clone(),
                    None => items.push(new.clone()),
                }
            }
            Self::Use(context) => document["current-context"] = json!(context),
        }
        Ok(format!("{document:#}\n"))
    }

    fn apply_to_lines(self, text: &str, tree: &Node) -> Result<String, &'static str> {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let Node::Map(entries) = tree else { return Err(NOT_LINE_EDITABLE_MESSAGE) };
        let (key, new) = match self {
            Self::Put(section, new) => (section, new),
            Self::Use(context) => {
                let line = format!("current-context: {}", json!(context));
                match entries.iter().find(|it| it.key == "current-context") {
                    Some(entry) => lines[entry.line] = line,
                    None => lines.push(line),
                }
                return Ok(join_lines(&lines));
            }
        };
        let Some(entry) = entries.iter().find(|it| it.key == key) else {
            lines.push(format!("{key}:"));
            lines.extend(item_lines(new, ""));
            return Ok(join_lines(&lines));
        };
        if entry.value.is_null_or_empty_list() {
            let list = [vec![format!("{key}:")], item_lines(new, "")].concat();
            lines.splice(entry.line..=entry.line, list);
            return Ok(join_lines(&lines));
        }
        let items = entry.value.list_items();
        let next_key = entries.iter().map(|it| it.line).filter(|line| *line > entry.line).min();
        let end = next_key.unwrap_or(lines.len());
        let starts: Vec<_> = items.iter().map(|it| it.line).collect();
        let (Some(first), Some(last)) = (starts.first(), starts.last()) else {
            return Err(NOT_LINE_EDITABLE_MESSAGE);
        };
        let indent = lines[*first].len() - lines[*first].trim_start().len();
        let indent = lines[*first][..indent].to_owned();
        if let Some(index) = items.iter().position(|it| has_name(&it.value, new)) {
            let end = starts.get(index + 1).copied().unwrap_or(end);
            let range = starts[index]..end_of_item(&lines, starts[index], end);
            lines.splice(range, item_lines(new, &indent));
        } else {
            let place = end_of_item(&lines, *last, end);
            lines.splice(place..place, item_lines(new, &indent));
        }
        Ok(join_lines(&lines))
    }
}

fn has_name(item: &Node, new: &Value) -> bool {
    item.text_field("name") == new["name"].as_str()
}

/// Returns the line after an item; what follows it of comments and empty lines belongs to what comes next.
fn end_of_item(lines: &[String], start: usize, mut end: usize) -> usize {
    while end > start + 1 && is_blank_or_comment(&lines[end - 1]) {
        end -= 1;
    }
    end
}

fn is_blank_or_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

fn join_lines(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

/// Returns a map as an item of a list, in lines.
fn item_lines(item: &Value, indent: &str) -> Vec<String> {
    let mut lines = vec![];
    write_block(item, &format!("{indent}  "), &mut lines);
    if let Some(first) = lines.first_mut() {
        first.replace_range(indent.len()..=indent.len(), "-");
    }
    lines
}

/// Writes a map or a list. Texts are in quotes, as JSON has them, and so mean the same to every reader.
fn write_block(value: &Value, indent: &str, lines: &mut Vec<String>) {
    let mut write = |head: String, value: &Value| match value {
        Value::Object(_) | Value::Array(_) => {
            lines.push(head.trim_end().to_owned());
            write_block(value, &format!("{indent}  "), lines);
        }
        scalar => lines.push(format!("{head}{scalar}")),
    };
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| write(format!("{indent}{key}: "), value));
        }
        Value::Array(items) => items.iter().for_each(|item| write(format!("{indent}- "), item)),
        _ => {}
    }
}

const NOT_LINE_EDITABLE_MESSAGE: &str =
    "it is written in a way that cannot be changed line by line";

#[cfg(test)]
mod tests;
