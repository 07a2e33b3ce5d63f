//! What the sweep does for the audit events: it accounts for numbers without one, and forgets what is old enough.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use lease_core::{AuditEvent, AuditLogId, AuditPlace, AuditSlot};

use super::marks::{self, ForgottenMark, MissingNumbersNotice, SettledMark, VoidMark};
use super::{AuditLog, CheckedRecord, RecordKey};
use crate::{KeyValue, LedgerId, StoreError, keys};

/// The times that the sweep waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditSweepDurations {
    /// The time after which whoever took a number that has no event must have stopped.
    pub landing: TimeDelta,
    /// The time for which events are kept.
    pub retention: TimeDelta,
}

/// The work that a sweep has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditSweepCounts {
    /// The number of those of the general log that were found void.
    pub voided: usize,
    /// The number of those that were forgotten with all their events.
    pub forgotten: usize,
}

/// The numbers of a log that are to be forgotten, as far as they are known.
#[derive(Default)]
struct OldNumbers {
    /// The keys up to the last number that is old.
    keys: Vec<String>,
    /// Those of numbers after it, which go only if one that is old comes behind them.
    pending: Vec<String>,
    up_to: u64,
    numbers: usize,
}

/// The age of what stands under a number, for whoever forgets.
enum RecordAge {
    /// Nothing, or nothing that is ours to believe.
    Unknown,
    /// An event whose retention has passed, and no lease any more.
    Old,
    /// Something that is to be kept.
    Kept,
}

