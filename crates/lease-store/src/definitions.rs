//! Targets, dynamic secrets and identities: found by name, listed in the order in which they were first put.

use std::marker::PhantomData;

use lease_core::{DynamicSecret, DynamicSecretName, Identity, IdentityName, Target, TargetName};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{
    KeyValue, LedgerRecord, StoreError, access_token_records, cluster_facts, counter, keys, record,
    target_checks,
};

/// Something that is defined by an administrator and has a name.
pub trait StoredDefinition: Serialize + DeserializeOwned {
    /// The type of its name.
    type Name: AsRef<str> + ?Sized;

    /// The first part of its keys.
    const KIND: &'static str;

    /// Returns its name.
    fn name(&self) -> &Self::Name;

    /// A record that is written when the number is first used, and that outlives the definition.
    ///
    /// # Errors
    /// Fails if it cannot be written.
    fn lasting_record(&self, _number: u64) -> Result<Option<(String, Vec<u8>)>, StoreError> {
        Ok(None)
    }

    /// The value that such a record gets when the definition is deleted.
    ///
    /// # Errors
    /// Fails if it cannot be read.
    fn record_after_deletion(
        _number: u64,
        _bytes: &[u8],
    ) -> Result<Option<(String, Vec<u8>)>, StoreError> {
        Ok(None)
    }

    /// The keys of what is kept about the definition of this name and number, and goes when it goes.
    fn satellite_keys(_name: &Self::Name, _number: u64) -> Vec<String> {
        Vec::new()
    }
}

/// The definitions of one kind.
pub struct Definitions<'a, K, D> {
    store: &'a K,
    kind: PhantomData<fn() -> D>,
}

/// A part of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct DefinitionPage<D> {
    /// The definitions, in the order in which they were first put.
    pub items: Vec<D>,
    /// The number at which the next part begins; absent at the end of the list.
    pub next: Option<u64>,
}

impl<'a, K: KeyValue, D: StoredDefinition> Definitions<'a, K, D> {
    /// The definitions of this kind in `store`.
    pub fn new(store: &'a K) -> Self {
        Self { store, kind: PhantomData }
    }

