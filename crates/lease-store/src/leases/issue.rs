//! Numbering a lease and recording it, step by step with its issue.

use chrono::{DateTime, Utc};
use lease_core::{Lease, LeaseId, LeaseMode, LeaseShare};

use super::ledgers::LedgerRecord;
use super::stored_lease::{LeaseRecord, StoredLease};
use crate::index::{IndexEntry, LedgerIndex};
use crate::reservations::IdempotencyReservation;
use crate::{KeyValue, KeyValueError, LeaseKey, Leases, LedgerId, StoreError, keys, record};

/// Summaries that were refreshed on the way, and are written with the next record.
type RefreshedIndexEntries = Vec<(String, Vec<u8>)>;

/// A number that is ours to put a lease under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedNumber {
    pub(super) place: LeaseKey,
    pub(super) share: Option<LeaseShare>,
    /// Summaries that were refreshed to get it; they ride with the record.
    riding: RefreshedIndexEntries,
}

/// A number among the leases of an identity, of which only so many may live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedShare {
    pub(super) share: LeaseShare,
    riding: RefreshedIndexEntries,
}

/// Why no number was given.
#[derive(Debug, thiserror::Error)]
pub enum NumberError {
    /// As many leases live as may.
    #[error("the maximum of {cap} live leases is reached")]
    Full {
        /// The greatest number of leases that may live at once.
        cap: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a step does not count.
#[derive(Debug, thiserror::Error)]
pub enum FenceError {
    /// Somebody has taken us for dead, and closed the way.
    #[error("the issue came too late")]
    Fenced,
    /// The store failed; the step may have been done all the same.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ReservedNumber {
    /// Returns the place that the lease will have.
    #[must_use]
    pub fn place(&self) -> LeaseKey {
        self.place
    }
}

impl<K: KeyValue> Leases<'_, K> {
    /// Takes the next number of a ledger, if with it no more than `cap` leases live: one durable write, or none
    /// where it is refused.
    ///
    /// A number counts as live until it is known to be void or its lease to have ended, so that the count
    /// is never too low, whoever dies where.
    ///
    /// # Errors
    /// Refuses if the ledger is full. Who loses a race for the last place has made two writes.
    pub fn reserve_number_within_cap(
        &self,
        ledger: u64,
        cap: Option<u32>,
        now: DateTime<Utc>,
    ) -> Result<ReservedNumber, NumberError> {
        let (number, riding) =
            self.take_ledger_number_within_cap(LedgerId::DynamicSecret(ledger), cap, now)?;
        Ok(ReservedNumber { place: LeaseKey { ledger, number }, share: None, riding })
    }

    /// Gives the next number among the leases of an identity, if the cap allows: one durable write.
    ///
    /// It is counted as a number of a dynamic secret is: it lives until it is known to be void or its lease to have
    /// ended. Whoever has it takes a number of the dynamic secret next, or gives it up.
    ///
    /// # Errors
    /// Refuses if as many live as may. Who loses a race for the last place has made two writes.
    pub fn reserve_share_within_cap(
        &self,
        identity: u64,
        cap: u32,
        now: DateTime<Utc>,
    ) -> Result<ReservedShare, NumberError> {
        let (number, riding) =
            self.take_ledger_number_within_cap(LedgerId::Identity(identity), Some(cap), now)?;
        Ok(ReservedShare { share: LeaseShare { identity, number }, riding })
    }

    /// The next number of a ledger, as long as it may have another lease.
    fn take_ledger_number_within_cap(
        &self,
        which: LedgerId,
        cap: Option<u32>,
        now: DateTime<Utc>,
    ) -> Result<(u64, RefreshedIndexEntries), NumberError> {
        let count = keys::counter_key(which);
        let mut riding = vec![];
        if let Some(cap) = cap {
            let mut tree = LedgerIndex::read_root(self.store, which)?;
            if tree.max_live_up_to(tree.last_number() + 1) > u64::from(cap) {
                // The index counts too many, since an end is noted by a later sweep. Before anybody is
                // refused, each number that counts is looked at.
                riding = tree
                    .recount_live_numbers(|number| self.current_index_entry(which, number, now))?;
                if tree.max_live_up_to(tree.last_number() + 1) > u64::from(cap) {
                    return Err(NumberError::Full { cap });
                }
            }
            let number = self.store.increment_counter(&count).map_err(StoreError::from)?;
            // What was read since may vouch for more that has ended; either view is an upper bound.
            let again = LedgerIndex::read_root(self.store, which)?;
            if tree.max_live_up_to(number).min(again.max_live_up_to(number)) > u64::from(cap) {
                // The number is given up at once. Otherwise it would count against others until a sweep has
                // noticed it.
                self.write_value(keys::void_key(which, number), &now)?;
                return Err(NumberError::Full { cap });
            }
            return Ok((number, riding));
        }
        let number = self.store.increment_counter(&count).map_err(StoreError::from)?;
        Ok((number, riding))
    }

    /// Records a lease before anything is made for it: one durable write.
    ///
    /// # Errors
    /// Fails if the number or the claim was given up meanwhile, or the dynamic secret deleted; nothing may
    /// be made then.
    pub fn record_pending_lease(
        &self,
        numbered: &ReservedNumber,
        pending: &Lease,
        claim: Option<&IdempotencyReservation>,
    ) -> Result<(), FenceError> {
        // The record first, then the fences. Whoever gives the number up writes a fence first and reads the
        // record then: one of the two sees the other.
        self.write_first_record(numbered, pending, claim, None)?;
        if self.is_number_voided(numbered.place, numbered.share, claim)?
            || self.is_ledger_retired(numbered.place.ledger)?
        {
            self.record_failed_issue(numbered.place, pending, pending.begun_at, TOO_LATE_REASON)?;
            return Err(FenceError::Fenced);
        }
        Ok(())
    }

    /// Records a pending lease anew, with what is known of it by now.
    ///
    /// # Errors
    /// Fails if the store does; the record may be the old one or the new one.
    pub fn rewrite_pending_record(
        &self,
        place: LeaseKey,
        pending: &Lease,
        claim: Option<&IdempotencyReservation>,
    ) -> Result<(), StoreError> {
        let record = LeaseRecord { lease: pending.clone(), claim: claim.cloned() };
        self.write_value(
            keys::record_key(LedgerId::DynamicSecret(place.ledger), place.number),
            &record,
        )
    }

    /// Records a pending lease anew, with other names, before anything bears them.
    ///
    /// # Errors
    /// Fails if its end was decided meanwhile, by the names that it had; nothing may be made then.
    pub fn record_new_object_names(
        &self,
        place: LeaseKey,
        pending: &Lease,
        claim: Option<&IdempotencyReservation>,
    ) -> Result<(), FenceError> {
        self.rewrite_pending_record(place, pending, claim)?;
        self.check_issue_fence(pending.id)
    }

    /// Records a lease as active, with the event of its issue, before its token is answered: one durable write.
    ///
    /// # Errors
    /// Fails if its end was decided meanwhile. It is not to be answered then, and no more its issuer's
    /// to undo: a retry may have answered it.
    pub fn record_active_lease(
        &self,
        place: LeaseKey,
        active: &Lease,
        claim: Option<&IdempotencyReservation>,
        now: DateTime<Utc>,
    ) -> Result<(), FenceError> {
        let record = LeaseRecord { lease: active.clone(), claim: claim.cloned() };
        let key = keys::record_key(LedgerId::DynamicSecret(place.ledger), place.number);
        let value = record::encode_record(&key, &record)?;
        self.write_with_events(&[(key, value), self.stage_issue_event(place, active, now)?])?;
        self.check_issue_fence(active.id)
    }

    /// Read after a record was written: whoever decides the end of an issue writes first, and reads afterwards.
    fn check_issue_fence(&self, id: LeaseId) -> Result<(), FenceError> {
        let closed = self.is_there(&keys::issue_fence_key(id))? || self.is_closing_or_ended(id)?;
        if closed { Err(FenceError::Fenced) } else { Ok(()) }
    }

    /// Records a plain token, with the event of its issue, after it was made and before it is answered: one durable write.
    ///
    /// # Errors
    /// Fails if the number or the claim was given up meanwhile, or the dynamic secret deleted. It is not
    /// to be answered then.
    pub fn record_plain_token(
        &self,
        numbered: &ReservedNumber,
        active: &Lease,
        claim: Option<&IdempotencyReservation>,
        now: DateTime<Utc>,
    ) -> Result<(), FenceError> {
        let event = self.stage_issue_event(numbered.place, active, now)?;
        self.write_first_record(numbered, active, claim, Some(event))?;
        if self.is_number_voided(numbered.place, numbered.share, claim)?
            || self.is_ledger_retired(numbered.place.ledger)?
        {
            self.record_failed_issue(numbered.place, active, now, TOO_LATE_REASON)?;
            return Err(FenceError::Fenced);
        }
        if self.is_closing_or_ended(active.id)? { Err(FenceError::Fenced) } else { Ok(()) }
    }

    /// Returns true if a recorded lease may be answered once more, by the fences that its issuer
    /// reads.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn is_within_issue_fences(
        &self,
        held: &StoredLease,
        claim: Option<&IdempotencyReservation>,
    ) -> Result<bool, StoreError> {
        let id = held.lease.id;
        if self.is_closing_or_ended(id)? || self.is_there(&keys::issue_fence_key(id))? {
            return Ok(false);
        }
        // A plain token is fenced by its number, any other lease by its id.
        Ok(held.lease.mode != LeaseMode::Plain
            || !self.is_number_voided(held.place, held.lease.share, claim)?)
    }

