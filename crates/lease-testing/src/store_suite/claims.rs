//! Who comes first with an `Idempotency-Key`.

use chrono::TimeDelta;
use lease_core::LeaseMode;

use super::bench::{Bench, T0, at};
use lease_store::{IdempotencyReservation, KeyValue, ReservationKey, ReservationOutcome};

fn stale() -> TimeDelta {
    TimeDelta::seconds(105)
}

fn claim<K: KeyValue>(bench: &Bench<'_, K>, key: &ReservationKey, now: i64) -> ReservationOutcome {
    bench.leases().reserve_request(key, "g", at(now), stale()).expect("claims")
}

fn mine(claiming: ReservationOutcome) -> IdempotencyReservation {
    match claiming {
        ReservationOutcome::Mine(claim) => claim,
        other => panic!("not ours: {other:?}"),
    }
}

pub(super) fn the_first_has_a_request_and_the_others_wait<K: KeyValue>(store: &K) {
    // Whoever comes second, at whatever step of the first.
    for operations in 0.. {
        let bench = Bench::new(store);
        let key = bench.key();
        let other = std::rc::Rc::new(std::cell::RefCell::new(None));
        let (told, leases, of) = (other.clone(), bench.others(), key.clone());
        bench.store.interrupt(operations, move || {
            *told.borrow_mut() =
                Some(leases.reserve_request(&of, "f", at(T0), stale()).expect("claims"));
        });
        let first = claim(&bench, &key, T0);
        let last = bench.store.was_not_interrupted();
        let second = other.take().unwrap_or_else(|| claim(&bench, &key, T0 + 1));
        let is_mine =
            |claiming: &ReservationOutcome| matches!(claiming, ReservationOutcome::Mine(_));
        let both = [&first, &second];
        assert_eq!(both.iter().filter(|claiming| is_mine(claiming)).count(), 1, "{both:?}");
        assert!(both.iter().any(|c| matches!(c, ReservationOutcome::Busy { .. })), "{both:?}");
        if last {
            break;
        }
    }
}

pub(super) fn the_lease_of_a_request_keeps_its_fingerprint<K: KeyValue>(store: &K) {
    for mode in [LeaseMode::Plain, LeaseMode::Existing] {
        let bench = Bench::new(store);
        let key = bench.key();
        assert_eq!(bench.leases().find_answered_request(&key).expect("reads"), None);
        let ours = bench.claim(&key);
        let held = bench.issue(mode, Some(&ours));
        let claimed = bench.leases().find_answered_request(&key).expect("reads").expect("is there");
        assert_eq!((claimed.id, claimed.place), (held.lease.id, held.place));
        assert_eq!(claimed.claim, ours);
        assert_eq!(claimed.claim.fingerprint, "f");
        // Another request under the same key changes nothing of it.
        bench.store.counts();
        assert_eq!(claim(&bench, &key, T0), ReservationOutcome::Taken(claimed));
        assert_eq!(bench.store.counts().1, 0);
    }
}

pub(super) fn a_request_whose_lease_failed_is_free<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let key = bench.key();
    for generation in 1..=3 {
        let claim = mine(claim(&bench, &key, T0));
        assert_eq!(claim.generation, generation);
        let numbered = bench.number();
        let lease = bench.lease(LeaseMode::Existing);
        bench.leases().record_pending_lease(&numbered, &lease, Some(&claim)).expect("begins");
        bench
            .leases()
            .record_failed_issue(numbered.place(), &lease, at(T0), "it failed")
            .expect("fails");
    }
    let ours = mine(claim(&bench, &key, T0));
    let held = bench.issue(LeaseMode::Existing, Some(&ours));
    let claimed = bench.leases().find_answered_request(&key).expect("reads").expect("is there");
    assert_eq!((claimed.id, claimed.claim.generation), (held.lease.id, 4));
}

pub(super) fn a_request_that_was_released_is_free<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let key = bench.key();
    let ours = mine(claim(&bench, &key, T0));
    bench.leases().release_reservation(&ours).expect("releases");
    assert_eq!(mine(claim(&bench, &key, T0)).generation, 2);
}

pub(super) fn a_rival_is_given_up_for_dead_in_time<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let key = bench.key();
    mine(claim(&bench, &key, T0));
    bench.store.counts();
    let since = at(T0 + 50);
    // since when a rival is seen counts from when it was first met, and that is written once
    for (now, writes) in [(T0 + 50, 1), (T0 + 51, 0), (T0 + 155, 0)] {
        assert_eq!(claim(&bench, &key, now), ReservationOutcome::Busy { since }, "{now}");
        assert_eq!(bench.store.counts().1, writes, "{now}");
    }
    assert_eq!(mine(claim(&bench, &key, T0 + 156)).generation, 2);
    assert_eq!(bench.store.counts().1, 2, "a fence and a claim");
    // The next one is not older than it is.
    assert_eq!(claim(&bench, &key, T0 + 157), ReservationOutcome::Busy { since: at(T0 + 157) });
}
