//! What a guest sees of the stores: `fermyon:spin/key-value` and `wasi:keyvalue`, on the same handles.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::{AllowedLabels, Bucket, Cas, Error, Store, Stores};
use crate::bindings::{atomics, batch, key_value, store};
use crate::faults::{Faults, with_faults};
use crate::guest::Guest;

/// The stores, as far as one component may open them.
#[derive(Clone)]
pub struct ComponentStores {
    /// All stores of the application.
    pub stores: Arc<Stores>,
    /// The labels in the component's `key_value_stores`.
    pub labels: AllowedLabels,
    /// The faults that a test has planned.
    pub faults: Option<Faults>,
}

impl ComponentStores {
    async fn open(&self, label: &str) -> Result<Bucket, Error> {
        if !self.labels.contains(label) {
            return Err(Error::AccessDenied);
        }
        let store = self.stores.open(label).await?;
        Ok(Bucket(match &self.faults {
            Some(faults) => with_faults(store, faults.clone()),
            None => store,
        }))
    }
}

impl Guest {
    async fn open_bucket(
        &mut self,
        label: &str,
    ) -> wasmtime::Result<Result<Resource<Bucket>, Error>> {
        Ok(match self.key_value.open(label).await {
            Ok(bucket) => Ok(self.table.push(bucket)?),
            Err(error) => Err(error),
        })
    }

    fn get_bucket(&self, handle: &Resource<Bucket>) -> wasmtime::Result<Arc<dyn Store>> {
        Ok(self.table.get(handle)?.0.clone())
    }

    /// A compare-and-swap on the bucket with the number `bucket`, if the guest still holds that one.
    async fn new_cas(
        &mut self,
        bucket: u32,
        key: String,
    ) -> wasmtime::Result<Result<Resource<Cas>, Error>> {
        let Ok(store) = self.get_bucket(&Resource::new_own(bucket)) else {
            return Ok(Err(Error::NoSuchStore));
        };
        Ok(match store.compare_and_swap(&key).await {
            Ok(swap) => Ok(self.table.push(Cas { swap, bucket, key })?),
            Err(error) => Err(error),
        })
    }
}

/// The answer for the guest; a poisoned store answers nobody.
fn to_guest_result<T, E: From<GuestError>>(
    result: Result<T, Error>,
) -> wasmtime::Result<Result<T, E>> {
    let told = match result {
        Ok(value) => return Ok(Ok(value)),
        Err(Error::NoSuchStore) => GuestError::NoSuchStore,
        Err(Error::AccessDenied) => GuestError::AccessDenied,
        Err(Error::Other(text)) => GuestError::Other(text),
        Err(error @ Error::Poisoned) => return Err(error.into()),
    };
    Ok(Err(told.into()))
}

/// The failures that both interfaces can name.
enum GuestError {
    NoSuchStore,
    AccessDenied,
    Other(String),
}

impl From<GuestError> for key_value::Error {
    fn from(told: GuestError) -> Self {
        match told {
            GuestError::NoSuchStore => Self::NoSuchStore,
            GuestError::AccessDenied => Self::AccessDenied,
            GuestError::Other(text) => Self::Other(text),
        }
    }
}

impl From<GuestError> for store::Error {
    fn from(told: GuestError) -> Self {
        match told {
            GuestError::NoSuchStore => Self::NoSuchStore,
            GuestError::AccessDenied => Self::AccessDenied,
            GuestError::Other(text) => Self::Other(text),
        }
    }
}

type Answer<T, E> = wasmtime::Result<Result<T, E>>;

impl key_value::Host for Guest {}

