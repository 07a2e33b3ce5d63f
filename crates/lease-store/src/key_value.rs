//! The port to the key-value store.

/// A key-value store as Spin offers it: SQLite or Redis, shared by all replicas.
///
/// Each call that writes is durable when it returns, and is one step for all who read. Keys are
/// `[A-Za-z0-9._:-]`, which every backend takes. There is no scan: what must be found again is found
/// by a key that can be computed.
pub trait KeyValue {
    /// The value of `key`, if there is one.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError>;

    /// Writes all of `entries` or none.
    ///
    /// # Errors
    /// Fails if the store does not answer; the write may have happened.
    fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KeyValueError>;

    /// Deletes all of `keys` or none; one that is absent is no error.
    ///
    /// # Errors
    /// Fails if the store does not answer; the write may have happened.
    fn delete_many(&self, keys: &[String]) -> Result<(), KeyValueError>;

    /// Adds one to a counter, which begins at zero, and says what it is now.
    ///
    /// # Errors
    /// Fails if the store does not answer; the count may have grown.
    fn increment_counter(&self, counter: &str) -> Result<u64, KeyValueError>;
}

/// The store did not answer. The text is the backend's own: it goes to the log, never to a caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key-value store did not answer: {0}")]
pub struct KeyValueError(pub String);
