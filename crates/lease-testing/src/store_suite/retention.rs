//! What is kept after the end, and what goes.

use lease_core::{Closing, DynamicSecret, EndReason, LeaseMode, LeaseState};

use super::bench::{AUDIT_RETENTION, Bench, SETTLED, T0, TIMES, TTL, at, batch, ending};
use lease_store::testing::keys;
use lease_store::{Definitions, KeyValue, LedgerId, PageLimits, ReservationOutcome, StoreError};

fn over() -> i64 {
    T0 + TTL + TIMES.retention.num_seconds()
}

pub(super) fn what_ended_is_seen_for_as_long_as_it_is_retained<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let key = bench.key();
    let claim = bench.claim(&key);
    let held = bench.issue(LeaseMode::Existing, Some(&claim));
    let renewal = bench.leases().take_renewal_number(&held).expect("begins");
    bench
        .leases()
        .record_renewal(&renewal, at(T0 + TTL), &super::bench::RENEWED)
        .expect("confirms");
    bench.sweep(T0);
    assert_eq!(bench.sweep(T0 + TTL).ended, 1);
    for now in [T0 + TTL, over() - 1] {
        bench.sweep(now);
        let seen = bench.leases().find(held.lease.id).expect("reads").expect("is there");
        assert_eq!(seen.state_at(at(now)), LeaseState::Expired);
        let again =
            bench.leases().reserve_request(&key, "f", at(now), TIMES.landing).expect("claims");
        assert!(matches!(again, ReservationOutcome::Taken(_)), "never a new one: {again:?}");
    }
    assert_eq!(bench.sweep(over()).forgotten, 1);
    assert_eq!(bench.leases().find(held.lease.id).expect("reads"), None);
    for left in keys_of(&bench, held.lease.id, held.place.number, &claim) {
        assert_eq!(store.get(&left).expect("reads"), None, "{left} is left");
    }
    assert_eq!(bench.claim(&key).generation, 1, "the same request is a new one");
}

pub(super) fn whatever_stops_while_it_forgets_leaves_nothing<K: KeyValue>(store: &K) {
    for operations in 0.. {
        let bench = Bench::new(store);
        let claim = bench.claim(&bench.key());
        let held = bench.issue(LeaseMode::Existing, Some(&claim));
        bench.sweep(T0);
        bench.sweep(T0 + TTL);
        bench.store.stop_after(operations);
        let stopped = (|| {
            let which = LedgerId::DynamicSecret(bench.log);
            let mut batch =
                bench.leases().read_due_batch(which, at(over()), 100, TIMES)?.expect("is due");
            batch.close_due_and_list_ends()?;
            batch.forget_old_and_write_batch()
        })();
        for now in [over(), over() + 10, over() + 100, 2 * over()] {
            bench.sweep(now);
        }
        for left in keys_of(&bench, held.lease.id, held.place.number, &claim) {
            assert_eq!(store.get(&left).expect("reads"), None, "{left} is left at {operations}");
        }
        if stopped.is_ok() {
            assert!(operations > 3, "it was stopped everywhere");
            break;
        }
    }
}

/// All that is kept of a lease.
fn keys_of<K: KeyValue>(
    bench: &Bench<'_, K>,
    id: lease_core::LeaseId,
    number: u64,
    claim: &lease_store::IdempotencyReservation,
) -> Vec<String> {
    let which = LedgerId::DynamicSecret(bench.log);
    let mut all = claim.stored_keys();
    all.extend([
        keys::record_key(which, number),
        keys::void_key(which, number),
        keys::location_key(id),
        keys::closing_key(id),
        keys::ended_key(id),
        keys::issue_fence_key(id),
        keys::end_fence_key(id),
        keys::renewal_counter_key(id),
        keys::renewal_key(id, 1),
    ]);
    all
}

pub(super) fn a_failed_generation_stays_passed_over<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let key = bench.key();
    let failed = bench.claim(&key);
    let numbered = bench.number();
    let lease = bench.lease(LeaseMode::Existing);
    bench.leases().record_pending_lease(&numbered, &lease, Some(&failed)).expect("begins");
    bench
        .leases()
        .record_failed_issue(numbered.place(), &lease, at(T0), "it failed")
        .expect("fails");
    let claim = bench.claim(&key);
    assert_eq!(claim.generation, 2);
    let mut lasting = bench.lease(LeaseMode::Existing);
    lasting.expires_at = at(over() + TTL);
    let held = bench.issue_as(&bench.number(), &lasting, Some(&claim));
    bench.sweep(T0);
    assert_eq!(bench.sweep(over()).forgotten, 1, "the failed one");
    assert_eq!(bench.leases().find(lease.id).expect("reads"), None);
    let claimed = bench.leases().find_answered_request(&key).expect("reads").expect("is there");
    assert_eq!(claimed.id, held.lease.id, "the one that lives counts");
}

