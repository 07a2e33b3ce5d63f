//! Templates of CI services: YAML, as far as ours need it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Reads the one document of a file. All plain scalars are texts, but for `true`, `false` and null.
pub fn read(file: &Path) -> Result<Value> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let options = granit_parser::options! { emit_comments: false };
    let mut open: Vec<(Value, Option<String>)> = vec![];
    for next in Parser::new_from_str_with_options(&text, options) {
        let (event, span) = next.map_err(|error| anyhow::anyhow!("{error}"))?;
        let done = match event {
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::SequenceStart(..) => {
                open.push((Value::Array(vec![]), None));
                continue;
            }
            Event::MappingStart(..) => {
                open.push((Value::Object(Map::new()), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().context("balanced")?.0,
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd => continue,
            other => bail!("{}: {other:?} at {span:?}", file.display()),
        };
        match open.last_mut() {
            None => return Ok(done),
            Some((Value::Array(list), _)) => list.push(done),
            Some((Value::Object(map), key)) => match key.take() {
                Some(key) => drop(map.insert(key, done)),
                None => *key = Some(done.as_str().context("a key must be a string")?.to_owned()),
            },
            Some(_) => bail!("a scalar holds nothing"),
        }
    }
    bail!("{} is empty", file.display())
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match text {
        "" | "~" | "null" if style == ScalarStyle::Plain => Value::Null,
        "true" if style == ScalarStyle::Plain => Value::Bool(true),
        "false" if style == ScalarStyle::Plain => Value::Bool(false),
        text => Value::from(text),
    }
}

/// Returns the texts of a list.
pub fn texts(list: &Value) -> Result<Vec<String>> {
    let list = list.as_array().context("a list")?;
    list.iter().map(|text| Ok(text.as_str().context("a text")?.to_owned())).collect()
}
