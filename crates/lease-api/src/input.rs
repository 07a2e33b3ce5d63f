//! How what a request says becomes our names and shapes.

use std::str::FromStr;

use lease_core::NameError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;
use unique_json::UniqueValue;

use crate::problem::{Code, Problem};
use crate::{Body, MAX_BODY_BYTES};

/// Reads a name out of a path.
///
/// # Errors
/// 422, saying what such a name is.
pub(crate) fn parse_name<N: FromStr<Err = NameError>>(text: &str) -> Result<N, Problem> {
    text.parse().map_err(|error: NameError| Problem::new(Code::InvalidName, error.to_string()))
}

/// Reads a body as JSON of one shape.
///
/// # Errors
/// 400 for what is no JSON, 422 naming the field that does not fit. What the body held is not repeated:
/// it may hold a credential in the wrong place.
pub(crate) async fn read_json<T: DeserializeOwned>(body: impl Body) -> Result<T, Problem> {
    parse_json(&body.read_bytes(MAX_BODY_BYTES).await?)
}

/// The body of a route that takes none: nothing, or an empty object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an empty object, or no body")]
pub(crate) struct EmptyObject {}

/// The same, where no body stands for an empty object, as `null` does: some clients cannot send none.
pub(crate) async fn optional_json<T: DeserializeOwned>(body: impl Body) -> Result<T, Problem> {
    let bytes = body.read_bytes(MAX_BODY_BYTES).await?;
    parse_json(if matches!(bytes.trim_ascii(), b"" | b"null") { b"{}" } else { &bytes })
}

/// Reads a part of a body that was JSON already.
///
/// # Errors
/// 422 naming the field that does not fit.
pub(crate) fn parse_json_value<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| misfit_problem(&error))
}

/// JSON first, and then our shape: serde's JSON reader alone takes some of what does not fit for no JSON.
fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let json = serde_path_to_error::deserialize(&mut deserializer);
    let UniqueValue(json) = json.map_err(|error| match error.inner().classify() {
        Category::Data => misfit_problem(&error),
        _ => malformed_problem(error.inner()),
    })?;
    deserializer.end().map_err(|error| malformed_problem(&error))?;
    // By derive a list would do for an object, its fields in the order in which we happen to have them.
    parse_json_value(if json.is_array() { Value::Null } else { json })
}

fn misfit_problem(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    Problem::for_field(json_pointer(error.path()), strip_quoted_values(&error.inner().to_string()))
}

fn malformed_problem(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let detail = format!("the body is not JSON: see line {line}, column {column}");
    Problem::new(Code::InvalidJson, detail)
}

/// A JSON pointer (RFC 6901). The names of our fields need no escape; others come as they are sent.
fn json_pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let escape = |key: &str| shorten_key(key).replace('~', "~0").replace('/', "~1");
    let segments = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(format!("/{}", escape(key))),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    segments.collect()
}

/// A message of serde's without the value that it quotes, nor the place in the text.
fn strip_quoted_values(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let quotes = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "];
    match message.rsplit_once(", expected ") {
        Some((quote, expected)) if quotes.iter().any(|q| quote.starts_with(q)) => {
            format!("expected {expected}")
        }
        _ => shorten_quoted_key(message),
    }
}

/// The same of a name that is none of ours.
fn shorten_quoted_key(message: &str) -> String {
    for kind in ["unknown field `", "duplicate field `"] {
        let Some(rest) = message.strip_prefix(kind) else { continue };
        let ends = ["`, expected", "`, there are no fields", "`"];
        let end = ends.iter().find_map(|end| rest.rfind(end)).unwrap_or(rest.len());
        return format!("{kind}{}{}", shorten_key(&rest[..end]), &rest[end..]);
    }
    message.to_owned()
}

/// As much of a name as finds its place. A token that stands where a name should is not told whole.
fn shorten_key(key: &str) -> String {
    match key.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &key[..end]),
        None => key.to_owned(),
    }
}