    fn write_first_record(
        &self,
        numbered: &ReservedNumber,
        lease: &Lease,
        claim: Option<&IdempotencyReservation>,
        event: Option<(String, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        let place = numbered.place;
        let key = keys::record_key(LedgerId::DynamicSecret(place.ledger), place.number);
        let record = LeaseRecord { lease: lease.clone(), claim: claim.cloned() };
        let place_key = keys::location_key(lease.id);
        let mut entries = vec![
            (key.clone(), record::encode_record(&key, &record)?),
            (place_key.clone(), record::encode_record(&place_key, &place)?),
        ];
        if let Some(claim) = claim {
            entries.push(claim.record_entry(lease.id, place)?);
        }
        if let Some(LeaseShare { identity, number }) = numbered.share {
            let key = keys::record_key(LedgerId::Identity(identity), number);
            entries.push((key.clone(), record::encode_record(&key, &lease.id)?));
        }
        entries.extend(event);
        entries.extend(numbered.riding.iter().cloned());
        // In one step: with its id or its reservation missing, a lease that is answered could not be found
        // by its holder.
        self.write_with_events(&entries)
    }

    /// Read after a record was written: whoever gives the number up writes first, and reads afterwards.
    fn is_number_voided(
        &self,
        place: LeaseKey,
        share: Option<LeaseShare>,
        claim: Option<&IdempotencyReservation>,
    ) -> Result<bool, StoreError> {
        if let Some(LeaseShare { identity, number }) = share
            && self.is_there(&keys::void_key(LedgerId::Identity(identity), number))?
        {
            return Ok(true);
        }
        let void =
            self.is_there(&keys::void_key(LedgerId::DynamicSecret(place.ledger), place.number))?;
        let fenced = match claim {
            Some(claim) => {
                self.is_there(&keys::reservation_fence_key(&claim.key, claim.generation))?
            }
            None => false,
        };
        Ok(void || fenced)
    }

    /// Read after a record was written: the ledger of a deleted dynamic secret goes once every number that was
    /// given before is done with, and what is recorded later would be found by nobody.
    fn is_ledger_retired(&self, ledger: u64) -> Result<bool, StoreError> {
        let ledger: Option<LedgerRecord> = self.read_value(&keys::ledger_key(ledger))?;
        Ok(ledger.is_none_or(|ledger| ledger.retired))
    }

    pub(super) fn is_closing_or_ended(&self, id: LeaseId) -> Result<bool, StoreError> {
        Ok(self.is_there(&keys::closing_key(id))? || self.is_there(&keys::ended_key(id))?)
    }

    /// Returns the entry that one number has now, for the cap.
    fn current_index_entry(
        &self,
        which: LedgerId,
        number: u64,
        now: DateTime<Utc>,
    ) -> Result<Option<IndexEntry>, StoreError> {
        // The void first: a record that comes after it does not count.
        let void: Option<DateTime<Utc>> = self.read_value(&keys::void_key(which, number))?;
        let now = now.timestamp();
        let at_once = |noticed| IndexEntry { look: 0, live: true, noticed };
        Ok(Some(match self.read_lease_id_at(which, number)? {
            Some(id) if self.has_ended_or_gone(which, id)? => super::sweep::FINISHED_INDEX_ENTRY,
            Some(_) => at_once(None),
            None => match void {
                Some(_) => super::sweep::FINISHED_INDEX_ENTRY,
                // There is no record yet: its issuer may be about to write it, and a sweep waits for that
                // from now on.
                None => at_once(Some(now)),
            },
        }))
    }
}

impl ReservedNumber {
    /// The same, for a lease of an identity of which only so many may live.
    #[must_use]
    pub fn with_share(self, share: Option<ReservedShare>) -> Self {
        let Some(ReservedShare { share, riding }) = share else { return self };
        let riding = [self.riding, riding].concat();
        Self { share: Some(share), riding, ..self }
    }

