//! The key-value store, by `wasi:keyvalue`.

use std::cell::OnceCell;

use lease_store::{KeyValue, KeyValueError};
use spin_sdk::wit::wasi::keyvalue::store::{self, Bucket, Error};
use spin_sdk::wit::wasi::keyvalue::{atomics, batch};

/// The store that the manifest calls `default`, opened when it is first needed.
#[derive(Default)]
pub struct Store(OnceCell<Result<Bucket, KeyValueError>>);

impl KeyValue for Store {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.get_bucket()?.get(key).map_err(to_key_value_error)
    }

    fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KeyValueError> {
        batch::set_many(self.get_bucket()?, entries).map_err(to_key_value_error)
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), KeyValueError> {
        batch::delete_many(self.get_bucket()?, keys).map_err(to_key_value_error)
    }

    fn increment_counter(&self, counter: &str) -> Result<u64, KeyValueError> {
        let count =
            atomics::increment(self.get_bucket()?, counter, 1).map_err(to_key_value_error)?;
        count.try_into().map_err(|_| KeyValueError(format!("counter `{counter}` is at {count}")))
    }
}

impl Store {
    fn get_bucket(&self) -> Result<&Bucket, KeyValueError> {
        let opened = self.0.get_or_init(|| store::open(LABEL).map_err(to_key_value_error));
        opened.as_ref().map_err(Clone::clone)
    }
}

fn to_key_value_error(error: Error) -> KeyValueError {
    KeyValueError(match error {
        Error::NoSuchStore => format!("the host has no store `{LABEL}`"),
        Error::AccessDenied => format!("`key_value_stores` does not name `{LABEL}`"),
        Error::Other(text) => text,
    })
}

/// The only label that Spin offers without configuration.
const LABEL: &str = "default";
