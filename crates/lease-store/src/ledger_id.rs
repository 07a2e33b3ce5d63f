//! The identifiers of ledgers, and of the numbers in them.

use serde::{Deserialize, Serialize};

/// The place of a lease in the store: its ledger, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeaseKey {
    /// The ledger of its dynamic secret.
    #[serde(rename = "log")]
    pub ledger: u64,
    /// The number of the lease in the ledger.
    pub number: u64,
}

/// A ledger: something that has numbers, which are looked at when their time comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerId {
    /// The leases of one dynamic secret.
    DynamicSecret(u64),
    /// The revocations that could not be finished.
    PendingRevocations,
    /// The leases of the identity of this number, of which only so many may live. Each entry names a lease, which
    /// has a number in the ledger of its dynamic secret too.
    Identity(u64),
}
