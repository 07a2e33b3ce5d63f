//! Keys that are of no use any more after some time, and the queues by which a sweep finds and deletes them.
//!
//! There is no expiry in the store, and no scan. So whoever writes such a key registers it, in one of five queues:
//! all entries of a queue are kept for the same time, so that its oldest entry is always the first to go.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{KeyValue, StoreError, counter, record};

/// The keys of a store that are to be deleted one day.
pub struct ExpiringKeys<'a, K> {
    store: &'a K,
}

/// Keys that are deleted together.
#[derive(Serialize, Deserialize)]
struct ExpiringEntry {
    keys: Vec<String>,
    at: DateTime<Utc>,
}

/// A queue: its name, and for how long its entries are kept.
#[derive(Clone, Copy)]
struct DeletionQueue(&'static str, TimeDelta);

impl<'a, K: KeyValue> ExpiringKeys<'a, K> {
    /// The keys of `store` that are to be deleted one day.
    pub fn new(store: &'a K) -> Self {
        Self { store }
    }

    /// Registers `keys`, which are to be deleted no sooner than `at`, and writes `entries` in the same step: two
    /// durable writes.
    ///
    /// # Errors
    /// Fails if the store does not answer; both may be written all the same, or neither.
    pub fn write_and_schedule_deletion(
        &self,
        keys: Vec<String>,
        mut entries: Vec<(String, Vec<u8>)>,
        now: DateTime<Utc>,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        // What is to stay longer than the longest queue keeps it would be deleted too soon.
        let queue =
            DELETION_QUEUES.into_iter().find(|queue| now + queue.1 >= at).unwrap_or(LONGEST_QUEUE);
        let number = self.store.increment_counter(&queue.counter_key())?;
        let key = queue.entry_key(number);
        let entry = ExpiringEntry { keys, at: now + queue.1 };
        entries.push((key.clone(), record::encode_record(&key, &entry)?));
        Ok(self.store.set_many(&entries)?)
    }

    /// Deletes registered keys whose time is over, at most some hundreds of each queue, and returns how many numbers
    /// of the queues it is done with: 0 if nothing more is due.
    ///
    /// Without anything to delete it writes nothing.
    ///
    /// # Errors
    /// Fails if the store does not answer; what was deleted stays so.
    pub fn delete_some_expired(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        DELETION_QUEUES
            .into_iter()
            .try_fold(0, |sum, queue| Ok(sum + self.delete_expired_of_queue(queue, now)?))
    }

    fn delete_expired_of_queue(
        &self,
        queue: DeletionQueue,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let head = counter::read_counter(self.store, &queue.counter_key())?;
        if head == 0 {
            return Ok(0);
        }
        let mark = queue.mark_key();
        let done =
            self.store.get(&mark)?.map(|bytes| record::decode_record(&mark, &bytes)).transpose()?;
        let done: u64 = done.unwrap_or(0);
        let last = head.min(done.saturating_add(MAX_EXAMINED_ENTRIES));
        let (mut next, mut keys, mut forgotten) = (done, vec![], 0);
        let mut only_holes = true;
        for number in done + 1..=last {
            let key = queue.entry_key(number);
            // A hole is of somebody who is just writing, or died at it: it is passed over with the next entry
            // whose time is over, which is kept for so long that nobody is writing any more.
            let Some(bytes) = self.store.get(&key)? else { continue };
            let entry: ExpiringEntry = record::decode_record(&key, &bytes)?;
            only_holes = false;
            if entry.at > now || forgotten == MAX_DELETED_ENTRIES {
                break;
            }
            keys.extend(entry.keys);
            keys.push(key);
            (next, forgotten) = (number, forgotten + 1);
        }
        // More holes than can be written at once were left by somebody who died before the mark was written.
        if only_holes && last - done == MAX_EXAMINED_ENTRIES {
            next = last;
        }
        if next == done {
            return Ok(0);
        }
        if !keys.is_empty() {
            self.store.delete_many(&keys)?;
        }
        // Written last: should this stop before, what is deleted is looked for again and is not there.
        let value = record::encode_record(&mark, &next)?;
        self.store.set_many(&[(mark, value)])?;
        Ok(next - done)
    }
}

impl DeletionQueue {
    /// The counter of its entries.
    fn counter_key(self) -> String {
        format!("count.expiring.{}", self.0)
    }

    /// Returns the key of one entry.
    fn entry_key(self, number: u64) -> String {
        format!("expiring.{}.{number}", self.0)
    }

    /// The number up to which all entries are deleted.
    fn mark_key(self) -> String {
        format!("expired.{}", self.0)
    }
}

/// The queues, the shortest first.
const DELETION_QUEUES: [DeletionQueue; 5] = [
    // Longer by far than whoever takes a number needs to write its entry.
    DeletionQueue("minutes", TimeDelta::minutes(10)),
    DeletionQueue("hour", TimeDelta::hours(1)),
    DeletionQueue("day", TimeDelta::days(1)),
    DeletionQueue("month", TimeDelta::days(32)),
    LONGEST_QUEUE,
];

/// The queue of what is kept longest: longer than any access token lives.
const LONGEST_QUEUE: DeletionQueue = DeletionQueue("year", TimeDelta::days(366));

/// The most entries of one queue that are deleted at once.
const MAX_DELETED_ENTRIES: usize = 200;

/// The most entries of one queue that are looked at. It is more than [`MAX_DELETED_ENTRIES`], so that those which were deleted
/// by a sweep that died before it said so do not hold up the next one.
const MAX_EXAMINED_ENTRIES: u64 = 500;

#[cfg(test)]
mod tests;
