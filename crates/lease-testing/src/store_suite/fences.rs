//! Each pair of a writer and a closer, whole within one another, at every step of either.

use chrono::TimeDelta;
use lease_core::{Closing, EndReason, LeaseMode};

use super::bench::{Bench, SETTLED, T0, TTL, active, at, batch};
use super::interrupted::{Action, Check, everywhere, noted, went_well};
use super::watched::Watched;
use lease_store::{Definitions, FenceError, KeyValue, Leases, LedgerId, ReservationOutcome};

pub(super) fn an_issue_completes_or_is_closed<K: KeyValue>(store: &K) {
    for writer_is_first in [true, false] {
        everywhere(store, |bench| {
            let numbered = bench.number();
            let pending = bench.lease(LeaseMode::Existing);
            bench.leases().record_pending_lease(&numbered, &pending, None).expect("begins");
            bench.sweep(T0);
            let (others, log, place) = (bench.others(), bench.log, numbered.place());
            let (told, completed) = noted::<bool>();
            let active = active(&pending);
            let check: Check<'_, K> = Box::new(move |bench, operations| {
                let completed = completed();
                let held = bench.held(place);
                let open = held.ending.is_none() && held.closing.is_none();
                let row = format!("writer first: {writer_is_first}, {operations}");
                assert!(!completed || open, "{row}: answered and ended");
                // A retry may have answered it: it is no more its issuer's to end.
                let decided = held.ending.is_none() || held.closing.is_some();
                assert!(decided, "{row}: ended and not decided");
                bench.sweep(T0 + TTL);
                assert!(bench.held(place).ending.is_some(), "{row}: is found by its end");
            });
            if writer_is_first {
                let first: Action<'_, K> = Box::new(move |bench| {
                    told(went_well(bench.leases().record_active_lease(
                        place,
                        &active,
                        None,
                        at(T0),
                    )));
                });
                let second = move || _ = batch(&others, LedgerId::DynamicSecret(log), SETTLED, 100);
                (first, Box::new(second), check)
            } else {
                let first: Action<'_, K> = Box::new(move |bench| {
                    batch(&bench.leases(), LedgerId::DynamicSecret(log), SETTLED, 100);
                });
                let second = move || {
                    told(went_well(others.record_active_lease(place, &active, None, at(T0))));
                };
                (first, Box::new(second), check)
            }
        });
    }
}

pub(super) fn a_renewal_stands_or_the_lease_ends<K: KeyValue>(store: &K) {
    let end = T0 + 3 * TTL;
    for writer_is_first in [true, false] {
        everywhere(store, |bench| {
            let held = bench.issue(LeaseMode::Existing, None);
            bench.sweep(T0);
            let renewal = bench.leases().take_renewal_number(&held).expect("begins");
            let (others, log, place) = (bench.others(), bench.log, held.place);
            let (told, renewed) = noted::<bool>();
            let check: Check<'_, K> = Box::new(move |bench, operations| {
                let row = format!("writer first: {writer_is_first}, {operations}");
                let renewed = renewed();
                assert!(
                    !renewed || bench.held(place).closing.is_none(),
                    "{row}: renewed and ended"
                );
                bench.sweep(end);
                assert!(bench.held(place).ending.is_some(), "{row}: is found by its end");
            });
            if writer_is_first {
                let first: Action<'_, K> = Box::new(move |bench| {
                    told(went_well(
                        bench
                            .leases()
                            .record_renewal(&renewal, at(end), &super::bench::RENEWED)
                            .map(drop),
                    ));
                });
                let second =
                    move || _ = batch(&others, LedgerId::DynamicSecret(log), T0 + TTL, 100);
                (first, Box::new(second), check)
            } else {
                let first: Action<'_, K> = Box::new(move |bench| {
                    batch(&bench.leases(), LedgerId::DynamicSecret(log), T0 + TTL, 100);
                });
                let second = move || {
                    told(went_well(
                        others.record_renewal(&renewal, at(end), &super::bench::RENEWED).map(drop),
                    ));
                };
                (first, Box::new(second), check)
            }
        });
    }
}

