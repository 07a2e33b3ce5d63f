//! A lease with all that was decided of it.

use chrono::{DateTime, Utc};
use lease_core::{Closing, Ending, Lease, LeaseId, LeaseState};
use serde::{Deserialize, Serialize};

use crate::reservations::IdempotencyReservation;
use crate::{KeyValue, LeaseKey, Leases, LedgerId, StoreError, counter, keys};

/// A lease, where it is kept, and what was decided of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLease {
    /// The place of its record.
    pub place: LeaseKey,
    /// The record as its issuer wrote it.
    pub lease: Lease,
    /// When it ends, with all renewals.
    pub expires_at: DateTime<Utc>,
    /// That its end is decided, where it is.
    pub closing: Option<Closing>,
    /// That it has ended, where it has.
    pub ending: Option<Ending>,
}

/// A lease as it is kept under its number. Its issuer alone writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeaseRecord {
    pub(crate) lease: Lease,
    pub(crate) claim: Option<IdempotencyReservation>,
}

/// A renewal as it is kept: the end, and which earlier renewals were not there yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RenewalRecord {
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) missing: Vec<u64>,
}

impl StoredLease {
    /// A lease of which nothing was decided yet.
    #[must_use]
    pub fn new(place: LeaseKey, lease: Lease) -> Self {
        Self { place, expires_at: lease.expires_at, lease, closing: None, ending: None }
    }

    /// Returns the state of the lease at `now`.
    #[must_use]
    pub fn state_at(&self, now: DateTime<Utc>) -> LeaseState {
        self.lease.state_at(self.expires_at, self.closing.as_ref(), self.ending.as_ref(), now)
    }
}

impl<K: KeyValue> Leases<'_, K> {
    /// The lease of this id, if there is one and it is not forgotten.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn find(&self, id: LeaseId) -> Result<Option<StoredLease>, StoreError> {
        match self.read_value(&keys::location_key(id))? {
            // In a store that was put back from a copy, the number may have been given to another lease.
            Some(place) => Ok(self.read_lease_at(place)?.filter(|held| held.lease.id == id)),
            None => Ok(None),
        }
    }

    /// The lease at this place.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn read_lease_at(&self, place: LeaseKey) -> Result<Option<StoredLease>, StoreError> {
        match self.read_record(place)? {
            Some(record) => Ok(Some(self.read_decisions(place, record.lease)?)),
            None => Ok(None),
        }
    }

    pub(crate) fn read_record(&self, place: LeaseKey) -> Result<Option<LeaseRecord>, StoreError> {
        self.read_value(&keys::record_key(LedgerId::DynamicSecret(place.ledger), place.number))
    }

    pub(crate) fn read_decisions(
        &self,
        place: LeaseKey,
        lease: Lease,
    ) -> Result<StoredLease, StoreError> {
        let closing = self.read_value(&keys::closing_key(lease.id))?;
        let ending = self.read_value(&keys::ended_key(lease.id))?;
        let expires_at = self.read_latest_expiry(&lease)?;
        Ok(StoredLease { place, lease, expires_at, closing, ending })
    }

    /// The latest end of a lease, with all renewals that are there.
    pub(crate) fn read_latest_expiry(&self, lease: &Lease) -> Result<DateTime<Utc>, StoreError> {
        let last = counter::read_counter(self.store, &keys::renewal_counter_key(lease.id))?;
        Ok(self.read_renewals(lease, last)?.expires_at)
    }

    /// The latest end of all renewals up to the `last`th, and which of them are not there.
    ///
    /// The newest that is there has looked at all before it, but for those that it names as missing.
    pub(crate) fn read_renewals(
        &self,
        lease: &Lease,
        last: u64,
    ) -> Result<RenewalRecord, StoreError> {
        let mut all = RenewalRecord { expires_at: lease.expires_at, missing: vec![] };
        for number in (1..=last).rev() {
            let Some(newest): Option<RenewalRecord> =
                self.read_value(&keys::renewal_key(lease.id, number))?
            else {
                all.missing.push(number);
                continue;
            };
            all.expires_at = all.expires_at.max(newest.expires_at);
            // They were not there when the newest was written, and may be by now.
            for number in newest.missing {
                match self.read_value::<RenewalRecord>(&keys::renewal_key(lease.id, number))? {
                    Some(late) => all.expires_at = all.expires_at.max(late.expires_at),
                    None => all.missing.push(number),
                }
            }
            break;
        }
        Ok(all)
    }
}
