//! Ending a lease by hand.

use lease_core::{Closing, Ending, LeaseId};

use super::issue::FenceError;
use crate::summary::Tree;
use crate::{Held, KeyValue, Leases, Place, StoreError, Which, keys, record};

impl<K: KeyValue> Leases<'_, K> {
    /// Records that a lease has ended, once nothing of it is left: one durable write.
    ///
    /// # Errors
    /// Fails if the store does not answer; the record may be there all the same.
    pub fn finish(&self, held: &Held, ending: &Ending) -> Result<(), StoreError> {
        let Place { log, number } = held.place;
        let key = keys::ended(held.lease.id);
        let event = self.end_event(held.place, &held.lease, ending, None)?;
        let mut entries = vec![(key.clone(), record::write(&key, ending)?), event];
        // Only a courtesy: what the summaries do not say, the sweep finds.
        let mut tree = Tree::read(self.store, Which::Secret(log))?;
        entries.extend(tree.entries_of(number, super::sweep::DONE)?);
        self.write_with_events(&entries)
    }

    /// Records that a lease is to be ended and cannot be now, so that a sweep goes on with it: two durable
    /// writes.
    ///
    /// # Errors
    /// Fails if the store does not answer, or where a sweep took us for dead: then it is not sure that
    /// anybody goes on, and it is to be asked again.
    pub fn postpone(&self, held: &Held, closing: &Closing) -> Result<Closing, FenceError> {
        let id = held.lease.id;
        let number = self.store.increment(&keys::count(Which::Work))?;
        let closing = Closing { work: Some(number), ..closing.clone() };
        let (closing_key, work) = (keys::closing(id), keys::record(Which::Work, number));
        let entries = [
            (closing_key.clone(), record::write(&closing_key, &closing)?),
            (work.clone(), record::write(&work, &id)?),
            self.closing_event(held.place, &held.lease, &closing)?,
        ];
        self.write_with_events(&entries)?;
        let void = self.is_there(&keys::void(Which::Work, number))?;
        if void { Err(FenceError::Fenced) } else { Ok(closing) }
    }

    /// Returns true if a sweep has given up the number under which an end was left to the sweeps.
    /// Then the lease would be found only when it expires.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn is_void_work(&self, number: Option<u64>) -> Result<bool, StoreError> {
        match number {
            Some(number) => self.is_there(&keys::void(Which::Work, number)),
            None => Ok(false),
        }
    }

    /// Keeps what stands in the way of an end that is decided.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn note_obstacle(&self, id: LeaseId, closing: &Closing) -> Result<(), StoreError> {
        self.write(keys::closing(id), closing)
    }
}