    /// The number that the lease will have among those of its identity.
    #[must_use]
    pub fn lease_share(&self) -> Option<LeaseShare> {
        self.share
    }
}

impl<K: KeyValue> Leases<'_, K> {
    /// The lease under a number, if there is one.
    fn read_lease_id_at(
        &self,
        which: LedgerId,
        number: u64,
    ) -> Result<Option<LeaseId>, StoreError> {
        match which {
            LedgerId::DynamicSecret(ledger) => {
                let record = self.read_record(LeaseKey { ledger, number })?;
                Ok(record.map(|record| record.lease.id))
            }
            LedgerId::PendingRevocations | LedgerId::Identity(_) => {
                self.read_value(&keys::record_key(which, number))
            }
        }
    }

    /// Returns true if a lease that was found under a number has ended.
    fn has_ended_or_gone(&self, which: LedgerId, id: LeaseId) -> Result<bool, StoreError> {
        // What names a lease from elsewhere is written together with it, and outlives it: one that is not there has
        // ended and is forgotten.
        let is_elsewhere = !matches!(which, LedgerId::DynamicSecret(_));
        Ok(self.is_there(&keys::ended_key(id))?
            || (is_elsewhere && !self.is_there(&keys::location_key(id))?))
    }
}

/// The reason for which an issue has failed that was taken for dead.
const TOO_LATE_REASON: &str =
    "the issue came too late, or its dynamic secret was deleted meanwhile";

impl From<KeyValueError> for FenceError {
    fn from(error: KeyValueError) -> Self {
        Self::Store(error.into())
    }
}
