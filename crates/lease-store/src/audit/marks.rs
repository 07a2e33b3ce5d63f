//! What is said of many numbers of a log at once.
//!
//! Both marks state what stays true for ever, so that an older one may come late: it only says less. An older
//! *forgotten* mark would leave numbers without an event and without an explanation, so that one is also written under
//! the number that it is about, where no other writer writes.

use chrono::{DateTime, Utc};
use lease_core::{AuditLogId, AuditRecordKind, Keyring};
use serde::{Deserialize, Serialize};

use super::signed_records::{CheckedRecord, RecordKey};
use crate::{KeyValue, StoreError};

/// A mark that each number of a log up to one has an event, or is void.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SettledMark {
    pub(super) up_to: u64,
    /// Numbers beyond, up to one, that were seen without an event, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) noticed: Option<MissingNumbersNotice>,
}

/// A note that there were numbers without an event, and up to which number they were looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MissingNumbersNotice {
    pub(super) up_to: u64,
    pub(super) since: DateTime<Utc>,
}

/// A mark that the events of a log up to one may be gone, since their retention has passed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ForgottenMark {
    pub(super) up_to: u64,
}

/// A mark that a number has no event, since whoever took it had stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct VoidMark {
    pub(super) at: DateTime<Utc>,
}

/// The key of the settled mark of a log.
pub(super) fn settled_key(log: AuditLogId) -> RecordKey {
    RecordKey { kind: AuditRecordKind::Settled, place: log.to_string() }
}

/// The key of the last forgotten mark of a log, as far as is known.
pub(super) fn forgotten_key(log: AuditLogId) -> RecordKey {
    RecordKey { kind: AuditRecordKind::Forgotten, place: log.to_string() }
}

/// The key of the forgotten mark that is about the numbers up to one.
pub(super) fn numbered_forgotten_mark_key(log: AuditLogId, number: u64) -> RecordKey {
    RecordKey { kind: AuditRecordKind::Forgotten, place: format!("{log}.{number}") }
}

/// The key that says that a number of the general log is void.
pub(super) fn void_key(number: u64) -> RecordKey {
    let place = format!("{}.{number}", AuditLogId::General);
    RecordKey { kind: AuditRecordKind::Void, place }
}

/// Up to which number the events of a log are forgotten, at least.
pub(crate) fn read_forgotten_up_to<K: KeyValue>(
    store: &K,
    keys: &Keyring,
    log: AuditLogId,
) -> Result<u64, StoreError> {
    let mark: CheckedRecord<ForgottenMark> = forgotten_key(log).read_record(store, keys)?;
    Ok(if let CheckedRecord::Genuine(mark) = mark { mark.up_to } else { 0 })
}
/// Up to which number of a log each is accounted for, at least.
pub(crate) fn read_settled_up_to<K: KeyValue>(
    store: &K,
    keys: &Keyring,
    log: AuditLogId,
) -> Result<u64, StoreError> {
    let mark: CheckedRecord<SettledMark> = settled_key(log).read_record(store, keys)?;
    Ok(if let CheckedRecord::Genuine(mark) = mark { mark.up_to } else { 0 })
}

/// The key and value that say that each number of a log is accounted for up to one.
pub(crate) fn settled_mark_entry(
    keys: &Keyring,
    log: AuditLogId,
    up_to: u64,
) -> Result<(String, Vec<u8>), StoreError> {
    settled_key(log).sign_entry(keys, &SettledMark { up_to, noticed: None })
}

/// All marks of a log whose events are forgotten up to `up_to`.
pub(crate) fn forgotten_log_mark_keys(log: AuditLogId, up_to: u64) -> Vec<String> {
    [settled_key(log), forgotten_key(log), numbered_forgotten_mark_key(log, up_to)]
        .map(|key| key.store_key())
        .into()
}
