//! How far something has come that goes through all leases, a part with each sweep.

use serde::{Deserialize, Serialize};

use crate::{KeyValue, LeaseKey, StoreError, record};

/// The progress of a pass through all leases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassProgress {
    /// The lease at which the pass goes on; absent before its begin and after its end.
    pub at: Option<LeaseKey>,
    /// True if a lease was left out on the way, so that the pass has to begin again.
    pub incomplete: bool,
    /// True if the pass has come to its end, with nothing left out.
    pub done: bool,
}

/// The passes, each under a name of its own.
pub struct LeasePasses<'a, K> {
    store: &'a K,
}

impl<'a, K: KeyValue> LeasePasses<'a, K> {
    /// The passes in `store`.
    pub fn new(store: &'a K) -> Self {
        Self { store }
    }

    /// Returns the progress of the pass of this name.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn get(&self, name: &str) -> Result<PassProgress, StoreError> {
        let key = format!("pass.{name}");
        let bytes = self.store.get(&key)?;
        Ok(bytes.map(|bytes| record::decode_record(&key, &bytes)).transpose()?.unwrap_or_default())
    }

    /// Keeps how far it has come. Of two sweeps at once the later write stands: what is gone through twice
    /// is found done.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn put_pass(&self, name: &str, pass: &PassProgress) -> Result<(), StoreError> {
        let key = format!("pass.{name}");
        let value = record::encode_record(&key, pass)?;
        Ok(self.store.set_many(&[(key, value)])?)
    }
}
