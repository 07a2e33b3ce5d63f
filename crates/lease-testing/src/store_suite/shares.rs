//! How many leases of one identity may live, whichever dynamic secret they are of.

use lease_core::{EndReason, LeaseMode};

use super::bench::{Bench, SETTLED, T0, TTL, at, batch, ending};
use lease_store::{
    FenceError, KeyValue, LedgerId, NumberError, ReservedNumber, ReservedShare, StoredLease,
};

/// A share of the identity of this bench: each has one of its own.
fn share<K: KeyValue>(
    bench: &Bench<'_, K>,
    cap: u32,
    now: i64,
) -> Result<ReservedShare, NumberError> {
    bench.leases().reserve_share_within_cap(bench.log, cap, at(now))
}

fn is_full<T>(result: &Result<T, NumberError>, cap: u32) -> bool {
    matches!(result, Err(NumberError::Full { cap: told }) if *told == cap)
}

/// A number for a lease that has this share.
fn number<K: KeyValue>(bench: &Bench<'_, K>, share: ReservedShare) -> ReservedNumber {
    bench.number().with_share(Some(share))
}

/// A whole issue of the identity.
fn issue<K: KeyValue>(bench: &Bench<'_, K>, mode: LeaseMode, cap: u32) -> StoredLease {
    let numbered = number(bench, share(bench, cap, T0).expect("gives one"));
    let mut lease = bench.lease(mode);
    lease.share = numbered.lease_share();
    bench.issue_as(&numbered, &lease, None)
}

fn sweep<K: KeyValue>(bench: &Bench<'_, K>, now: i64) {
    for which in [LedgerId::DynamicSecret(bench.log), LedgerId::Identity(bench.log)] {
        while batch(&bench.others(), which, now, 100).is_some_and(|summary| summary.more) {}
    }
}

pub(super) fn no_more_leases_of_an_identity_live_than_may<K: KeyValue>(store: &K) {
    for sweeps in [false, true] {
        let bench = Bench::new(store);
        for count in 1..=5 {
            if count <= 3 {
                issue(&bench, if count == 2 { LeaseMode::Plain } else { LeaseMode::Existing }, 3);
            } else {
                assert!(is_full(&share(&bench, 3, T0), 3), "lease {count}");
            }
            if sweeps {
                sweep(&bench, T0 + count);
            }
        }
        // A lease without a share does not count, and a cap that is raised gives more at once.
        bench.issue(LeaseMode::Existing, None);
        assert!(is_full(&share(&bench, 2, T0), 2));
        issue(&bench, LeaseMode::Existing, 4);
        assert!(is_full(&share(&bench, 4, T0), 4));
    }
}

pub(super) fn a_share_comes_back_once_it_is_void_or_its_lease_has_ended<K: KeyValue>(store: &K) {
    // Ended by hand: the next issue sees it, with or without a sweep between.
    for swept in [false, true] {
        let bench = Bench::new(store);
        let held = issue(&bench, LeaseMode::Existing, 1);
        if swept {
            sweep(&bench, T0);
        }
        assert!(is_full(&share(&bench, 1, T0), 1));
        bench.leases().record_end(&held, &ending(EndReason::Revoked, T0)).expect("finishes");
        share(&bench, 1, T0).expect("has room again");
    }
    // Its time is over.
    for mode in [LeaseMode::Plain, LeaseMode::Existing] {
        let bench = Bench::new(store);
        issue(&bench, mode, 1);
        assert!(is_full(&share(&bench, 1, T0 + TTL), 1), "until that is carried out");
        sweep(&bench, T0 + TTL);
        share(&bench, 1, T0 + TTL).expect("has room again");
    }
    // It was given up, with its number or alone.
    let bench = Bench::new(store);
    let given = share(&bench, 1, T0).expect("gives one");
    bench
        .leases()
        .void_number(&number(&bench, given), None, "it is given up", at(T0))
        .expect("gives up");
    let given = share(&bench, 1, T0).expect("has room again");
    bench.leases().void_share(&given, at(T0)).expect("gives up");
    share(&bench, 1, T0).expect("has room again");
    // Its issuer stopped before it recorded anything.
    let bench = Bench::new(store);
    share(&bench, 1, T0).expect("gives one");
    sweep(&bench, T0);
    sweep(&bench, T0 + 74);
    assert!(is_full(&share(&bench, 1, T0 + 74), 1), "its issuer may be at work");
    sweep(&bench, T0 + 80);
    share(&bench, 1, T0 + 80).expect("has room again");
    // Its lease is forgotten, and what names it is not.
    let bench = Bench::new(store);
    let held = issue(&bench, LeaseMode::Existing, 1);
    bench.leases().record_end(&held, &ending(EndReason::Revoked, T0)).expect("finishes");
    let later = T0 + 10_000 * TTL;
    while bench.sweep(later).more {}
    assert!(bench.others().find(held.lease.id).expect("reads").is_none());
    share(&bench, 1, later).expect("has room again");
}

