//! Leases, page by page.

use lease_core::{EndReason, LeaseMode};

use super::bench::{Bench, T0, TIMES, at, ending};
use lease_store::{KeyValue, PageLimits};

pub(super) fn pages_make_up_the_list_in_a_stable_order<K: KeyValue>(store: &K) {
    let (one, two) = (Bench::new(store), Bench::new(store));
    let mut all = vec![];
    for (bench, count) in [(&one, 5), (&two, 4)] {
        for number in 0..count {
            if number == 2 {
                bench.number();
            }
            all.push(bench.issue(LeaseMode::Existing, None).place);
        }
    }
    let logs = [one.log, two.log];
    let pages = |limit| {
        let (mut from, mut places, mut cursors) = (None, vec![], 0);
        loop {
            let page = one
                .leases()
                .list_page(&logs, from, PageLimits { items: limit, examined: 100 }, |_| true)
                .expect("lists");
            assert!(page.items.len() <= limit);
            places.extend(page.items.iter().map(|held| held.place));
            let Some(next) = page.next else { return (places, cursors) };
            (from, cursors) = (Some(next), cursors + 1);
        }
    };
    for swept in [false, true] {
        for limit in [1, 2, 3, 9, 100] {
            let (places, cursors) = pages(limit);
            assert_eq!(places, all, "{limit} a page, swept: {swept}");
            assert!(cursors >= (all.len() - 1) / limit, "{limit} a page");
        }
        one.sweep(T0 + 1);
        two.sweep(T0 + 1);
    }
    // What has ended is shown until it is forgotten.
    let held = one.held(all[1]);
    one.leases().record_end(&held, &ending(EndReason::Revoked, T0)).expect("finishes");
    assert_eq!(pages(2).0, all);
    let forgotten = T0 + 2 + TIMES.retention.num_seconds();
    one.sweep(T0 + 2);
    assert!(one.sweep(forgotten).forgotten >= 1);
    all.remove(1);
    assert_eq!(pages(2).0, all);
}

pub(super) fn a_page_examines_a_bounded_number<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    for _ in 0..10 {
        bench.issue(LeaseMode::Existing, None);
    }
    bench.sweep(T0);
    let wanted = bench.held(bench.place(9)).lease.id;
    let page = |from| {
        let from = Some(bench.place(from));
        let page = bench.leases().list_page(
            &[bench.log],
            from,
            PageLimits { items: 5, examined: 4 },
            |held| held.lease.id == wanted,
        );
        let page = page.expect("lists");
        (page.items.len(), page.next.map(|place| place.number))
    };
    // short or empty, and still with a cursor
    for (from, shown) in [(1, (0, Some(5))), (5, (0, Some(9))), (9, (1, None)), (11, (0, None))] {
        assert_eq!(page(from), shown, "from {from}");
    }
    let now = at(T0);
    assert_eq!(bench.held(bench.place(1)).state_at(now), lease_core::LeaseState::Active);
}