pub(super) fn a_postponed_end_is_found_or_refused<K: KeyValue>(store: &K) {
    let drain = |bench: &Bench<'_, K>, now| {
        while bench
            .batch(LedgerId::PendingRevocations, now, 100)
            .is_some_and(|summary| summary.more)
        {}
    };
    everywhere(store, |bench| {
        drain(bench, T0);
        let held = bench.issue(LeaseMode::Existing, None);
        bench.sweep(T0);
        let (others, place) = (bench.others(), held.place);
        let (told, postponed) = noted::<bool>();
        let first: Action<'_, K> = Box::new(move |bench| {
            let closing =
                Closing { why: EndReason::Revoked, since: at(T0), obstacle: None, work: None };
            told(went_well(bench.leases().record_postponed_end(&held, &closing).map(drop)));
        });
        // Noticed, and given up in the same breath, as after a long stall.
        let second = move || {
            batch(&others, LedgerId::PendingRevocations, T0 + 10, 100);
            batch(&others, LedgerId::PendingRevocations, T0 + 100, 100);
        };
        let check: Check<'_, K> = Box::new(move |bench, operations| {
            if postponed() {
                drain(bench, T0 + 200);
                let ending = bench.held(place).ending;
                assert_eq!(ending.map(|e| e.why), Some(EndReason::Revoked), "{operations}");
            }
        });
        (first, Box::new(second), check)
    });
}

pub(super) fn an_issue_is_found_or_its_log_is_gone<K: KeyValue>(store: &K) {
    for mode in [LeaseMode::Existing, LeaseMode::Plain] {
        everywhere(store, |bench| {
            let (inner, name) = (bench.store.inner, bench.secret.name.clone());
            let (others, log) = (bench.others(), bench.log);
            let lease = bench.lease(mode);
            let id = lease.id;
            let (told, issued) = noted::<bool>();
            let first: Action<'_, K> = Box::new(move |bench| {
                let leases = bench.leases();
                let numbered =
                    leases.reserve_number_within_cap(bench.log, None, at(T0)).expect("gives one");
                told(went_well(match mode {
                    LeaseMode::Plain => {
                        leases.record_plain_token(&numbered, &active(&lease), None, at(T0))
                    }
                    _ => leases.record_pending_lease(&numbered, &lease, None),
                }));
            });
            let second = move || {
                let secrets = Definitions::<_, lease_core::DynamicSecret>::new(inner);
                assert!(secrets.delete_definition(&name).expect("deletes"));
                for (number, record) in others.list_ledgers().expect("reads") {
                    if number == log {
                        others.drop_retired_ledger_if_empty(number, &record).expect("drops");
                    }
                }
            };
            let check: Check<'_, K> = Box::new(move |bench, operations| {
                if issued() {
                    assert!(bench.log_record().is_some(), "{mode:?} {operations}: it has a log");
                    bench.sweep(T0 + 2 * TTL);
                    let held = bench.others().find(id).expect("reads").expect("is there");
                    assert!(held.ending.is_some(), "{mode:?} {operations}: is found by its end");
                }
            });
            (first, Box::new(second), check)
        });
    }
}

pub(super) fn a_definition_that_is_put_has_a_log_that_stays<K: KeyValue>(store: &K) {
    everywhere(store, |bench| {
        let (inner, secret) = (bench.store.inner, bench.secret.clone());
        let name = secret.name.clone();
        let (others, log) = (bench.others(), bench.log);
        let first: Action<'_, K> = Box::new(move |bench| {
            Definitions::new(&bench.store).put_definition(&secret).expect("puts");
        });
        let second = move || {
            let secrets = Definitions::<_, lease_core::DynamicSecret>::new(inner);
            assert!(secrets.delete_definition(&name).expect("deletes"));
            let logs = others.list_ledgers().expect("reads");
            for (number, record) in logs.into_iter().filter(|(number, _)| *number == log) {
                others.drop_retired_ledger_if_empty(number, &record).expect("drops");
            }
        };
        let check: Check<'_, K> = Box::new(move |bench, operations| {
            let secrets = Definitions::<_, lease_core::DynamicSecret>::new(bench.store.inner);
            let entry = secrets.get_with_number(&bench.secret.name).expect("reads");
            let Some((number, _)) = entry else { return };
            let logs = bench.others().list_ledgers().expect("reads");
            let log = logs.into_iter().find(|(log, _)| *log == number);
            let stays = log.is_some_and(|(_, log)| !log.retired);
            assert!(stays, "{operations}: log {number} of what is defined stays");
        });
        (first, Box::new(second), check)
    });
}