impl<K: KeyValue> AuditLog<'_, K> {
    /// Accounts for the numbers of the general log, and forgets some hundreds of events of each log whose retention has
    /// passed: at most three durable writes for each log, and none if nothing is due.
    ///
    /// Events of a lease are forgotten once both its own retention and theirs have passed, in the order of its ledger.
    ///
    /// # Errors
    /// Fails if the store does not answer; what was done stays so.
    pub fn settle_and_forget_events(
        &self,
        now: DateTime<Utc>,
        times: AuditSweepDurations,
    ) -> Result<AuditSweepCounts, StoreError> {
        let mut tended = AuditSweepCounts {
            voided: self.settle_general_log_numbers(now, times.landing)?,
            ..AuditSweepCounts::default()
        };
        for (log, _) in self.list_logs()? {
            tended.forgotten += self.forget_events(log, now - times.retention)?;
        }
        Ok(tended)
    }

    /// Finds out up to which number of the general log each is accounted for.
    ///
    /// A number without an event is void once it was seen so for `landing`: its writer has stopped. Should its event come
    /// all the same, it is read and verified like any other.
    fn settle_general_log_numbers(
        &self,
        now: DateTime<Utc>,
        landing: TimeDelta,
    ) -> Result<usize, StoreError> {
        let log = AuditLogId::General;
        let head = self.read_last_number(log)?;
        let mark: CheckedRecord<SettledMark> =
            marks::settled_key(log).read_record(self.store, self.keys)?;
        let mark =
            if let CheckedRecord::Genuine(mark) = mark { mark } else { SettledMark::default() };
        if head <= mark.up_to {
            return Ok(0);
        }
        let from = mark.up_to.max(super::read_forgotten_up_to(self.store, self.keys, log)?) + 1;
        let last = head.min(from.saturating_add(MAX_SETTLED_NUMBERS - 1));
        let mut holes = BTreeSet::new();
        for number in from..=last {
            if !self.is_accounted_for(number)? {
                holes.insert(number);
            }
        }
        // One that was noticed in the future was so before the clock was put back: it is noticed anew.
        let noticed = mark.noticed.clone().filter(|noticed| noticed.since <= now + landing);
        let ripe = noticed.as_ref().filter(|noticed| noticed.since <= now - landing);
        let ripe = ripe.map(|noticed| noticed.up_to);
        let voids: Vec<u64> =
            holes.iter().copied().filter(|hole| ripe.is_some_and(|ripe| *hole <= ripe)).collect();
        holes.retain(|hole| !voids.contains(hole));
        let up_to = holes.first().map_or(last, |hole| hole - 1);
        let noticed = match noticed {
            _ if holes.is_empty() => None,
            Some(noticed) if ripe.is_none() => Some(noticed),
            _ => Some(MissingNumbersNotice { up_to: last, since: now }),
        };
        let settled = SettledMark { up_to, noticed };
        if settled == mark {
            return Ok(0);
        }
        let mut entries = vec![marks::settled_key(log).sign_entry(self.keys, &settled)?];
        for number in &voids {
            entries.push(marks::void_key(*number).sign_entry(self.keys, &VoidMark { at: now })?);
        }
        self.store.set_many(&entries)?;
        Ok(voids.len())
    }

    fn is_accounted_for(&self, number: u64) -> Result<bool, StoreError> {
        let event = RecordKey::for_event(AuditPlace::in_general_log(number)).store_key();
        Ok(self.store.get(&event)?.is_some()
            || self.store.get(&marks::void_key(number).store_key())?.is_some())
    }

    /// Forgets the first numbers of a log, as long as their events are from before a time.
    ///
    /// That they may be gone is written first, so that whatever stops this leaves nothing that is missed.
    fn forget_events(&self, log: AuditLogId, before: DateTime<Utc>) -> Result<usize, StoreError> {
        let key = marks::forgotten_key(log);
        let mark: CheckedRecord<ForgottenMark> = key.read_record(self.store, self.keys)?;
        let known = if let CheckedRecord::Genuine(mark) = mark { mark.up_to } else { 0 };
        let head = self.read_last_number(log)?;
        let mut old = OldNumbers::default();
        for number in known + 1..=head.min(known.saturating_add(MAX_EXAMINED_NUMBERS)) {
            match self.collect_if_old(log, number, before, &mut old)? {
                RecordAge::Kept => break,
                RecordAge::Unknown => {
                    // Another sweep has got further, and its word was overwritten by an older one.
                    let at = marks::numbered_forgotten_mark_key(log, number);
                    let mark: CheckedRecord<ForgottenMark> =
                        at.read_record(self.store, self.keys)?;
                    if matches!(mark, CheckedRecord::Genuine(_)) {
                        old.extend_to(number);
                    }
                }
                RecordAge::Old => {
                    old.extend_to(number);
                    old.numbers += 1;
                    if old.numbers == MAX_DELETED_NUMBERS || old.keys.len() >= ENOUGH_KEYS {
                        break;
                    }
                }
            }
        }
        if old.up_to == 0 {
            return Ok(0);
        }
        let forgotten = ForgottenMark { up_to: old.up_to };
        self.store
            .set_many(&[marks::numbered_forgotten_mark_key(log, old.up_to)
                .sign_entry(self.keys, &forgotten)?])?;
        if known > 0 && known < old.up_to {
            old.keys.push(marks::numbered_forgotten_mark_key(log, known).store_key());
        }
        self.store.delete_many(&old.keys)?;
        // Last, so that a sweep which comes after one that stopped begins where that began.
        self.store.set_many(&[key.sign_entry(self.keys, &forgotten)?])?;
        Ok(old.numbers)
    }

    /// Looks at a number, and notes its keys to be deleted if it is old.
    fn collect_if_old(
        &self,
        log: AuditLogId,
        number: u64,
        before: DateTime<Utc>,
        old: &mut OldNumbers,
    ) -> Result<RecordAge, StoreError> {
        let last = match log {
            AuditLogId::General => AuditSlot::Only,
            AuditLogId::Leases(_) => AuditSlot::End,
        };
        let stored = self.read_event(AuditPlace { log, number, slot: last })?;
        if stored.content_even_if_altered().is_some_and(|event| event.time >= before) {
            return Ok(RecordAge::Kept);
        }
        if let AuditLogId::Leases(log) = log
            && self.store.get(&keys::record_key(LedgerId::DynamicSecret(log), number))?.is_some()
        {
            return Ok(RecordAge::Kept);
        }
        // Whoever can write the store can date an event back, and name any number of renewals. Were that believed, the sweep
        // would sign that all before it may be gone, and hold as many keys as are named.
        let CheckedRecord::Genuine(event) = stored else {
            if old.pending.len() < ENOUGH_KEYS {
                old.pending.extend(self.find_event_keys_of_number(log, number, None)?);
            }
            return Ok(RecordAge::Unknown);
        };
        old.pending.extend(self.find_event_keys_of_number(log, number, Some(&event))?);
        Ok(RecordAge::Old)
    }

    /// The keys of all events of a number, whose last event is `last` if that is genuine.
    fn find_event_keys_of_number(
        &self,
        log: AuditLogId,
        number: u64,
        last: Option<&AuditEvent>,
    ) -> Result<Vec<String>, StoreError> {
        let key = |slot| RecordKey::for_event(AuditPlace { log, number, slot }).store_key();
        if log == AuditLogId::General {
            return Ok(vec![key(AuditSlot::Only), marks::void_key(number).store_key()]);
        }
        let mut all = vec![key(AuditSlot::Issue), key(AuditSlot::Closing), key(AuditSlot::End)];
        let named = last.and_then(|end| end.trail.as_ref()).map_or(0, |trail| trail.renewals);
        let named = named.min(MAX_RENEWALS_OF_LEASE);
        all.extend((1..=named).map(|renewal| key(AuditSlot::Renewal(renewal))));
        // One that was under way when the lease ended is not named by the end.
        let mut late = named + 1;
        while late <= named + MAX_UNNAMED_RENEWALS
            && self.store.get(&key(AuditSlot::Renewal(late)))?.is_some()
        {
            all.push(key(AuditSlot::Renewal(late)));
            late += 1;
        }
        Ok(all)
    }
}

impl OldNumbers {
    /// Notes that all up to a number go.
    fn extend_to(&mut self, number: u64) {
        self.up_to = number;
        self.keys.append(&mut self.pending);
    }
}

/// The most numbers of the general log that one sweep accounts for.
const MAX_SETTLED_NUMBERS: u64 = 2000;

/// The most numbers of one log that one sweep forgets.
const MAX_DELETED_NUMBERS: usize = 200;

/// The most numbers of one log that one sweep looks at to find some.
const MAX_EXAMINED_NUMBERS: u64 = 1000;

/// The number of keys with which one sweep is content for one log, so that it holds no more than some megabytes.
const ENOUGH_KEYS: usize = 10_000;

/// The most renewals of one lease that are forgotten with it: more than one that is renewed each minute has.
const MAX_RENEWALS_OF_LEASE: u64 = 100_000;

/// The most renewals of one lease that are forgotten with it though no genuine event names them.
const MAX_UNNAMED_RENEWALS: u64 = 1000;