    /// The definition of this name, if there is one.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn get(&self, name: &D::Name) -> Result<Option<D>, StoreError> {
        Ok(self.find(name.as_ref())?.map(|entry| entry.definition))
    }

    /// Puts `definition` under its name, in place of one that is there.
    ///
    /// A new name takes the next number of the list, which is never given again: so a replica that lists
    /// at the same time can miss it for a moment, and can never show it twice or lose another.
    ///
    /// # Errors
    /// Fails if the store does not answer; the definition may be there all the same.
    pub fn put_definition(&self, definition: &D) -> Result<u64, StoreError> {
        self.put_definition_with_entries(definition, &[])
    }

    /// The same, with entries that are written in one step with the definition, such as the event of its change.
    ///
    /// # Errors
    /// Fails if the store does not answer; both may be there all the same, or neither.
    pub fn put_definition_with_entries(
        &self,
        definition: &D,
        riding: &[(String, Vec<u8>)],
    ) -> Result<u64, StoreError> {
        let name = definition.name().as_ref();
        let key = Self::name_key(name);
        let mut known = self.find(name)?.map(|entry| entry.number);
        loop {
            let (number, is_new) = match known.take() {
                Some(number) if self.has_lasting_record(definition, number)? => (number, false),
                _ => (self.store.increment_counter(&Self::counter_key())?, true),
            };
            let value = record::encode_record(&key, &DefinitionEntry { number, definition })?;
            // Both, even if the number was listed already: a deletion may come between.
            let slot = (Self::slot_key(number), name.as_bytes().to_vec());
            let mut entries = vec![slot, (key.clone(), value)];
            entries.extend_from_slice(riding);
            if is_new {
                entries.extend(definition.lasting_record(number)?);
            }
            self.store.set_many(&entries)?;
            // What goes with a number goes with it for ever. A deletion says so first and deletes then, and
            // we have written first and look now: one of us sees the other.
            if self.has_lasting_record(definition, number)? {
                return Ok(number);
            }
            self.store.delete_many(&[Self::slot_key(number)])?;
        }
    }

    /// Returns true if the record that outlives a definition of this number is there, and was not
    /// given up.
    fn has_lasting_record(&self, definition: &D, number: u64) -> Result<bool, StoreError> {
        let Some((key, _)) = definition.lasting_record(number)? else { return Ok(true) };
        let Some(bytes) = self.store.get(&key)? else { return Ok(false) };
        let outlived = D::record_after_deletion(number, &bytes)?;
        Ok(outlived.is_none_or(|(_, outlived)| outlived != bytes))
    }

    /// The definition of this name and its number, if there is one.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn get_with_number(&self, name: &D::Name) -> Result<Option<(u64, D)>, StoreError> {
        Ok(self.find(name.as_ref())?.map(|entry| (entry.number, entry.definition)))
    }

    /// Deletes the definition of this name, and says whether there was one.
    ///
    /// # Errors
    /// Fails if the store does not answer; the definition may be gone all the same.
    pub fn delete_definition(&self, name: &D::Name) -> Result<bool, StoreError> {
        self.delete_definition_with_entries(name, &[])
    }

    /// The same, with entries that are written before anything is deleted, such as the event of the deletion: should
    /// this stop between, what is said to be deleted is there, and is deleted by whoever asks again.
    ///
    /// # Errors
    /// Fails if the store does not answer; the definition may be gone all the same, and no sooner than the entries are
    /// written.
    pub fn delete_definition_with_entries(
        &self,
        name: &D::Name,
        riding: &[(String, Vec<u8>)],
    ) -> Result<bool, StoreError> {
        let Some(entry) = self.find(name.as_ref())? else { return Ok(false) };
        let mut entries = riding.to_vec();
        if let Some((key, _)) = entry.definition.lasting_record(entry.number)?
            && let Some(bytes) = self.store.get(&key)?
        {
            entries.extend(D::record_after_deletion(entry.number, &bytes)?);
        }
        if !entries.is_empty() {
            self.store.set_many(&entries)?;
        }
        let mut keys = vec![Self::name_key(name.as_ref()), Self::slot_key(entry.number)];
        keys.extend(D::satellite_keys(name, entry.number));
        self.store.delete_many(&keys)?;
        Ok(true)
    }

    /// At most `limit` definitions from the `from`th number on.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn list_page(&self, from: u64, limit: usize) -> Result<DefinitionPage<D>, StoreError> {
        let last = counter::read_counter(self.store, &Self::counter_key())?;
        let mut items = Vec::new();
        for number in from.max(1)..=last {
            if let Some(definition) = self.get_by_number(number)? {
                if items.len() == limit {
                    return Ok(DefinitionPage { items, next: Some(number) });
                }
                items.push(definition);
            }
        }
        Ok(DefinitionPage { items, next: None })
    }

    /// Every definition.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn list_all(&self) -> Result<Vec<D>, StoreError> {
        Ok(self.list_page(1, usize::MAX)?.items)
    }

    /// Every definition with its number.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn list_all_with_numbers(&self) -> Result<Vec<(u64, D)>, StoreError> {
        let last = counter::read_counter(self.store, &Self::counter_key())?;
        let numbered = |number| {
            let definition = self.get_by_number(number).transpose()?;
            Some(definition.map(|definition| (number, definition)))
        };
        (1..=last).filter_map(numbered).collect()
    }

    /// The number of every definition.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn list_numbers(&self) -> Result<Vec<u64>, StoreError> {
        let last = counter::read_counter(self.store, &Self::counter_key())?;
        let mut numbers = vec![];
        for number in 1..=last {
            if self.store.get(&Self::slot_key(number))?.is_some() {
                numbers.push(number);
            }
        }
        Ok(numbers)
    }

    /// The definition of this number, if there is one: two reads.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn get_by_number(&self, number: u64) -> Result<Option<D>, StoreError> {
        let Some(name) = self.store.get(&Self::slot_key(number))? else { return Ok(None) };
        let entry = self.find(&String::from_utf8_lossy(&name))?;
        // Two replicas that put one new name at once give it two numbers; the record says which counts.
        Ok(entry.filter(|entry| entry.number == number).map(|entry| entry.definition))
    }

    fn find(&self, name: &str) -> Result<Option<DefinitionEntry<D>>, StoreError> {
        let key = Self::name_key(name);
        self.store.get(&key)?.map(|bytes| record::decode_record(&key, &bytes)).transpose()
    }

    fn name_key(name: &str) -> String {
        format!("{}.{name}", D::KIND)
    }

    fn slot_key(number: u64) -> String {
        format!("{}-list.{number}", D::KIND)
    }

    /// Returns the key of the counter that numbers new definitions.
    pub(crate) fn counter_key() -> String {
        format!("count.{}", D::KIND)
    }
}

impl StoredDefinition for Target {
    type Name = TargetName;
    const KIND: &'static str = "target";

    fn name(&self) -> &TargetName {
        &self.name
    }

    fn satellite_keys(name: &TargetName, _number: u64) -> Vec<String> {
        vec![target_checks::check_key(name), cluster_facts::cluster_key(name)]
    }
}

impl StoredDefinition for Identity {
    type Name = IdentityName;
    const KIND: &'static str = "identity";

    fn name(&self) -> &IdentityName {
        &self.name
    }

    fn satellite_keys(_name: &IdentityName, number: u64) -> Vec<String> {
        vec![access_token_records::identity_revoked_key(number)]
    }
}

impl StoredDefinition for DynamicSecret {
    type Name = DynamicSecretName;
    const KIND: &'static str = "dynamic-secret";

    fn name(&self) -> &DynamicSecretName {
        &self.name
    }

    fn lasting_record(&self, number: u64) -> Result<Option<(String, Vec<u8>)>, StoreError> {
        let key = keys::ledger_key(number);
        let value = record::encode_record(&key, &LedgerRecord::from_dynamic_secret(self))?;
        Ok(Some((key, value)))
    }

    fn record_after_deletion(
        number: u64,
        bytes: &[u8],
    ) -> Result<Option<(String, Vec<u8>)>, StoreError> {
        let key = keys::ledger_key(number);
        let log: LedgerRecord = record::decode_record(&key, bytes)?;
        let value = record::encode_record(&key, &LedgerRecord { retired: true, ..log })?;
        Ok(Some((key, value)))
    }
}

/// A definition with its number in the list.
#[derive(Serialize, Deserialize)]
struct DefinitionEntry<D> {
    number: u64,
    definition: D,
}

#[cfg(test)]
mod tests;
