//! Holds every answer of every test against `docs/openapi.json`.

use std::sync::LazyLock;

use http::Method;
use serde_json::Value;

use crate::routes::{RouteMatch, cleanup_routes, find_route, main_routes};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../../../docs/openapi.json");
    serde_json::from_str(text).expect("JSON")
});

/// Panics where the document does not know such an answer.
pub(super) fn check(method: &Method, path: &str, status: u16, answer: &Value) {
    let routes = [main_routes(), cleanup_routes()].concat();
    let RouteMatch::Route(route, _) = find_route(routes, method, path) else { return };
    let operation = &DOCUMENT["paths"][route.path][method.as_str().to_lowercase()];
    let response = resolved(&operation["responses"][status.to_string()]);
    assert!(response.is_object(), "{method} {}: {status} is not documented: {answer}", route.path);
    // Of a response that has two shapes, either may be answered.
    let shapes = response["content"].as_object().into_iter().flat_map(|content| content.values());
    let wrong = shapes.map(|shape| misfit(&shape["schema"], answer, "answer"));
    let wrong = wrong
        .min_by_key(Option::is_some)
        .unwrap_or_else(|| (!answer.is_null()).then(|| "there is a body".to_owned()));
    assert_eq!(wrong, None, "{method} {}: {status}: {answer}", route.path);
}

/// Returns the first part of a value that does not fit its schema: all of JSON Schema that the
/// document uses of answers, but for bounds and patterns.
fn misfit(schema: &Value, value: &Value, at: &str) -> Option<String> {
    let schema = resolved(schema);
    let list = |key: &str| schema[key].as_array().map(Vec::as_slice);
    let each = |key: &str| list(key).unwrap_or_default().iter();
    if schema.get("const").is_some_and(|only| only != value)
        || list("enum").is_some_and(|among| !among.contains(value))
        || !is_of_type(&schema["type"], value)
    {
        return Some(format!("{at} is {value}"));
    }
    if let Some(wrong) = each("allOf").find_map(|part| misfit(part, value, at)) {
        return Some(wrong);
    }
    for key in ["oneOf", "anyOf"] {
        let fits = |part: &Value| misfit(part, value, at).is_none();
        if list(key).is_some_and(|parts| !parts.iter().any(fits)) {
            return Some(format!("{at} is none of `{key}`: {value}"));
        }
    }
    match value {
        Value::Object(fields) => {
            let missing = each("required").filter_map(Value::as_str);
            if let Some(missing) = missing.into_iter().find(|name| !fields.contains_key(*name)) {
                return Some(format!("{at}.{missing} is missing"));
            }
            fields.iter().find_map(|(name, value)| {
                let at = format!("{at}.{name}");
                match (schema["properties"].get(name), &schema["additionalProperties"]) {
                    (Some(schema), _) => misfit(schema, value, &at),
                    (None, Value::Bool(false)) => Some(format!("{at} is not documented")),
                    (None, Value::Null) => None,
                    (None, others) => misfit(others, value, &at),
                }
            })
        }
        Value::Array(items) => {
            items.iter().find_map(|item| misfit(&schema["items"], item, &format!("{at}[]")))
        }
        _ => None,
    }
}

fn resolved(schema: &Value) -> &Value {
    let Some(pointer) = schema["$ref"].as_str() else { return schema };
    DOCUMENT.pointer(pointer.trim_start_matches('#')).expect("what is referred to is there")
}

fn is_of_type(types: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    match types {
        Value::Array(types) => types.iter().filter_map(Value::as_str).any(is),
        Value::String(name) => is(name),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_that_is_not_as_its_schema_says_is_found() {
        let shape = json!({
            "type": "object", "required": ["a"], "additionalProperties": false,
            "properties": {
                "a": {"enum": ["x", "y"]},
                "b": {"type": "array", "items": {"type": ["integer", "null"]}},
                "c": {"oneOf": [{"const": 1}, {"type": "string"}]},
                "d": {"type": "object", "additionalProperties": {"type": "string"}},
                "e": {"$ref": "#/components/schemas/LeaseState"},
                "f": {"allOf": [{"type": "string"}, {"enum": ["z", 1]}]},
            },
        });
        for (value, wrong) in [
            (json!({"a": "x"}), None),
            (
                json!({"a": "y", "b": [1, null], "c": "s", "d": {"k": "v"}, "e": "lost", "f": "z"}),
                None,
            ),
            (json!([]), Some("answer is []")),
            (json!({}), Some("answer.a is missing")),
            (json!({"a": "z"}), Some("answer.a is")),
            (json!({"a": "x", "b": ["1"]}), Some("answer.b[] is")),
            (json!({"a": "x", "c": 2}), Some("answer.c is none of `oneOf`")),
            (json!({"a": "x", "d": {"k": 1}}), Some("answer.d.k is 1")),
            (json!({"a": "x", "e": "gone"}), Some("answer.e is")),
            (json!({"a": "x", "f": 1}), Some("answer.f is 1")),
            (json!({"a": "x", "g": 1}), Some("answer.g is not documented")),
        ] {
            let found = misfit(&shape, &value, "answer");
            assert_eq!(found.is_some(), wrong.is_some(), "{value}: {found:?}");
            assert!(found.unwrap_or_default().starts_with(wrong.unwrap_or_default()), "{value}");
        }
    }
}
