//! Whether all that was recorded is there, and as it was recorded.

use chrono::{DateTime, TimeDelta, Utc};
use lease_core::{
    AuditEvent, AuditLogId, AuditPlace, AuditSlot, IssuePhase, LeaseId, RecordedEvents,
};
use serde::de::DeserializeOwned;

use super::cursor::AuditVerifyCursor;
use super::finding::AuditFinding;
use super::marks::{self, ForgottenMark, SettledMark, VoidMark};
use super::{AuditLog, CheckedRecord, RecordKey, read_forgotten_up_to};
use crate::leases::LeaseRecord;
use crate::{KeyValue, LedgerId, StoreError, counter, keys, record};

/// The result of a part of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditVerification {
    /// The number of events that are as they were recorded.
    pub checked: u64,
    /// The number of numbers in the general log that are void: whoever took them had stopped before it recorded anything.
    pub voids: u64,
    /// The number of numbers that have no event yet: somebody may be just writing it, or the sweep has not found out yet that
    /// nobody is.
    pub unsettled: u64,
    /// The findings: all that is not as it should be.
    pub findings: Vec<AuditFinding>,
    /// The beginning of the next part; absent at the end.
    pub next: Option<AuditVerifyCursor>,
}

/// A log that is being walked.
struct LogWalk {
    log: AuditLogId,
    number: u64,
    /// The first of the numbers before, if all of them have no event.
    absent_from: Option<u64>,
    settled: u64,
    head: u64,
}

/// The events that must be there, by the record of their lease.
#[derive(Default)]
struct ExpectedEvents {
    id: Option<LeaseId>,
    is_active: bool,
    has_ended: bool,
}

/// The events of one lease that were seen.
#[derive(Default)]
struct LeaseEventsSeen {
    seen: AuditVerification,
    missing: Vec<AuditSlot>,
    time: Option<DateTime<Utc>>,
}

