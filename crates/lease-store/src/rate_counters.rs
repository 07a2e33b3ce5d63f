//! Counts of a span of time: the leases that an identity has asked for in a minute, the refusals that are recorded,
//! and the first who asks an issuer for its keys.

use std::cmp::Ordering;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{ExpiringKeys, KeyValue, StoreError, counter};

/// The counters of the present minute in `store`.
pub struct RateCounters<'a, K> {
    store: &'a K,
}

/// The number of refusals of somebody that are recorded in some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalRecordingLimit {
    /// The most of them.
    pub count: u32,
    /// The time.
    pub period: TimeDelta,
}

/// The decision on a refusal that may be one of very many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalRecording {
    /// Recorded.
    Recorded,
    /// Recorded, and those that follow it in this period are not.
    Last,
    /// Not recorded.
    Skipped,
}

impl<'a, K: KeyValue> RateCounters<'a, K> {
    /// Returns the counters of the present minute in `store`.
    pub fn new(store: &'a K) -> Self {
        Self { store }
    }

    /// Counts one issue of an identity, and returns the number of seconds to wait if it is one too many: one durable
    /// write, two more for the first of a minute, and none for one that is refused.
    ///
    /// # Errors
    /// Fails if the store does not answer; the issue may be counted all the same.
    pub fn count_issue_within_limit(
        &self,
        identity: u64,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Option<u32>, StoreError> {
        let (key, limit) =
            (format!("count.issues.{identity}.{}", minute_number(now)), u64::from(limit));
        let count = counter::read_counter(self.store, &key)?;
        if count == 0 {
            self.schedule_counter_deletion(&key, now)?;
        }
        if count < limit && self.store.increment_counter(&key)? <= limit {
            return Ok(None);
        }
        Ok(Some(time_until_next_minute(now)))
    }

    /// Counts one refusal of somebody, and decides if it is recorded: one durable write, two more for the first of a
    /// period, and none for one that is not recorded.
    ///
    /// `whose` is made of what keys may hold.
    ///
    /// # Errors
    /// Fails if the store does not answer; the refusal may be counted all the same.
    pub fn count_refusal_and_decide_recording(
        &self,
        whose: &str,
        limit: RefusalRecordingLimit,
        now: DateTime<Utc>,
    ) -> Result<RefusalRecording, StoreError> {
        let key = refusal_key(whose, limit, now);
        let (most, count) = (u64::from(limit.count), counter::read_counter(self.store, &key)?);
        if count >= most {
            return Ok(RefusalRecording::Skipped);
        }
        if count == 0 {
            let end = now + limit.period * 2;
            ExpiringKeys::new(self.store).write_and_schedule_deletion(
                vec![key.clone()],
                vec![],
                now,
                end,
            )?;
        }
        let count = self.store.increment_counter(&key)?;
        Ok(match count.cmp(&most) {
            Ordering::Less => RefusalRecording::Recorded,
            Ordering::Equal => RefusalRecording::Last,
            Ordering::Greater => RefusalRecording::Skipped,
        })
    }

    /// Returns true for the first in a span of time who is to ask an issuer for its keys: three durable writes, and
    /// none for those that come later.
    ///
    /// # Errors
    /// Fails if the store does not answer; the first may have been counted all the same, and nobody asks before the
    /// next span.
    pub fn try_reserve_issuer_key_fetch(
        &self,
        issuer: &str,
        span: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let number = now.timestamp().div_euclid(span.num_seconds().max(1));
        let key = format!("count.issuer-asked.{issuer}.{number}");
        if counter::read_counter(self.store, &key)? > 0 {
            return Ok(false);
        }
        self.schedule_counter_deletion(&key, now)?;
        Ok(self.store.increment_counter(&key)? == 1)
    }

    /// Returns how many refusals of somebody are counted in the present period: no write.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn read_refusal_count(
        &self,
        whose: &str,
        limit: RefusalRecordingLimit,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        Ok(counter::read_counter(self.store, &refusal_key(whose, limit, now))?)
    }

    /// Registers a count to be forgotten, before there is one: should this stop between, there is nothing to forget.
    fn schedule_counter_deletion(&self, key: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let end = now + TimeDelta::seconds(2 * MINUTE);
        ExpiringKeys::new(self.store).write_and_schedule_deletion(
            vec![key.to_owned()],
            vec![],
            now,
            end,
        )
    }
}

