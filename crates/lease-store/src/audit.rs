//! Audit events: written in one step with what they are about, read newest first, verified, and forgotten one day.
//!
//! What is about a lease is kept under the lease's own number in its ledger, and rides in the write that records it: see
//! `docs/store.md`. All else is in the general log, which [`AuditLog`] writes. Every event is signed for its place, and so
//! is what a sweep says of whole logs: that each number up to one is accounted for, or that all up to one may be gone.

mod cursor;
mod finding;
mod lease_events;
mod marks;
mod page;
mod signed_records;
mod sweep;
mod verify;

use lease_core::{
    AuditActor, AuditEvent, AuditLogId, AuditPlace, AuditRecordKind, AuditSlot, DynamicSecretName,
    Keyring, LeaseId,
};

pub use self::cursor::{AuditCursor, AuditCursorError, AuditVerifyCursor};
pub use self::finding::AuditFinding;
pub(crate) use self::marks::{
    forgotten_log_mark_keys, read_forgotten_up_to, read_settled_up_to, settled_mark_entry,
};
pub use self::page::{AuditPage, AuditQuery};
pub(crate) use self::signed_records::{CheckedRecord, RecordKey};
pub use self::sweep::{AuditSweepCounts, AuditSweepDurations};
pub use self::verify::AuditVerification;
use crate::{KeyValue, LeaseKey, LedgerId, LedgerRecord, StoreError, keys, record};

/// The audit events of a store: those of the general log, which it writes, and those of leases.
pub struct AuditLog<'a, K> {
    store: &'a K,
    keys: &'a Keyring,
}

/// The keys that sign the events of leases, who all that is done is done for, and what else is told of each event.
#[derive(Debug, Clone, Copy)]
pub struct AuditContext<'a> {
    /// The keys.
    pub keys: &'a Keyring,
    /// The one who asks.
    pub actor: &'a AuditActor,
    /// Called with each event once it is on record, such as to log it.
    pub on_record: fn(&AuditPlace, &AuditEvent),
}

/// An event that has a number in the general log, and is to be written together with what it is about.
///
/// One that is never written leaves a number without an event, which the sweep notes as void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedEvent {
    place: AuditPlace,
    entry: (String, Vec<u8>),
}

/// An event as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// The place of the event, which is its id.
    pub place: AuditPlace,
    /// The event.
    pub event: AuditEvent,
    /// True if its MAC is good. Otherwise it was edited, moved, made up, or signed under a key that is not configured.
    pub is_genuine: bool,
}

impl<'a, K: KeyValue> AuditLog<'a, K> {
    /// The audit events in `store`, signed by `keys`.
    pub fn new(store: &'a K, keys: &'a Keyring) -> Self {
        Self { store, keys }
    }

    /// Records an event in the general log: two durable writes. It is there once this returns.
    ///
    /// For what no other write goes with, such as a login or a refusal. Who changes a definition calls
    /// [`number_and_sign_general_event`](Self::number_and_sign_general_event).
    ///
    /// # Errors
    /// Fails if the store does not answer; the event may be there all the same.
    pub fn record_general_event(&self, event: &AuditEvent) -> Result<AuditPlace, StoreError> {
        let PreparedEvent { place, entry } = self.number_and_sign_general_event(event)?;
        self.store.set_many(&[entry])?;
        Ok(place)
    }

    /// Takes a number for an event of the general log, and signs the event for it: one durable write.
    ///
    /// The event is written by whoever gets it: see [`PreparedEvent::entries`], for instance by
    /// [`Definitions::put_definition_with_entries`](crate::Definitions::put_definition_with_entries).
    ///
    /// # Errors
    /// Fails if the store does not answer; a number may be taken all the same.
    pub fn number_and_sign_general_event(
        &self,
        event: &AuditEvent,
    ) -> Result<PreparedEvent, StoreError> {
        let place =
            AuditPlace::in_general_log(self.store.increment_counter(GENERAL_LOG_COUNTER_KEY)?);
        Ok(PreparedEvent { place, entry: sign_event_entry(self.keys, place, event)? })
    }