pub(super) fn a_claim_has_a_lease_or_is_given_up<K: KeyValue>(store: &K) {
    for (mode, writer_is_first) in [
        (LeaseMode::Existing, true),
        (LeaseMode::Existing, false),
        (LeaseMode::Plain, true),
        (LeaseMode::Plain, false),
    ] {
        everywhere(store, |bench| {
            let key = bench.key();
            let claim = bench.claim(&key);
            let stale = TimeDelta::seconds(105);
            // The rival was met once already, long ago.
            let met = bench.others().reserve_request(&key, "f", at(T0), stale).expect("claims");
            assert_eq!(met, ReservationOutcome::Busy { since: at(T0) });
            let (ours, its) = (bench.number(), bench.number());
            let (lease, other) = (bench.lease(mode), bench.lease(LeaseMode::Plain));
            let (id, other_id) = (lease.id, other.id);
            let others = bench.others();
            let (told, recorded) = noted::<bool>();
            let (claims, claimed) = noted();
            let issue = move |record: &dyn Fn(&Issuing<'_>) -> Result<(), FenceError>| {
                told(went_well(record(&(&ours, &lease, &claim))));
            };
            let rival = key.clone();
            // Who comes second issues a lease of its own, where the first is given up.
            let follow = move |claiming: ReservationOutcome, record: &dyn Fn(&Issuing<'_>)| {
                if let ReservationOutcome::Mine(claim) = &claiming {
                    record(&(&its, &active(&other), claim));
                }
                claims(claiming);
            };
            let check: Check<'_, K> = Box::new(move |bench, operations| {
                let row = format!("{mode:?}, writer first: {writer_is_first}, {operations}");
                let counts = match (recorded(), claimed()) {
                    (false, ReservationOutcome::Mine(_)) => other_id,
                    (_, ReservationOutcome::Taken(claimed)) if claimed.id == id => id,
                    both => panic!("{row}: {both:?}"),
                };
                let claimed = bench.leases().find_answered_request(&key).expect("reads");
                // One that failed is passed over, and who met it before it did is told so when it asks.
                let failed = bench.others().find(id).expect("reads");
                let failed = failed.is_some_and(|held| held.ending.is_some());
                let expected = (counts != id || !failed).then_some(counts);
                assert_eq!(claimed.map(|claimed| claimed.id), expected, "{row}");
            });
            if writer_is_first {
                let first: Action<'_, K> = Box::new(move |bench| {
                    issue(&|(numbered, lease, claim)| {
                        record(&bench.leases(), numbered, lease, claim)
                    });
                });
                let second = move || {
                    let claiming =
                        others.reserve_request(&rival, "f", at(T0 + 200), stale).expect("claims");
                    follow(claiming, &|(numbered, lease, claim)| {
                        assert!(went_well(record(&others, numbered, lease, claim)));
                    });
                };
                (first, Box::new(second), check)
            } else {
                let first: Action<'_, K> = Box::new(move |bench| {
                    let leases = bench.leases();
                    let claiming =
                        leases.reserve_request(&rival, "f", at(T0 + 200), stale).expect("claims");
                    follow(claiming, &|(numbered, lease, claim)| {
                        assert!(went_well(record(&leases, numbered, lease, claim)));
                    });
                });
                let second = move || {
                    issue(&|(numbered, lease, claim)| record(&others, numbered, lease, claim));
                };
                (first, Box::new(second), check)
            }
        });
    }
}

/// The record that an issuer is to write: its number, its lease, its claim.
type Issuing<'a> = (
    &'a lease_store::ReservedNumber,
    &'a lease_core::Lease,
    &'a lease_store::IdempotencyReservation,
);

