//! Who has come first with an `Idempotency-Key`.
//!
//! A key has generations. The first to count one up has it; a generation whose lease failed, or whose
//! claimer was fenced before it recorded one, is passed over, and the next one counts.

use chrono::{DateTime, TimeDelta, Utc};
use lease_core::{EndReason, Ending, LeaseId};
use serde::{Deserialize, Serialize};

use crate::{KeyValue, LeaseKey, Leases, ReservationKey, StoreError, counter, keys, record};

/// That somebody was the first with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyReservation {
    /// The request.
    pub key: ReservationKey,
    /// The generation of the request that is claimed.
    pub generation: u64,
    /// A digest of the body: another request under the same key has another.
    pub fingerprint: String,
}

/// A request for which a lease is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredRequest {
    /// The request.
    pub claim: IdempotencyReservation,
    /// The lease.
    pub id: LeaseId,
    /// The key of its record.
    pub place: LeaseKey,
}

/// The outcome of claiming a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReservationOutcome {
    /// We are the first.
    Mine(IdempotencyReservation),
    /// There is a lease for it.
    Taken(AnsweredRequest),
    /// Somebody else is at it.
    Busy {
        /// Since when that has been seen.
        since: DateTime<Utc>,
    },
}

/// The lease of a request, as it is kept.
#[derive(Serialize, Deserialize)]
struct AnswerRecord {
    id: LeaseId,
    place: LeaseKey,
    fingerprint: String,
}

impl<K: KeyValue> Leases<'_, K> {
    /// The lease of a request, if one is on record.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn find_answered_request(
        &self,
        key: &ReservationKey,
    ) -> Result<Option<AnsweredRequest>, StoreError> {
        Ok(self.read_latest_generation(key)?.1)
    }

    /// Claims a request: one durable write, by which it is ours or somebody else's.
    ///
    /// A rival without a lease is given up for dead `stale_after` it was first met, with one more write.
    ///
    /// # Errors
    /// Fails if the store does not answer; the request may be claimed all the same.
    pub fn reserve_request(
        &self,
        key: &ReservationKey,
        fingerprint: &str,
        now: DateTime<Utc>,
        stale_after: TimeDelta,
    ) -> Result<ReservationOutcome, StoreError> {
        loop {
            let (generation, claimed) = self.read_latest_generation(key)?;
            if let Some(claimed) = claimed {
                return Ok(ReservationOutcome::Taken(claimed));
            }
            let count = keys::reservation_counter_key(key, generation);
            if counter::read_counter(self.store, &count)? == 0
                && self.store.increment_counter(&count)? == 1
            {
                let fingerprint = fingerprint.to_owned();
                return Ok(ReservationOutcome::Mine(IdempotencyReservation {
                    key: key.clone(),
                    generation,
                    fingerprint,
                }));
            }
            let since = self.record_rival_first_seen(key, generation, now)?;
            if now - since <= stale_after {
                return Ok(ReservationOutcome::Busy { since });
            }
            // Should the rival live after all: it reads the fence after it has written its record, and we
            // look for that record once more, after we have written the fence.
            self.fence_reservation(key, generation)?;
        }
    }

    /// Gives up a request that is ours and has no lease on record.
    ///
    /// # Errors
    /// Fails if the store does not answer; it is given up for dead some time later then.
    pub fn release_reservation(&self, claim: &IdempotencyReservation) -> Result<(), StoreError> {
        self.fence_reservation(&claim.key, claim.generation)
    }

    /// The generation that counts, and its lease.
    fn read_latest_generation(
        &self,
        key: &ReservationKey,
    ) -> Result<(u64, Option<AnsweredRequest>), StoreError> {
        let mut generation = 1;
        loop {
            let fenced = self.store.get(&keys::reservation_fence_key(key, generation))?.is_some();
            if let Some(claimed) = self.read_answered_request(key, generation)? {
                let ending: Option<Ending> = self.read_value(&keys::ended_key(claimed.id))?;
                if ending.is_none_or(|ending| ending.why != EndReason::Failed) {
                    return Ok((generation, Some(claimed)));
                }
            } else if !fenced {
                return Ok((generation, None));
            }
            generation += 1;
        }
    }

    fn read_answered_request(
        &self,
        key: &ReservationKey,
        generation: u64,
    ) -> Result<Option<AnsweredRequest>, StoreError> {
        let kept: Option<AnswerRecord> =
            self.read_value(&keys::reservation_key(key, generation))?;
        Ok(kept.map(|AnswerRecord { id, place, fingerprint }| AnsweredRequest {
            claim: IdempotencyReservation { key: key.clone(), generation, fingerprint },
            id,
            place,
        }))
    }

    /// Since when a rival has been seen, which the first who meets it writes down.
    fn record_rival_first_seen(
        &self,
        key: &ReservationKey,
        generation: u64,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, StoreError> {
        let noticed = keys::reservation_rival_key(key, generation);
        if let Some(since) = self.read_value(&noticed)? {
            return Ok(since);
        }
        let value = record::encode_record(&noticed, &now)?;
        self.store.set_many(&[(noticed, value)])?;
        Ok(now)
    }

    fn fence_reservation(&self, key: &ReservationKey, generation: u64) -> Result<(), StoreError> {
        let fence = keys::reservation_fence_key(key, generation);
        let value = record::encode_record(&fence, &true)?;
        Ok(self.store.set_many(&[(fence, value)])?)
    }
}

impl IdempotencyReservation {
    /// Returns the entry that is written together with the record of the lease.
    pub(crate) fn record_entry(
        &self,
        id: LeaseId,
        place: LeaseKey,
    ) -> Result<(String, Vec<u8>), StoreError> {
        let key = keys::reservation_key(&self.key, self.generation);
        let value = record::encode_record(
            &key,
            &AnswerRecord { id, place, fingerprint: self.fingerprint.clone() },
        )?;
        Ok((key, value))
    }

    /// Returns the keys of all that is kept of this claim; they are deleted when its lease is
    /// forgotten.
    #[must_use]
    pub fn stored_keys(&self) -> Vec<String> {
        let Self { key, generation, .. } = self;
        vec![
            keys::reservation_key(key, *generation),
            keys::reservation_counter_key(key, *generation),
            keys::reservation_rival_key(key, *generation),
            keys::reservation_fence_key(key, *generation),
        ]
    }
}
