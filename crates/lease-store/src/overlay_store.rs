//! A store over another, which keeps to itself what is written: to see what would come of something.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::{KeyValue, KeyValueError, counter};

/// A store that reads another and never writes it: what is written here is seen here alone, and gone with it.
pub struct Overlay<'s, S> {
    below: &'s S,
    /// The entries that were written; `None` for a deleted one.
    written: RefCell<BTreeMap<String, Option<Vec<u8>>>>,
}

impl<'s, S: KeyValue> Overlay<'s, S> {
    /// An overlay on which nothing is written yet.
    pub fn new(below: &'s S) -> Self {
        Self { below, written: RefCell::default() }
    }
}

impl<S: KeyValue> KeyValue for Overlay<'_, S> {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        match self.written.borrow().get(key) {
            Some(written) => Ok(written.clone()),
            None => self.below.get(key),
        }
    }

    fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KeyValueError> {
        let entries = entries.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        self.written.borrow_mut().extend(entries);
        Ok(())
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), KeyValueError> {
        self.written.borrow_mut().extend(keys.iter().map(|key| (key.clone(), None)));
        Ok(())
    }

    fn increment_counter(&self, counter: &str) -> Result<u64, KeyValueError> {
        let count = counter::read_counter(self, counter)? + 1;
        self.set_many(&[(counter.to_owned(), count.to_string().into_bytes())])?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    #[test]
    fn what_is_written_on_it_is_seen_on_it_alone() {
        let below = MemoryStore::default();
        let pair = |key: &str, value: &str| (key.to_owned(), value.as_bytes().to_vec());
        below.set_many(&[pair("a", "1"), pair("b", "2")]).expect("writes");
        below.increment_counter("count").expect("counts");
        let (contents, writes) = (below.all_contents(), below.number_of_writes());
        let overlay = Overlay::new(&below);
        overlay.set_many(&[pair("a", "3"), pair("c", "4")]).expect("writes");
        overlay.delete_many(&["b".to_owned()]).expect("deletes");
        assert_eq!(overlay.increment_counter("count"), Ok(2));
        assert_eq!(overlay.increment_counter("count"), Ok(3));
        assert_eq!(overlay.increment_counter("other"), Ok(1));
        for (key, value) in [("a", Some("3")), ("b", None), ("c", Some("4")), ("d", None)] {
            let expected = value.map(|value| value.as_bytes().to_vec());
            assert_eq!(overlay.get(key), Ok(expected), "{key}");
        }
        assert_eq!(
            (below.all_contents(), below.number_of_writes()),
            (contents, writes),
            "nothing is written below"
        );
        assert_eq!(Overlay::new(&below).get("b"), Ok(Some(b"2".to_vec())));
    }
}
