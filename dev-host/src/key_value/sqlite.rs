//! The store type `spin`: one SQLite table, one connection behind one lock.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::Context as _;
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, named_params, params, types::Value};

use super::{
    CompareAndSwap, Error, Store, StoreOpener, answer_unless_too_large, log_backend_error,
};

/// A database file, or a database in memory; its stores are told apart by label.
pub struct SqliteDatabase {
    path: Option<PathBuf>,
    connection: OnceLock<Arc<LockedConnection>>,
}

impl SqliteDatabase {
    /// Names the file; it is created when a component first opens a store in it.
    pub fn new(path: Option<PathBuf>) -> anyhow::Result<Self> {
        if let Some(parent) = path.as_deref().and_then(std::path::Path::parent) {
            std::fs::create_dir_all(parent)
                .with_context(|| format!("could not create `{}`", parent.display()))?;
        }
        Ok(Self { path, connection: OnceLock::new() })
    }

    fn open_connection(&self) -> Result<Arc<LockedConnection>, rusqlite::Error> {
        let connection = match &self.path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        // Spin's own table, so that one file serves both hosts. No PRAGMA: its durability is SQLite's.
        connection.execute(
            "CREATE TABLE IF NOT EXISTS spin_key_value (
               store TEXT NOT NULL,
               key   TEXT NOT NULL,
               value BLOB NOT NULL,
               PRIMARY KEY (store, key)
             )",
            [],
        )?;
        rusqlite::vtab::array::load_module(&connection)?;
        Ok(Arc::new(LockedConnection(Mutex::new(PoisonableConnection {
            connection,
            poisoned: false,
        }))))
    }
}

#[async_trait]
impl StoreOpener for SqliteDatabase {
    async fn open_store(&self, label: &str) -> Result<Arc<dyn Store>, Error> {
        let database = tokio::task::block_in_place(|| {
            if let Some(open) = self.connection.get() {
                return Ok(open.clone());
            }
            let new = self.open_connection().map_err(log_backend_error)?;
            Ok(self.connection.get_or_init(|| new).clone())
        })?;
        Ok(Arc::new(SqliteStore { label: label.to_owned(), database }))
    }
}

/// The connection and its lock.
struct LockedConnection(Mutex<PoisonableConnection>);

struct PoisonableConnection {
    connection: Connection,
    poisoned: bool,
}

impl LockedConnection {
    /// Runs `work` alone on the connection. The thread blocks meanwhile, as in Spin.
    fn with_connection<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        tokio::task::block_in_place(|| {
            let mut slot = self.0.lock().map_err(|_| Error::Poisoned)?;
            if slot.poisoned {
                return Err(Error::Poisoned);
            }
            work(&mut slot.connection).map_err(|failure| match failure {
                Failure::Sqlite(error) => log_backend_error(error),
                Failure::NotACounter => {
                    slot.poisoned = true;
                    Error::Poisoned
                }
            })
        })
    }
}

/// The failures that are possible with the lock held.
enum Failure {
    Sqlite(rusqlite::Error),
    NotACounter,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// The rows of one label.
struct SqliteStore {
    label: String,
    database: Arc<LockedConnection>,
}

#[async_trait]
impl Store for SqliteStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let value = self
            .database
            .with_connection(|connection| Ok(select_value(connection, &self.label, key)?))?;
        let size = value.as_ref().map_or(0, Vec::len);
        answer_unless_too_large(value, size)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.database
            .with_connection(|connection| Ok(upsert_value(connection, &self.label, key, value)?))
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.database.with_connection(|connection| {
            connection
                .prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .execute([&self.label, key])?;
            Ok(())
        })
    }

    async fn exists_key(&self, key: &str) -> Result<bool, Error> {
        Ok(self.get(key).await?.is_some())
    }

    async fn list_keys(&self) -> Result<Vec<String>, Error> {
        let keys: Vec<String> = self.database.with_connection(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1")?;
            let keys = statement.query_map([&self.label], |row| row.get(0))?;
            Ok(keys.collect::<Result<_, _>>()?)
        })?;
        let size = keys.iter().map(|key| size_of::<String>() + key.len()).sum();
        answer_unless_too_large(keys, size)
    }

    /// Missing keys are left out, not answered as absent.
    async fn get_many(&self, keys: Vec<String>) -> Result<Vec<(String, Option<Vec<u8>>)>, Error> {
        let found: Vec<(String, Option<Vec<u8>>)> =
            self.database.with_connection(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT key, value FROM spin_key_value
                 WHERE store = :store AND key IN rarray(:keys)",
                )?;
                let arguments = named_params! {":store": self.label, ":keys": keys_array(keys)};
                let found = statement.query_map(arguments, |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(found.collect::<Result<_, _>>()?)
            })?;
        let size = found.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len));
        let size = size.sum();
        answer_unless_too_large(found, size)
    }

    async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        self.database.with_connection(|connection| {
            let transaction = connection.transaction()?;
            for (key, value) in &entries {
                upsert_value(&transaction, &self.label, key, value)?;
            }
            Ok(transaction.commit()?)
        })
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        self.database.with_connection(|connection| {
            connection
                .prepare_cached(
                    "DELETE FROM spin_key_value WHERE store = :store AND key IN rarray(:keys)",
                )?
                .execute(named_params! {":store": self.label, ":keys": keys_array(keys)})?;
            Ok(())
        })
    }

    /// A counter is eight little-endian bytes.
    ///
    /// On any other value Spin panics with the lock held, and from then on answers every call on this
    /// store with a trap, until it is started again. So do we. Overflow wraps.
    async fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        self.database.with_connection(|connection| {
            let transaction = connection.transaction()?;
            let counter = match select_value(&transaction, &self.label, key)? {
                Some(bytes) => {
                    i64::from_le_bytes(bytes.try_into().map_err(|_| Failure::NotACounter)?)
                }
                None => 0,
            };
            let counter = counter.wrapping_add(delta);
            upsert_value(&transaction, &self.label, key, &counter.to_le_bytes())?;
            transaction.commit()?;
            Ok(counter)
        })
    }

    async fn compare_and_swap(&self, key: &str) -> Result<Arc<dyn CompareAndSwap>, Error> {
        Ok(Arc::new(SqliteCompareAndSwap {
            label: self.label.clone(),
            key: key.to_owned(),
            database: self.database.clone(),
            seen: Mutex::new(None),
        }))
    }
}

