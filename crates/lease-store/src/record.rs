//! How a value is written: JSON with a version before it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::KeyValueError;

/// Why something could not be stored or found.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store did not answer.
    #[error("the store cannot be reached")]
    KeyValue(#[from] KeyValueError),
    /// A record of another version of kubelease. It is left as it is: dropping it could lose a lease.
    #[error(
        "the record `{key}` has version {version}; this kubelease reads version {RECORD_FORMAT_VERSION}"
    )]
    Version {
        /// The key of the record.
        key: String,
        /// The version that the record names.
        version: u32,
    },
    /// A record that cannot be read.
    #[error("the record `{key}` cannot be read")]
    Broken {
        /// The key of the record.
        key: String,
        /// The fault that the decoder found.
        source: serde_json::Error,
    },
}

/// Writes a record.
///
/// # Errors
/// Fails if the value cannot be written as JSON.
pub fn encode_record<T: Serialize>(key: &str, value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(&Versioned { v: RECORD_FORMAT_VERSION, value })
        .map_err(|source| StoreError::Broken { key: key.to_owned(), source })
}

/// Reads a record.
pub(crate) fn decode_record<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, StoreError> {
    let broken = |source| StoreError::Broken { key: key.to_owned(), source };
    // The version first, by itself: the rest of another version need not have our shape.
    let Version { v: version } = serde_json::from_slice(bytes).map_err(broken)?;
    if version != RECORD_FORMAT_VERSION {
        return Err(StoreError::Version { key: key.to_owned(), version });
    }
    let record: Versioned<T> = serde_json::from_slice(bytes).map_err(broken)?;
    Ok(record.value)
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    value: T,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// The version of every record that this kubelease writes.
const RECORD_FORMAT_VERSION: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_another_version_is_refused_and_named() {
        let bytes = encode_record("k", &"text").expect("writes");
        assert_eq!(decode_record::<String>("k", &bytes).expect("reads"), "text");
        let error = decode_record::<String>("k", br#"{"v":3,"other":"shape"}"#).unwrap_err();
        assert!(matches!(&error, StoreError::Version { key, version: 3 } if key == "k"), "{error}");
        for bytes in [b"".as_slice(), b"{}", b"text", br#"{"v":2}"#, br#"{"v":2,"value":7}"#] {
            let error = decode_record::<String>("k", bytes).unwrap_err();
            assert!(matches!(error, StoreError::Broken { .. }), "{error}");
        }
    }
}
