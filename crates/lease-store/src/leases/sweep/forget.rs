//! Forgetting what ended long ago, whole.

use lease_core::EndReason;

use super::SweepBatch;
use crate::{
    IdempotencyReservation, KeyValue, LedgerId, StoreError, StoredLease, counter, keys, record,
};

impl<K: KeyValue> SweepBatch<'_, K> {
    /// Notes every key of an ended lease to be deleted.
    pub(super) fn forget_lease(
        &mut self,
        number: u64,
        held: &StoredLease,
        claim: Option<&IdempotencyReservation>,
    ) -> Result<(), StoreError> {
        let id = held.lease.id;
        // The counter of renewals goes with them: a renewal that begins later finds no lease.
        let renewals = counter::read_counter(self.leases.store, &keys::renewal_counter_key(id))?;
        self.forgotten.extend((1..=renewals).map(|renewal| keys::renewal_key(id, renewal)));
        if renewals > 0 {
            self.forgotten.push(keys::renewal_counter_key(id));
        }
        self.forgotten.extend([
            keys::record_key(self.which, number),
            keys::void_key(self.which, number),
            keys::location_key(id),
            keys::closing_key(id),
            keys::ended_key(id),
            keys::issue_fence_key(id),
            keys::end_fence_key(id),
        ]);
        if let Some(claim) = claim {
            self.forget_reservation(claim, held)?;
        }
        self.tree.forget_number(number);
        self.summary.forgotten += 1;
        debug_assert!(
            matches!(self.which, LedgerId::DynamicSecret(_)),
            "only leases are forgotten so"
        );
        Ok(())
    }

    /// The claim goes with its lease: from then on the same request is a new one.
    ///
    /// A generation that was passed over, since its lease had failed, must stay passed over: the one that
    /// counts comes after it. Its fence is written before the claim goes, and stays.
    fn forget_reservation(
        &mut self,
        claim: &IdempotencyReservation,
        held: &StoredLease,
    ) -> Result<(), StoreError> {
        let failed = held.ending.as_ref().is_some_and(|ending| ending.why == EndReason::Failed);
        let fence = keys::reservation_fence_key(&claim.key, claim.generation);
        let mut gone = claim.stored_keys();
        if failed {
            gone.retain(|key| *key != fence);
            let value = record::encode_record(&fence, &true)?;
            self.lasting.push((fence, value));
        }
        self.forgotten.extend(gone);
        Ok(())
    }
}
