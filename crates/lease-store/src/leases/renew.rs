//! Renewing a lease: each renewal has a number, and none is overwritten.

use chrono::{DateTime, Utc};
use lease_core::Lease;

use super::issue::FenceError;
use super::lease_audit_events::RenewalEventContent;
use super::stored_lease::RenewalRecord;
use crate::{KeyValue, LeaseKey, Leases, StoreError, StoredLease, keys, record};

/// A renewal that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRenewal {
    place: LeaseKey,
    lease: Lease,
    number: u64,
    missing: Vec<u64>,
    /// The latest end that is known: no renewal ends sooner.
    pub expires_at: DateTime<Utc>,
}

impl<K: KeyValue> Leases<'_, K> {
    /// Takes a number for a renewal: one durable write.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn take_renewal_number(&self, held: &StoredLease) -> Result<PendingRenewal, StoreError> {
        let (place, lease) = (held.place, held.lease.clone());
        let number = self.store.increment_counter(&keys::renewal_counter_key(lease.id))?;
        // Renewals with smaller numbers may be confirmed after this one. They are kept as missing, so that
        // every reader looks for them.
        let RenewalRecord { expires_at, missing } = self.read_renewals(&lease, number - 1)?;
        Ok(PendingRenewal { place, lease, number, missing, expires_at })
    }

    /// Records the new end, with the event of it, before the new token is answered, and says which end stands: one durable
    /// write.
    ///
    /// # Errors
    /// Fails if the end of the lease was decided meanwhile. Nothing is to be answered then.
    pub fn record_renewal(
        &self,
        renewal: &PendingRenewal,
        expires_at: DateTime<Utc>,
        outcome: &RenewalEventContent<'_>,
    ) -> Result<DateTime<Utc>, FenceError> {
        let PendingRenewal { place, lease, number, missing, expires_at: known } = renewal;
        // Two renewals may overlap: neither takes away what the other has answered.
        let expires_at = expires_at.max(*known);
        let key = keys::renewal_key(lease.id, *number);
        let value =
            record::encode_record(&key, &RenewalRecord { expires_at, missing: missing.clone() })?;
        let event = self.stage_renewal_event((*place, lease), *number, expires_at, outcome)?;
        self.write_with_events(&[(key, value), event])?;
        // Read after the renewal is written: a sweep writes the fence first, and reads the renewals before
        // it ends the lease.
        let closed =
            self.is_there(&keys::end_fence_key(lease.id))? || self.is_closing_or_ended(lease.id)?;
        if closed { Err(FenceError::Fenced) } else { Ok(expires_at) }
    }
}
