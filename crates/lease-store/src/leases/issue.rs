//! Numbering a lease and recording it, step by step with its issue.

use chrono::{DateTime, Utc};
use lease_core::{Lease, LeaseId, LeaseShare, Mode};

use super::held::{Held, Record};
use super::logs::Log;
use crate::claims::Claim;
use crate::summary::{Entry, Tree};
use crate::{KeyValue, KeyValueError, Leases, Place, StoreError, Which, keys, record};

/// Summaries that were refreshed on the way, and are written with the next record.
type Riding = Vec<(String, Vec<u8>)>;

/// A number that is ours to put a lease under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    pub(super) place: Place,
    pub(super) share: Option<LeaseShare>,
    /// Summaries that were refreshed to get it; they ride with the record.
    riding: Riding,
}

/// A number among the leases of an identity, of which only so many may live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub(super) share: LeaseShare,
    riding: Riding,
}

/// Why no number was given.
#[derive(Debug, thiserror::Error)]
pub enum NumberError {
    /// As many leases live as may.
    #[error("there are as many leases as there may be: {cap}")]
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
    #[error("it came too late")]
    Fenced,
    /// The store failed; the step may have been done all the same.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Numbered {
    /// Returns the place that the lease will have.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }
}

impl<K: KeyValue> Leases<'_, K> {
    /// Takes the next number of a log, if with it no more than `cap` leases live: one durable write, or none
    /// where it is refused.
    ///
    /// A number counts as live until it is known to be void or its lease to have ended, so that the count
    /// is never too low, whoever dies where.
    ///
    /// # Errors
    /// Refuses if the log is full. Who loses a race for the last place has made two writes.
    pub fn number(
        &self,
        log: u64,
        cap: Option<u32>,
        now: DateTime<Utc>,
    ) -> Result<Numbered, NumberError> {
        let (number, riding) = self.number_in(Which::Secret(log), cap, now)?;
        Ok(Numbered { place: Place { log, number }, share: None, riding })
    }

    /// Gives the next number among the leases of an identity, if the cap allows: one durable write.
    ///
    /// It is counted as a number of a dynamic secret is: it lives until it is known to be void or its lease to have
    /// ended. Whoever has it takes a number of the dynamic secret next, or gives it up.
    ///
    /// # Errors
    /// Refuses if as many live as may. Who loses a race for the last place has made two writes.
    pub fn share(&self, identity: u64, cap: u32, now: DateTime<Utc>) -> Result<Share, NumberError> {
        let (number, riding) = self.number_in(Which::Identity(identity), Some(cap), now)?;
        Ok(Share { share: LeaseShare { identity, number }, riding })
    }

    /// The next number of a log, as long as it may have another lease.
    fn number_in(
        &self,
        which: Which,
        cap: Option<u32>,
        now: DateTime<Utc>,
    ) -> Result<(u64, Riding), NumberError> {
        let count = keys::count(which);
        let mut riding = vec![];
        if let Some(cap) = cap {
            let mut tree = Tree::read(self.store, which)?;
            if tree.live_up_to(tree.head() + 1) > u64::from(cap) {
                riding = tree.refresh(|number| self.looked_at(which, number, now))?;
                if tree.live_up_to(tree.head() + 1) > u64::from(cap) {
                    return Err(NumberError::Full { cap });
                }
            }
            let number = self.store.increment(&count).map_err(StoreError::from)?;
            // What was read since may vouch for more that has ended; either view is an upper bound.
            let again = Tree::read(self.store, which)?;
            if tree.live_up_to(number).min(again.live_up_to(number)) > u64::from(cap) {
                self.write(keys::void(which, number), &now)?;
                return Err(NumberError::Full { cap });
            }
            return Ok((number, riding));
        }
        let number = self.store.increment(&count).map_err(StoreError::from)?;
        Ok((number, riding))
    }

    /// Records a lease before anything is made for it: one durable write.
    ///
    /// # Errors
    /// Fails if the number or the claim was given up meanwhile, or the dynamic secret deleted; nothing may
    /// be made then.
    pub fn begin(
        &self,
        numbered: &Numbered,
        pending: &Lease,
        claim: Option<&Claim>,
    ) -> Result<(), FenceError> {
        self.record_at(numbered, pending, claim, None)?;
        if self.is_given_up(numbered.place, numbered.share, claim)?
            || self.is_retired(numbered.place.log)?
        {
            self.fail(numbered.place, pending, pending.begun_at, TOO_LATE)?;
            return Err(FenceError::Fenced);
        }
        Ok(())
    }

    /// Records a pending lease anew, with what is known of it by now.
    ///
    /// # Errors
    /// Fails if the store does; the record may be the old one or the new one.
    pub fn amend(
        &self,
        place: Place,
        pending: &Lease,
        claim: Option<&Claim>,
    ) -> Result<(), StoreError> {
        let record = Record { lease: pending.clone(), claim: claim.cloned() };
        self.write(keys::record(Which::Secret(place.log), place.number), &record)
    }

    /// Records a pending lease anew, with other names, before anything bears them.
    ///
    /// # Errors
    /// Fails if its end was decided meanwhile, by the names that it had; nothing may be made then.
    pub fn rename(
        &self,
        place: Place,
        pending: &Lease,
        claim: Option<&Claim>,
    ) -> Result<(), FenceError> {
        self.amend(place, pending, claim)?;
        self.is_issuable(pending.id)
    }

    /// Records a lease as active, with the event of its issue, before its token is answered: one durable write.
    ///
    /// # Errors
    /// Fails if its end was decided meanwhile. It is not to be answered then, and no more its issuer's
    /// to undo: a retry may have answered it.
    pub fn complete(
        &self,
        place: Place,
        active: &Lease,
        claim: Option<&Claim>,
        now: DateTime<Utc>,
    ) -> Result<(), FenceError> {
        let record = Record { lease: active.clone(), claim: claim.cloned() };
        let key = keys::record(Which::Secret(place.log), place.number);
        let value = record::write(&key, &record)?;
        self.write_with_events(&[(key, value), self.issue_event(place, active, now)?])?;
        self.is_issuable(active.id)
    }

    /// Read after a record was written: whoever decides the end of an issue writes first, and reads afterwards.
    fn is_issuable(&self, id: LeaseId) -> Result<(), FenceError> {
        let closed = self.is_there(&keys::issue_fence(id))? || self.is_closing(id)?;
        if closed { Err(FenceError::Fenced) } else { Ok(()) }
    }

    /// Records a plain token, with the event of its issue, after it was made and before it is answered: one durable write.
    ///
    /// # Errors
    /// Fails if the number or the claim was given up meanwhile, or the dynamic secret deleted. It is not
    /// to be answered then.
    pub fn record_plain(
        &self,
        numbered: &Numbered,
        active: &Lease,
        claim: Option<&Claim>,
        now: DateTime<Utc>,
    ) -> Result<(), FenceError> {
        let event = self.issue_event(numbered.place, active, now)?;
        self.record_at(numbered, active, claim, Some(event))?;
        if self.is_given_up(numbered.place, numbered.share, claim)?
            || self.is_retired(numbered.place.log)?
        {
            self.fail(numbered.place, active, now, TOO_LATE)?;
            return Err(FenceError::Fenced);
        }
        if self.is_closing(active.id)? { Err(FenceError::Fenced) } else { Ok(()) }
    }

    /// Returns true if a recorded lease may be answered once more, by the fences that its issuer
    /// reads.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn may_answer(&self, held: &Held, claim: Option<&Claim>) -> Result<bool, StoreError> {
        let id = held.lease.id;
        if self.is_closing(id)? || self.is_there(&keys::issue_fence(id))? {
            return Ok(false);
        }
        Ok(held.lease.mode != Mode::Plain
            || !self.is_given_up(held.place, held.lease.share, claim)?)
    }

    fn record_at(
        &self,
        numbered: &Numbered,
        lease: &Lease,
        claim: Option<&Claim>,
        event: Option<(String, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        let place = numbered.place;
        let key = keys::record(Which::Secret(place.log), place.number);
        let record = Record { lease: lease.clone(), claim: claim.cloned() };
        let place_key = keys::place(lease.id);
        let mut entries = vec![
            (key.clone(), record::write(&key, &record)?),
            (place_key.clone(), record::write(&place_key, &place)?),
        ];
        if let Some(claim) = claim {
            entries.push(claim.entry(lease.id, place)?);
        }
        if let Some(LeaseShare { identity, number }) = numbered.share {
            let key = keys::record(Which::Identity(identity), number);
            entries.push((key.clone(), record::write(&key, &lease.id)?));
        }
        entries.extend(event);
        entries.extend(numbered.riding.iter().cloned());
        self.write_with_events(&entries)
    }

    /// Read after a record was written: whoever gives the number up writes first, and reads afterwards.
    fn is_given_up(
        &self,
        place: Place,
        share: Option<LeaseShare>,
        claim: Option<&Claim>,
    ) -> Result<bool, StoreError> {
        if let Some(LeaseShare { identity, number }) = share
            && self.is_there(&keys::void(Which::Identity(identity), number))?
        {
            return Ok(true);
        }
        let void = self.is_there(&keys::void(Which::Secret(place.log), place.number))?;
        let fenced = match claim {
            Some(claim) => self.is_there(&keys::claim_fence(&claim.key, claim.generation))?,
            None => false,
        };
        Ok(void || fenced)
    }

    /// Read after a record was written: the log of a deleted dynamic secret goes once every number that was
    /// given before is done with, and what is recorded later would be found by nobody.
    fn is_retired(&self, log: u64) -> Result<bool, StoreError> {
        let log: Option<Log> = self.read(&keys::log(log))?;
        Ok(log.is_none_or(|log| log.retired))
    }

    pub(super) fn is_closing(&self, id: LeaseId) -> Result<bool, StoreError> {
        Ok(self.is_there(&keys::closing(id))? || self.is_there(&keys::ended(id))?)
    }

    /// Returns the entry that one number has now, for the cap.
    fn looked_at(
        &self,
        which: Which,
        number: u64,
        now: DateTime<Utc>,
    ) -> Result<Option<Entry>, StoreError> {
        // The void first: a record that comes after it does not count.
        let void: Option<DateTime<Utc>> = self.read(&keys::void(which, number))?;
        let now = now.timestamp();
        let at_once = |noticed| Entry { look: 0, live: true, noticed };
        Ok(Some(match self.lease_at(which, number)? {
            Some(id) if self.is_over(which, id)? => super::sweep::DONE,
            Some(_) => at_once(None),
            None => match void {
                Some(_) => super::sweep::DONE,
                None => at_once(Some(now)),
            },
        }))
    }
}

