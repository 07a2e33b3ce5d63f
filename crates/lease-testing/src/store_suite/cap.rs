//! How many leases may live.

use lease_core::{EndReason, LeaseMode};

use super::bench::{Bench, SETTLED, T0, TIMES, TTL, active, at, ending};
use lease_store::{KeyValue, NumberError};

fn is_full<T>(result: &Result<T, NumberError>, cap: u32) -> bool {
    matches!(result, Err(NumberError::Full { cap: told }) if *told == cap)
}

pub(super) fn the_cap_is_never_exceeded<K: KeyValue>(store: &K) {
    for sweeps in [false, true] {
        let bench = Bench::new(store);
        for number in 1..=5 {
            let given = bench.leases().reserve_number_within_cap(bench.log, Some(3), at(T0));
            if number <= 3 {
                bench.issue_as(&given.expect("gives one"), &bench.lease(LeaseMode::Existing), None);
            } else {
                assert!(is_full(&given, 3), "number {number}");
            }
            if sweeps {
                bench.sweep(T0 + number);
            }
        }
        // A cap that is raised gives more at once, and one that is lowered none.
        assert!(is_full(&bench.leases().reserve_number_within_cap(bench.log, Some(2), at(T0)), 2));
        bench
            .leases()
            .reserve_number_within_cap(bench.log, Some(4), at(T0))
            .expect("gives one more");
        assert!(is_full(&bench.leases().reserve_number_within_cap(bench.log, Some(4), at(T0)), 4));
    }
}

pub(super) fn a_refusal_writes_nothing<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    for _ in 0..3 {
        bench.issue(LeaseMode::Existing, None);
    }
    bench.sweep(T0);
    bench.store.counts();
    assert!(is_full(&bench.leases().reserve_number_within_cap(bench.log, Some(3), at(T0)), 3));
    assert_eq!(bench.store.counts().1, 0);
}

pub(super) fn a_place_comes_back_once_its_number_is_void_or_its_lease_has_ended<K: KeyValue>(
    store: &K,
) {
    let number = |bench: &Bench<'_, K>, now| {
        bench.leases().reserve_number_within_cap(bench.log, Some(1), at(now))
    };

    // Ended by hand: the next issue sees it, with or without a sweep between.
    for swept in [false, true] {
        let bench = Bench::new(store);
        let numbered = number(&bench, T0).expect("gives one");
        let held = bench.issue_as(&numbered, &bench.lease(LeaseMode::Existing), None);
        if swept {
            bench.sweep(T0);
        }
        assert!(is_full(&number(&bench, T0), 1));
        bench.leases().record_end(&held, &ending(EndReason::Revoked, T0)).expect("finishes");
        number(&bench, T0).expect("has room again");
    }

    // Its time is over.
    let bench = Bench::new(store);
    let numbered = number(&bench, T0).expect("gives one");
    bench.issue_as(&numbered, &bench.lease(LeaseMode::Existing), None);
    assert!(is_full(&number(&bench, T0 + TTL), 1), "until that is carried out");
    assert_eq!(bench.sweep(T0 + TTL).ended, 1);
    number(&bench, T0 + TTL).expect("has room again");

    // Its issuer stopped before it recorded anything.
    let bench = Bench::new(store);
    number(&bench, T0).expect("gives one");
    bench.sweep(T0);
    assert!(is_full(&number(&bench, T0 + 74), 1));
    assert_eq!(bench.sweep(T0 + 74).voided, 0, "its issuer may be at work");
    assert_eq!(bench.sweep(T0 + 80).voided, 1);
    number(&bench, T0 + 80).expect("has room again");

    // Its issuer stopped after it had recorded what it was about to make.
    let bench = Bench::new(store);
    let numbered = number(&bench, T0).expect("gives one");
    bench
        .leases()
        .record_pending_lease(&numbered, &bench.lease(LeaseMode::Existing), None)
        .expect("begins");
    bench.sweep(T0);
    assert_eq!(bench.sweep(SETTLED - 1).ended, 0, "its requests may still land");
    assert_eq!(bench.sweep(SETTLED + 5).ended, 1);
    let held = bench.held(numbered.place());
    assert_eq!(held.ending.map(|ending| ending.why), Some(EndReason::Failed));
    number(&bench, SETTLED + 5).expect("has room again");
}

pub(super) fn of_two_that_race_for_the_last_place_one_gets_it<K: KeyValue>(store: &K) {
    for operations in 0.. {
        let bench = Bench::new(store);
        bench.issue(LeaseMode::Existing, None);
        bench.sweep(T0);
        let (leases, log) = (bench.others(), bench.log);
        let others = std::rc::Rc::new(std::cell::Cell::new(0));
        let given = others.clone();
        bench.store.interrupt(operations, move || {
            given.set(usize::from(leases.reserve_number_within_cap(log, Some(2), at(T0)).is_ok()));
        });
        let ours = bench.leases().reserve_number_within_cap(bench.log, Some(2), at(T0));
        let alone = bench.store.was_not_interrupted();
        assert_eq!(usize::from(ours.is_ok()) + others.get(), 1, "after {operations}");
        if let Ok(numbered) = ours {
            let lease = bench.lease(LeaseMode::Plain);
            bench
                .leases()
                .record_plain_token(&numbered, &active(&lease), None, at(T0))
                .expect("records");
        }
        let due = bench.others().read_due_batch(
            lease_store::LedgerId::DynamicSecret(log),
            at(T0),
            100,
            TIMES,
        );
        drop(due.expect("reads"));
        if alone {
            assert!(operations > 3, "it was interrupted everywhere");
            break;
        }
    }
}

pub(super) fn an_end_that_is_told_twice_frees_one_place<K: KeyValue>(store: &K) {
    for swept in [false, true] {
        let bench = Bench::new(store);
        let held = bench.issue(LeaseMode::Existing, None);
        bench.issue(LeaseMode::Existing, None);
        if swept {
            bench.sweep(T0);
        }
        for now in [T0, T0 + 1] {
            bench.leases().record_end(&held, &ending(EndReason::Revoked, now)).expect("finishes");
        }
        bench
            .leases()
            .reserve_number_within_cap(bench.log, Some(2), at(T0 + 1))
            .expect("has room for one");
        assert!(
            is_full(&bench.leases().reserve_number_within_cap(bench.log, Some(2), at(T0 + 1)), 2),
            "{swept}"
        );
    }
}
