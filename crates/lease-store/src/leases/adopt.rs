//! Leases that were found in a cluster, and numbers that were found without a summary.

use chrono::{DateTime, Utc};
use lease_core::{Lease, LeaseId};

use super::stored_lease::LeaseRecord;
use crate::index::LedgerIndex;
use crate::reservations::IdempotencyReservation;
use crate::{
    KeyValue, LeaseKey, Leases, LedgerId, ReservationKey, StoreError, StoredLease, counter, keys,
    record,
};

impl<K: KeyValue> Leases<'_, K> {
    /// Records a lease that was found without a record, and which request it answers, where that is known:
    /// two durable writes.
    ///
    /// Two that adopt one lease at once make two numbers for it, which count as two for the cap until it ends.
    ///
    /// # Errors
    /// Fails if the store does not answer; it is found again then.
    pub fn adopt_lease(
        &self,
        ledger: u64,
        lease: &Lease,
        request: Option<&ReservationKey>,
        now: DateTime<Utc>,
    ) -> Result<StoredLease, StoreError> {
        let claim = request.map(|key| self.reserve_unclaimed_request(key)).transpose()?.flatten();
        let number =
            self.store.increment_counter(&keys::counter_key(LedgerId::DynamicSecret(ledger)))?;
        let place = LeaseKey { ledger, number };
        let (key, place_key) = (
            keys::record_key(LedgerId::DynamicSecret(ledger), number),
            keys::location_key(lease.id),
        );
        let kept = LeaseRecord { lease: lease.clone(), claim };
        let mut entries = vec![
            (key.clone(), record::encode_record(&key, &kept)?),
            (place_key.clone(), record::encode_record(&place_key, &place)?),
            self.stage_adoption_event(place, lease, now)?,
        ];
        if let Some(claim) = &kept.claim {
            entries.push(claim.record_entry(lease.id, place)?);
        }
        self.write_with_events(&entries)?;
        Ok(StoredLease::new(place, kept.lease))
    }

    /// A claim of a request that nobody has claimed. What was asked for is not known any more, so that any
    /// request of its key is answered with this lease.
    fn reserve_unclaimed_request(
        &self,
        key: &ReservationKey,
    ) -> Result<Option<IdempotencyReservation>, StoreError> {
        let generation = 1;
        // A request that was reserved since may have got another lease. That one stays its answer.
        let is_new =
            counter::read_counter(self.store, &keys::reservation_counter_key(key, generation))?
                == 0
                && !self.is_there(&keys::reservation_key(key, generation))?;
        let claim =
            IdempotencyReservation { key: key.clone(), generation, fingerprint: String::new() };
        Ok(is_new.then_some(claim))
    }

    /// Records an active lease anew, with more of what was found of it. Nobody else writes it any more.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn rewrite_active_record(&self, place: LeaseKey, lease: &Lease) -> Result<(), StoreError> {
        let claim = self.read_record(place)?.and_then(|record| record.claim);
        let record = LeaseRecord { lease: lease.clone(), claim };
        self.write_value(
            keys::record_key(LedgerId::DynamicSecret(place.ledger), place.number),
            &record,
        )
    }

    /// Returns true if the end of a lease is on record, even if nothing else is known of it.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn has_ended(&self, id: LeaseId) -> Result<bool, StoreError> {
        self.is_there(&keys::ended_key(id))
    }

    /// Looks at `limit` numbers of a ledger from `from` on, whatever its summaries say of them, and lists those again
    /// that they have lost. Answers where it goes on; none at the end.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn relist_unindexed_numbers_part(
        &self,
        ledger: u64,
        from: u64,
        limit: u64,
    ) -> Result<Option<u64>, StoreError> {
        let which = LedgerId::DynamicSecret(ledger);
        let mut tree = LedgerIndex::read_root(self.store, which)?;
        let (entries, next) = tree.relist_lost_live_numbers(from, limit, |number| {
            let Some(record) = self.read_record(LeaseKey { ledger, number })? else {
                return Ok(false);
            };
            Ok(!self.is_there(&keys::ended_key(record.lease.id))?)
        })?;
        if !entries.is_empty() {
            self.store.set_many(&entries)?;
        }
        Ok(next)
    }
}
