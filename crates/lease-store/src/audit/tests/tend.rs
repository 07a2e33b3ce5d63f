//! Accounting for numbers, and forgetting.

use std::cell::Cell;

use super::*;
use crate::{KeyValueError, LedgerRecord};

#[test]
fn a_number_whose_writer_has_stopped_is_void_after_a_while() {
    let (store, keys) = (MemoryStore::default(), keys("A", &[]));
    let log = filled(&store, &keys, 3);
    let late = log.number_and_sign_general_event(&event(4)).expect("prepares");
    log.record_general_event(&event(5)).expect("records");
    for (now, voided, voids, unsettled, writes) in [
        (10, 0, 0, 1, 1),
        (84, 0, 0, 1, 0),
        // The clock was put back, so that nobody knows how long it was.
        (-100, 0, 0, 1, 1),
        (-50, 0, 0, 1, 0),
        (100, 1, 1, 0, 1),
        (200, 0, 1, 0, 0),
    ] {
        let before = store.number_of_writes();
        assert_eq!(
            log.settle_and_forget_events(at(now), TIMES).expect("tends").voided,
            voided,
            "at {now}"
        );
        assert_eq!(store.number_of_writes() - before, writes, "writes at {now}");
        let found = verified(&log, 300);
        assert_eq!(found.findings, [], "at {now}");
        assert_eq!((found.voids, found.unsettled), (voids, unsettled), "at {now}");
    }
    // It comes all the same, and is an event like any other.
    store.set_many(late.entries()).expect("writes");
    assert_eq!(paged(&log, 9), [5, 4, 3, 2, 1]);
    let found = verified(&log, 300);
    assert_eq!((found.checked, found.voids, found.findings.len()), (5, 0, 0));
}

#[test]
fn what_is_old_is_forgotten_and_not_missed() {
    let (store, keys) = (MemoryStore::default(), keys("A", &[]));
    let log = filled(&store, &keys, 10);
    let old = |second: i64| TIMES.retention.num_seconds() + second;
    for (now, forgotten, left, writes) in [
        (1, 0, (1..=10).rev().collect::<Vec<u64>>(), 0),
        (old(1), 0, (1..=10).rev().collect(), 0),
        (old(5), 4, (5..=10).rev().collect(), 3),
        (old(5), 0, (5..=10).rev().collect(), 0),
        (old(11), 6, vec![], 3),
        (old(99), 0, vec![], 0),
    ] {
        let before = store.number_of_writes();
        assert_eq!(
            log.settle_and_forget_events(at(now), TIMES).expect("tends").forgotten,
            forgotten,
            "at {now}"
        );
        assert_eq!(store.number_of_writes() - before, writes, "writes at {now}");
        assert_eq!(paged(&log, 3), left, "at {now}");
        assert_eq!(verified(&log, now).findings, [], "at {now}");
    }
    let kept = store.list_keys();
    assert_eq!(kept, ["count.audit", "forgotten.audit", "forgotten.audit.10", "settled.audit"]);
}

#[test]
fn a_sweep_that_is_overtaken_makes_nothing_missed() {
    let (store, keys) = (MemoryStore::default(), keys("A", &[]));
    let log = filled(&store, &keys, 10);
    let old = |second: i64| at(TIMES.retention.num_seconds() + second);
    log.settle_and_forget_events(old(4), TIMES).expect("tends");
    let older = value(&store, "forgotten.audit");
    for (now, left) in [(old(8), 3), (old(99), 0)] {
        log.settle_and_forget_events(now, TIMES).expect("tends");
        // A sweep that stood still writes what it meant to write before.
        set(&store, "forgotten.audit", older.clone());
        assert_eq!(verified(&log, 20).findings, []);
        assert_eq!(paged(&log, 99).len(), left);
    }
    // The next one finds its way.
    log.record_general_event(&event(100)).expect("records");
    log.settle_and_forget_events(old(200), TIMES).expect("tends");
    assert_eq!((verified(&log, 20).findings, paged(&log, 9)), (vec![], vec![]));
}

#[test]
fn what_is_removed_is_not_taken_for_old() {
    let (store, keys) = (MemoryStore::default(), keys("A", &[]));
    let log = filled(&store, &keys, 10);
    // The newest go, before their time.
    delete(&store, 6..=10);
    log.settle_and_forget_events(at(TIMES.retention.num_seconds() + 3), TIMES).expect("tends");
    assert_eq!(paged(&log, 9), [5, 4, 3]);
    assert_eq!(verified(&log, 20).findings.len(), 1);
}

#[test]
fn what_is_dated_back_is_not_taken_for_old() {
    let keys = keys("A", &[]);
    // Numbers that are missing side by side are one finding.
    for (removed, findings) in [(9, 2), (0, 10)] {
        let store = MemoryStore::default();
        let log = filled(&store, &keys, 10);
        delete(&store, 1..=removed);
        for second in removed + 1..=10 {
            replace(&store, &format!("event.audit.{second}"), "2027-", "2007-");
        }
        log.settle_and_forget_events(at(20), TIMES).expect("tends");
        assert_eq!(verified(&log, 20).findings.len(), findings, "{removed} are removed");
        // They go with what is old for sure.
        log.record_general_event(&event(30)).expect("records");
        log.settle_and_forget_events(at(TIMES.retention.num_seconds() + 31), TIMES).expect("tends");
        assert_eq!(paged(&log, 9), Vec::<u64>::new());
    }
}