/// Compares the bytes that `current` saw; it cannot tell a value that changed and changed back.
struct SqliteCompareAndSwap {
    label: String,
    key: String,
    database: Arc<LockedConnection>,
    seen: Mutex<Option<Vec<u8>>>,
}

#[async_trait]
impl CompareAndSwap for SqliteCompareAndSwap {
    async fn read_current(&self) -> Result<Option<Vec<u8>>, Error> {
        let value = self
            .database
            .with_connection(|connection| Ok(select_value(connection, &self.label, &self.key)?))?;
        self.seen.lock().map_err(|_| Error::Poisoned)?.clone_from(&value);
        let size = value.as_ref().map_or(0, Vec::len);
        answer_unless_too_large(value, size)
    }

    /// Writes the value if it is still `current`. If `current` saw nothing, or was never called,
    /// this overwrites whatever is there and reports success: creating a key is not safe against
    /// another who creates it.
    async fn swap_value(&self, value: Vec<u8>) -> Result<bool, Error> {
        let seen = self.seen.lock().map_err(|_| Error::Poisoned)?.clone();
        self.database.with_connection(|connection| {
            let Some(seen) = seen else {
                upsert_value(connection, &self.label, &self.key, &value)?;
                return Ok(true);
            };
            let changed = connection
                .prepare_cached(
                    "UPDATE spin_key_value SET value = ?1 WHERE store = ?2 AND key = ?3 AND value = ?4",
                )?
                .execute(params![value, self.label, self.key, seen])?;
            Ok(changed == 1)
        })
    }
}

fn select_value(
    connection: &Connection,
    label: &str,
    key: &str,
) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?
        .query_row([label, key], |row| row.get(0))
        .optional()
}

fn upsert_value(
    connection: &Connection,
    label: &str,
    key: &str,
    value: &[u8],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (store, key) DO UPDATE SET value = ?3",
        )?
        .execute(params![label, key, value])?;
    Ok(())
}

/// The keys as the value of an `rarray(…)`.
fn keys_array(keys: Vec<String>) -> Rc<Vec<Value>> {
    Rc::new(keys.into_iter().map(Value::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn store() -> Arc<dyn Store> {
        SqliteDatabase::new(None).unwrap().open_store("default").await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn labels_in_one_file_do_not_meet() {
        let database = SqliteDatabase::new(None).unwrap();
        let (one, two) =
            (database.open_store("one").await.unwrap(), database.open_store("two").await.unwrap());
        one.set("key", b"value").await.unwrap();
        assert_eq!(one.get("key").await.unwrap().as_deref(), Some(&b"value"[..]));
        assert_eq!(two.get("key").await.unwrap(), None);
        assert_eq!(two.list_keys().await.unwrap(), Vec::<String>::new());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_swap_compares_the_bytes_it_saw() {
        let store = store().await;
        store.set("key", b"a").await.unwrap();
        let (first, second) = (
            store.compare_and_swap("key").await.unwrap(),
            store.compare_and_swap("key").await.unwrap(),
        );
        first.read_current().await.unwrap();
        second.read_current().await.unwrap();
        assert!(first.swap_value(b"b".to_vec()).await.unwrap());
        assert!(
            !second.swap_value(b"c".to_vec()).await.unwrap(),
            "the second saw `a`, which is gone"
        );
        // It changed and changed back: the second cannot tell.
        store.set("key", b"a").await.unwrap();
        assert!(second.swap_value(b"c".to_vec()).await.unwrap());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn creating_by_swap_overwrites_and_reports_success() {
        let store = store().await;
        let absent = store.compare_and_swap("key").await.unwrap();
        assert_eq!(absent.read_current().await.unwrap(), None);
        let unread = store.compare_and_swap("key").await.unwrap();
        store.set("key", b"theirs").await.unwrap();
        assert!(absent.swap_value(b"ours".to_vec()).await.unwrap());
        assert_eq!(store.get("key").await.unwrap().as_deref(), Some(&b"ours"[..]));
        assert!(unread.swap_value(b"again".to_vec()).await.unwrap());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_foreign_value_poisons_the_store_for_good() {
        let store = store().await;
        assert_eq!(store.increment("counter", 2).await.unwrap(), 2);
        assert_eq!(store.get("counter").await.unwrap().unwrap(), 2i64.to_le_bytes());
        store.set("name", b"not a counter").await.unwrap();
        assert!(matches!(store.increment("name", 1).await, Err(Error::Poisoned)));
        assert!(matches!(store.get("counter").await, Err(Error::Poisoned)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn get_many_leaves_out_what_is_missing() {
        let store = store().await;
        store
            .set_many(vec![("a".into(), b"1".to_vec()), ("b".into(), b"2".to_vec())])
            .await
            .unwrap();
        let found = store.get_many(vec!["a".into(), "missing".into()]).await.unwrap();
        assert_eq!(found, [("a".to_owned(), Some(b"1".to_vec()))]);
        store.delete_many(vec!["a".into(), "missing".into()]).await.unwrap();
        assert_eq!(store.list_keys().await.unwrap(), ["b"]);
    }
}
