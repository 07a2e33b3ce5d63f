//! The store type `redis`. Labels do not count: one database is one keyspace.

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use redis::aio::ConnectionManager;
use redis::{AsyncCommands as _, Client};
use tokio::sync::OnceCell;

use super::{
    CompareAndSwap, Error, Store, StoreOpener, answer_unless_too_large, log_backend_error,
};

/// A Redis database, connected to at its first use.
pub struct RedisDatabase {
    client: Client,
    connection: OnceCell<ConnectionManager>,
}

impl RedisDatabase {
    /// Names the database by its URL.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let client = Client::open(url).context("invalid Redis URL")?;
        Ok(Self { client, connection: OnceCell::new() })
    }
}

#[async_trait]
impl StoreOpener for RedisDatabase {
    async fn open_store(&self, _label: &str) -> Result<Arc<dyn Store>, Error> {
        let connect = || self.client.get_connection_manager();
        let connection =
            self.connection.get_or_try_init(connect).await.map_err(log_backend_error)?;
        // A broken connection is found out here, and mended in the background; the answer is of no use.
        let _ = connection.clone().ping::<()>().await;
        Ok(Arc::new(RedisStore { client: self.client.clone(), connection: connection.clone() }))
    }
}

struct RedisStore {
    client: Client,
    connection: ConnectionManager,
}

#[async_trait]
impl Store for RedisStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let value: Option<Vec<u8>> =
            self.connection.clone().get(key).await.map_err(log_backend_error)?;
        let size = value.as_ref().map_or(0, Vec::len);
        answer_unless_too_large(value, size)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.connection.clone().set(key, value).await.map_err(log_backend_error)
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.connection.clone().del(key).await.map_err(log_backend_error)
    }

    async fn exists_key(&self, key: &str) -> Result<bool, Error> {
        self.connection.clone().exists(key).await.map_err(log_backend_error)
    }

    /// Every key of the database, whoever wrote it.
    async fn list_keys(&self) -> Result<Vec<String>, Error> {
        let keys: Vec<String> =
            self.connection.clone().keys("*").await.map_err(log_backend_error)?;
        let size = keys.iter().map(|key| size_of::<String>() + key.len()).sum();
        answer_unless_too_large(keys, size)
    }

    /// Spin asks `KEYS` for several keys at once, which Redis refuses.
    async fn get_many(&self, keys: Vec<String>) -> Result<Vec<(String, Option<Vec<u8>>)>, Error> {
        self.connection.clone().keys(keys).await.map_err(log_backend_error)
    }

    async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        self.connection.clone().mset(&entries).await.map_err(log_backend_error)
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        self.connection.clone().del(keys).await.map_err(log_backend_error)
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        self.connection.clone().incr(key, delta).await.map_err(log_backend_error)
    }

    /// Watching belongs to a connection, so each swap has its own.
    async fn compare_and_swap(&self, key: &str) -> Result<Arc<dyn CompareAndSwap>, Error> {
        let connection = self.client.get_connection_manager().await.map_err(log_backend_error)?;
        Ok(Arc::new(RedisCompareAndSwap { connection, key: key.to_owned() }))
    }
}

struct RedisCompareAndSwap {
    connection: ConnectionManager,
    key: String,
}

#[async_trait]
impl CompareAndSwap for RedisCompareAndSwap {
    async fn read_current(&self) -> Result<Option<Vec<u8>>, Error> {
        let mut connection = self.connection.clone();
        redis::cmd("WATCH")
            .arg(&self.key)
            .exec_async(&mut connection)
            .await
            .map_err(log_backend_error)?;
        let value: Option<Vec<u8>> = connection.get(&self.key).await.map_err(log_backend_error)?;
        let size = value.as_ref().map_or(0, Vec::len);
        answer_unless_too_large(value, size)
    }

    /// Never succeeds, though it may write: Spin ends with `UNWATCH <key>`, which Redis refuses for its
    /// argument, and takes that for the answer.
    async fn swap_value(&self, value: Vec<u8>) -> Result<bool, Error> {
        let mut connection = self.connection.clone();
        let written =
            redis::pipe().atomic().set(&self.key, value).exec_async(&mut connection).await;
        let unwatched = redis::cmd("UNWATCH").arg(&self.key).exec_async(&mut connection).await;
        Ok(written.is_ok() && unwatched.is_ok())
    }
}
