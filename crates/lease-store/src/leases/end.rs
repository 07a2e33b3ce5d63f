//! Ending a lease by hand.

use lease_core::{Closing, Ending, LeaseId};

use super::issue::FenceError;
use crate::index::LedgerIndex;
use crate::{KeyValue, LeaseKey, Leases, LedgerId, StoreError, StoredLease, keys, record};

impl<K: KeyValue> Leases<'_, K> {
    /// Records that a lease has ended, once nothing of it is left: one durable write.
    ///
    /// # Errors
    /// Fails if the store does not answer; the record may be there all the same.
    pub fn record_end(&self, held: &StoredLease, ending: &Ending) -> Result<(), StoreError> {
        let LeaseKey { ledger, number } = held.place;
        let key = keys::ended_key(held.lease.id);
        let event = self.stage_end_event(held.place, &held.lease, ending, None)?;
        let mut entries = vec![(key.clone(), record::encode_record(&key, ending)?), event];
        // Only a courtesy: what the summaries do not say, the sweep finds.
        let mut tree = LedgerIndex::read_root(self.store, LedgerId::DynamicSecret(ledger))?;
        entries.extend(tree.changes_for_number(number, super::sweep::FINISHED_INDEX_ENTRY)?);
        self.write_with_events(&entries)
    }

    /// Records that a lease is to be ended and cannot be now, so that a sweep goes on with it: two durable
    /// writes.
    ///
    /// # Errors
    /// Fails if the store does not answer, or where a sweep took us for dead: then it is not sure that
    /// anybody goes on, and it is to be asked again.
    pub fn record_postponed_end(
        &self,
        held: &StoredLease,
        closing: &Closing,
    ) -> Result<Closing, FenceError> {
        let id = held.lease.id;
        let number =
            self.store.increment_counter(&keys::counter_key(LedgerId::PendingRevocations))?;
        let closing = Closing { work: Some(number), ..closing.clone() };
        let (closing_key, work) =
            (keys::closing_key(id), keys::record_key(LedgerId::PendingRevocations, number));
        let entries = [
            (closing_key.clone(), record::encode_record(&closing_key, &closing)?),
            (work.clone(), record::encode_record(&work, &id)?),
            self.stage_closing_event(held.place, &held.lease, &closing)?,
        ];
        self.write_with_events(&entries)?;
        let void = self.is_there(&keys::void_key(LedgerId::PendingRevocations, number))?;
        if void { Err(FenceError::Fenced) } else { Ok(closing) }
    }

    /// Returns true if a sweep has given up the number under which an end was left to the sweeps.
    /// Then the lease would be found only when it expires.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn is_pending_revocation_void(&self, number: Option<u64>) -> Result<bool, StoreError> {
        match number {
            Some(number) => self.is_there(&keys::void_key(LedgerId::PendingRevocations, number)),
            None => Ok(false),
        }
    }

    /// Keeps what stands in the way of an end that is decided.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn record_closing_obstacle(
        &self,
        id: LeaseId,
        closing: &Closing,
    ) -> Result<(), StoreError> {
        self.write_value(keys::closing_key(id), closing)
    }
}
