//! What is shown of values: enough to compare, and never more than a bound.

use serde_json::{Value, json};

use crate::access::login::shorten_value;

/// A value of a claim as it is shown: texts are cut off, and of lists the first elements are told.
pub(crate) fn bound_value(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(shorten_value(text.clone())),
        Value::Array(items) => {
            let shown = items.iter().take(MAX_ITEMS).map(|item| match item {
                Value::Array(_) | Value::Object(_) => json!(NESTED_VALUE_TEXT),
                flat => bound_value(flat),
            });
            Value::Array(shown.collect())
        }
        Value::Object(_) => json!(NESTED_VALUE_TEXT),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// A list of names.
pub(crate) fn names_value(names: Vec<&str>) -> Value {
    Value::Array(names.into_iter().map(|name| json!(name)).collect())
}

/// The number of elements of a list that are shown.
const MAX_ITEMS: usize = 16;

/// The replacement of a value that no rule compares.
const NESTED_VALUE_TEXT: &str = "(a list or an object)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_bounded() {
        let long = "x".repeat(500);
        for (value, shown) in [
            (json!("a"), json!("a")),
            (json!(7), json!(7)),
            (json!(true), json!(true)),
            (
                json!(["a", 1, ["b"], {"c": 1}]),
                json!(["a", 1, NESTED_VALUE_TEXT, NESTED_VALUE_TEXT]),
            ),
            (json!({"token": "eyJ"}), json!(NESTED_VALUE_TEXT)),
            (json!(vec!["a"; 100]), json!(vec!["a"; MAX_ITEMS])),
            (json!(long), json!(format!("{}…", &long[..200]))),
        ] {
            assert_eq!(bound_value(&value), shown, "{value}");
        }
    }
}
