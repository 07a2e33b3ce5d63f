//! What each step costs.

use lease_core::{Closing, EndReason, LeaseMode};

use super::bench::{Bench, SETTLED, T0, TTL, at, ending};
use lease_store::{KeyValue, LedgerId};

pub(super) fn each_step_makes_as_many_durable_writes_as_it_may<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let writes = || bench.store.counts().1;
    writes();
    for (mode, with_key, most) in [
        (LeaseMode::Plain, false, 2),
        (LeaseMode::Plain, true, 3),
        (LeaseMode::Existing, false, 3),
        (LeaseMode::Existing, true, 4),
        (LeaseMode::TemporaryInNamespace, false, 3),
        (LeaseMode::TemporaryInCluster, true, 4),
    ] {
        let claim = with_key.then(|| bench.claim(&bench.key()));
        let lease = bench.lease(mode);
        let numbered = bench
            .leases()
            .reserve_number_within_cap(bench.log, Some(100), at(T0))
            .expect("gives one");
        let held = bench.issue_as(&numbered, &lease, claim.as_ref());
        assert_eq!(writes(), most, "issue of {mode:?}, with a key: {with_key}");
        assert!(bench.leases().is_within_issue_fences(&held, claim.as_ref()).expect("reads"));
        assert_eq!(writes(), 0, "a retry of {mode:?}");
    }
    let held = bench.issue(LeaseMode::Existing, None);
    writes();
    let renewal = bench.leases().take_renewal_number(&held).expect("begins");
    bench
        .leases()
        .record_renewal(&renewal, at(T0 + 2 * TTL), &super::bench::RENEWED)
        .expect("confirms");
    assert_eq!(writes(), 2, "renewal");
    bench.leases().record_end(&held, &ending(EndReason::Revoked, T0)).expect("finishes");
    assert_eq!(writes(), 1, "revocation of what is in no summary");

    let held = bench.issue(LeaseMode::Existing, None);
    bench.sweep(T0);
    writes();
    bench.leases().record_end(&held, &ending(EndReason::Revoked, T0)).expect("finishes");
    assert_eq!(writes(), 1, "revocation of what is in a summary");

    let held = bench.issue(LeaseMode::Existing, None);
    writes();
    let closing = Closing { why: EndReason::Revoked, since: at(T0), obstacle: None, work: None };
    bench.leases().record_postponed_end(&held, &closing).expect("postpones");
    assert_eq!(writes(), 2, "revocation that cannot be finished");
}

pub(super) fn an_idle_sweep_writes_nothing_and_reads_twice<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    while bench
        .batch(LedgerId::PendingRevocations, SETTLED, 100)
        .is_some_and(|summary| summary.more)
    {}
    for mode in [LeaseMode::Plain, LeaseMode::Existing] {
        bench.issue(mode, None);
    }
    let ended = bench.issue(LeaseMode::Existing, None);
    bench.leases().record_end(&ended, &ending(EndReason::Revoked, T0)).expect("finishes");
    bench.sweep(T0 + 1);
    bench.store.counts();
    let due = |which| {
        let due = bench.leases().read_due_batch(which, at(T0 + 2), 100, super::bench::TIMES);
        assert!(due.expect("reads").is_none(), "nothing is due");
        bench.store.counts()
    };
    assert_eq!(due(LedgerId::DynamicSecret(bench.log)), (2, 0), "reads and writes");
    let (reads, writes) = due(LedgerId::PendingRevocations);
    assert_eq!((reads, writes), (2, 0), "reads and writes");
}

pub(super) fn what_was_read_in_vain_is_mended<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let held = bench.issue(LeaseMode::Existing, None);
    bench.sweep(T0 + 1);
    // A root that is older than what is below it, as a sweep leaves that was overtaken.
    let root = lease_store::testing::keys::index_node_key(LedgerId::DynamicSecret(bench.log), 2, 0);
    let older = store.get(&root).expect("reads").expect("is there");
    bench.leases().record_end(&held, &ending(EndReason::Revoked, T0 + 1)).expect("finishes");
    bench.sweep(T0 + 2);
    store.set_many(&[(root, older)]).expect("writes");
    bench.sweep(T0 + TTL);
    bench.store.counts();
    let due = bench.leases().read_due_batch(
        LedgerId::DynamicSecret(bench.log),
        at(T0 + TTL),
        100,
        super::bench::TIMES,
    );
    assert!(due.expect("reads").is_none());
    assert_eq!(bench.store.counts(), (2, 0), "reads and writes after it was mended");
    bench
        .leases()
        .reserve_number_within_cap(bench.log, Some(1), at(T0))
        .expect("counts nothing that has ended");
    assert_eq!(bench.store.counts().1, 1);
}
