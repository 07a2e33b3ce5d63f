//! Many leases that live.

use chrono::TimeDelta;
use lease_core::LeaseMode;

use super::bench::{Bench, SETTLED, T0, TIMES, TTL, at};
use lease_store::testing::FilledIndex;
use lease_store::{KeyValue, LeaseKey, LedgerId, PageLimits};

/// 100,000 where the store takes them at once, as memory does.
pub(super) fn what_lives_costs_nothing<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let which = LedgerId::DynamicSecret(bench.log);
    let last = fill(&bench);

    // One is looked at once and then only listed: the last nodes have room for another.
    let numbered = bench
        .leases()
        .reserve_number_within_cap(bench.log, Some(1_000_000), at(T0))
        .expect("gives one");
    let held = bench.issue_as(&numbered, &bench.lease(LeaseMode::Existing), None);
    let (reads, writes) = bench.store.counts();
    assert!(reads <= 12 && writes == 3, "an issue: {reads} reads, {writes} writes");
    assert_eq!(held.place.number, last + 1);

    bench.sweep(T0);
    bench.store.counts();
    let due = bench.leases().read_due_batch(which, at(T0), 100, TIMES).expect("reads");
    assert!(due.is_none());
    assert_eq!(bench.store.counts(), (2, 0), "an idle sweep");

    let from = Some(LeaseKey { ledger: bench.log, number: last - 200 });
    let page = bench
        .leases()
        .list_page(&[bench.log], from, PageLimits { items: 20, examined: 100 }, |_| true)
        .expect("lists");
    let (reads, writes) = bench.store.counts();
    // The numbers of the filling have no records: 100 are looked at in vain, or are.
    assert!(page.next.is_some() && reads <= 2 + 5 + 6 * 100 && writes == 0, "a page: {reads}");

    let later = T0 + TTL;
    let mut batch =
        bench.leases().read_due_batch(which, at(later), 100, TIMES).expect("reads").expect("due");
    for task in batch.close_due_and_list_ends().expect("closes") {
        batch.note_postponed(&task, TimeDelta::hours(1));
    }
    let summary = batch.forget_old_and_write_batch().expect("finishes");
    let (reads, writes) = bench.store.counts();
    assert!(reads <= 20 && writes <= 3, "a batch: {reads} reads, {writes} writes, {summary:?}");

    // All of them at once, a batch at a time: what one leaf holds may be more than was asked for.
    let all = T0 + 100 * TTL;
    let mut batch =
        bench.leases().read_due_batch(which, at(all), 100, TIMES).expect("reads").expect("due");
    assert!(batch.close_due_and_list_ends().expect("closes").is_empty(), "they have no records");
    assert!(batch.forget_old_and_write_batch().expect("finishes").more);
    let (reads, writes) = bench.store.counts();
    assert!(
        reads <= 2 + 4 + 2 * 164 && writes == 1,
        "a batch of many: {reads} reads, {writes} writes"
    );
}

pub(super) fn issues_under_way_do_not_hide_what_is_due<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    // More issues under way than two batches hold, and behind them a lease that ends.
    for _ in 0..300 {
        bench.number();
    }
    let held = bench.issue(LeaseMode::Existing, None);
    let now = held.expires_at.timestamp();
    let mut batches = 0;
    while bench
        .batch(LedgerId::DynamicSecret(bench.log), now, 100)
        .is_some_and(|summary| summary.more)
    {
        batches += 1;
        assert!(batches < 10, "a sweep has an end");
    }
    assert!(bench.held(held.place).ending.is_some(), "what is due behind them has ended");
    assert!(now < SETTLED + TTL);
}

/// Fills a log with numbers that live for long, without a record of each; the last number.
fn fill<K: KeyValue>(bench: &Bench<'_, K>) -> u64 {
    let which = LedgerId::DynamicSecret(bench.log);
    let mut last = 0;
    while last < MANY {
        last = bench
            .store
            .inner
            .increment_counter(&lease_store::testing::keys::counter_key(which))
            .expect("counts");
    }
    let filling = FilledIndex { ledger: which, last, look: T0 + 100 * TTL };
    for entries in filling.node_entries().chunks(200) {
        bench.store.inner.set_many(entries).expect("writes");
    }
    bench.store.counts();
    last
}

/// The count of live leases. A counter is only ever incremented, which takes a disk a minute for so
/// many.
const MANY: u64 = if cfg!(test) { 100_000 } else { 5_000 };