pub(super) fn a_retired_log_goes_when_nothing_of_it_is_left<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let which = LedgerId::DynamicSecret(bench.log);
    let held = bench.issue(LeaseMode::Existing, None);
    // As many as one leaf holds, so that whole nodes are done with.
    for _ in 0..70 {
        bench
            .leases()
            .void_number(&bench.number(), None, "it is given up", at(T0))
            .expect("gives up");
    }
    let secrets = Definitions::<_, DynamicSecret>::new(store);
    bench.drop_log();
    assert!(bench.log_record().is_some_and(|log| !log.retired), "its dynamic secret is there");
    assert!(secrets.delete_definition(&bench.secret.name).expect("deletes"));
    for now in [T0, T0 + TTL, over() - 1] {
        bench.sweep(now);
        bench.drop_log();
        assert!(bench.log_record().is_some_and(|log| log.retired), "something of it is left");
    }
    assert!(bench.held(held.place).ending.is_some());
    for now in [over(), over() + 10] {
        bench.sweep(now);
    }
    bench.drop_log();
    assert!(bench.log_record().is_some(), "its events are not old yet");
    bench.tend(over() + 2 * AUDIT_RETENTION);
    bench.drop_log();
    assert_eq!(bench.log_record(), None);
    for left in [
        keys::counter_key(which),
        keys::index_node_key(which, 0, 0),
        keys::index_node_key(which, 2, 0),
        keys::ledger_key(bench.log),
        format!("settled.{}", bench.log),
        format!("forgotten.{}", bench.log),
        format!("forgotten.{}.71", bench.log),
        format!("event.{}.1.issue", bench.log),
        format!("event.{}.1.end", bench.log),
        format!("event.{}.71.end", bench.log),
    ] {
        assert_eq!(store.get(&left).expect("reads"), None, "{left} is left");
    }
}

pub(super) fn the_first_reason_for_an_end_stands<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let held = bench.issue(LeaseMode::Existing, None);
    bench.sweep(T0);
    // It is to be taken back and cannot be; its time passes meanwhile.
    let closing = Closing { why: EndReason::Revoked, since: at(T0), obstacle: None, work: None };
    bench.leases().record_postponed_end(&held, &closing).expect("postpones");
    assert_eq!(bench.held(held.place).state_at(at(T0)), LeaseState::Revoking);
    bench.sweep(T0 + TTL);
    assert_eq!(bench.held(held.place).state_at(at(T0 + TTL)), LeaseState::Revoked);
    // The other log finds it done.
    while batch(&bench.others(), LedgerId::PendingRevocations, T0 + TTL, 100)
        .is_some_and(|summary| summary.more)
    {}
    assert_eq!(bench.held(held.place).state_at(at(T0 + TTL)), LeaseState::Revoked);
    // Nor does a failure that is told too late change it.
    bench
        .leases()
        .record_failed_issue(held.place, &held.lease, at(SETTLED), "it failed")
        .expect("is told");
    assert_eq!(bench.held(held.place).state_at(at(T0 + TTL)), LeaseState::Revoked);
}

pub(super) fn records_of_another_version_are_refused_and_kept<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let held = bench.issue(LeaseMode::Existing, None);
    let key = keys::record_key(LedgerId::DynamicSecret(bench.log), held.place.number);
    let known = store.get(&key).expect("reads").expect("is there");
    let foreign = br#"{"v":99,"value":"what it means is not known here"}"#.to_vec();
    store.set_many(&[(key.clone(), foreign.clone())]).expect("writes");
    let refused = |result: Result<(), StoreError>| {
        let refused = matches!(result, Err(StoreError::Version { version: 99, .. }));
        assert!(refused, "a record of version 99 is refused");
    };
    refused(bench.leases().find(held.lease.id).map(drop));
    refused(
        bench
            .leases()
            .list_page(&[bench.log], None, PageLimits { items: 9, examined: 9 }, |_| true)
            .map(drop),
    );
    let sweep = |now| {
        let which = LedgerId::DynamicSecret(bench.log);
        let mut batch = bench.leases().read_due_batch(which, at(now), 100, TIMES)?.expect("is due");
        batch.close_due_and_list_ends()?;
        batch.forget_old_and_write_batch().map(drop)
    };
    refused(sweep(T0 + TTL));
    assert_eq!(store.get(&key).expect("reads"), Some(foreign), "it is left as it is");
    // One that knows it ends it.
    store.set_many(&[(key, known)]).expect("writes");
    assert_eq!(bench.sweep(T0 + TTL).ended, 1);
}

pub(super) fn whatever_stops_while_it_ends_what_was_postponed_goes_on<K: KeyValue>(store: &K) {
    for operations in 0.. {
        let bench = Bench::new(store);
        while bench.batch(LedgerId::PendingRevocations, T0, 100).is_some_and(|summary| summary.more)
        {
        }
        let held = bench.issue(LeaseMode::Existing, None);
        bench.sweep(T0);
        let closing =
            Closing { why: EndReason::Revoked, since: at(T0), obstacle: None, work: None };
        bench.leases().record_postponed_end(&held, &closing).expect("postpones");
        bench.store.stop_after(operations);
        let leases = bench.leases();
        let stopped = (|| {
            let mut batch = leases
                .read_due_batch(LedgerId::PendingRevocations, at(T0), 100, TIMES)?
                .expect("is due");
            for task in batch.close_due_and_list_ends()? {
                batch.note_ended(&task, ending(task.why, T0));
            }
            batch.forget_old_and_write_batch()
        })();
        for now in [T0 + 10, T0 + 20] {
            while bench
                .batch(LedgerId::PendingRevocations, now, 100)
                .is_some_and(|summary| summary.more)
            {}
        }
        let ended = bench.held(held.place).ending.is_some();
        assert!(ended, "{operations}: it ends long before its time");
        if stopped.is_ok() {
            assert!(operations > 3, "it was stopped everywhere");
            break;
        }
    }
}
