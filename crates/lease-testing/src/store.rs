//! The store in memory, that dies with all else.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use lease_store::{KeyValue, KeyValueError, MemoryStore};

use super::fuse::{Death, Fuse};

/// A store in memory; each of its writes is a step at which everything can stop.
#[derive(Debug, Default)]
pub struct TestStore {
    memory: MemoryStore,
    fuse: Rc<Fuse>,
    operations: Cell<usize>,
    between: Between,
}

/// The one who comes between two operations.
#[derive(Default)]
struct Between(RefCell<Option<Act>>);

type Act = Box<dyn FnMut(usize)>;

impl TestStore {
    pub(super) fn new(fuse: Rc<Fuse>) -> Self {
        Self { fuse, ..Self::default() }
    }

    /// Lets somebody in just before each read and each write, whose number is told; what that one does is not told to
    /// itself.
    pub fn on_operation(&self, act: impl FnMut(usize) + 'static) {
        *self.between.0.borrow_mut() = Some(Box::new(act));
    }

    /// The number of the next operation.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.operations.get()
    }

    fn begin(&self) -> Result<(), KeyValueError> {
        self.alive()?;
        let number = self.operations.replace(self.operations.get() + 1);
        let Some(mut act) = self.between.0.take() else { return Ok(()) };
        act(number);
        self.between.0.borrow_mut().get_or_insert(act);
        Ok(())
    }

    fn write<T>(
        &self,
        write: impl FnOnce(&MemoryStore) -> Result<T, KeyValueError>,
    ) -> Result<T, KeyValueError> {
        self.begin()?;
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
        self.begin()?;
        self.memory.get(key)
    }

    fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KeyValueError> {
        self.write(|memory| memory.set_many(entries))
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), KeyValueError> {
        self.write(|memory| memory.delete_many(keys))
    }

    fn increment_counter(&self, counter: &str) -> Result<u64, KeyValueError> {
        self.write(|memory| memory.increment_counter(counter))
    }
}

fn dead() -> KeyValueError {
    KeyValueError("dead".to_owned())
}

impl fmt::Debug for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Between")
    }
}
