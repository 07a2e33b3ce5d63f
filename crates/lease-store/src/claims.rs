//! Who has come first with an `Idempotency-Key`.
//!
//! A key has generations. The first to count one up has it; a generation whose lease failed, or whose
//! claimer was fenced before it recorded one, is passed over, and the next one counts.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use lease_core::{EndReason, Ending, LeaseId};
use serde::{Deserialize, Serialize};

use crate::{KeyValue, Leases, Place, StoreError, counter, keys, record};

/// The name under which a request is kept: at most 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClaimKey(String);

/// A text that names no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a claim is named by 1 to 64 hexadecimal digits")]
pub struct ClaimKeyError;

/// That somebody was the first with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The request.
    pub key: ClaimKey,
    /// The generation of the request that is claimed.
    pub generation: u64,
    /// A digest of the body: another request under the same key has another.
    pub fingerprint: String,
}

/// A request for which a lease is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The request.
    pub claim: Claim,
    /// The lease.
    pub id: LeaseId,
    /// The key of its record.
    pub place: Place,
}

/// The outcome of claiming a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claiming {
    /// We are the first.
    Mine(Claim),
    /// There is a lease for it.
    Held(Claimed),
    /// Somebody else is at it.
    Busy {
        /// Since when that has been seen.
        since: DateTime<Utc>,
    },
}

/// The lease of a request, as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: LeaseId,
    place: Place,
    fingerprint: String,
}

impl<K: KeyValue> Leases<'_, K> {
    /// The lease of a request, if one is on record.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn claimed(&self, key: &ClaimKey) -> Result<Option<Claimed>, StoreError> {
        Ok(self.walk(key)?.1)
    }

    /// Claims a request: one durable write, by which it is ours or somebody else's.
    ///
    /// A rival without a lease is given up for dead `stale_after` it was first met, with one more write.
    ///
    /// # Errors
    /// Fails if the store does not answer; the request may be claimed all the same.
    pub fn claim(
        &self,
        key: &ClaimKey,
        fingerprint: &str,
        now: DateTime<Utc>,
        stale_after: TimeDelta,
    ) -> Result<Claiming, StoreError> {
        loop {
            let (generation, claimed) = self.walk(key)?;
            if let Some(claimed) = claimed {
                return Ok(Claiming::Held(claimed));
            }
            let count = keys::claims(key, generation);
            if counter::read(self.store, &count)? == 0 && self.store.increment(&count)? == 1 {
                let fingerprint = fingerprint.to_owned();
                return Ok(Claiming::Mine(Claim { key: key.clone(), generation, fingerprint }));
            }
            let since = self.noticed(key, generation, now)?;
            if now - since <= stale_after {
                return Ok(Claiming::Busy { since });
            }
            // Should the rival live after all: it reads the fence after it has written its record, and we
            // look for that record once more, after we have written the fence.
            self.fence_claim(key, generation)?;
        }
    }

    /// Gives up a request that is ours and has no lease on record.
    ///
    /// # Errors
    /// Fails if the store does not answer; it is given up for dead some time later then.
    pub fn release(&self, claim: &Claim) -> Result<(), StoreError> {
        self.fence_claim(&claim.key, claim.generation)
    }

    /// The generation that counts, and its lease.
    fn walk(&self, key: &ClaimKey) -> Result<(u64, Option<Claimed>), StoreError> {
        let mut generation = 1;
        loop {
            let fenced = self.store.get(&keys::claim_fence(key, generation))?.is_some();
            if let Some(claimed) = self.claim_of(key, generation)? {
                let ending: Option<Ending> = self.read(&keys::ended(claimed.id))?;
                if ending.is_none_or(|ending| ending.why != EndReason::Failed) {
                    return Ok((generation, Some(claimed)));
                }
            } else if !fenced {
                return Ok((generation, None));
            }
            generation += 1;
        }
    }

    fn claim_of(&self, key: &ClaimKey, generation: u64) -> Result<Option<Claimed>, StoreError> {
        let kept: Option<Kept> = self.read(&keys::claim(key, generation))?;
        Ok(kept.map(|Kept { id, place, fingerprint }| Claimed {
            claim: Claim { key: key.clone(), generation, fingerprint },
            id,
            place,
        }))
    }

    /// Since when a rival has been seen, which the first who meets it writes down.
    fn noticed(
        &self,
        key: &ClaimKey,
        generation: u64,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, StoreError> {
        let noticed = keys::claim_noticed(key, generation);
        if let Some(since) = self.read(&noticed)? {
            return Ok(since);
        }
        let value = record::write(&noticed, &now)?;
        self.store.set_many(&[(noticed, value)])?;
        Ok(now)
    }

    fn fence_claim(&self, key: &ClaimKey, generation: u64) -> Result<(), StoreError> {
        let fence = keys::claim_fence(key, generation);
        let value = record::write(&fence, &true)?;
        Ok(self.store.set_many(&[(fence, value)])?)
    }
}

impl Claim {
    /// Returns the entry that is written together with the record of the lease.
    pub(crate) fn entry(&self, id: LeaseId, place: Place) -> Result<(String, Vec<u8>), StoreError> {
        let key = keys::claim(&self.key, self.generation);
        let value =
            record::write(&key, &Kept { id, place, fingerprint: self.fingerprint.clone() })?;
        Ok((key, value))
    }

    /// Returns the keys of all that is kept of this claim; they are deleted when its lease is
    /// forgotten.
    pub(crate) fn keys(&self) -> Vec<String> {
        let Self { key, generation, .. } = self;
        vec![
            keys::claim(key, *generation),
            keys::claims(key, *generation),
            keys::claim_noticed(key, *generation),
            keys::claim_fence(key, *generation),
        ]
    }
}

impl TryFrom<String> for ClaimKey {
    type Error = ClaimKeyError;

    fn try_from(text: String) -> Result<Self, ClaimKeyError> {
        let good = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if good { Ok(Self(text)) } else { Err(ClaimKeyError) }
    }
}

impl From<ClaimKey> for String {
    fn from(key: ClaimKey) -> Self {
        key.0
    }
}

impl fmt::Display for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
