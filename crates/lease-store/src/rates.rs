//! How often an identity has asked for leases in the present minute.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Expiring, KeyValue, StoreError, counter};

/// What `store` counts of the present minute.
pub struct Rates<'a, K> {
    store: &'a K,
}

impl<'a, K: KeyValue> Rates<'a, K> {
    /// What `store` counts of the present minute.
    pub fn new(store: &'a K) -> Self {
        Self { store }
    }

    /// Counts one issue of an identity, and returns the number of seconds to wait if it is one too many: one durable
    /// write, two more for the first of a minute, and none for one that is refused.
    ///
    /// # Errors
    /// Fails if the store does not answer; the issue may be counted all the same.
    pub fn count_issue(
        &self,
        identity: u64,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Option<u32>, StoreError> {
        let (minute, limit) = (now.timestamp().div_euclid(MINUTE), u64::from(limit));
        let key = format!("count.issues.{identity}.{minute}");
        let count = counter::read(self.store, &key)?;
        if count == 0 {
            // Registered first: should this stop between, there is nothing to forget.
            let end = now + TimeDelta::seconds(2 * MINUTE);
            Expiring::new(self.store).register(vec![key.clone()], vec![], now, end)?;
        }
        if count < limit && self.store.increment(&key)? <= limit {
            return Ok(None);
        }
        let left = MINUTE - now.timestamp().rem_euclid(MINUTE);
        Ok(Some(u32::try_from(left).unwrap_or(1)))
    }
}

const MINUTE: i64 = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    #[test]
    fn so_many_are_counted_in_a_minute_and_forgotten_after_it() {
        let store = MemoryStore::default();
        let count = |identity, seconds| {
            let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
            Rates::new(&store).count_issue(identity, 2, now).expect("counts")
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
            let writes = store.writes();
            assert_eq!(count(identity, seconds), retry_after, "{identity} at {seconds}");
            let refused = retry_after.is_some();
            assert_eq!(refused, store.writes() == writes, "{identity} at {seconds}");
        }
        let hours = DateTime::UNIX_EPOCH + TimeDelta::hours(2);
        Expiring::new(&store).forget(hours).expect("forgets");
        assert!(store.keys().iter().all(|key| !key.starts_with("count.issues.")));
    }
}
