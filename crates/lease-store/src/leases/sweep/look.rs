//! What stands under a number that is due.

use chrono::{DateTime, Utc};
use lease_core::{EndReason, LeaseId, Phase};

use super::{Batch, ended_in};
use crate::summary::Entry;
use crate::{Held, KeyValue, Place, StoreError, Which, keys};

/// What was found under a number.
pub(super) enum Found {
    /// What is to be noted of it is noted.
    Noted,
    /// Nothing, for so long that whoever took it must have stopped.
    Void,
    /// A lease whose time is over, for the reason it would end for.
    Over(Box<Held>, EndReason),
    /// A lease whose end is decided.
    Closing(Box<Held>, EndReason),
}

impl<K: KeyValue> Batch<'_, K> {
    /// Looks at a number.
    pub(super) fn look(&mut self, number: u64, known: Option<Entry>) -> Result<Found, StoreError> {
        // The void first: a record that comes after it does not count.
        let void: Option<DateTime<Utc>> = self.leases.read(&keys::void(self.which, number))?;
        if let Some(found) = self.look_at_record(number)? {
            return Ok(found);
        }
        let now = self.now.timestamp();
        let noticed = known.and_then(|entry| entry.noticed);
        match (void, noticed) {
            (Some(at), _) => {
                let look = (at + self.times.retention).timestamp();
                if look <= now {
                    self.forgotten.push(keys::void(self.which, number));
                    self.tree.forget(number);
                } else {
                    self.tree.put(number, Entry { look, live: false, noticed: None });
                }
                Ok(Found::Noted)
            }
            // It was void or had ended, and its keys went before that was noted.
            (None, _) if known.is_some_and(|known| !known.live) => {
                self.tree.forget(number);
                Ok(Found::Noted)
            }
            (None, Some(noticed)) if noticed + self.times.landing.num_seconds() <= now => {
                Ok(Found::Void)
            }
            (None, noticed) => {
                // What comes there may be due before long.
                self.look_soon(number, Some(noticed.unwrap_or(now)));
                Ok(Found::Noted)
            }
        }
    }

    /// Looks at the record under a number; none where there is none.
    pub(super) fn look_at_record(&mut self, number: u64) -> Result<Option<Found>, StoreError> {
        match self.which {
            Which::Secret(log) => match self.leases.record(Place { log, number })? {
                Some(record) => {
                    let place = Place { log, number };
                    let held = self.leases.with_decisions(place, record.lease.clone())?;
                    if held.ending.is_some() {
                        self.look_at_ended(number, &held, record.claim.as_ref())?;
                        return Ok(Some(Found::Noted));
                    }
                    Ok(Some(self.look_at_open(number, held)))
                }
                None => Ok(None),
            },
            Which::Work => match self.leases.read(&keys::record(Which::Work, number))? {
                Some(id) => Ok(Some(self.look_at_work(number, id)?)),
                None => Ok(None),
            },
        }
    }

    fn look_at_open(&mut self, number: u64, held: Held) -> Found {
        let now = self.now;
        let settled = held.lease.issue_deadline + self.times.landing;
        let pending = held.lease.phase == Phase::Pending;
        if pending && now < settled {
            // Its issuer may be at work, and its requests may still land.
            self.look_soon(number, None);
            return Found::Noted;
        }
        if let Some(closing) = &held.closing {
            let why = closing.why;
            return Found::Closing(Box::new(held), why);
        }
        if pending {
            return Found::Over(Box::new(held), EndReason::Failed);
        }
        if now < held.expires_at {
            self.look_again(number, held.expires_at.timestamp());
            return Found::Noted;
        }
        Found::Over(Box::new(held), EndReason::Expired)
    }

    fn look_at_work(&mut self, number: u64, id: LeaseId) -> Result<Found, StoreError> {
        let held = self.leases.find(id)?.filter(|held| held.ending.is_none());
        let Some(held) = held else {
            self.drop_work(number);
            return Ok(Found::Noted);
        };
        let settled = held.lease.issue_deadline + self.times.landing;
        if held.lease.phase == Phase::Pending && self.now < settled {
            self.look_soon(number, None);
            return Ok(Found::Noted);
        }
        let why = held.closing.as_ref().map_or(EndReason::Revoked, |closing| closing.why);
        Ok(Found::Closing(Box::new(held), why))
    }

    /// What is still over when it is read again, behind the fence; otherwise when it is to be looked at.
    pub(super) fn is_still_over(&self, held: &Held, why: EndReason) -> Result<(), i64> {
        let now = self.now;
        match why {
            EndReason::Failed if held.lease.phase == Phase::Pending => Ok(()),
            EndReason::Failed => Err(now.timestamp()),
            _ if held.expires_at > now => Err(held.expires_at.timestamp()),
            _ => Ok(()),
        }
    }

    pub(super) fn drop_work(&mut self, number: u64) {
        self.forgotten.push(keys::record(Which::Work, number));
        self.forgotten.push(keys::void(Which::Work, number));
        self.tree.forget(number);
    }

    fn look_at_ended(
        &mut self,
        number: u64,
        held: &Held,
        claim: Option<&crate::Claim>,
    ) -> Result<(), StoreError> {
        let Some(ending) = &held.ending else { return Ok(()) };
        let entry = ended_in(ending, self.times);
        if entry.look > self.now.timestamp() {
            self.tree.put(number, entry);
            return Ok(());
        }
        self.forget(number, held, claim)
    }
}
