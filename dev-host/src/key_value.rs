//! Key-value stores with Spin's semantics, the weak ones included.
//!
//! Nothing here may be stronger than Spin: a component that is right only because this host is kinder
//! would lose data in production. Each oddity is marked where it is reproduced.

mod guest_interface;
mod redis;
mod sqlite;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

pub use self::guest_interface::ComponentStores;
use crate::runtime_config::StoreConfig;

/// The stores of an application by label, opened at their first use.
pub struct Stores(HashMap<String, Arc<dyn StoreOpener>>);

impl Stores {
    /// The configured stores, and `default` in the state directory if nothing else is said of it.
    ///
    /// Without a state directory the default store lives in memory and ends with the process.
    pub fn new(
        configured: HashMap<String, StoreConfig>,
        config_dir: &Path,
        state_dir: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let mut stores: HashMap<String, Arc<dyn StoreOpener>> = HashMap::new();
        let default = state_dir.map(|dir| dir.join(DEFAULT_FILE));
        stores.insert(DEFAULT_LABEL.to_owned(), Arc::new(sqlite::SqliteDatabase::new(default)?));
        for (label, config) in configured {
            let manager: Arc<dyn StoreOpener> = match config {
                StoreConfig::Spin { path } => {
                    let path: Option<PathBuf> = path.map(|path| config_dir.join(path));
                    Arc::new(sqlite::SqliteDatabase::new(path)?)
                }
                StoreConfig::Redis { url } => Arc::new(redis::RedisDatabase::new(&url)?),
            };
            stores.insert(label, manager);
        }
        Ok(Self(stores))
    }

    /// Returns true if a component may name `label` in its manifest.
    pub fn is_defined(&self, label: &str) -> bool {
        self.0.contains_key(label)
    }

    async fn open(&self, label: &str) -> Result<Arc<dyn Store>, Error> {
        self.0.get(label).ok_or(Error::NoSuchStore)?.open_store(label).await
    }
}

/// Why a store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The label has no store.
    #[error("no such store")]
    NoSuchStore,
    /// The component's manifest does not name the label.
    #[error("access denied")]
    AccessDenied,
    /// Anything the backend says; the guest sees the text.
    #[error("{0}")]
    Other(String),
    /// The store is unusable until the process ends; the guest is trapped.
    #[error("the key-value store is poisoned: an earlier increment met a value that is no counter")]
    Poisoned,
}

/// A handle on a store, as a guest holds it.
pub struct Bucket(Arc<dyn Store>);

/// A compare-and-swap in progress, as a guest holds it.
pub struct Cas {
    swap: Arc<dyn CompareAndSwap>,
    /// The handle it was made from, which a failed swap makes the next one from.
    bucket: u32,
    key: String,
}

/// The source of the stores of one label.
#[async_trait]
trait StoreOpener: Send + Sync {
    async fn open_store(&self, label: &str) -> Result<Arc<dyn Store>, Error>;
}

/// An opened store.
#[async_trait]
pub trait Store: Send + Sync {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error>;
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), Error>;
    async fn delete(&self, key: &str) -> Result<(), Error>;
    async fn exists_key(&self, key: &str) -> Result<bool, Error>;
    async fn list_keys(&self) -> Result<Vec<String>, Error>;
    async fn get_many(&self, keys: Vec<String>) -> Result<Vec<(String, Option<Vec<u8>>)>, Error>;
    async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), Error>;
    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error>;
    async fn increment(&self, key: &str, delta: i64) -> Result<i64, Error>;
    async fn compare_and_swap(&self, key: &str) -> Result<Arc<dyn CompareAndSwap>, Error>;
}

/// The two steps of an optimistic change.
#[async_trait]
pub trait CompareAndSwap: Send + Sync {
    async fn read_current(&self) -> Result<Option<Vec<u8>>, Error>;
    /// `Ok(false)` is what the guest sees as `cas-failed`.
    async fn swap_value(&self, value: Vec<u8>) -> Result<bool, Error>;
}

/// The labels that one component may open.
pub type AllowedLabels = Arc<HashSet<String>>;

/// Refuses an answer larger than Spin would buffer for a guest.
fn answer_unless_too_large<T>(answer: T, bytes: usize) -> Result<T, Error> {
    if bytes > MAX_ANSWER {
        return Err(Error::Other(format!("query result exceeds limit of {MAX_ANSWER} bytes")));
    }
    Ok(answer)
}

/// Logs what a backend said, and hands it to the guest in the same words.
fn log_backend_error(error: impl std::fmt::Debug) -> Error {
    let text = format!("{error:?}");
    eprintln!("dev-host: key-value error: {text}");
    Error::Other(text)
}

/// The label every application has.
const DEFAULT_LABEL: &str = "default";

/// The file of the default store, in the state directory.
const DEFAULT_FILE: &str = "sqlite_key_value.db";

/// The most that one answer may hold (`MAX_HOST_BUFFERED_BYTES` in Spin's `crates/world`).
const MAX_ANSWER: usize = 128 << 20;
