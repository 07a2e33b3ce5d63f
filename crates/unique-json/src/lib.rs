//! JSON of any shape in which no object has two fields of one name.
//!
//! RFC 8259 leaves open which of two such fields counts, and readers differ. A text that two readers on its
//! way take for different things is refused as a whole. This crate knows JSON and nothing else.
//!
//! ```
//! use unique_json::UniqueValue;
//!
//! assert!(serde_json::from_str::<UniqueValue>(r#"{"role":"viewer"}"#).is_ok());
//! assert!(serde_json::from_str::<UniqueValue>(r#"{"role":"viewer","role":"admin"}"#).is_err());
//! ```

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A JSON value in which no object, at any depth, has two fields of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct UniqueValue(pub Value);

impl<'de> Deserialize<'de> for UniqueValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueValueVisitor).map(Self)
    }
}

struct UniqueValueVisitor;

impl<'de> Visitor<'de> for UniqueValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = vec![];
        while let Some(UniqueValue(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, UniqueValue(value))) = fields.next_entry::<String, UniqueValue>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
            }
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_as_it_is_but_for_what_is_said_twice() {
        for (text, good) in [
            (r#"{"a":[1,-2,0.5,"x",null,true,{"b":{}}]}"#, true),
            ("null", true),
            (r#"{"a":1,"b":{"a":1}}"#, true),
            (r#"{"a":1,"a":1}"#, false),
            (r#"{"a":[{"b":1,"c":2,"b":3}]}"#, false),
            (r#"{"a":1,"\u0061":2}"#, false),
        ] {
            let read = serde_json::from_str::<UniqueValue>(text).map(|UniqueValue(value)| value);
            match (read, good) {
                (Ok(value), true) => {
                    assert_eq!(Ok(value), serde_json::from_str(text).map_err(drop));
                }
                (Err(error), false) => {
                    assert!(error.to_string().contains("duplicate field"), "{error}");
                }
                (read, _) => panic!("{text}: {read:?}"),
            }
        }
    }
}
