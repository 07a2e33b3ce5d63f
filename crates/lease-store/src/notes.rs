//! What sweeps note for those that come after them: single records, of which the last write stands.

use lease_core::TargetName;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{KeyValue, StoreError, record};

/// A note of the sweeps and checks. If one is lost, work is repeated; nothing untrue is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note<'a> {
    /// The report of the last sweep.
    Sweep,
    /// When a request was served first, where no sweep has run yet.
    FirstRequest,
    /// When a request last did a little of what sweeps are for, since they were missing.
    StandIn,
    /// The sweep that is working on a target's leases, or on the postponed ones, so that no other
    /// does the same.
    Turn(Option<&'a TargetName>),
    /// The time by the target's own clock.
    Clock(&'a TargetName),
    /// That the target did not answer.
    Silence(&'a TargetName),
    /// That something on the way to the target refuses `Expect: 100-continue`.
    ExpectRefused(&'a TargetName),
    /// The progress of comparing a target with the records.
    Reconcile(&'a TargetName),
    /// The issuers that tokens of the target's cluster name.
    AccountIssuers(&'a TargetName),
    /// The keys of an issuer, by the digest of where they come from.
    IssuerKeys(&'a str),
    /// The name of an identity that was an administrator when it was last put: a hint.
    Administrator,
}

/// The notes in a store.
pub struct Notes<'a, K> {
    store: &'a K,
}

impl Note<'_> {
    fn note_key(self) -> String {
        match self {
            Note::Sweep => "sweep".to_owned(),
            Note::FirstRequest => "first-request".to_owned(),
            Note::StandIn => "stand-in".to_owned(),
            Note::Turn(Some(target)) => format!("target-turn.{target}"),
            Note::Turn(None) => "turn".to_owned(),
            Note::Clock(target) => format!("target-clock.{target}"),
            Note::Silence(target) => format!("target-silence.{target}"),
            Note::ExpectRefused(target) => format!("target-expect-refused.{target}"),
            Note::Reconcile(target) => format!("target-reconcile.{target}"),
            Note::AccountIssuers(target) => format!("target-issuers.{target}"),
            Note::IssuerKeys(id) => format!("issuer-keys.{id}"),
            Note::Administrator => "administrator".to_owned(),
        }
    }
}

impl<'a, K: KeyValue> Notes<'a, K> {
    /// The notes in `store`.
    pub fn new(store: &'a K) -> Self {
        Self { store }
    }

    /// Returns the note, if there is one.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn get<T: DeserializeOwned>(&self, note: Note<'_>) -> Result<Option<T>, StoreError> {
        let key = note.note_key();
        self.store.get(&key)?.map(|bytes| record::decode_record(&key, &bytes)).transpose()
    }

    /// Notes `value` in place of what was noted before.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn put_note<T: Serialize>(&self, note: Note<'_>, value: &T) -> Result<(), StoreError> {
        let key = note.note_key();
        let value = record::encode_record(&key, value)?;
        Ok(self.store.set_many(&[(key, value)])?)
    }

    /// Notes nothing any more.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn delete_note(&self, note: Note<'_>) -> Result<(), StoreError> {
        Ok(self.store.delete_many(&[note.note_key()])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    #[test]
    fn each_note_is_kept_by_itself_until_it_is_deleted() {
        let store = MemoryStore::default();
        let notes = Notes::new(&store);
        let (prod, other) = ("prod".parse().expect("good"), "other".parse().expect("good"));
        let all = [
            Note::Sweep,
            Note::FirstRequest,
            Note::StandIn,
            Note::Turn(None),
            Note::Turn(Some(&prod)),
            Note::Turn(Some(&other)),
            Note::Clock(&prod),
            Note::Silence(&prod),
            Note::ExpectRefused(&prod),
            Note::Reconcile(&prod),
            Note::AccountIssuers(&prod),
            Note::Administrator,
        ];
        for (number, note) in all.into_iter().enumerate() {
            assert_eq!(notes.get::<usize>(note).expect("reads"), None, "{note:?}");
            notes.put_note(note, &number).expect("writes");
        }
        for (number, note) in all.into_iter().enumerate() {
            assert_eq!(notes.get(note).expect("reads"), Some(number), "{note:?}");
            notes.delete_note(note).expect("deletes");
            assert_eq!(notes.get::<usize>(note).expect("reads"), None, "{note:?}");
        }
    }
}
