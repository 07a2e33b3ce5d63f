//! What stands under a number that is due.

use chrono::{DateTime, Utc};
use lease_core::{EndReason, Lease, LeaseId, Phase};

use super::Batch;
use crate::summary::Entry;
use crate::{Held, KeyValue, Place, StoreError, Times, Which, keys};

/// The finding under a number.
pub(super) enum Found {
    /// The entry was written to the tree; nothing else is to be done.
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
        if let Some(found) = self.look_at_record(number, known)? {
            return Ok(found);
        }
        let now = self.clocks.log().timestamp();
        let noticed = known.and_then(|entry| entry.noticed);
        match (void, noticed) {
            (Some(at), _) => {
                self.account_for(number)?;
                let look = self.clocks.ordered(at + self.times.retention).timestamp();
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

    /// Looks at the record under a number; none if there is none.
    pub(super) fn look_at_record(
        &mut self,
        number: u64,
        known: Option<Entry>,
    ) -> Result<Option<Found>, StoreError> {
        match self.which {
            Which::Secret(log) => match self.leases.record(Place { log, number })? {
                Some(record) => {
                    let place = Place { log, number };
                    let held = self.leases.with_decisions(place, record.lease.clone())?;
                    if held.ending.is_some() {
                        self.look_at_ended(number, &held, record.claim.as_ref())?;
                        return Ok(Some(Found::Noted));
                    }
                    Ok(Some(self.look_at_open(number, held, known)))
                }
                None => Ok(None),
            },
            Which::Work => match self.leases.read(&keys::record(Which::Work, number))? {
                Some(id) => Ok(Some(self.look_at_work(number, id, known)?)),
                None => Ok(None),
            },
            Which::Identity(_) => match self.leases.read(&keys::record(self.which, number))? {
                Some(id) => {
                    self.look_at_share(number, id)?;
                    Ok(Some(Found::Noted))
                }
                None => Ok(None),
            },
        }
    }

    fn look_at_open(&mut self, number: u64, held: Held, known: Option<Entry>) -> Found {
        let noticed = known.and_then(|entry| entry.noticed);
        if !self.is_settled(&held.lease, noticed) {
            // Its issuer may be at work, and its requests may still land.
            let noticed = noticed.unwrap_or(self.clocks.log().timestamp());
            self.look_soon(number, Some(noticed));
            return Found::Noted;
        }
        if let Some(closing) = &held.closing {
            let why = closing.why;
            return Found::Closing(Box::new(held), why);
        }
        if held.lease.phase == Phase::Pending {
            return Found::Over(Box::new(held), EndReason::Failed);
        }
        match self.expires_in_future(&held) {
            Some(look) => {
                self.look_again(number, look);
                Found::Noted
            }
            None => Found::Over(Box::new(held), EndReason::Expired),
        }
    }

    /// Returns true if the issue of a lease is over for good: its issuer has given up, and none of
    /// its requests can take effect any more.
    ///
    /// The clock of the issuer decides, or the time for which a sweep has seen the issue under way:
    /// the host's clock may have been put back since.
    fn is_settled(&self, lease: &Lease, noticed: Option<i64>) -> bool {
        let Times { issue, landing, .. } = self.times;
        let seen = noticed.map(|noticed| noticed + (issue + landing).num_seconds());
        lease.phase == Phase::Active
            || self.clocks.host() >= lease.issue_deadline + landing
            || seen.is_some_and(|over| over <= self.clocks.log().timestamp())
    }

    /// When a lease is to be looked at that has not expired by its target's clock.
    fn expires_in_future(&self, held: &Held) -> Option<i64> {
        let target = &held.lease.target;
        let future = self.clocks.of(target) < held.expires_at;
        future.then(|| self.clocks.ordered_of(target, held.expires_at).timestamp())
    }

    fn look_at_work(
        &mut self,
        number: u64,
        id: LeaseId,
        known: Option<Entry>,
    ) -> Result<Found, StoreError> {
        let held = self.leases.find(id)?.filter(|held| held.ending.is_none());
        let Some(held) = held else {
            self.drop_entry(number);
            return Ok(Found::Noted);
        };
        let noticed = known.and_then(|entry| entry.noticed);
        if !self.is_settled(&held.lease, noticed) {
            self.look_soon(number, Some(noticed.unwrap_or(self.clocks.log().timestamp())));
            return Ok(Found::Noted);
        }
        let why = held.closing.as_ref().map_or(EndReason::Revoked, |closing| closing.why);
        Ok(Found::Closing(Box::new(held), why))
    }

    /// Reads an expired lease again, behind the fence. Returns `Ok` if it is still over, or else
    /// the time (Unix seconds) at which to look again.
    pub(super) fn is_still_over(&self, held: &Held, why: EndReason) -> Result<(), i64> {
        match why {
            EndReason::Failed if held.lease.phase == Phase::Pending => Ok(()),
            EndReason::Failed => Err(self.clocks.log().timestamp()),
            _ => self.expires_in_future(held).map_or(Ok(()), Err),
        }
    }

    /// Drops a number that stands for a lease which is kept elsewhere.
    pub(super) fn drop_entry(&mut self, number: u64) {
        self.forgotten.push(keys::record(self.which, number));
        self.forgotten.push(keys::void(self.which, number));
        self.tree.forget(number);
    }

    /// Notes of a lease of an identity when it is to be looked at again. Its end is carried out by its own log.
    fn look_at_share(&mut self, number: u64, id: LeaseId) -> Result<(), StoreError> {
        // One that is forgotten has ended long ago: it was recorded together with what names it here.
        let held = self.leases.find(id)?.filter(|held| held.ending.is_none());
        let Some(held) = held else {
            self.drop_entry(number);
            return Ok(());
        };
        match self.expires_in_future(&held) {
            Some(look) => self.look_again(number, look),
            None => self.look_soon(number, None),
        }
        Ok(())
    }

    fn look_at_ended(
        &mut self,
        number: u64,
        held: &Held,
        claim: Option<&crate::Claim>,
    ) -> Result<(), StoreError> {
        let Some(ending) = &held.ending else { return Ok(()) };
        let entry = self.ended_in(&held.lease, ending);
        if entry.look > self.clocks.log().timestamp() {
            self.tree.put(number, entry);
            return Ok(());
        }
        self.forget(number, held, claim)
    }
}
