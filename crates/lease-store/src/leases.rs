//! Leases: numbered in the ledger of their dynamic secret, found by id, ended by a sweep or by hand.
//!
//! The layout and its three rules (fences, summaries, the cap) are told in `docs/store.md`.

mod adopt;
mod clocks;
mod end;
mod give_up;
mod issue;
mod lease_audit_events;
mod ledgers;
mod list;
mod renew;
mod stored_lease;
mod sweep;

use std::cell::RefCell;

use lease_core::{AuditEvent, AuditPlace};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::clocks::{Clocks, SweepGracePeriods};
pub use self::issue::{FenceError, NumberError, ReservedNumber, ReservedShare};
pub use self::lease_audit_events::RenewalEventContent;
pub use self::ledgers::LedgerRecord;
pub(crate) use self::ledgers::read_ledgers;
pub use self::list::{LeasePage, PageLimits};
pub use self::renew::PendingRenewal;
pub(crate) use self::stored_lease::LeaseRecord;
pub use self::stored_lease::StoredLease;
pub use self::sweep::{BatchOutcome, EndTask, SweepBatch};
use crate::{AuditContext, KeyValue, StoreError, record};

/// The leases of all dynamic secrets. Whatever is recorded of one is recorded with its audit event.
pub struct Leases<'a, K> {
    pub(crate) store: &'a K,
    pub(crate) auditor: AuditContext<'a>,
    /// Events that are not on record yet, each with its key.
    pending: RefCell<Vec<(String, AuditPlace, AuditEvent)>>,
}

impl<'a, K: KeyValue> Leases<'a, K> {
    /// The leases in `store`. Their audit events are signed and say on whose behalf all is done as `auditor` says.
    pub fn new(store: &'a K, auditor: AuditContext<'a>) -> Self {
        Self { store, auditor, pending: RefCell::default() }
    }

    pub(crate) fn read_value<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<T>, StoreError> {
        self.store.get(key)?.map(|bytes| record::decode_record(key, &bytes)).transpose()
    }

    fn is_there(&self, key: &str) -> Result<bool, StoreError> {
        Ok(self.store.get(key)?.is_some())
    }

    /// Writes entries in one step, and tells of the events among them.
    fn write_with_events(&self, entries: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        self.store.set_many(entries)?;
        let is_written = |key: &String| entries.iter().any(|(written, _)| written == key);
        self.pending.borrow_mut().retain(|(key, place, event)| {
            let is_written = is_written(key);
            if is_written {
                (self.auditor.on_record)(place, event);
            }
            !is_written
        });
        Ok(())
    }

    fn write_value<T: Serialize>(&self, key: String, value: &T) -> Result<(), StoreError> {
        let value = record::encode_record(&key, value)?;
        Ok(self.store.set_many(&[(key, value)])?)
    }
}