impl key_value::HostStore for Guest {
    async fn open(&mut self, label: String) -> Answer<Resource<Bucket>, key_value::Error> {
        to_guest_result(self.open_bucket(&label).await?)
    }

    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Answer<Option<Vec<u8>>, key_value::Error> {
        to_guest_result(self.get_bucket(&bucket)?.get(&key).await)
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> Answer<(), key_value::Error> {
        to_guest_result(self.get_bucket(&bucket)?.set(&key, &value).await)
    }

    async fn delete(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Answer<(), key_value::Error> {
        to_guest_result(self.get_bucket(&bucket)?.delete(&key).await)
    }

    async fn exists(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Answer<bool, key_value::Error> {
        to_guest_result(self.get_bucket(&bucket)?.exists_key(&key).await)
    }

    async fn get_keys(
        &mut self,
        bucket: Resource<Bucket>,
    ) -> Answer<Vec<String>, key_value::Error> {
        to_guest_result(self.get_bucket(&bucket)?.list_keys().await)
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl store::Host for Guest {
    async fn open(&mut self, label: String) -> Answer<Resource<Bucket>, store::Error> {
        to_guest_result(self.open_bucket(&label).await?)
    }
}

impl store::HostBucket for Guest {
    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Answer<Option<Vec<u8>>, store::Error> {
        to_guest_result(self.get_bucket(&bucket)?.get(&key).await)
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> Answer<(), store::Error> {
        to_guest_result(self.get_bucket(&bucket)?.set(&key, &value).await)
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<(), store::Error> {
        to_guest_result(self.get_bucket(&bucket)?.delete(&key).await)
    }

    async fn exists(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Answer<bool, store::Error> {
        to_guest_result(self.get_bucket(&bucket)?.exists_key(&key).await)
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<String>,
    ) -> Answer<store::KeyResponse, store::Error> {
        if cursor.is_some() {
            return Ok(Err(store::Error::Other("list_keys: cursor not supported".to_owned())));
        }
        let keys = self.get_bucket(&bucket)?.list_keys().await;
        to_guest_result(keys.map(|keys| store::KeyResponse { keys, cursor: None }))
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl batch::Host for Guest {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Answer<Vec<(String, Option<Vec<u8>>)>, store::Error> {
        if keys.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        to_guest_result(self.get_bucket(&bucket)?.get_many(keys).await)
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Answer<(), store::Error> {
        if entries.is_empty() {
            return Ok(Ok(()));
        }
        to_guest_result(self.get_bucket(&bucket)?.set_many(entries).await)
    }

    async fn delete_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Answer<(), store::Error> {
        if keys.is_empty() {
            return Ok(Ok(()));
        }
        to_guest_result(self.get_bucket(&bucket)?.delete_many(keys).await)
    }
}

impl atomics::Host for Guest {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> Answer<i64, store::Error> {
        to_guest_result(self.get_bucket(&bucket)?.increment(&key, delta).await)
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> Answer<(), atomics::CasError> {
        let Cas { swap, bucket, key } = self.table.delete(cas)?;
        let failed = |error| Ok(Err(atomics::CasError::StoreError(error)));
        match to_guest_result(swap.swap_value(value).await)? {
            Ok(true) => return Ok(Ok(())),
            Ok(false) => {}
            Err(error) => return failed(error),
        }
        // The next attempt comes with the value already read, so that it may be swapped at once.
        let next = match to_guest_result(self.new_cas(bucket, key).await?)? {
            Ok(next) => next,
            Err(error) => return failed(error),
        };
        match to_guest_result(self.table.get(&next)?.swap.read_current().await)? {
            Ok(_) => Ok(Err(atomics::CasError::CasFailed(next))),
            Err(error) => failed(error),
        }
    }
}

impl atomics::HostCas for Guest {
    async fn new(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Answer<Resource<Cas>, store::Error> {
        to_guest_result(self.new_cas(bucket.rep(), key).await?)
    }

    async fn current(&mut self, cas: Resource<Cas>) -> Answer<Option<Vec<u8>>, store::Error> {
        let swap = self.table.get(&cas)?.swap.clone();
        to_guest_result(swap.read_current().await)
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}
