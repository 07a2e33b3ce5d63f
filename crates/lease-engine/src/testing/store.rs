//! The store in memory, that dies with all else.

use std::ops::Deref;
use std::rc::Rc;

use lease_store::{KeyValue, KeyValueError, MemoryStore};

use super::fuse::{Death, Fuse};

/// A store in memory; each of its writes is a step at which everything can stop.
#[derive(Debug, Default)]
pub struct TestStore {
    memory: MemoryStore,
    fuse: Rc<Fuse>,
}

impl TestStore {
    pub(super) fn new(fuse: Rc<Fuse>) -> Self {
        Self { memory: MemoryStore::default(), fuse }
    }

    fn write<T>(
        &self,
        write: impl FnOnce(&MemoryStore) -> Result<T, KeyValueError>,
    ) -> Result<T, KeyValueError> {
        self.alive()?;
        match self.fuse.step() {
            None => write(&self.memory),
            Some(Death::After) => write(&self.memory).and(Err(dead())),
            Some(Death::Before | Death::Late) => Err(dead()),
        }
    }

    fn alive(&self) -> Result<(), KeyValueError> {
        if self.fuse.is_dead() { Err(dead()) } else { Ok(()) }
    }
}

impl Deref for TestStore {
    type Target = MemoryStore;

    fn deref(&self) -> &MemoryStore {
        &self.memory
    }
}

impl KeyValue for TestStore {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.alive()?;
        self.memory.get(key)
    }

    fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KeyValueError> {
        self.write(|memory| memory.set_many(entries))
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), KeyValueError> {
        self.write(|memory| memory.delete_many(keys))
    }

    fn increment(&self, counter: &str) -> Result<u64, KeyValueError> {
        self.write(|memory| memory.increment(counter))
    }
}

fn dead() -> KeyValueError {
    KeyValueError("dead".to_owned())
}