fn record<K: KeyValue>(
    leases: &Leases<'_, K>,
    numbered: &lease_store::ReservedNumber,
    lease: &lease_core::Lease,
    claim: &lease_store::IdempotencyReservation,
) -> Result<(), FenceError> {
    match lease.mode {
        LeaseMode::Plain => {
            leases.record_plain_token(numbered, &active(lease), Some(claim), at(T0))
        }
        _ => leases.record_pending_lease(numbered, lease, Some(claim)),
    }
}

/// One number, three actors, each within the one before: a sweep looks at it, another gives it up
/// and finds a record after all, and an issuer records it.
pub(super) fn two_sweeps_do_not_hide_an_issue<K: KeyValue>(store: &K) {
    let gives_up = T0 + 75;
    for (of_first, of_second) in
        (0..12).flat_map(|first| (0..12).map(move |second| (first, second)))
    {
        let bench = Bench::new(store);
        let which = LedgerId::DynamicSecret(bench.log);
        let numbered = bench.number();
        bench.sweep(T0);
        let lease = active(&bench.lease(LeaseMode::Plain));
        let (place, inner, others) = (numbered.place(), bench.store.inner, bench.others());
        let (told, recorded) = noted::<bool>();
        let issuer =
            move || told(went_well(others.record_plain_token(&numbered, &lease, None, at(T0))));
        let second = move || {
            let second = Watched::new(inner);
            second.interrupt(of_second, issuer);
            batch(&Leases::new(&second, super::bench::auditor()), which, gives_up, 100);
        };
        bench.store.interrupt(of_first, second);
        batch(&bench.leases(), which, gives_up, 100);
        if bench.store.was_not_interrupted() {
            continue;
        }
        let Some(held) = bench.others().read_lease_at(place).expect("reads") else { continue };
        if held.ending.is_none() && recorded() {
            bench.sweep(T0 + 90);
            bench.sweep(T0 + 2 * TTL);
            let ended = bench.held(place).ending.is_some();
            assert!(ended, "{of_first} {of_second}: what was recorded is found by its end");
        }
    }
}

pub(super) fn a_retry_reads_the_fences_of_its_issuer<K: KeyValue>(store: &K) {
    for (mode, fence) in [
        (LeaseMode::Plain, "void"),
        (LeaseMode::Plain, "claim"),
        (LeaseMode::Plain, "none"),
        (LeaseMode::Existing, "issue"),
        (LeaseMode::Existing, "none"),
    ] {
        let bench = Bench::new(store);
        let claim = bench.claim(&bench.key());
        let numbered = bench.number();
        let pending = bench.lease(mode);
        if mode != LeaseMode::Plain {
            bench.leases().record_pending_lease(&numbered, &pending, Some(&claim)).expect("begins");
        }
        match fence {
            "void" => {
                bench
                    .others()
                    .void_number(&numbered, None, "it is given up", at(T0))
                    .expect("gives up");
            }
            "claim" => bench.others().release_reservation(&claim).expect("gives up"),
            "issue" => {
                let fence = lease_store::testing::keys::issue_fence_key(pending.id);
                let value =
                    lease_store::testing::encode_record(&fence, &at(SETTLED)).expect("writes");
                store.set_many(&[(fence, value)]).expect("writes");
            }
            _ => {}
        }
        // Its issuer records it, and is gone before it looks.
        bench.store.stop_after(1);
        let active = active(&pending);
        match mode {
            LeaseMode::Plain => {
                _ = bench.leases().record_plain_token(&numbered, &active, Some(&claim), at(T0));
            }
            _ => {
                _ = bench.leases().record_active_lease(
                    numbered.place(),
                    &active,
                    Some(&claim),
                    at(T0),
                );
            }
        }
        let held = bench.held(numbered.place());
        assert_eq!(held.lease.phase, lease_core::IssuePhase::Active);
        let may = bench.others().is_within_issue_fences(&held, Some(&claim)).expect("reads");
        assert_eq!(may, fence == "none", "{mode:?} behind the fence `{fence}`");
    }
}
