//! Giving up a number, or an issue of which nothing came.

use chrono::{DateTime, Utc};
use lease_core::{EndReason, Ending, Lease, LeaseShare};

use super::issue::{ReservedNumber, ReservedShare};
use crate::{KeyValue, LeaseKey, Leases, LedgerId, StoreError, keys, record};

impl<K: KeyValue> Leases<'_, K> {
    /// Gives up a number among the leases of an identity.
    ///
    /// # Errors
    /// Fails if the store does; a sweep gives it up later then.
    pub fn void_share(&self, share: &ReservedShare, now: DateTime<Utc>) -> Result<(), StoreError> {
        let LeaseShare { identity, number } = share.share;
        self.write_value(keys::void_key(LedgerId::Identity(identity), number), &now)
    }

    /// Gives up a number that nothing was recorded under, and says why, and for which lease if it was planned: one durable
    /// write.
    ///
    /// # Errors
    /// Fails if the store does; a sweep gives it up later then.
    pub fn void_number(
        &self,
        numbered: &ReservedNumber,
        lease: Option<&Lease>,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let LeaseKey { ledger, number } = numbered.place;
        // In the same step: the share would count against the identity until a sweep gives it up.
        let share = numbered
            .share
            .map(|share| keys::void_key(LedgerId::Identity(share.identity), share.number));
        let voids =
            [keys::void_key(LedgerId::DynamicSecret(ledger), number)].into_iter().chain(share);
        let entries = voids.map(|key| Ok((key.clone(), record::encode_record(&key, &now)?)));
        let mut entries: Vec<_> = entries.collect::<Result<_, StoreError>>()?;
        entries.push(self.stage_void_event(numbered.place, lease, reason, now)?);
        self.write_with_events(&entries)
    }

    /// Records that nothing came of an issue, and nothing of it is left or can still come. The event of it says why.
    ///
    /// # Errors
    /// Fails if the store does; a sweep finds out by itself then.
    pub fn record_failed_issue(
        &self,
        place: LeaseKey,
        lease: &Lease,
        now: DateTime<Utc>,
        reason: &str,
    ) -> Result<(), StoreError> {
        let ended = keys::ended_key(lease.id);
        // An end that is on record stands, and so does its reason.
        if self.is_there(&ended)? {
            return Ok(());
        }
        let ending = Ending { why: EndReason::Failed, at: now, note: None };
        let value = record::encode_record(&ended, &ending)?;
        let event = self.stage_end_event(place, lease, &ending, Some(reason))?;
        self.write_with_events(&[(ended, value), event])
    }
}
