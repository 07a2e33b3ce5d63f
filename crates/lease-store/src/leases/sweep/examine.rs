//! What stands under a number that is due.

use chrono::{DateTime, Utc};
use lease_core::{EndReason, IssuePhase, Lease, LeaseId};

use super::SweepBatch;
use crate::index::IndexEntry;
use crate::{KeyValue, LeaseKey, LedgerId, StoreError, StoredLease, SweepGracePeriods, keys};

/// The finding under a number.
pub(super) enum NumberFinding {
    /// The entry was written to the tree; nothing else is to be done.
    Noted,
    /// Nothing, for so long that whoever took it must have stopped.
    Void,
    /// A lease whose time is over, for the reason it would end for.
    Over(Box<StoredLease>, EndReason),
    /// A lease whose end is decided.
    Closing(Box<StoredLease>, EndReason),
}

/// The outcome of reading a lease again, behind its fence.
pub(super) enum ExpiryRecheckOutcome {
    /// The time of the lease is still over.
    StillOver,
    /// The lease lives: look at it again at this time (Unix seconds).
    LookAt(i64),
}

impl<K: KeyValue> SweepBatch<'_, K> {
    /// Looks at a number.
    pub(super) fn examine_number(
        &mut self,
        number: u64,
        known: Option<IndexEntry>,
    ) -> Result<NumberFinding, StoreError> {
        // The void first: a record that comes after it does not count.
        let void: Option<DateTime<Utc>> =
            self.leases.read_value(&keys::void_key(self.which, number))?;
        if let Some(found) = self.examine_record(number, known)? {
            return Ok(found);
        }
        let now = self.clocks.ledger_time().timestamp();
        let noticed = known.and_then(|entry| entry.noticed);
        match (void, noticed) {
            (Some(at), _) => {
                self.add_missing_void_event(number)?;
                let look = self.clocks.host_to_ledger_time(at + self.times.retention).timestamp();
                if look <= now {
                    self.forgotten.push(keys::void_key(self.which, number));
                    self.tree.forget_number(number);
                } else {
                    self.tree.note_entry(number, IndexEntry { look, live: false, noticed: None });
                }
                Ok(NumberFinding::Noted)
            }
            // It was void or had ended, and its keys went before that was noted.
            (None, _) if known.is_some_and(|known| !known.live) => {
                self.tree.forget_number(number);
                Ok(NumberFinding::Noted)
            }
            (None, Some(noticed)) if noticed + self.times.landing.num_seconds() <= now => {
                Ok(NumberFinding::Void)
            }
            (None, noticed) => {
                // What comes there may be due before long.
                self.recheck_number_soon(number, Some(noticed.unwrap_or(now)));
                Ok(NumberFinding::Noted)
            }
        }
    }

    /// Looks at the record under a number; none if there is none.
    pub(super) fn examine_record(
        &mut self,
        number: u64,
        known: Option<IndexEntry>,
    ) -> Result<Option<NumberFinding>, StoreError> {
        match self.which {
            LedgerId::DynamicSecret(ledger) => {
                match self.leases.read_record(LeaseKey { ledger, number })? {
                    Some(record) => {
                        let place = LeaseKey { ledger, number };
                        let held = self.leases.read_decisions(place, record.lease.clone())?;
                        if held.ending.is_some() {
                            self.examine_ended_lease(number, &held, record.claim.as_ref())?;
                            return Ok(Some(NumberFinding::Noted));
                        }
                        Ok(Some(self.examine_open_lease(number, held, known)))
                    }
                    None => Ok(None),
                }
            }
            LedgerId::PendingRevocations => match self
                .leases
                .read_value(&keys::record_key(LedgerId::PendingRevocations, number))?
            {
                Some(id) => Ok(Some(self.examine_pending_revocation(number, id, known)?)),
                None => Ok(None),
            },
            LedgerId::Identity(_) => {
                match self.leases.read_value(&keys::record_key(self.which, number))? {
                    Some(id) => {
                        self.examine_identity_share(number, id)?;
                        Ok(Some(NumberFinding::Noted))
                    }
                    None => Ok(None),
                }
            }
        }
    }

    fn examine_open_lease(
        &mut self,
        number: u64,
        held: StoredLease,
        known: Option<IndexEntry>,
    ) -> NumberFinding {
        let noticed = known.and_then(|entry| entry.noticed);
        if !self.is_issue_over(&held.lease, noticed) {
            // Its issuer may be at work, and its requests may still land.
            let noticed = noticed.unwrap_or(self.clocks.ledger_time().timestamp());
            self.recheck_number_soon(number, Some(noticed));
            return NumberFinding::Noted;
        }
        // A decided end stands, whatever the clocks say by now.
        if let Some(closing) = &held.closing {
            let why = closing.why;
            return NumberFinding::Closing(Box::new(held), why);
        }
        if held.lease.phase == IssuePhase::Pending {
            return NumberFinding::Over(Box::new(held), EndReason::Failed);
        }
        match self.future_expiry_seconds(&held) {
            Some(look) => {
                self.recheck_number_at(number, look);
                NumberFinding::Noted
            }
            None => NumberFinding::Over(Box::new(held), EndReason::Expired),
        }
    }

    /// Returns true if the issue of a lease is over for good: its issuer has given up, and none of
    /// its requests can take effect any more.
    ///
    /// The clock of the issuer decides, or the time for which a sweep has seen the issue under way:
    /// the host's clock may have been put back since.
    fn is_issue_over(&self, lease: &Lease, noticed: Option<i64>) -> bool {
        let SweepGracePeriods { issue, landing, .. } = self.times;
        let seen = noticed.map(|noticed| noticed + (issue + landing).num_seconds());
        lease.phase == IssuePhase::Active
            || self.clocks.host_time() >= lease.issue_deadline + landing
            // If the host's clock was set back, the deadline may be far off. What has been seen unchanged
            // for so long has no issuer.
            || seen.is_some_and(|over| over <= self.clocks.ledger_time().timestamp())
    }

    /// When a lease is to be looked at that has not expired by its target's clock.
    fn future_expiry_seconds(&self, held: &StoredLease) -> Option<i64> {
        let target = &held.lease.target;
        // By the clock of the cluster that judges the token, and not by the host's.
        let future = self.clocks.target_time(target) < held.expires_at;
        future.then(|| self.clocks.target_to_ledger_time(target, held.expires_at).timestamp())
    }

    fn examine_pending_revocation(
        &mut self,
        number: u64,
        id: LeaseId,
        known: Option<IndexEntry>,
    ) -> Result<NumberFinding, StoreError> {
        let held = self.leases.find(id)?.filter(|held| held.ending.is_none());
        let Some(held) = held else {
            self.drop_number_and_record(number);
            return Ok(NumberFinding::Noted);
        };
        let noticed = known.and_then(|entry| entry.noticed);
        if !self.is_issue_over(&held.lease, noticed) {
            self.recheck_number_soon(
                number,
                Some(noticed.unwrap_or(self.clocks.ledger_time().timestamp())),
            );
            return Ok(NumberFinding::Noted);
        }
        let why = held.closing.as_ref().map_or(EndReason::Revoked, |closing| closing.why);
        Ok(NumberFinding::Closing(Box::new(held), why))
    }

    /// Checks an expired lease again, as it was read behind the fence.
    pub(super) fn reread_expired_behind_fence(
        &self,
        held: &StoredLease,
        why: EndReason,
    ) -> ExpiryRecheckOutcome {
        match why {
            EndReason::Failed if held.lease.phase == IssuePhase::Pending => {
                ExpiryRecheckOutcome::StillOver
            }
            // The issuer has confirmed the lease before it could see the fence.
            EndReason::Failed => {
                ExpiryRecheckOutcome::LookAt(self.clocks.ledger_time().timestamp())
            }
            // A renewal may have been confirmed before the fence.
            _ => self
                .future_expiry_seconds(held)
                .map_or(ExpiryRecheckOutcome::StillOver, ExpiryRecheckOutcome::LookAt),
        }
    }

    /// Drops a number that stands for a lease which is kept elsewhere.
    pub(super) fn drop_number_and_record(&mut self, number: u64) {
        self.forgotten.push(keys::record_key(self.which, number));
        self.forgotten.push(keys::void_key(self.which, number));
        self.tree.forget_number(number);
    }

    /// Notes of a lease of an identity when it is to be looked at again. Its end is carried out by its own ledger.
    fn examine_identity_share(&mut self, number: u64, id: LeaseId) -> Result<(), StoreError> {
        // One that is forgotten has ended long ago: it was recorded together with what names it here.
        let held = self.leases.find(id)?.filter(|held| held.ending.is_none());
        let Some(held) = held else {
            self.drop_number_and_record(number);
            return Ok(());
        };
        match self.future_expiry_seconds(&held) {
            Some(look) => self.recheck_number_at(number, look),
            None => self.recheck_number_soon(number, None),
        }
        Ok(())
    }

    fn examine_ended_lease(
        &mut self,
        number: u64,
        held: &StoredLease,
        claim: Option<&crate::IdempotencyReservation>,
    ) -> Result<(), StoreError> {
        let Some(ending) = &held.ending else { return Ok(()) };
        let entry = self.ended_index_entry(&held.lease, ending);
        if entry.look > self.clocks.ledger_time().timestamp() {
            self.tree.note_entry(number, entry);
            return Ok(());
        }
        self.forget_lease(number, held, claim)
    }
}
