//! Renewals side by side.

use lease_core::LeaseMode;

use super::bench::{Bench, T0, TTL, at};
use lease_store::KeyValue;

pub(super) fn renewals_side_by_side_never_shorten<K: KeyValue>(store: &K) {
    // which ends they ask for, and in which order they confirm: what stands is the latest
    for (ends, order) in [
        ([900, 2000], [0, 1]),
        ([900, 2000], [1, 0]),
        ([2000, 900], [0, 1]),
        ([2000, 900], [1, 0]),
        ([100, 50], [1, 0]),
    ] {
        let bench = Bench::new(store);
        let held = bench.issue(LeaseMode::Existing, None);
        let renewals = ends.map(|_| bench.leases().take_renewal_number(&held).expect("begins"));
        let mut latest = held.expires_at;
        for index in order {
            let end = at(T0 + ends[index]);
            let stands = bench
                .leases()
                .record_renewal(&renewals[index], end, &super::bench::RENEWED)
                .expect("confirms");
            assert!(stands >= end && stands >= held.expires_at, "{ends:?} {order:?}");
            latest = latest.max(stands);
            assert_eq!(bench.held(held.place).expires_at, latest, "{ends:?} {order:?}");
        }
        // Whatever comes later knows both.
        let renewal = bench.leases().take_renewal_number(&held).expect("begins");
        assert_eq!(renewal.expires_at, latest, "{ends:?} {order:?}");
        assert_eq!(bench.due(latest.timestamp() - 1), [], "{ends:?} {order:?}: is not ended");
        assert_eq!(bench.due(latest.timestamp()).len(), 1, "{ends:?} {order:?}: is found");
    }
}

pub(super) fn a_lost_renewal_is_found_by_the_next<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let held = bench.issue(LeaseMode::Existing, None);
    let begin = || bench.leases().take_renewal_number(&held).expect("begins");
    let (first, second, third) = (begin(), begin(), begin());
    let confirm = |renewal, end| {
        bench.leases().record_renewal(renewal, at(end), &super::bench::RENEWED).expect("confirms")
    };
    // The second is the slowest, and reaches the furthest; the fourth has seen neither it nor the first.
    confirm(&third, T0 + 2 * TTL);
    let fourth = begin();
    confirm(&fourth, T0 + 3 * TTL);
    confirm(&second, T0 + 5 * TTL);
    assert_eq!(bench.held(held.place).expires_at, at(T0 + 5 * TTL));
    let fifth = begin();
    assert_eq!(fifth.expires_at, at(T0 + 5 * TTL));
    confirm(&first, T0 + 6 * TTL);
    assert_eq!(confirm(&fifth, T0 + TTL), at(T0 + 5 * TTL));
    assert_eq!(bench.held(held.place).expires_at, at(T0 + 6 * TTL));
}