/// Longer than any name of ours, and than most keys of labels.
const MAX_SHOWN_CHARS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it reads is looked at")]
    struct Shape {
        count: u32,
        #[serde(default)]
        names: Vec<lease_core::Namespace>,
        #[serde(default)]
        auth: Option<Auth>,
        #[serde(default)]
        kind: Kind,
    }

    #[derive(Debug, Default, Deserialize)]
    enum Kind {
        #[default]
        One,
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it reads is looked at")]
    enum Auth {
        Token { token: String },
    }

    #[test]
    fn what_does_not_fit_is_named_and_not_repeated() {
        for (body, status, detail) in [
            (r#"{"count":1}"#, 200, ""),
            (r#"{"count":1,"auth":{"type":"token","token":"t"}}"#, 200, ""),
            ("", 400, "not JSON"),
            ("canary", 400, "not JSON"),
            ("{\"count\":1", 400, "not JSON"),
            ("{\"count\":1}x", 400, "not JSON"),
            ("{\"count\":1,}", 400, "not JSON"),
            ("\u{0}", 400, "not JSON"),
            ("[]", 422, "expected struct Shape"),
            (r#"[1,[],null,"One"]"#, 422, "expected struct Shape"),
            ("{}", 422, "missing field `count`"),
            (r#"{"count":1,"canery":2}"#, 422, "unknown field `canery`"),
            (r#"{"count":1,"count":2}"#, 422, "duplicate field `count`"),
            (r#"{"count":"canary"}"#, 422, "`count`: expected u32"),
            (r#"{"count":"x, expected canary"}"#, 422, "`count`: expected u32"),
            (r#"{"count":-1}"#, 422, "`count`: expected u32"),
            (r#"{"count":1,"names":["a","Canary"]}"#, 422, "`names.1`: a namespace is 1 to 63"),
            (r#"{"count":1,"kind":7}"#, 422, "`kind`: expected"),
            (r#"{"count":1,"kind":null}"#, 422, "`kind`: expected"),
            (r#"{"count":1,"kind":"canary"}"#, 422, "`kind`: expected `One`"),
            (r#"{"count":1,"auth":"canary"}"#, 422, "`auth`: expected"),
            (r#"{"count":1,"auth":{"type":"canary"}}"#, 422, "`auth.type`: expected `token`"),
            (r#"{"count":1,"auth":{"type":"token","tokn":"canary"}}"#, 422, "unknown field `tokn`"),
            (r#"{"count":1,"auth":{"type":"token","token":["canary"]}}"#, 422, "expected a string"),
        ] {
            match parse_json::<Shape>(body.as_bytes()) {
                Ok(_) => assert_eq!(status, 200, "{body}"),
                Err(problem) => {
                    let told = serde_json::to_string(&problem.body).expect("serialises");
                    assert_eq!(problem.status.as_u16(), status, "{body}: {told}");
                    assert!(problem.body.detail.contains(detail), "{body}: {told}");
                    assert!(!told.to_lowercase().contains("canary"), "{body}: {told}");
                }
            }
        }
    }

    #[test]
    fn a_token_in_the_place_of_a_name_is_not_told_whole() {
        let token = format!("{}canary", "x".repeat(64));
        for body in [
            format!(r#"{{"count":1,"{token}":1}}"#),
            format!(r#"{{"{token}":1,"{token}":2}}"#),
            format!(r#"{{"count":1,"auth":{{"type":"token","{token}":1}}}}"#),
            format!(
                r#"{{"count":1,"auth":{{"type":"token","token":"t","`, expected {token}":1}}}}"#
            ),
        ] {
            let told = parse_json::<Shape>(body.as_bytes()).expect_err("does not fit").body;
            let told = serde_json::to_string(&told).expect("serialises");
            assert!(told.contains("xxxx") && !told.contains("canary"), "{body}: {told}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_does_no_harm() {
        let body = format!("{{\"count\":{}", "[".repeat(60_000));
        assert!(parse_json::<Shape>(body.as_bytes()).is_err());
    }
}
