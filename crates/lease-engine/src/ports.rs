//! What the engine needs from where it runs.

use chrono::{DateTime, Utc};
use kube_rest::HttpClient;
use lease_store::KeyValue;

/// Storage, network, time and entropy.
pub trait Ports {
    /// The key-value store.
    type Store: KeyValue;
    /// How requests leave.
    type Http: HttpClient;

    /// The key-value store.
    fn store(&self) -> &Self::Store;

    /// How requests leave.
    fn http(&self) -> &Self::Http;

    /// The time by the host's clock.
    fn now(&self) -> DateTime<Utc>;

    /// Fills `bytes` with what no one can guess.
    fn random(&self, bytes: &mut [u8]);
}
