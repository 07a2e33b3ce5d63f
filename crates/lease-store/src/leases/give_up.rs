//! Giving up a number, or an issue of which nothing came.

use chrono::{DateTime, Utc};
use lease_core::{EndReason, Ending, Lease, LeaseShare};

use super::issue::{Numbered, Share};
use crate::{KeyValue, Leases, Place, StoreError, Which, keys, record};

impl<K: KeyValue> Leases<'_, K> {
    /// Gives up a number among the leases of an identity.
    ///
    /// # Errors
    /// Fails if the store does; a sweep gives it up later then.
    pub fn void_share(&self, share: &Share, now: DateTime<Utc>) -> Result<(), StoreError> {
        let LeaseShare { identity, number } = share.share;
        self.write(keys::void(Which::Identity(identity), number), &now)
    }

    /// Gives up a number that nothing was recorded under, and says why, and for which lease if it was planned: one durable
    /// write.
    ///
    /// # Errors
    /// Fails if the store does; a sweep gives it up later then.
    pub fn void(
        &self,
        numbered: &Numbered,
        lease: Option<&Lease>,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let Place { log, number } = numbered.place;
        let share =
            numbered.share.map(|share| keys::void(Which::Identity(share.identity), share.number));
        let voids = [keys::void(Which::Secret(log), number)].into_iter().chain(share);
        let entries = voids.map(|key| Ok((key.clone(), record::write(&key, &now)?)));
        let mut entries: Vec<_> = entries.collect::<Result<_, StoreError>>()?;
        entries.push(self.void_event(numbered.place, lease, reason, now)?);
        self.write_with_events(&entries)
    }

    /// Records that nothing came of an issue, and nothing of it is left or can still come. The event of it says why.
    ///
    /// # Errors
    /// Fails if the store does; a sweep finds out by itself then.
    pub fn fail(
        &self,
        place: Place,
        lease: &Lease,
        now: DateTime<Utc>,
        reason: &str,
    ) -> Result<(), StoreError> {
        let ended = keys::ended(lease.id);
        if self.is_there(&ended)? {
            return Ok(());
        }
        let ending = Ending { why: EndReason::Failed, at: now, note: None };
        let value = record::write(&ended, &ending)?;
        let event = self.end_event(place, lease, &ending, Some(reason))?;
        self.write_with_events(&[(ended, value), event])
    }
}
