//! Compares a document with the schema of its kind, and says where it differs.
//!
//! It knows as much of JSON Schema as the schemas of definitions use. What it lets pass, the server still looks at.

use serde_json::{Map, Value};

use super::positioned_node::{Content, PositionedFault, PositionedNode, TextPosition};

/// Collects what of a value does not fit a schema.
pub fn check_node(schema: &Value, node: &PositionedNode, faults: &mut Vec<PositionedFault>) {
    if let Some(branches) = schema_branches(schema) {
        check_matching_branch(branches, node, faults);
        return;
    }
    if let Some(allowed) = schema_constants(schema) {
        check_is_allowed_constant(&allowed, node, faults);
        return;
    }
    if let Some(expected) = expected_type_if_misfit(schema, node) {
        faults.push(wrong_type_fault(&expected, node));
        return;
    }
    match &node.content {
        Content::Map(_) => check_fields(schema, node, faults),
        Content::List(items) => {
            for item in items {
                check_node(&schema["items"], item, faults);
            }
        }
        Content::Text(text) => refuse_inline_secret(schema, text, node.place, faults),
        _ => {}
    }
}

fn check_fields(schema: &Value, node: &PositionedNode, faults: &mut Vec<PositionedFault>) {
    let Some(properties) = schema["properties"].as_object() else {
        // A map whose keys are the operator's own.
        let values = &schema["additionalProperties"];
        node.entries().iter().for_each(|(_, value)| check_node(values, value, faults));
        return;
    };
    for (key, value) in node.entries() {
        match properties.get(&key.name) {
            Some(schema) => check_node(schema, value, faults),
            None => {
                faults.push(unknown_name_fault("field", &key.name, key.place, properties.keys()));
            }
        }
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| node.get(name).is_none()) {
        faults.push(PositionedFault::new(node.place, format!("the field `{name}` is missing")));
    }
}

/// Checks a value against the branch that is meant: by the field `type`, by its own type, or by its first key.
fn check_matching_branch(
    branches: &[Value],
    node: &PositionedNode,
    faults: &mut Vec<PositionedFault>,
) {
    let is_tagged = |branch: &Value| branch["properties"]["type"]["const"].is_string();
    if branches.iter().all(is_tagged) && matches!(node.content, Content::Map(_)) {
        return check_by_type_field(branches, node, faults);
    }
    let candidates: Vec<_> = branches.iter().filter(|branch| fits_type(branch, node)).collect();
    match candidates[..] {
        [] => faults.push(wrong_type_fault(&describe_any_expected(branches), node)),
        [only] => check_node(only, node, faults),
        _ => check_any_alternative_fits(&candidates, node, faults),
    }
}

/// Checks a value against several branches that take one of its type: that it fits one is enough.
fn check_any_alternative_fits(
    branches: &[&Value],
    node: &PositionedNode,
    faults: &mut Vec<PositionedFault>,
) {
    let fits = |branch: &&Value| {
        let mut faults = vec![];
        check_node(branch, node, &mut faults);
        faults.is_empty()
    };
    if branches.iter().any(fits) {
        return;
    }
    let allowed: Vec<_> =
        branches.iter().filter_map(|branch| schema_constants(branch)).flatten().collect();
    if node.text().is_some() && !allowed.is_empty() {
        return check_is_allowed_constant(&allowed, node, faults);
    }
    let is_meant = |branch: &&&Value| {
        let mut required = branch["required"].as_array().into_iter().flatten();
        required.any(|name| name.as_str().is_some_and(|name| node.get(name).is_some()))
    };
    match (branches.iter().find(is_meant), node.entries().first()) {
        (Some(branch), _) => check_node(branch, node, faults),
        (None, Some((key, _))) => {
            let known = branches.iter().filter_map(|branch| branch["properties"].as_object());
            faults.push(unknown_name_fault(
                "field",
                &key.name,
                key.place,
                known.flat_map(Map::keys),
            ));
        }
        (None, None) => {
            let expected: Vec<_> = branches.iter().map(|branch| describe_schema(branch)).collect();
            faults.push(wrong_type_fault(&expected.join(" or "), node));
        }
    }
}

fn check_by_type_field(
    branches: &[Value],
    node: &PositionedNode,
    faults: &mut Vec<PositionedFault>,
) {
    let tag = |branch: &Value| branch["properties"]["type"]["const"].as_str().map(str::to_owned);
    let tags: Vec<_> = branches.iter().filter_map(tag).collect();
    let Some(given) = node.get("type") else {
        let text = format!("the field `type` is missing: it is {}", join_alternatives(&tags));
        faults.push(PositionedFault::new(node.place, text));
        return;
    };
    let meant = |branch: &&Value| tag(branch).as_deref() == given.text();
    match branches.iter().find(meant) {
        Some(branch) => check_fields(branch, node, faults),
        None => check_is_allowed_constant(&tags, given, faults),
    }
}

fn check_is_allowed_constant(
    allowed: &[String],
    node: &PositionedNode,
    faults: &mut Vec<PositionedFault>,
) {
    match node.text() {
        Some(text) if allowed.iter().any(|value| value == text) => {}
        Some(text) if text.len() <= MAX_SHOWN_VALUE_CHARS => {
            faults.push(unknown_name_fault("value", text, node.place, allowed.iter()));
        }
        _ => faults.push(wrong_type_fault(&join_alternatives(allowed), node)),
    }
}

