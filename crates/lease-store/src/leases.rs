//! Leases: numbered in the log of their dynamic secret, found by id, ended by a sweep or by hand.
//!
//! The layout and its three rules (fences, summaries, the cap) are told in `docs/store.md`.

mod adopt;
mod end;
mod held;
mod issue;
mod list;
mod logs;
mod renew;
mod sweep;
mod times;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::held::Held;
pub(crate) use self::held::Record;
pub use self::issue::{FenceError, NumberError, Numbered, Share};
pub use self::list::LeasePage;
pub use self::logs::Log;
pub(crate) use self::logs::read_logs;
pub use self::renew::Renewal;
pub use self::sweep::{Batch, Summary, Task};
pub use self::times::{Clocks, Times};
use crate::{KeyValue, StoreError, record};

/// The leases of all dynamic secrets.
pub struct Leases<'a, K> {
    pub(crate) store: &'a K,
}

/// Where a lease is kept: which log, and under which number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The log of its dynamic secret.
    pub log: u64,
    /// Its number.
    pub number: u64,
}

/// A log: something that has numbers, which are looked at when their time comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The leases of one dynamic secret.
    Secret(u64),
    /// The revocations that could not be finished.
    Work,
    /// The leases of the identity of this number, of which only so many may live. Each entry names a lease, which
    /// has a number in the log of its dynamic secret too.
    Identity(u64),
}

impl<'a, K: KeyValue> Leases<'a, K> {
    /// The leases in `store`.
    pub fn new(store: &'a K) -> Self {
        Self { store }
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        self.store.get(key)?.map(|bytes| record::read(key, &bytes)).transpose()
    }

    fn is_there(&self, key: &str) -> Result<bool, StoreError> {
        Ok(self.store.get(key)?.is_some())
    }

    fn write<T: Serialize>(&self, key: String, value: &T) -> Result<(), StoreError> {
        let value = record::write(&key, value)?;
        Ok(self.store.set_many(&[(key, value)])?)
    }
}