impl<K: KeyValue> AuditLog<'_, K> {
    /// Verifies a part of the events, from a cursor on, or from the first of the general log. The work is bounded: a part
    /// is some hundreds of numbers.
    ///
    /// It finds each event that was edited, moved or made up, and each that was removed after a sweep has seen it. It does
    /// not find that the whole store was put back to what it was, nor that the newest events of a log were removed before
    /// the next sweep.
    ///
    /// # Errors
    /// Fails if the store does not answer. What cannot be read is a finding.
    pub fn verify_events_part(
        &self,
        from: Option<&AuditVerifyCursor>,
        now: DateTime<Utc>,
    ) -> Result<AuditVerification, StoreError> {
        let mut found = AuditVerification::default();
        let first = AuditVerifyCursor { log: AuditLogId::General, number: 1, absent_from: None };
        let from = *from.unwrap_or(&first);
        let mut left = NUMBERS_PER_PART;
        let logs = self.list_logs()?.into_iter().map(|(log, _)| log);
        for log in logs.filter(|log| *log >= from.log) {
            let begins = log == from.log;
            let begin = AuditVerifyCursor { log, number: 1, absent_from: None };
            let mut walk = self.begin_walk(if begins { from } else { begin }, &mut found)?;
            while walk.number <= walk.head {
                if left == 0 {
                    let LogWalk { number, absent_from, .. } = walk;
                    found.next = Some(AuditVerifyCursor { log, number, absent_from });
                    return Ok(found);
                }
                left -= 1;
                self.verify_number(&mut walk, &mut found, now)?;
                walk.number += 1;
            }
            self.report_missing_numbers(&mut walk, None, &mut found, now)?;
        }
        Ok(found)
    }

    fn begin_walk(
        &self,
        at: AuditVerifyCursor,
        found: &mut AuditVerification,
    ) -> Result<LogWalk, StoreError> {
        let AuditVerifyCursor { log, number, absent_from } = at;
        let settled: SettledMark = self.read_mark(&marks::settled_key(log), found)?;
        let forgotten: ForgottenMark = self.read_mark(&marks::forgotten_key(log), found)?;
        let head = self.read_last_number(log)?;
        if settled.up_to > head && number == 1 {
            let (log, known) = (log.to_string(), settled.up_to);
            found.findings.push(AuditFinding::CounterSetBack { log, last: head, known });
        }
        let number = number.max(forgotten.up_to + 1);
        Ok(LogWalk { log, number, absent_from, settled: settled.up_to, head })
    }

    /// A mark of a log; one that is not there says nothing.
    fn read_mark<T: DeserializeOwned + Default>(
        &self,
        key: &RecordKey,
        found: &mut AuditVerification,
    ) -> Result<T, StoreError> {
        Ok(match key.read_record(self.store, self.keys)? {
            CheckedRecord::Genuine(mark) => mark,
            CheckedRecord::Absent => T::default(),
            CheckedRecord::Altered(_) => {
                let finding = AuditFinding::MarkAltered { key: key.store_key() };
                if !found.findings.contains(&finding) {
                    found.findings.push(finding);
                }
                T::default()
            }
        })
    }

    fn verify_number(
        &self,
        walk: &mut LogWalk,
        found: &mut AuditVerification,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let before = (found.checked, found.findings.len());
        let time = match walk.log {
            AuditLogId::General => self.verify_general_number(walk, found)?,
            AuditLogId::Leases(log) => self.verify_lease_number(log, walk.number, found)?,
        };
        if time.is_some() || before != (found.checked, found.findings.len()) {
            return self.report_missing_numbers(walk, time, found, now);
        }
        // All up to here may be gone, if somebody has forgotten it whose word on that was overwritten by an older one.
        let mark: CheckedRecord<ForgottenMark> =
            marks::numbered_forgotten_mark_key(walk.log, walk.number)
                .read_record(self.store, self.keys)?;
        if matches!(mark, CheckedRecord::Genuine(ForgottenMark { up_to }) if up_to == walk.number) {
            walk.absent_from = None;
        } else {
            walk.absent_from.get_or_insert(walk.number);
        }
        Ok(())
    }

    /// Looks at what is there of a number of the general log, and returns its time if anything is.
    fn verify_general_number(
        &self,
        walk: &LogWalk,
        found: &mut AuditVerification,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let place = AuditPlace::in_general_log(walk.number);
        let event = self.read_event(place)?;
        if event.is_there() {
            return Ok(count_or_report_event(place, &event, found));
        }
        match marks::void_key(walk.number).read_record(self.store, self.keys)? {
            CheckedRecord::Genuine(VoidMark { at }) => {
                found.voids += 1;
                Ok(Some(at))
            }
            CheckedRecord::Absent => Ok(None),
            CheckedRecord::Altered(_) => {
                let key = marks::void_key(walk.number).store_key();
                found.findings.push(AuditFinding::MarkAltered { key });
                Ok(None)
            }
        }
    }

    /// The same of the events of a lease. Each event that must be there by the record, or by the end, is missed.
    fn verify_lease_number(
        &self,
        log: u64,
        number: u64,
        found: &mut AuditVerification,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut look = self.collect_lease_events(log, number)?;
        if !look.missing.is_empty() {
            // It may have been recorded, or forgotten, while we looked: what is missing then is missing still.
            look = self.collect_lease_events(log, number)?;
        }
        found.checked += look.seen.checked;
        found.findings.append(&mut look.seen.findings);
        let missing = look.missing.into_iter();
        let missing = missing.map(|slot| AuditPlace::of_lease(log, number, slot));
        found.findings.extend(missing.map(|id| AuditFinding::Missing { id }));
        Ok(look.time)
    }

    fn collect_lease_events(&self, log: u64, number: u64) -> Result<LeaseEventsSeen, StoreError> {
        let mut look = LeaseEventsSeen::default();
        let seen = &mut look.seen;
        // The record first: what it speaks of was written together with it, and is there since.
        let on_record = self.expected_events(log, number)?;
        let end = self.check_event(AuditPlace::of_lease(log, number, AuditSlot::End), seen)?;
        let issue = self.check_event(AuditPlace::of_lease(log, number, AuditSlot::Issue), seen)?;
        let closing =
            self.check_event(AuditPlace::of_lease(log, number, AuditSlot::Closing), seen)?;
        let trail = match &end {
            CheckedRecord::Genuine(end) => end.trail.clone(),
            CheckedRecord::Absent | CheckedRecord::Altered(_) => None,
        };
        let is_over = on_record.has_ended || (on_record.id.is_none() && issue.is_there());
        let was_issued = trail.as_ref().is_some_and(|trail| trail.issue);
        let was_begun = trail.as_ref().is_some_and(|trail| trail.revocation_begun);
        for (must_be, event, slot) in [
            (is_over, &end, AuditSlot::End),
            (on_record.is_active || was_issued, &issue, AuditSlot::Issue),
            (was_begun, &closing, AuditSlot::Closing),
        ] {
            if must_be && !event.is_there() {
                look.missing.push(slot);
            }
        }
        let read =
            [&end, &issue, &closing].into_iter().find_map(CheckedRecord::content_even_if_altered);
        // Somebody is at it, so that it is no hole, though there is no event yet.
        let is_pending = on_record.id.is_some();
        look.time =
            read.map(|event| event.time).or_else(|| is_pending.then_some(DateTime::UNIX_EPOCH));
        self.verify_renewal_events((log, number), &on_record, trail.as_ref(), &mut look)?;
        Ok(look)
    }

    fn expected_events(&self, log: u64, number: u64) -> Result<ExpectedEvents, StoreError> {
        let key = keys::record_key(LedgerId::DynamicSecret(log), number);
        let Some(bytes) = self.store.get(&key)? else { return Ok(ExpectedEvents::default()) };
        let lease = record::decode_record::<LeaseRecord>(&key, &bytes)?.lease;
        let has_ended = self.store.get(&keys::ended_key(lease.id))?.is_some();
        let is_active = lease.phase == IssuePhase::Active;
        Ok(ExpectedEvents { id: Some(lease.id), is_active, has_ended })
    }

    /// Checks the renewals, and misses those that are on record, or that the end names, and have no event.
    fn verify_renewal_events(
        &self,
        (log, number): (u64, u64),
        on_record: &ExpectedEvents,
        trail: Option<&RecordedEvents>,
        look: &mut LeaseEventsSeen,
    ) -> Result<(), StoreError> {
        let named = trail.map_or(0, |trail| trail.renewals);
        let counted = match on_record.id {
            Some(id) => counter::read_counter(self.store, &keys::renewal_counter_key(id))?,
            None => named,
        };
        for renewal in 1..=named.max(counted).min(MAX_RENEWALS_OF_LEASE) {
            let slot = AuditSlot::Renewal(renewal);
            let must_be = match (trail, on_record.id) {
                (Some(trail), _) if renewal <= named => trail.has_renewal(renewal),
                (_, Some(id)) => self.store.get(&keys::renewal_key(id, renewal))?.is_some(),
                _ => false,
            };
            let place = AuditPlace::of_lease(log, number, slot);
            let event = self.check_event(place, &mut look.seen)?;
            if must_be && !event.is_there() {
                look.missing.push(slot);
            }
        }
        Ok(())
    }

    /// Reads an event, and counts it as good or finds it altered.
    fn check_event(
        &self,
        place: AuditPlace,
        found: &mut AuditVerification,
    ) -> Result<CheckedRecord<AuditEvent>, StoreError> {
        let event = self.read_event(place)?;
        count_or_report_event(place, &event, found);
        Ok(event)
    }

    /// Says of the numbers before, if they have no event, what that means.
    ///
    /// A sweep accounts for each number within minutes. Beyond what it has said so, numbers are missed too if what follows
    /// them is a day old.
    fn report_missing_numbers(
        &self,
        walk: &mut LogWalk,
        time: Option<DateTime<Utc>>,
        found: &mut AuditVerification,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let Some(from) = walk.absent_from.take() else { return Ok(()) };
        let is_old = time
            .is_some_and(|time| time > DateTime::UNIX_EPOCH && time + MAX_UNACCOUNTED_AGE < now);
        let to = if is_old { walk.number - 1 } else { walk.settled.min(walk.number - 1) };
        let forgotten = read_forgotten_up_to(self.store, self.keys, walk.log)?;
        let from = from.max(forgotten + 1);
        if from <= to {
            let log = walk.log.to_string();
            found.findings.push(AuditFinding::MissingNumbers { log, from, to });
        }
        found.unsettled += walk.number.saturating_sub(from.max(to + 1));
        Ok(())
    }
}

/// Counts an event as good or finds it altered, and returns its time if it can be read.
fn count_or_report_event(
    place: AuditPlace,
    event: &CheckedRecord<AuditEvent>,
    found: &mut AuditVerification,
) -> Option<DateTime<Utc>> {
    match event {
        CheckedRecord::Absent => {}
        CheckedRecord::Genuine(_) => found.checked += 1,
        CheckedRecord::Altered(_) => found.findings.push(AuditFinding::Altered { id: place }),
    }
    event.content_even_if_altered().map(|event| event.time)
}

/// The number of numbers that a part is about: a few reads each.
const NUMBERS_PER_PART: usize = 500;

/// The number of renewals of one lease that are looked at: more than one that is renewed each minute has.
const MAX_RENEWALS_OF_LEASE: u64 = 100_000;

/// After what time a number must be accounted for, wherever the sweep has got to.
const MAX_UNACCOUNTED_AGE: TimeDelta = TimeDelta::days(1);
