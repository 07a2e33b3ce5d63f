//! A store for tests: it lives in memory, and counts what it is asked.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::{KeyValue, KeyValueError};

/// A key-value store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    entries: RefCell<BTreeMap<String, Vec<u8>>>,
    reads: Cell<usize>,
    writes: Cell<usize>,
    down: Cell<bool>,
}

impl MemoryStore {
    /// Returns the number of keys that were read.
    #[must_use]
    pub fn number_of_reads(&self) -> usize {
        self.reads.get()
    }

    /// Returns the number of durable writes.
    #[must_use]
    pub fn number_of_writes(&self) -> usize {
        self.writes.get()
    }

    /// From now on every call fails, or none does.
    pub fn set_down(&self, down: bool) {
        self.down.set(down);
    }

    /// All keys, in order.
    #[must_use]
    pub fn list_keys(&self) -> Vec<String> {
        self.entries.borrow().keys().cloned().collect()
    }

    /// All that is in it.
    #[must_use]
    pub fn all_contents(&self) -> BTreeMap<String, Vec<u8>> {
        self.entries.borrow().clone()
    }

    /// Has it hold this and nothing else, as after a loss, or where a copy is put back.
    pub fn replace_contents(&self, contents: BTreeMap<String, Vec<u8>>) {
        *self.entries.borrow_mut() = contents;
    }

    fn entries_if_up(&self) -> Result<&RefCell<BTreeMap<String, Vec<u8>>>, KeyValueError> {
        if self.down.get() { Err(KeyValueError("down".to_owned())) } else { Ok(&self.entries) }
    }

    fn count_write(&self) -> Result<&RefCell<BTreeMap<String, Vec<u8>>>, KeyValueError> {
        let entries = self.entries_if_up()?;
        self.writes.set(self.writes.get() + 1);
        Ok(entries)
    }
}

impl KeyValue for MemoryStore {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        let entries = self.entries_if_up()?;
        self.reads.set(self.reads.get() + 1);
        Ok(entries.borrow().get(key).cloned())
    }

    fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KeyValueError> {
        self.count_write()?.borrow_mut().extend(entries.iter().cloned());
        Ok(())
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), KeyValueError> {
        let mut entries = self.count_write()?.borrow_mut();
        for key in keys {
            entries.remove(key);
        }
        Ok(())
    }

    fn increment_counter(&self, counter: &str) -> Result<u64, KeyValueError> {
        let mut entries = self.count_write()?.borrow_mut();
        let bytes = entries.entry(counter.to_owned()).or_insert_with(|| vec![0; 8]);
        let count = bytes.as_slice().try_into().map(u64::from_le_bytes);
        let count = count.map_err(|_| KeyValueError(format!("`{counter}` is no counter")))? + 1;
        *bytes = count.to_le_bytes().to_vec();
        Ok(count)
    }
}
