//! A store that counts what it is asked, and lets something happen in between.

use std::cell::{Cell, RefCell};

use lease_store::{KeyValue, KeyValueError};

/// A store that counts, and is interrupted.
pub(super) struct Watched<'a, K> {
    pub(super) inner: &'a K,
    reads: Cell<usize>,
    writes: Cell<usize>,
    /// The interruption, and the number of operations before it.
    interruption: RefCell<Option<Interruption<'a>>>,
    /// From how many more operations on none has an effect.
    stops: Cell<Option<usize>>,
}

type Interruption<'a> = (usize, Box<dyn FnOnce() + 'a>);

impl<'a, K: KeyValue> Watched<'a, K> {
    pub(super) fn new(inner: &'a K) -> Self {
        let (reads, writes) = (Cell::new(0), Cell::new(0));
        Self { inner, reads, writes, interruption: RefCell::new(None), stops: Cell::new(None) }
    }

    /// Returns the counts of reads and writes since the last call.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.reads.take(), self.writes.take())
    }

    /// Lets something happen after `operations` more.
    pub(super) fn interrupt(&self, operations: usize, what: impl FnOnce() + 'a) {
        *self.interruption.borrow_mut() = Some((operations, Box::new(what)));
    }

    /// Returns true if the interruption has not happened, and cancels it.
    pub(super) fn was_not_interrupted(&self) -> bool {
        self.interruption.take().is_some()
    }

    /// Fails all after `operations` more, without an effect, as for one who is killed there.
    pub(super) fn stop_after(&self, operations: usize) {
        self.stops.set(Some(operations));
    }

    fn step(&self) -> Result<&'a K, KeyValueError> {
        if let Some(left) = self.stops.get() {
            if left == 0 {
                return Err(KeyValueError("stopped".to_owned()));
            }
            self.stops.set(Some(left - 1));
        }
        let due = self.interruption.take();
        match due {
            Some((0, what)) => what(),
            Some((left, what)) => *self.interruption.borrow_mut() = Some((left - 1, what)),
            None => {}
        }
        Ok(self.inner)
    }

    fn write(&self) -> Result<&'a K, KeyValueError> {
        let inner = self.step()?;
        self.writes.set(self.writes.get() + 1);
        Ok(inner)
    }
}

impl<K: KeyValue> KeyValue for Watched<'_, K> {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        let inner = self.step()?;
        self.reads.set(self.reads.get() + 1);
        inner.get(key)
    }

    fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KeyValueError> {
        let counter = entries.iter().find(|(key, _)| key.starts_with("count."));
        assert!(counter.is_none(), "a counter is written: {counter:?}");
        self.write()?.set_many(entries)
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), KeyValueError> {
        self.write()?.delete_many(keys)
    }

    fn increment_counter(&self, counter: &str) -> Result<u64, KeyValueError> {
        assert!(counter.starts_with("count."), "no key of a counter: {counter}");
        self.write()?.increment_counter(counter)
    }
}
