//! A lease with all that was decided of it.

use chrono::{DateTime, Utc};
use lease_core::{Closing, Ending, Lease, LeaseId, LeaseState};
use serde::{Deserialize, Serialize};

use crate::claims::Claim;
use crate::{KeyValue, Leases, Place, StoreError, Which, counter, keys};

/// A lease, where it is kept, and what was decided of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The place of its record.
    pub place: Place,
    /// The record as its issuer wrote it.
    pub lease: Lease,
    /// When it ends, with all renewals.
    pub expires_at: DateTime<Utc>,
    /// That its end is decided, where it is.
    pub closing: Option<Closing>,
    /// That it has ended, where it has.
    pub ending: Option<Ending>,
}

/// A lease as it is kept under its number. Its issuer alone writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) lease: Lease,
    pub(crate) claim: Option<Claim>,
}

/// A renewal as it is kept: the end, and which earlier renewals were not there yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Renewed {
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) missing: Vec<u64>,
}

impl Held {
    /// A lease of which nothing was decided yet.
    #[must_use]
    pub fn new(place: Place, lease: Lease) -> Self {
        Self { place, expires_at: lease.expires_at, lease, closing: None, ending: None }
    }

    /// Returns the state of the lease at `now`.
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> LeaseState {
        self.lease.state(self.expires_at, self.closing.as_ref(), self.ending.as_ref(), now)
    }
}

impl<K: KeyValue> Leases<'_, K> {
    /// The lease of this id, if there is one and it is not forgotten.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn find(&self, id: LeaseId) -> Result<Option<Held>, StoreError> {
        match self.read(&keys::place(id))? {
            Some(place) => Ok(self.held(place)?.filter(|held| held.lease.id == id)),
            None => Ok(None),
        }
    }

    /// The lease at this place.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn held(&self, place: Place) -> Result<Option<Held>, StoreError> {
        match self.record(place)? {
            Some(record) => Ok(Some(self.with_decisions(place, record.lease)?)),
            None => Ok(None),
        }
    }

    pub(crate) fn record(&self, place: Place) -> Result<Option<Record>, StoreError> {
        self.read(&keys::record(Which::Secret(place.log), place.number))
    }

    pub(crate) fn with_decisions(&self, place: Place, lease: Lease) -> Result<Held, StoreError> {
        let closing = self.read(&keys::closing(lease.id))?;
        let ending = self.read(&keys::ended(lease.id))?;
        let expires_at = self.expires_at(&lease)?;
        Ok(Held { place, lease, expires_at, closing, ending })
    }

    /// The latest end of a lease, with all renewals that are there.
    pub(crate) fn expires_at(&self, lease: &Lease) -> Result<DateTime<Utc>, StoreError> {
        let last = counter::read(self.store, &keys::renewals(lease.id))?;
        Ok(self.renewed(lease, last)?.expires_at)
    }

    /// The latest end of all renewals up to the `last`th, and which of them are not there.
    ///
    /// The newest that is there has looked at all before it, but for those that it names as missing.
    pub(crate) fn renewed(&self, lease: &Lease, last: u64) -> Result<Renewed, StoreError> {
        let mut all = Renewed { expires_at: lease.expires_at, missing: vec![] };
        for number in (1..=last).rev() {
            let Some(newest): Option<Renewed> = self.read(&keys::renewal(lease.id, number))? else {
                all.missing.push(number);
                continue;
            };
            all.expires_at = all.expires_at.max(newest.expires_at);
            for number in newest.missing {
                match self.read::<Renewed>(&keys::renewal(lease.id, number))? {
                    Some(late) => all.expires_at = all.expires_at.max(late.expires_at),
                    None => all.missing.push(number),
                }
            }
            break;
        }
        Ok(all)
    }
}