impl Numbered {
    /// The same, for a lease of an identity of which only so many may live.
    #[must_use]
    pub fn with_share(self, share: Option<Share>) -> Self {
        let Some(Share { share, riding }) = share else { return self };
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
    fn lease_at(&self, which: Which, number: u64) -> Result<Option<LeaseId>, StoreError> {
        match which {
            Which::Secret(log) => {
                let record = self.record(Place { log, number })?;
                Ok(record.map(|record| record.lease.id))
            }
            Which::Work | Which::Identity(_) => self.read(&keys::record(which, number)),
        }
    }

    /// Returns true if a lease that was found under a number has ended.
    fn is_over(&self, which: Which, id: LeaseId) -> Result<bool, StoreError> {
        // What names a lease from elsewhere is written together with it, and outlives it: one that is not there has
        // ended and is forgotten.
        let is_elsewhere = !matches!(which, Which::Secret(_));
        Ok(self.is_there(&keys::ended(id))?
            || (is_elsewhere && !self.is_there(&keys::place(id))?))
    }
}

/// The reason for which an issue has failed that was taken for dead.
const TOO_LATE: &str = "it came too late, or its dynamic secret was deleted meanwhile";

impl From<KeyValueError> for FenceError {
    fn from(error: KeyValueError) -> Self {
        Self::Store(error.into())
    }
}
