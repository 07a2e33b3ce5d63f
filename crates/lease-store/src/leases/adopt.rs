//! Leases that were found in a cluster, and numbers that were found without a summary.

use chrono::{DateTime, Utc};
use lease_core::{Lease, LeaseId};

use super::held::Record;
use crate::claims::{Claim, ClaimKey};
use crate::summary::Tree;
use crate::{Held, KeyValue, Leases, Place, StoreError, Which, counter, keys, record};

impl<K: KeyValue> Leases<'_, K> {
    /// Records a lease that was found without a record, and which request it answers, where that is known:
    /// two durable writes.
    ///
    /// Two that adopt one lease at once make two numbers for it, which count as two for the cap until it ends.
    ///
    /// # Errors
    /// Fails if the store does not answer; it is found again then.
    pub fn adopt(
        &self,
        log: u64,
        lease: &Lease,
        request: Option<&ClaimKey>,
        now: DateTime<Utc>,
    ) -> Result<Held, StoreError> {
        let claim = request.map(|key| self.unclaimed(key)).transpose()?.flatten();
        let number = self.store.increment(&keys::count(Which::Secret(log)))?;
        let place = Place { log, number };
        let (key, place_key) = (keys::record(Which::Secret(log), number), keys::place(lease.id));
        let kept = Record { lease: lease.clone(), claim };
        let mut entries = vec![
            (key.clone(), record::write(&key, &kept)?),
            (place_key.clone(), record::write(&place_key, &place)?),
            self.adoption_event(place, lease, now)?,
        ];
        if let Some(claim) = &kept.claim {
            entries.push(claim.entry(lease.id, place)?);
        }
        self.write_with_events(&entries)?;
        Ok(Held::new(place, kept.lease))
    }

    /// A claim of a request that nobody has claimed. What was asked for is not known any more, so that any
    /// request of its key is answered with this lease.
    fn unclaimed(&self, key: &ClaimKey) -> Result<Option<Claim>, StoreError> {
        let generation = 1;
        let is_new = counter::read(self.store, &keys::claims(key, generation))? == 0
            && !self.is_there(&keys::claim(key, generation))?;
        let claim = Claim { key: key.clone(), generation, fingerprint: String::new() };
        Ok(is_new.then_some(claim))
    }

    /// Records an active lease anew, with more of what was found of it. Nobody else writes it any more.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn complete_with(&self, place: Place, lease: &Lease) -> Result<(), StoreError> {
        let claim = self.record(place)?.and_then(|record| record.claim);
        let record = Record { lease: lease.clone(), claim };
        self.write(keys::record(Which::Secret(place.log), place.number), &record)
    }

    /// Returns true if the end of a lease is on record, even if nothing else is known of it.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn has_ended(&self, id: LeaseId) -> Result<bool, StoreError> {
        self.is_there(&keys::ended(id))
    }

    /// Looks at `limit` numbers of a log from `from` on, whatever its summaries say of them, and lists those again
    /// that they have lost. Answers where it goes on; none at the end.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn rebuild(&self, log: u64, from: u64, limit: u64) -> Result<Option<u64>, StoreError> {
        let which = Which::Secret(log);
        let mut tree = Tree::read(self.store, which)?;
        let (entries, next) = tree.rebuild(from, limit, |number| {
            let Some(record) = self.record(Place { log, number })? else { return Ok(false) };
            Ok(!self.is_there(&keys::ended(record.lease.id))?)
        })?;
        if !entries.is_empty() {
            self.store.set_many(&entries)?;
        }
        Ok(next)
    }
}
