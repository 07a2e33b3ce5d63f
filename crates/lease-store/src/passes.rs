//! How far something has come that goes through all leases, a part with each sweep.

use serde::{Deserialize, Serialize};

use crate::{KeyValue, Place, StoreError, record};

/// How far a pass through all leases has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Where it goes on; absent before its begin and after its end.
    pub at: Option<Place>,
    /// Whether something was left out on the way, so that it has to begin again.
    pub incomplete: bool,
    /// Whether it has come to its end, with nothing left out.
    pub done: bool,
}

/// The passes, each under a name of its own.
pub struct Passes<'a, K> {
    store: &'a K,
}

impl<'a, K: KeyValue> Passes<'a, K> {
    /// The passes in `store`.
    pub fn new(store: &'a K) -> Self {
        Self { store }
    }

    /// How far the pass of this name has come.
    ///
    /// # Errors
    /// Fails where the store does not answer, or holds what cannot be read.
    pub fn get(&self, name: &str) -> Result<Pass, StoreError> {
        let key = format!("pass.{name}");
        let bytes = self.store.get(&key)?;
        Ok(bytes.map(|bytes| record::read(&key, &bytes)).transpose()?.unwrap_or_default())
    }

    /// Keeps how far it has come. Of two sweeps at once the later write stands: what is gone through twice
    /// is found done.
    ///
    /// # Errors
    /// Fails where the store does not answer.
    pub fn put(&self, name: &str, pass: &Pass) -> Result<(), StoreError> {
        let key = format!("pass.{name}");
        let value = record::write(&key, pass)?;
        Ok(self.store.set_many(&[(key, value)])?)
    }
}
