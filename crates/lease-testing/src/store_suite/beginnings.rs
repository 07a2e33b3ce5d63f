//! An issue that begins beside a sweep.

use lease_core::LeaseMode;

use super::bench::{T0, TTL, active, at, batch};
use super::interrupted::{Action, Check, everywhere, noted, went_well};
use lease_store::{FenceError, KeyValue, LedgerId};

pub(super) fn an_issue_begins_or_its_number_is_void<K: KeyValue>(store: &K) {
    begins_or_void(store, LeaseMode::Existing);
}

pub(super) fn a_plain_token_is_recorded_or_its_number_is_void<K: KeyValue>(store: &K) {
    begins_or_void(store, LeaseMode::Plain);
}

fn begins_or_void<K: KeyValue>(store: &K, mode: LeaseMode) {
    for writer_is_first in [true, false] {
        everywhere(store, |bench| {
            let numbered = bench.number();
            bench.sweep(T0);
            let lease = bench.lease(mode);
            let (others, log, place) = (bench.others(), bench.log, numbered.place());
            let (told, began) = noted::<bool>();
            let write = move |leases: &dyn Fn(
                &lease_store::ReservedNumber,
                &lease_core::Lease,
            ) -> Result<(), FenceError>| {
                told(went_well(leases(&numbered, &lease)));
            };
            let check: Check<'_, K> = Box::new(move |bench, operations| {
                let row = format!("{mode:?}, writer first: {writer_is_first}, {operations}");
                let began = began();
                let held = bench.held(place);
                assert_eq!(began, held.ending.is_none(), "{row}");
                if began {
                    // Whatever the sweep has seen: it looks there again by the end.
                    bench.sweep(T0 + 90);
                    bench.sweep(T0 + 2 * TTL);
                    assert!(bench.held(place).ending.is_some(), "{row}: is found by its end");
                }
            });
            if writer_is_first {
                let first: Action<'_, K> = Box::new(move |bench| {
                    write(&|numbered, lease| match mode {
                        LeaseMode::Plain => bench.leases().record_plain_token(
                            numbered,
                            &active(lease),
                            None,
                            at(T0),
                        ),
                        _ => bench.leases().record_pending_lease(numbered, lease, None),
                    });
                });
                let second = move || _ = batch(&others, LedgerId::DynamicSecret(log), T0 + 75, 100);
                (first, Box::new(second), check)
            } else {
                let first: Action<'_, K> = Box::new(move |bench| {
                    batch(&bench.leases(), LedgerId::DynamicSecret(log), T0 + 75, 100);
                });
                let second = move || {
                    write(&|numbered, lease| match mode {
                        LeaseMode::Plain => {
                            others.record_plain_token(numbered, &active(lease), None, at(T0))
                        }
                        _ => others.record_pending_lease(numbered, lease, None),
                    });
                };
                (first, Box::new(second), check)
            }
        });
    }
}