pub(super) fn of_two_that_race_for_the_last_share_one_gets_it<K: KeyValue>(store: &K) {
    for operations in 0.. {
        let bench = Bench::new(store);
        issue(&bench, LeaseMode::Existing, 2);
        sweep(&bench, T0);
        let (leases, identity) = (bench.others(), bench.log);
        let others = std::rc::Rc::new(std::cell::Cell::new(0));
        let given = others.clone();
        bench.store.interrupt(operations, move || {
            given.set(usize::from(leases.reserve_share_within_cap(identity, 2, at(T0)).is_ok()));
        });
        let ours = share(&bench, 2, T0);
        let alone = bench.store.was_not_interrupted();
        assert_eq!(usize::from(ours.is_ok()) + others.get(), 1, "after {operations}");
        if alone {
            assert!(operations > 3, "it was interrupted everywhere");
            break;
        }
    }
}

pub(super) fn whoever_is_taken_for_dead_with_a_share_answers_nothing<K: KeyValue>(store: &K) {
    for mode in [LeaseMode::Plain, LeaseMode::Existing] {
        let bench = Bench::new(store);
        let numbered = number(&bench, share(&bench, 1, T0).expect("gives one"));
        // It stands still for so long that its share is given up and another has it.
        for now in [T0, T0 + 80] {
            batch(&bench.others(), LedgerId::Identity(bench.log), now, 100);
        }
        share(&bench, 1, T0 + 80).expect("has room again");
        let mut lease = bench.lease(mode);
        lease.share = numbered.lease_share();
        let recorded = if mode == LeaseMode::Plain {
            bench.leases().record_plain_token(
                &numbered,
                &super::bench::active(&lease),
                None,
                at(T0),
            )
        } else {
            bench.leases().record_pending_lease(&numbered, &lease, None)
        };
        assert!(matches!(recorded, Err(FenceError::Fenced)), "{mode:?}");
        let held = bench.held(numbered.place());
        assert!(!bench.leases().is_within_issue_fences(&held, None).expect("reads"), "{mode:?}");
        assert_eq!(held.ending.map(|ending| ending.why), Some(EndReason::Failed), "{mode:?}");
    }
    // The same where it died before it could see that: nobody may answer it once more.
    let bench = Bench::new(store);
    let given = share(&bench, 1, T0).expect("gives one");
    let mut lease = super::bench::active(&bench.lease(LeaseMode::Plain));
    let numbered = number(&bench, given.clone());
    lease.share = numbered.lease_share();
    let held = bench.issue_as(&numbered, &lease, None);
    assert!(bench.leases().is_within_issue_fences(&held, None).expect("reads"));
    bench.others().void_share(&given, at(T0)).expect("gives up");
    assert!(!bench.leases().is_within_issue_fences(&held, None).expect("reads"));
}

pub(super) fn a_share_costs_one_write_and_leaves_nothing<K: KeyValue>(store: &K) {
    for (mode, writes) in [(LeaseMode::Plain, 2 + 1), (LeaseMode::Existing, 3 + 1)] {
        let bench = Bench::new(store);
        bench.store.counts();
        let held = issue(&bench, mode, 1);
        assert_eq!(bench.store.counts().1, writes, "{mode:?}");
        assert!(is_full(&share(&bench, 1, T0), 1));
        assert_eq!(bench.store.counts().1, 0, "a refusal of {mode:?}");
        if mode != LeaseMode::Plain {
            bench.leases().record_end(&held, &ending(EndReason::Revoked, T0)).expect("finishes");
        }
        sweep(&bench, SETTLED + TTL);
        let entry = lease_store::testing::keys::record_key(LedgerId::Identity(bench.log), 1);
        assert!(store.get(&entry).expect("reads").is_none(), "{mode:?}");
        bench.others().delete_identity_ledger(bench.log).expect("drops");
        let counter = lease_store::testing::keys::counter_key(LedgerId::Identity(bench.log));
        assert!(store.get(&counter).expect("reads").is_none(), "{mode:?}");
    }
}