/// Refuses a secret that stands in the file, without repeating it.
fn refuse_inline_secret(
    schema: &Value,
    text: &str,
    place: TextPosition,
    faults: &mut Vec<PositionedFault>,
) {
    let is_secret = schema["pattern"].as_str().is_some_and(|pattern| pattern.contains("file:"));
    if is_secret && let Err(error) = kubelease_client::SecretReference::try_from(text.to_owned()) {
        faults.push(PositionedFault::new(place, error.to_string()));
    }
}

/// Returns a fault about a name that is none of those that are known.
pub fn unknown_name_fault<'a>(
    what: &str,
    name: &str,
    place: TextPosition,
    known: impl Iterator<Item = &'a String>,
) -> PositionedFault {
    let known: Vec<_> = known.map(String::as_str).collect();
    let distance = |candidate: &&str| strsim::damerau_levenshtein(candidate, name);
    let near = known.iter().min_by_key(|candidate| distance(candidate));
    let near = near.filter(|candidate| distance(candidate) <= name.len().max(2) / 2);
    let shown: String = name.chars().take(MAX_SHOWN_VALUE_CHARS).collect();
    let shown = kubelease_client::replace_control_characters(&shown).into_owned();
    let text = match near {
        Some(near) => format!("unknown {what} `{shown}`: did you mean `{near}`?"),
        None => format!("unknown {what} `{shown}`: expected {}", join_alternatives(&known)),
    };
    PositionedFault::new(place, text)
}

/// Returns a fault about a value of another kind than is expected.
fn wrong_type_fault(expected: &str, node: &PositionedNode) -> PositionedFault {
    PositionedFault::new(node.place, format!("expected {expected}, found {}", describe_node(node)))
}

fn join_alternatives(names: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match names.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        names => names.concat(),
    }
}

fn schema_branches(schema: &Value) -> Option<&[Value]> {
    let branches = schema.get("oneOf").or_else(|| schema.get("anyOf"))?;
    branches.as_array().map(Vec::as_slice)
}

/// Returns the texts of which a value is one, if the schema names them all.
fn schema_constants(schema: &Value) -> Option<Vec<String>> {
    if let Some(only) = schema["const"].as_str() {
        return Some(vec![only.to_owned()]);
    }
    if let Some(branches) = schema_branches(schema) {
        let all: Option<Vec<_>> = branches.iter().map(schema_constants).collect();
        return all.map(|all| all.concat());
    }
    let values = schema["enum"].as_array()?.iter().filter_map(Value::as_str);
    Some(values.map(str::to_owned).collect())
}

fn schema_types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}

/// Returns what a schema expects, if a value is of another type.
fn expected_type_if_misfit(schema: &Value, node: &PositionedNode) -> Option<String> {
    let types = schema_types(schema);
    let is_negative = matches!(node.content, Content::Number(..0)) && schema["minimum"] == 0;
    let fits = types.is_empty() || types.contains(&node.type_name());
    (!fits || is_negative).then(|| describe_schema(schema))
}

fn fits_type(schema: &Value, node: &PositionedNode) -> bool {
    match (schema_branches(schema), schema_constants(schema)) {
        (Some(branches), _) => branches.iter().any(|branch| fits_type(branch, node)),
        (None, Some(_)) => node.text().is_some(),
        (None, None) => expected_type_if_misfit(schema, node).is_none(),
    }
}

/// Returns what a schema expects, in words.
fn describe_schema(schema: &Value) -> String {
    if let Some(names) = schema_constants(schema) {
        return join_alternatives(&names);
    }
    if let Some(branches) = schema_branches(schema) {
        return describe_any_expected(branches);
    }
    let word = |name: &&str| match *name {
        "object" => "a map",
        "array" => "a list",
        "string" => "a text",
        "integer" if schema["minimum"] == 0 => "a whole number",
        "integer" => "a number",
        "boolean" => "`true` or `false`",
        _ => NULL_DESCRIPTION,
    };
    let words: Vec<_> =
        schema_types(schema).iter().filter(|name| **name != "null").map(word).collect();
    if words.is_empty() { NULL_DESCRIPTION.to_owned() } else { words.join(" or ") }
}

/// Returns what several schemas expect together. That nothing may stand there is not worth a word.
fn describe_any_expected(branches: &[Value]) -> String {
    let mut all: Vec<_> = branches.iter().map(describe_schema).collect();
    all.retain(|description| description != NULL_DESCRIPTION);
    all.dedup();
    all.join(" or ")
}

fn describe_node(node: &PositionedNode) -> &'static str {
    match node.content {
        Content::Null => NULL_DESCRIPTION,
        Content::Flag(_) => "a boolean",
        Content::Number(_) => "a number",
        Content::Text(_) => "a text",
        Content::List(_) => "a list",
        Content::Map(_) => "a map",
    }
}

const NULL_DESCRIPTION: &str = "nothing";

/// A misplaced secret is not repeated whole.
const MAX_SHOWN_VALUE_CHARS: usize = 48;

#[cfg(test)]
mod tests;
