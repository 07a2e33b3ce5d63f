//! What the engine needs from where it runs.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kube_rest::HttpClient;
use lease_core::TokenVariableName;
use lease_store::KeyValue;

/// Storage, network, time, entropy, and what the operator has set.
#[expect(async_fn_in_trait, reason = "a component runs on one thread: futures need not be `Send`")]
pub trait Ports {
    /// The key-value store.
    type Store: KeyValue;
    /// The client that sends requests.
    type Http: HttpClient;

    /// The key-value store.
    fn store(&self) -> &Self::Store;

    /// Returns the client that sends requests.
    fn http(&self) -> &Self::Http;

    /// The time by the host's clock.
    fn now(&self) -> DateTime<Utc>;

    /// Fills `bytes` with what no one can guess.
    fn fill_random(&self, bytes: &mut [u8]);

    /// Waits.
    async fn sleep(&self, time: Duration);

    /// The token that a variable holds; none if it is not set.
    ///
    /// # Errors
    /// Fails if the host cannot tell.
    fn read_variable(&self, name: &TokenVariableName) -> Result<Option<String>, VariableError>;

    /// Returns true if nothing that is done over these ports is done for good.
    fn is_rehearsal(&self) -> bool {
        false
    }
}

/// The host could not tell what a variable is set to. What it says of it is in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the host failed to read the variable")]
pub struct VariableError;