    /// Every log, the general one first, and the dynamic secret that each other one is of.
    ///
    /// The log of a dynamic secret that is deleted is there until all its events are forgotten.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn list_logs(&self) -> Result<Vec<(AuditLogId, Option<DynamicSecretName>)>, StoreError> {
        let leases = crate::leases::read_ledgers(self.store)?.into_iter();
        let leases = leases
            .map(|(number, LedgerRecord { dynamic_secret, .. })| (number, dynamic_secret))
            .map(|(number, name)| (AuditLogId::Leases(number), Some(name)));
        Ok([(AuditLogId::General, None)].into_iter().chain(leases).collect())
    }

    /// The events of a lease, newest first, as long as the lease itself can be seen; none of one that is not on record.
    /// They are a thousand at most.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn read_lease_events(&self, id: LeaseId) -> Result<Option<Vec<AuditRecord>>, StoreError> {
        let key = keys::location_key(id);
        let Some(bytes) = self.store.get(&key)? else { return Ok(None) };
        let LeaseKey { ledger: log, number } = record::decode_record(&key, &bytes)?;
        let mut events = vec![];
        let (mut slot, mut reads) = (Some(AuditSlot::End), 0);
        while let Some(at) = slot
            && events.len() < MAX_SHOWN_LEASE_EVENTS
        {
            let place = AuditPlace::of_lease(log, number, at);
            events.extend(self.read_event(place)?.into_readable_event(place));
            slot = self.find_previous_slot(place, &mut reads)?;
        }
        Ok(Some(events))
    }

    fn read_event(&self, place: AuditPlace) -> Result<CheckedRecord<AuditEvent>, StoreError> {
        RecordKey::for_event(place).read_record(self.store, self.keys)
    }

    /// The last number that was given in a log.
    fn read_last_number(&self, log: AuditLogId) -> Result<u64, StoreError> {
        Ok(crate::counter::read_counter(self.store, &counter_key(log))?)
    }
}

impl PreparedEvent {
    /// The place that it will have.
    #[must_use]
    pub fn place(&self) -> AuditPlace {
        self.place
    }

    /// Returns what is to be written in one step with what the event is about.
    #[must_use]
    pub fn entries(&self) -> &[(String, Vec<u8>)] {
        std::slice::from_ref(&self.entry)
    }
}

impl CheckedRecord<AuditEvent> {
    /// The event, if it can be read.
    fn into_readable_event(self, place: AuditPlace) -> Option<AuditRecord> {
        match self {
            CheckedRecord::Genuine(event) => Some(AuditRecord { place, event, is_genuine: true }),
            CheckedRecord::Altered(Some(event)) => {
                Some(AuditRecord { place, event, is_genuine: false })
            }
            CheckedRecord::Altered(None) | CheckedRecord::Absent => None,
        }
    }
}

/// The key and the value of an event.
pub(crate) fn sign_event_entry(
    keys: &Keyring,
    place: AuditPlace,
    event: &AuditEvent,
) -> Result<(String, Vec<u8>), StoreError> {
    RecordKey::for_event(place).sign_entry(keys, event)
}

/// The counter of a log.
fn counter_key(log: AuditLogId) -> String {
    match log {
        AuditLogId::General => GENERAL_LOG_COUNTER_KEY.to_owned(),
        AuditLogId::Leases(log) => keys::counter_key(LedgerId::DynamicSecret(log)),
    }
}

impl RecordKey {
    /// The key of an event.
    pub(crate) fn for_event(place: AuditPlace) -> Self {
        Self { kind: AuditRecordKind::Event, place: place.to_string() }
    }
}

/// The most events of one lease that are shown at once.
const MAX_SHOWN_LEASE_EVENTS: usize = 1000;

/// The last number given in the general log.
const GENERAL_LOG_COUNTER_KEY: &str = "count.audit";

#[cfg(test)]
mod tests;
