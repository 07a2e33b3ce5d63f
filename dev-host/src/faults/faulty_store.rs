//! A store that fails as planned.

use std::sync::Arc;

use async_trait::async_trait;

use super::{FaultKind, Faults};
use crate::key_value::{CompareAndSwap, Error, Store};

/// The store, failing as planned.
pub fn with_faults(store: Arc<dyn Store>, faults: Faults) -> Arc<dyn Store> {
    Arc::new(FaultyStore { store, faults })
}

struct FaultyStore {
    store: Arc<dyn Store>,
    faults: Faults,
}

impl FaultyStore {
    async fn run_with_planned_fault<T: Send>(
        &self,
        what: &str,
        operation: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let fault = self.faults.record_and_find_fault(what);
        Faults::delay_if_planned(fault).await;
        if let Some(error) = fault.and_then(planned_refusal) {
            return Err(error);
        }
        let answer = operation.await;
        Faults::die_if_planned(fault);
        match fault {
            Some(FaultKind::Torn) => Err(Error::Other("the answer was lost".to_owned())),
            _ => answer,
        }
    }
}

/// The failure of an operation that is not done, in SQLite's words.
fn planned_refusal(what: FaultKind) -> Option<Error> {
    let text = match what {
        FaultKind::Error => "disk I/O error",
        FaultKind::Full => "database or disk is full",
        FaultKind::Locked => "database is locked",
        FaultKind::KillBefore | FaultKind::KillAfter | FaultKind::Torn | FaultKind::Slow => {
            return None;
        }
    };
    Some(Error::Other(text.to_owned()))
}

#[async_trait]
impl Store for FaultyStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.run_with_planned_fault(&format!("read {key}"), self.store.get(key)).await
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.run_with_planned_fault(&format!("write {key}"), self.store.set(key, value)).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.run_with_planned_fault(&format!("write {key}"), self.store.delete(key)).await
    }

    async fn exists_key(&self, key: &str) -> Result<bool, Error> {
        self.run_with_planned_fault(&format!("read {key}"), self.store.exists_key(key)).await
    }

    async fn list_keys(&self) -> Result<Vec<String>, Error> {
        self.run_with_planned_fault("read *", self.store.list_keys()).await
    }

    async fn get_many(&self, keys: Vec<String>) -> Result<Vec<(String, Option<Vec<u8>>)>, Error> {
        self.run_with_planned_fault(&format!("read {}", keys.join(" ")), self.store.get_many(keys))
            .await
    }

    async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        let keys: Vec<_> = entries.iter().map(|(key, _)| key.as_str()).collect();
        self.run_with_planned_fault(
            &format!("write {}", keys.join(" ")),
            self.store.set_many(entries),
        )
        .await
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        self.run_with_planned_fault(
            &format!("write {}", keys.join(" ")),
            self.store.delete_many(keys),
        )
        .await
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        self.run_with_planned_fault(&format!("write {key}"), self.store.increment(key, delta)).await
    }

    async fn compare_and_swap(&self, key: &str) -> Result<Arc<dyn CompareAndSwap>, Error> {
        self.run_with_planned_fault(&format!("read {key}"), self.store.compare_and_swap(key)).await
    }
}
