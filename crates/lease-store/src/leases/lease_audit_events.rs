//! The audit events of leases, each written in one step with what it is about.
//!
//! A lease has at most one event of its issue, one of each renewal, one that its revocation was left to the sweeps, and
//! exactly one of its end, under whose key everybody writes who ends it. Whoever writes `ended` writes that event in the
//! same step, so that of two ends at once the same one stands in both.

use chrono::{DateTime, Utc};
use lease_core::{
    AuditDecision, AuditEvent, AuditEventType, AuditLogId, AuditPlace, AuditSlot, AuditText,
    Closing, Ending, Lease, RecordedEvents,
};

use super::ledgers::LedgerRecord;
use crate::audit::{
    CheckedRecord, RecordKey, read_settled_up_to, settled_mark_entry, sign_event_entry,
};
use crate::{KeyValue, LeaseKey, Leases, StoreError, counter, keys};

/// The key and the value of an event.
pub(super) type EventEntry = (String, Vec<u8>);

/// The content of the event of a renewal, besides what the lease says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenewalEventContent<'a> {
    /// The time, by the host's clock.
    pub now: DateTime<Utc>,
    /// True if the lease was renewed; otherwise its end stays as it was.
    pub is_renewed: bool,
    /// The id of the new token, if there is one.
    pub jti: Option<&'a str>,
    /// Why it has failed, or who has renewed it.
    pub reason: Option<&'a str>,
}