/// The counter of somebody's refusals.
fn refusal_key(whose: &str, limit: RefusalRecordingLimit, now: DateTime<Utc>) -> String {
    let seconds = limit.period.num_seconds().max(1);
    format!("count.refusals.{whose}.{}", now.timestamp().div_euclid(seconds))
}

fn minute_number(now: DateTime<Utc>) -> i64 {
    now.timestamp().div_euclid(MINUTE)
}

fn time_until_next_minute(now: DateTime<Utc>) -> u32 {
    let left = MINUTE - now.timestamp().rem_euclid(MINUTE);
    u32::try_from(left).unwrap_or(1)
}

const MINUTE: i64 = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use crate::access_token_records::tests::ReadBefore;

    #[test]
    fn so_many_refusals_of_somebody_are_recorded_and_no_more() {
        let store = MemoryStore::default();
        let hourly = RefusalRecordingLimit { count: 2, period: TimeDelta::hours(1) };
        for (whose, seconds, recording, writes) in [
            ("identity:ci", 0, RefusalRecording::Recorded, 3),
            ("identity:ci", 10, RefusalRecording::Last, 1),
            ("identity:ci", 20, RefusalRecording::Skipped, 0),
            ("identity:ci", 3599, RefusalRecording::Skipped, 0),
            ("nobody", 3599, RefusalRecording::Recorded, 3),
            ("identity:ci", 3600, RefusalRecording::Recorded, 3),
        ] {
            let before = store.number_of_writes();
            let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
            let decided = RateCounters::new(&store)
                .count_refusal_and_decide_recording(whose, hourly, now)
                .expect("counts");
            assert_eq!(
                (decided, store.number_of_writes() - before),
                (recording, writes),
                "{whose} {seconds}"
            );
        }
        let days = DateTime::UNIX_EPOCH + TimeDelta::days(3);
        ExpiringKeys::new(&store).delete_some_expired(days).expect("forgets");
        assert!(store.list_keys().iter().all(|key| !key.starts_with("count.refusals.")));
    }

    #[test]
    fn of_many_at_once_one_asks_an_issuer() {
        let store = ReadBefore(MemoryStore::default());
        let now = DateTime::UNIX_EPOCH;
        let span = TimeDelta::seconds(30);
        let asks = |_: &u8| {
            RateCounters::new(&store).try_reserve_issuer_key_fetch("a", span, now).expect("counts")
        };
        assert_eq!((0..100).filter(asks).count(), 1);
    }

    #[test]
    fn one_asks_an_issuer_in_a_span_of_time() {
        let store = MemoryStore::default();
        let is_first = |issuer, seconds| {
            let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
            RateCounters::new(&store)
                .try_reserve_issuer_key_fetch(issuer, TimeDelta::seconds(30), now)
                .expect("counts")
        };
        for (issuer, seconds, first) in
            [("a", 0, true), ("a", 0, false), ("a", 29, false), ("b", 29, true), ("a", 30, true)]
        {
            assert_eq!(is_first(issuer, seconds), first, "{issuer} after {seconds} seconds");
        }
        let writes = store.number_of_writes();
        assert!(!is_first("a", 31));
        assert_eq!(store.number_of_writes(), writes);
        ExpiringKeys::new(&store)
            .delete_some_expired(DateTime::UNIX_EPOCH + TimeDelta::seconds(7200))
            .expect("forgets");
        assert!(store.list_keys().iter().all(|key| !key.starts_with("count.issuer-asked.")));
    }

    #[test]
    fn so_many_are_counted_in_a_minute_and_forgotten_after_it() {
        let store = MemoryStore::default();
        let count = |identity, seconds| {
            let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
            RateCounters::new(&store).count_issue_within_limit(identity, 2, now).expect("counts")
        };
        for (identity, seconds, retry_after) in [
            (1, 119, None),
            (1, 120, None),
            (2, 121, None),
            (1, 130, None),
            (1, 130, Some(50)),
            (1, 179, Some(1)),
            (1, 180, None),
        ] {
            let writes = store.number_of_writes();
            assert_eq!(count(identity, seconds), retry_after, "{identity} at {seconds}");
            let refused = retry_after.is_some();
            assert_eq!(refused, store.number_of_writes() == writes, "{identity} at {seconds}");
        }
        let hours = DateTime::UNIX_EPOCH + TimeDelta::hours(2);
        ExpiringKeys::new(&store).delete_some_expired(hours).expect("forgets");
        assert!(store.list_keys().iter().all(|key| !key.starts_with("count.issues.")));
    }
}
