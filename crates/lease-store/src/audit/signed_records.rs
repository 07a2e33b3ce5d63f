//! Records that are signed for their place.

use lease_core::{AuditRecordKind, Keyring};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::{KeyValue, StoreError, record};

/// The key of a signed record: its kind, and the place that its MAC is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordKey {
    pub(crate) kind: AuditRecordKind,
    pub(crate) place: String,
}

/// A signed record, as it was found under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CheckedRecord<T> {
    /// Nothing.
    Absent,
    /// The content.
    Genuine(T),
    /// Something else; what it says, if it can be read.
    Altered(Option<T>),
}

/// Content byte by byte as it was signed, and its MAC.
#[derive(Serialize, Deserialize)]
struct SignedContent {
    content: Box<RawValue>,
    mac: String,
}

impl RecordKey {
    /// The key that the store knows.
    pub(crate) fn store_key(&self) -> String {
        let prefix = match self.kind {
            AuditRecordKind::Event => "event",
            AuditRecordKind::Void => "void",
            AuditRecordKind::Settled => "settled",
            AuditRecordKind::Forgotten => "forgotten",
        };
        format!("{prefix}.{}", self.place)
    }

    /// The key with a signed value.
    pub(crate) fn sign_entry<T: Serialize>(
        &self,
        keys: &Keyring,
        content: &T,
    ) -> Result<(String, Vec<u8>), StoreError> {
        let key = self.store_key();
        let broken = |source| StoreError::Broken { key: key.clone(), source };
        let content = to_raw_value(content).map_err(broken)?;
        let mac = keys.sign_audit(self.kind, &self.place, content.get());
        let value = record::encode_record(&key, &SignedContent { content, mac })?;
        Ok((key, value))
    }

    /// Reads what is there. What cannot be read is no error: it is what a verification is to find.
    pub(crate) fn read_record<K: KeyValue, T: DeserializeOwned>(
        &self,
        store: &K,
        keys: &Keyring,
    ) -> Result<CheckedRecord<T>, StoreError> {
        let key = self.store_key();
        let Some(bytes) = store.get(&key)? else { return Ok(CheckedRecord::Absent) };
        let Ok(SignedContent { content, mac }) = record::decode_record(&key, &bytes) else {
            return Ok(CheckedRecord::Altered(None));
        };
        let read = serde_json::from_str(content.get()).ok();
        let is_genuine = keys.verifies_audit(self.kind, &self.place, content.get(), &mac);
        Ok(match read {
            Some(read) if is_genuine => CheckedRecord::Genuine(read),
            read => CheckedRecord::Altered(read),
        })
    }
}

impl<T> CheckedRecord<T> {
    /// Returns true if something is there.
    pub(crate) fn is_there(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// Returns the content, be its MAC good or not.
    pub(crate) fn content_even_if_altered(&self) -> Option<&T> {
        match self {
            Self::Genuine(read) | Self::Altered(Some(read)) => Some(read),
            Self::Absent | Self::Altered(None) => None,
        }
    }
}
