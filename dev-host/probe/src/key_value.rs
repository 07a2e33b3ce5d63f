//! Key-value steps, through either interface.

use serde::Deserialize;
use serde_json::{Value, json};
use spin_sdk::key_value::Store;
use spin_sdk::wit::wasi::keyvalue::atomics::{self, Cas, CasError};
use spin_sdk::wit::wasi::keyvalue::{batch, store};

/// An operation on a store.
#[derive(Deserialize)]
pub struct KeyValue {
    #[serde(default = "default_label")]
    label: String,
    #[serde(flatten)]
    operation: Operation,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Operation {
    // fermyon:spin/key-value
    Get { key: String },
    Set { key: String, value: String },
    Delete { key: String },
    Exists { key: String },
    Keys,
    // wasi:keyvalue
    WasiGet { key: String },
    WasiSet { key: String, value: String },
    WasiKeys { cursor: Option<String> },
    Increment { key: String, delta: i64 },
    Swap(Swap),
    GetMany { keys: Vec<String> },
    SetMany { entries: Vec<(String, String)> },
    DeleteMany { keys: Vec<String> },
}

/// A compare-and-swap, and what happens between its two halves.
#[derive(Deserialize)]
struct Swap {
    key: String,
    value: String,
    /// True to read the value first.
    #[serde(default)]
    look: bool,
    /// The value that another writer puts after that read.
    meanwhile: Option<String>,
}

/// Does it; an error is told by its debug form.
pub fn run(KeyValue { label, operation }: KeyValue) -> Value {
    let result = match operation {
        Operation::Get { .. }
        | Operation::Set { .. }
        | Operation::Delete { .. }
        | Operation::Exists { .. }
        | Operation::Keys => spin(&label, operation).map_err(|error| format!("{error:?}")),
        _ => wasi(&label, operation).map_err(|error| format!("{error:?}")),
    };
    result.unwrap_or_else(|error| json!({ "error": error }))
}

fn spin(label: &str, operation: Operation) -> Result<Value, spin_sdk::key_value::Error> {
    let store = Store::open(label)?;
    Ok(match operation {
        Operation::Get { key } => text(store.get(&key)?),
        Operation::Set { key, value } => json!(store.set(&key, value.as_bytes())?),
        Operation::Delete { key } => json!(store.delete(&key)?),
        Operation::Exists { key } => json!(store.exists(&key)?),
        _ => json!(store.get_keys()?),
    })
}

fn wasi(label: &str, operation: Operation) -> Result<Value, store::Error> {
    let bucket = store::open(label)?;
    Ok(match operation {
        Operation::WasiGet { key } => text(bucket.get(&key)?),
        Operation::WasiSet { key, value } => json!(bucket.set(&key, value.as_bytes())?),
        Operation::WasiKeys { cursor } => json!(bucket.list_keys(cursor.as_deref())?.keys),
        Operation::Increment { key, delta } => json!(atomics::increment(&bucket, &key, delta)?),
        Operation::Swap(Swap { key, value, look, meanwhile }) => {
            let cas = Cas::new(&bucket, &key)?;
            let seen = if look { text(cas.current()?) } else { Value::Null };
            if let Some(value) = meanwhile {
                bucket.set(&key, value.as_bytes())?;
            }
            let outcome = match atomics::swap(cas, value.as_bytes()) {
                Ok(()) => json!("swapped"),
                Err(CasError::CasFailed(next)) => json!({ "cas_failed": text(next.current()?) }),
                Err(CasError::StoreError(error)) => return Err(error),
            };
            json!({ "seen": seen, "outcome": outcome, "now": text(bucket.get(&key)?) })
        }
        Operation::GetMany { keys } => {
            let found = batch::get_many(&bucket, &keys)?;
            found.into_iter().map(|(key, value)| json!([key, text(value)])).collect()
        }
        Operation::SetMany { entries } => {
            let bytes = |(key, value): (String, String)| (key, value.into_bytes());
            json!(batch::set_many(&bucket, &entries.into_iter().map(bytes).collect::<Vec<_>>())?)
        }
        Operation::DeleteMany { keys } => json!(batch::delete_many(&bucket, &keys)?),
        _ => Value::Null,
    })
}

fn text(value: Option<Vec<u8>>) -> Value {
    value.map_or(Value::Null, |bytes| String::from_utf8_lossy(&bytes).into())
}

fn default_label() -> String {
    "default".to_owned()
}
