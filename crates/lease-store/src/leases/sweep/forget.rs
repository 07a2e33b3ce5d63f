//! Forgetting what ended long ago, whole.

use lease_core::EndReason;

use super::Batch;
use crate::{Claim, Held, KeyValue, StoreError, Which, counter, keys, record};

impl<K: KeyValue> Batch<'_, K> {
    /// Notes every key of an ended lease to be deleted.
    pub(super) fn forget(
        &mut self,
        number: u64,
        held: &Held,
        claim: Option<&Claim>,
    ) -> Result<(), StoreError> {
        let id = held.lease.id;
        let renewals = counter::read(self.leases.store, &keys::renewals(id))?;
        self.forgotten.extend((1..=renewals).map(|renewal| keys::renewal(id, renewal)));
        if renewals > 0 {
            self.forgotten.push(keys::renewals(id));
        }
        self.forgotten.extend([
            keys::record(self.which, number),
            keys::void(self.which, number),
            keys::place(id),
            keys::closing(id),
            keys::ended(id),
            keys::issue_fence(id),
            keys::end_fence(id),
        ]);
        if let Some(claim) = claim {
            self.forget_claim(claim, held)?;
        }
        self.tree.forget(number);
        self.summary.forgotten += 1;
        debug_assert!(matches!(self.which, Which::Secret(_)), "only leases are forgotten so");
        Ok(())
    }

    /// The claim goes with its lease: from then on the same request is a new one.
    ///
    /// A generation that was passed over, since its lease had failed, must stay passed over: the one that
    /// counts comes after it. Its fence is written before the claim goes, and stays.
    fn forget_claim(&mut self, claim: &Claim, held: &Held) -> Result<(), StoreError> {
        let failed = held.ending.as_ref().is_some_and(|ending| ending.why == EndReason::Failed);
        let fence = keys::claim_fence(&claim.key, claim.generation);
        let mut gone = claim.keys();
        if failed {
            gone.retain(|key| *key != fence);
            let value = record::write(&fence, &true)?;
            self.lasting.push((fence, value));
        }
        self.forgotten.extend(gone);
        Ok(())
    }
}
