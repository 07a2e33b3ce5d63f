//! Numbering a lease and recording it, step by step with its issue.

use chrono::{DateTime, Utc};
use lease_core::{EndReason, Ending, Lease, LeaseId, Mode};

use super::held::{Held, Record};
use super::logs::Log;
use crate::claims::Claim;
use crate::summary::{Entry, Tree};
use crate::{KeyValue, KeyValueError, Leases, Place, StoreError, Which, keys, record};

/// A number that is ours to put a lease under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    place: Place,
    /// Summaries that were refreshed to get it; they ride with the record.
    riding: Vec<(String, Vec<u8>)>,
}

/// Why no number was given.
#[derive(Debug, thiserror::Error)]
pub enum NumberError {
    /// As many leases live as may.
    #[error("there are as many leases as there may be: {cap}")]
    Full {
        /// How many.
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
    /// Where the lease will be.
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
    /// Refuses where the log is full. Who loses a race for the last place has made two writes.
    pub fn number(
        &self,
        log: u64,
        cap: Option<u32>,
        now: DateTime<Utc>,
    ) -> Result<Numbered, NumberError> {
        let which = Which::Secret(log);
        let count = keys::count(which);
        let mut riding = vec![];
        if let Some(cap) = cap {
            let mut tree = Tree::read(self.store, which)?;
            if tree.live_up_to(tree.head() + 1) > u64::from(cap) {
                riding = tree.refresh(|number| self.looked_at(log, number, now))?;
                if tree.live_up_to(tree.head() + 1) > u64::from(cap) {
                    return Err(NumberError::Full { cap });
                }
            }
            let number = self.store.increment(&count).map_err(StoreError::from)?;
            let numbered = Numbered { place: Place { log, number }, riding };
            // What was read since may vouch for more that has ended; either view is an upper bound.
            let again = Tree::read(self.store, which)?;
            if tree.live_up_to(number).min(again.live_up_to(number)) > u64::from(cap) {
                self.void(&numbered, now)?;
                return Err(NumberError::Full { cap });
            }
            return Ok(numbered);
        }
        let number = self.store.increment(&count).map_err(StoreError::from)?;
        Ok(Numbered { place: Place { log, number }, riding })
    }

    /// Records a lease before anything is made for it: one durable write.
    ///
    /// # Errors
    /// Fails where the number or the claim was given up meanwhile, or the dynamic secret deleted; nothing may
    /// be made then.
    pub fn begin(
        &self,
        numbered: &Numbered,
        pending: &Lease,
        claim: Option<&Claim>,
    ) -> Result<(), FenceError> {
        self.record_at(numbered, pending, claim)?;
        if self.is_given_up(numbered.place, claim)? || self.is_retired(numbered.place.log)? {
            self.fail(numbered.place, pending.id, pending.begun_at, None)?;
            return Err(FenceError::Fenced);
        }
        Ok(())
    }

    /// Records a pending lease anew, with what is known of it by now.
    ///
    /// # Errors
    /// Fails where the store does; the record may be the old one or the new one.
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
    /// Fails where its end was decided meanwhile, by the names that it had; nothing may be made then.
    pub fn rename(
        &self,
        place: Place,
        pending: &Lease,
        claim: Option<&Claim>,
    ) -> Result<(), FenceError> {
        self.complete(place, pending, claim)
    }

    /// Records a lease as active, before its token is answered: one durable write.
    ///
    /// # Errors
    /// Fails where its end was decided meanwhile. It is not to be answered then, and no more its issuer's
    /// to undo: a retry may have answered it.
    pub fn complete(
        &self,
        place: Place,
        active: &Lease,
        claim: Option<&Claim>,
    ) -> Result<(), FenceError> {
        self.amend(place, active, claim)?;
        let closed = self.is_there(&keys::issue_fence(active.id))? || self.is_closing(active.id)?;
        if closed { Err(FenceError::Fenced) } else { Ok(()) }
    }

    /// Records a plain token, after it was made and before it is answered: one durable write.
    ///
    /// # Errors
    /// Fails where the number or the claim was given up meanwhile, or the dynamic secret deleted. It is not
    /// to be answered then.
    pub fn record_plain(
        &self,
        numbered: &Numbered,
        active: &Lease,
        claim: Option<&Claim>,
    ) -> Result<(), FenceError> {
        self.record_at(numbered, active, claim)?;
        if self.is_given_up(numbered.place, claim)? || self.is_retired(numbered.place.log)? {
            self.fail(numbered.place, active.id, active.begun_at, None)?;
            return Err(FenceError::Fenced);
        }
        if self.is_closing(active.id)? { Err(FenceError::Fenced) } else { Ok(()) }
    }

    /// Gives up a number that nothing was recorded under.
    ///
    /// # Errors
    /// Fails where the store does; a sweep gives it up later then.
    pub fn void(&self, numbered: &Numbered, now: DateTime<Utc>) -> Result<(), StoreError> {
        let Place { log, number } = numbered.place;
        self.write(keys::void(Which::Secret(log), number), &now)
    }

    /// Records that nothing came of an issue, and nothing of it is left or can still come.
    ///
    /// # Errors
    /// Fails where the store does; a sweep finds out by itself then.
    pub fn fail(
        &self,
        _place: Place,
        id: LeaseId,
        now: DateTime<Utc>,
        note: Option<String>,
    ) -> Result<(), StoreError> {
        let ended = keys::ended(id);
        if self.is_there(&ended)? {
            return Ok(());
        }
        self.write(ended, &Ending { why: EndReason::Failed, at: now, note })
    }

    /// Whether a lease that is on record may be answered once more: the fences that its issuer reads.
    ///
    /// # Errors
    /// Fails where the store does not answer.
    pub fn may_answer(&self, held: &Held, claim: Option<&Claim>) -> Result<bool, StoreError> {
        let id = held.lease.id;
        if self.is_closing(id)? || self.is_there(&keys::issue_fence(id))? {
            return Ok(false);
        }
        Ok(held.lease.mode != Mode::Plain || !self.is_given_up(held.place, claim)?)
    }

    fn record_at(
        &self,
        numbered: &Numbered,
        lease: &Lease,
        claim: Option<&Claim>,
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
        entries.extend(numbered.riding.iter().cloned());
        Ok(self.store.set_many(&entries)?)
    }

    /// Read after a record was written: whoever gives the number up writes first, and reads afterwards.
    fn is_given_up(&self, place: Place, claim: Option<&Claim>) -> Result<bool, StoreError> {
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

    /// What can be said of one number now, for the cap.
    fn looked_at(
        &self,
        log: u64,
        number: u64,
        now: DateTime<Utc>,
    ) -> Result<Option<Entry>, StoreError> {
        // The void first: a record that comes after it does not count.
        let void: Option<DateTime<Utc>> = self.read(&keys::void(Which::Secret(log), number))?;
        let now = now.timestamp();
        let at_once = |noticed| Entry { look: 0, live: true, noticed };
        Ok(Some(match self.record(Place { log, number })? {
            Some(record) => match self.read::<Ending>(&keys::ended(record.lease.id))? {
                Some(_) => super::sweep::DONE,
                None => at_once(None),
            },
            None => match void {
                Some(_) => super::sweep::DONE,
                None => at_once(Some(now)),
            },
        }))
    }
}

impl From<KeyValueError> for FenceError {
    fn from(error: KeyValueError) -> Self {
        Self::Store(error.into())
    }
}