impl<K: KeyValue> Leases<'_, K> {
    /// The event of an issue.
    pub(super) fn stage_issue_event(
        &self,
        place: LeaseKey,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<EventEntry, StoreError> {
        let event = AuditEvent::of_issue(lease, self.auditor.actor, now);
        self.stage_event(place, AuditSlot::Issue, &event)
    }

    /// The event of a lease that was found without a record. It stands in the place of its issue.
    pub(super) fn stage_adoption_event(
        &self,
        place: LeaseKey,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<EventEntry, StoreError> {
        let event = AuditEvent::of_issue(lease, self.auditor.actor, now);
        let event = AuditEvent { event_type: AuditEventType::Adoption, ..event };
        let event = event.with_reason(&format!("the lease was issued to `{}`", lease.requester));
        self.stage_event(place, AuditSlot::Issue, &event)
    }

    /// The event of a renewal.
    pub(super) fn stage_renewal_event(
        &self,
        (place, lease): (LeaseKey, &Lease),
        number: u64,
        expires_at: DateTime<Utc>,
        outcome: &RenewalEventContent<'_>,
    ) -> Result<EventEntry, StoreError> {
        let RenewalEventContent { now, is_renewed, jti, reason } = *outcome;
        let decision = if is_renewed { AuditDecision::Allowed } else { AuditDecision::Failed };
        let event = AuditEvent::new(AuditEventType::Renewal, decision, self.auditor.actor, now);
        // Of a failed renewal no lifetime is told: the lease ends when it would have ended before.
        let left = u64::try_from((expires_at - now).num_seconds()).ok();
        let event = AuditEvent {
            jti: jti.map(AuditText::new),
            ttl_seconds: left.filter(|_| is_renewed),
            reason: reason.map(AuditText::new),
            ..event.about_lease(lease)
        };
        self.stage_event(place, AuditSlot::Renewal(number), &event)
    }

    /// The event of a revocation that is left to the sweeps.
    pub(super) fn stage_closing_event(
        &self,
        place: LeaseKey,
        lease: &Lease,
        closing: &Closing,
    ) -> Result<EventEntry, StoreError> {
        let event = AuditEvent::new(
            AuditEventType::RevocationBegun,
            AuditDecision::Allowed,
            self.auditor.actor,
            closing.since,
        );
        let reason = closing.obstacle.as_deref().map(AuditText::new);
        let event = AuditEvent { reason, ..event.about_lease(lease) };
        self.stage_event(place, AuditSlot::Closing, &event)
    }

    /// The event of an end, whoever carries it out: who has asked for it is named by it.
    pub(crate) fn stage_end_event(
        &self,
        place: LeaseKey,
        lease: &Lease,
        ending: &Ending,
        reason: Option<&str>,
    ) -> Result<EventEntry, StoreError> {
        // Whoever asked for the revocation is the actor of the end, though a sweep carries it out later.
        let closing = RecordKey::for_event(event_place(place, AuditSlot::Closing));
        let closing: CheckedRecord<AuditEvent> =
            closing.read_record(self.store, self.auditor.keys)?;
        let trail = self.recorded_events_of(lease, closing.is_there())?;
        let mut event = AuditEvent::of_end(lease, ending, self.auditor.actor, trail);
        if let CheckedRecord::Genuine(closing) = closing
            && event.event_type == AuditEventType::Revocation
        {
            event.actor = closing.actor;
        }
        if let Some(reason) = reason {
            event = event.with_reason(reason);
        }
        self.stage_event(place, AuditSlot::End, &event)
    }

    /// The event of a number that nothing was recorded under, and nothing will be. With the lease, if it was planned.
    pub(crate) fn stage_void_event(
        &self,
        place: LeaseKey,
        lease: Option<&Lease>,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<EventEntry, StoreError> {
        let failed = (AuditEventType::IssueFailed, AuditDecision::Failed);
        let mut event = AuditEvent::new(failed.0, failed.1, self.auditor.actor, now);
        event.trail = Some(RecordedEvents::default());
        let event = if let Some(lease) = lease {
            event.about_lease(lease)
        } else {
            let ledger: Option<LedgerRecord> = self.read_value(&keys::ledger_key(place.ledger))?;
            AuditEvent { dynamic_secret: ledger.map(|ledger| ledger.dynamic_secret), ..event }
        };
        self.stage_event(place, AuditSlot::End, &event.with_reason(reason))
    }

    /// The event of a void number whose issuer has stopped, if it has none yet.
    pub(crate) fn stage_missing_void_event(
        &self,
        place: LeaseKey,
        now: DateTime<Utc>,
    ) -> Result<Option<EventEntry>, StoreError> {
        // Whoever gave the number up has said why, and a later sweep must not write over that.
        if self.is_there(&RecordKey::for_event(event_place(place, AuditSlot::End)).store_key())? {
            return Ok(None);
        }
        self.stage_void_event(place, None, ISSUER_STOPPED_REASON, now).map(Some)
    }

    /// The word that each number of a ledger is accounted for, as far as that is new, once `written` is.
    ///
    /// A number is accounted for by the event of its issue or of its end.
    pub(crate) fn newly_settled_mark_entry(
        &self,
        ledger: u64,
        head: u64,
        written: &[EventEntry],
    ) -> Result<Option<EventEntry>, StoreError> {
        let (id, audit) = (AuditLogId::Leases(ledger), self.auditor.keys);
        let known = read_settled_up_to(self.store, audit, id)?;
        let mut up_to = known;
        while up_to < head.min(known + MAX_SETTLED_NUMBERS) {
            let place = LeaseKey { ledger, number: up_to + 1 };
            let end = RecordKey::for_event(event_place(place, AuditSlot::End)).store_key();
            let issue = RecordKey::for_event(event_place(place, AuditSlot::Issue)).store_key();
            let is_accounted_for = written.iter().any(|(key, _)| *key == end)
                || self.is_there(&issue)?
                || self.is_there(&end)?;
            // A number without an event may be one of an issue under way. The mark must not pass it: a
            // missing event below the mark is reported as tampering.
            if !is_accounted_for {
                break;
            }
            up_to += 1;
        }
        (up_to > known).then(|| settled_mark_entry(audit, id, up_to)).transpose()
    }

    /// The events of a lease so far.
    fn recorded_events_of(
        &self,
        lease: &Lease,
        revocation_begun: bool,
    ) -> Result<RecordedEvents, StoreError> {
        let renewals = counter::read_counter(self.store, &keys::renewal_counter_key(lease.id))?;
        let mut missing = match renewals {
            0 => vec![],
            last => self.read_renewals(lease, last)?.missing,
        };
        // An event stays small, however many renewals were never confirmed.
        missing.truncate(RecordedEvents::MAX_MISSING);
        // It became active together with the event of its issue.
        let issue = lease.phase == lease_core::IssuePhase::Active;
        Ok(RecordedEvents { issue, revocation_begun, renewals, missing })
    }

    fn stage_event(
        &self,
        place: LeaseKey,
        slot: AuditSlot,
        event: &AuditEvent,
    ) -> Result<EventEntry, StoreError> {
        let place = event_place(place, slot);
        let entry = sign_event_entry(self.auditor.keys, place, event)?;
        self.pending.borrow_mut().push((entry.0.clone(), place, event.clone()));
        Ok(entry)
    }
}

fn event_place(LeaseKey { ledger, number }: LeaseKey, slot: AuditSlot) -> AuditPlace {
    AuditPlace::of_lease(ledger, number, slot)
}

/// The reason for which nothing came of a number whose issuer did not say so.
const ISSUER_STOPPED_REASON: &str = "the issue stopped before it recorded anything";

/// The number of numbers of a ledger that a batch accounts for: more than it looks at.
const MAX_SETTLED_NUMBERS: u64 = 500;
