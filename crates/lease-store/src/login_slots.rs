//! Logins of a client that are under way in a minute, and those of them that have failed.
//!
//! Each login takes a slot before its token is looked at, and gives it back unless it fails. It goes on only once no
//! more than `limit` slots before its own are out. Counters give each number once, so of any number of logins at once, at
//! however many replicas, no more than `limit` fail in the minute, and no more than `limit` are looked at that may.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{ExpiringKeys, KeyValue, StoreError, counter};

/// The logins that `store` counts.
pub struct LoginSlots<'a, K> {
    store: &'a K,
}

/// The place of one login among those of its client in one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginSlot {
    counts: LoginCounters,
    number: u64,
}

/// Counters of one client in one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LoginCounters {
    /// All slots that were taken.
    taken: String,
    /// Those of them that were given back.
    returned: String,
    /// Those of them that were kept, since their login has failed.
    failed: String,
}

impl<'a, K: KeyValue> LoginSlots<'a, K> {
    /// The logins that `store` counts.
    pub fn new(store: &'a K) -> Self {
        Self { store }
    }

    /// Returns the number of logins of a client that have failed in the present minute: no write. `client` is made of
    /// what keys may hold.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn read_failure_count(&self, client: &str, now: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(counter::read_counter(self.store, &LoginCounters::for_client(client, now).failed)?)
    }

    /// Takes a slot: one durable write, two more for the first of a minute.
    ///
    /// # Errors
    /// Fails if the store does not answer; the slot may be taken all the same, for the rest of the minute.
    pub fn take_slot_unchecked(
        &self,
        client: &str,
        now: DateTime<Utc>,
    ) -> Result<LoginSlot, StoreError> {
        let counts = LoginCounters::for_client(client, now);
        if counter::read_counter(self.store, &counts.taken)? == 0 {
            // Registered before there is a count: should this stop between, there is nothing to forget.
            let LoginCounters { taken, returned, failed } = counts.clone();
            let end = now + TimeDelta::minutes(2);
            ExpiringKeys::new(self.store).write_and_schedule_deletion(
                vec![taken, returned, failed],
                vec![],
                now,
                end,
            )?;
        }
        let number = self.store.increment_counter(&counts.taken)?;
        Ok(LoginSlot { counts, number })
    }

    /// Returns true once at most `limit` slots are out, this one among them, or were kept before it: no write.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn is_within_limit(&self, slot: &LoginSlot, limit: u32) -> Result<bool, StoreError> {
        let limit = u64::from(limit);
        Ok(slot.number <= limit
            || slot.number <= limit + counter::read_counter(self.store, &slot.counts.returned)?)
    }

    /// Gives the slot of a login back that has not failed, and that was allowed to go on: one durable write.
    ///
    /// Of one that was not, the number is ahead of others that wait: given back, it would let too many of them go on.
    ///
    /// # Errors
    /// Fails if the store does not answer; the slot may be taken for the rest of the minute.
    pub fn release_unfailed_slot(&self, slot: &LoginSlot) -> Result<(), StoreError> {
        self.store.increment_counter(&slot.counts.returned)?;
        Ok(())
    }

    /// Keeps the slot of a login that has failed: one durable write.
    ///
    /// # Errors
    /// Fails if the store does not answer; it is kept all the same.
    pub fn record_failed_login(&self, slot: &LoginSlot) -> Result<(), StoreError> {
        self.store.increment_counter(&slot.counts.failed)?;
        Ok(())
    }
}

impl LoginCounters {
    fn for_client(client: &str, now: DateTime<Utc>) -> Self {
        let minute = now.timestamp().div_euclid(60);
        let count = |what| format!("count.logins-{what}.{client}.{minute}");
        Self { taken: count("taken"), returned: count("returned"), failed: count("failed") }
    }
}

#[cfg(test)]
mod tests;