/// A store that stops after so many writes.
struct Stopping<'a>(&'a MemoryStore, Cell<usize>);

impl Stopping<'_> {
    fn write(&self) -> Result<&MemoryStore, KeyValueError> {
        let left = self.1.get().checked_sub(1);
        self.1.set(left.ok_or_else(|| KeyValueError("stopped".to_owned()))?);
        Ok(self.0)
    }
}

impl KeyValue for Stopping<'_> {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.0.get(key)
    }

    fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KeyValueError> {
        self.write()?.set_many(entries)
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), KeyValueError> {
        self.write()?.delete_many(keys)
    }

    fn increment_counter(&self, counter: &str) -> Result<u64, KeyValueError> {
        self.write()?.increment_counter(counter)
    }
}

#[test]
fn whatever_stops_a_sweep_nothing_is_missed_and_the_next_goes_on() {
    for writes in 0.. {
        let (store, keys) = (MemoryStore::default(), keys("A", &[]));
        let log = filled(&store, &keys, 10);
        log.number_and_sign_general_event(&event(11)).expect("prepares");
        log.settle_and_forget_events(at(20), TIMES).expect("tends");
        let stopping = Stopping(&store, Cell::new(writes));
        let old = TIMES.retention.num_seconds() + 6;
        let stopped = AuditLog::new(&stopping, &keys).settle_and_forget_events(at(old), TIMES);
        assert_eq!(verified(&log, old).findings, [], "after {writes} writes");
        log.settle_and_forget_events(at(old), TIMES).expect("tends");
        assert_eq!(verified(&log, old).findings, [], "after {writes} writes");
        assert_eq!(paged(&log, 9), [10, 9, 8, 7, 6]);
        let left = store.list_keys().into_iter().filter(|key| key.starts_with("event."));
        assert_eq!(left.count(), 5, "after {writes} writes");
        if stopped.is_ok() {
            assert!(writes >= 3, "it was stopped everywhere");
            break;
        }
    }
}

/// A store that counts what is asked of it.
struct Counting<'a> {
    store: &'a MemoryStore,
    reads: Cell<usize>,
    deleted: Cell<usize>,
}

impl KeyValue for Counting<'_> {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.reads.set(self.reads.get() + 1);
        self.store.get(key)
    }

    fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KeyValueError> {
        self.store.set_many(entries)
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), KeyValueError> {
        self.deleted.set(self.deleted.get() + keys.len());
        self.store.delete_many(keys)
    }

    fn increment_counter(&self, counter: &str) -> Result<u64, KeyValueError> {
        self.store.increment_counter(counter)
    }
}

/// A log of leases that have ended, each with so many renewals, as their ends say.
fn ended_leases(store: &MemoryStore, keys: &Keyring, renewals: &[u64]) {
    store.increment_counter("count.dynamic-secret").expect("counts");
    let log = LedgerRecord {
        dynamic_secret: "ci".parse().expect("a name"),
        retired: false,
        revoke_up_to: 0,
    };
    set(store, "log.1", record::encode_record("log.1", &log).expect("a record"));
    let write = |number, slot, event: &AuditEvent| {
        let place = AuditPlace::of_lease(1, number, slot);
        store.set_many(&[sign_event_entry(keys, place, event).expect("an event")]).expect("writes");
    };
    for (number, renewals) in (1..).zip(renewals) {
        store.increment_counter("count.leases.1").expect("counts");
        (1..=*renewals).for_each(|renewal| write(number, AuditSlot::Renewal(renewal), &event(1)));
        let trail = lease_core::RecordedEvents { renewals: *renewals, ..Default::default() };
        write(number, AuditSlot::End, &AuditEvent { trail: Some(trail), ..event(1) });
    }
}

#[test]
fn an_end_that_is_not_genuine_is_believed_nothing_of_what_it_names() {
    let keys = keys("A", &[]);
    for forge in [None, Some(r#""renewals":4000000000"#), Some(r#""renewals":0"#)] {
        let store = MemoryStore::default();
        ended_leases(&store, &keys, &[3, 2, 1]);
        if let Some(forged) = forge {
            replace(&store, "event.1.1.end", r#""renewals":3"#, forged);
        }
        let counting = Counting { store: &store, reads: Cell::default(), deleted: Cell::default() };
        let old = at(TIMES.retention.num_seconds() + 10);
        AuditLog::new(&counting, &keys).settle_and_forget_events(old, TIMES).expect("tends");
        assert!(
            !store.list_keys().iter().any(|key| key.starts_with("event.")),
            "{:?}",
            store.list_keys()
        );
        assert_eq!(counting.deleted.get(), 3 * 3 + 6, "{forge:?}");
        assert!(counting.reads.get() < 60, "{forge:?}: {} reads", counting.reads.get());
    }
}

#[test]
fn a_sweep_forgets_no_more_events_at_once_than_it_can_hold() {
    let (store, keys) = (MemoryStore::default(), keys("A", &[]));
    ended_leases(&store, &keys, &[6000, 6000, 6000, 1]);
    let old = at(TIMES.retention.num_seconds() + 10);
    let log = AuditLog::new(&store, &keys);
    for (forgotten, left) in [(2, 2), (2, 0), (0, 0)] {
        assert_eq!(log.settle_and_forget_events(old, TIMES).expect("tends").forgotten, forgotten);
        let ends = store.list_keys().into_iter().filter(|key| key.contains(".end"));
        assert_eq!(ends.count(), left);
    }
    assert!(!store.list_keys().iter().any(|key| key.starts_with("event.")));
}
