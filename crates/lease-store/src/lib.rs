//! The records of definitions and leases, over one small key-value port.
//!
//! Start from [`KeyValue`], the port, [`Definitions`], which finds targets, dynamic secrets and identities by
//! name, and [`Leases`], which records the life of a lease, and finds what is due without a scan.
//!
//! `docs/store.md` has the layout, and says why two replicas cannot disagree about it. This crate does not know
//! what Kubernetes or HTTP are, and it reads no clock.
//!
//! A store gives each number once, however many replicas ask for one; all else is built on that:
//!
//! ```
//! use lease_store::{KeyValue, MemoryStore};
//!
//! let store = MemoryStore::default();
//! assert_eq!(store.increment_counter("count.leases.1")?, 1);
//! assert_eq!(store.increment_counter("count.leases.1")?, 2);
//! # Ok::<(), lease_store::KeyValueError>(())
//! ```

mod access_token_records;
mod administrator_audiences;
mod audit;
mod cluster_facts;
mod counter;
mod definitions;
mod expiring;
mod index;
mod key_value;
mod keys;
mod lease_passes;
mod leases;
mod ledger_id;
mod login_slots;
mod memory_store;
mod notes;
mod overlay_store;
mod rate_counters;
mod record;
mod reservation_key;
mod reservations;
mod target_checks;

pub use access_token_records::{AccessTokenRecords, TokenState};
pub use administrator_audiences::AdministratorAudiences;
pub use audit::{
    AuditContext, AuditCursor, AuditCursorError, AuditFinding, AuditLog, AuditPage, AuditQuery,
    AuditRecord, AuditSweepCounts, AuditSweepDurations, AuditVerification, AuditVerifyCursor,
    PreparedEvent,
};
pub use cluster_facts::{KnownClusters, ServiceAccountUidCache};
pub use definitions::{DefinitionPage, Definitions, StoredDefinition};
pub use expiring::ExpiringKeys;
pub use key_value::{KeyValue, KeyValueError};
pub use lease_passes::{LeasePasses, PassProgress};
pub use leases::{
    BatchOutcome, Clocks, EndTask, FenceError, LeasePage, Leases, LedgerRecord, NumberError,
    PageLimits, PendingRenewal, RenewalEventContent, ReservedNumber, ReservedShare, StoredLease,
    SweepBatch, SweepGracePeriods,
};
pub use ledger_id::{LeaseKey, LedgerId};
pub use login_slots::{LoginSlot, LoginSlots};
pub use memory_store::MemoryStore;
pub use notes::{Note, Notes};
pub use overlay_store::Overlay;
pub use rate_counters::{RateCounters, RefusalRecording, RefusalRecordingLimit};
pub use record::StoreError;
pub use reservation_key::{ReservationKey, ReservationKeyError};
pub use reservations::{AnsweredRequest, IdempotencyReservation, ReservationOutcome};
pub use target_checks::TargetChecks;

/// The insides of a store, for the suite that holds on every store (`lease_testing::store_suite`).
#[cfg(feature = "testing")]
pub mod testing {
    pub use crate::index::FilledIndex;
    pub use crate::index::fanout::choose_fanout;
    pub use crate::record::encode_record;

    /// The keys of the store.
    pub mod keys {
        pub use crate::keys::*;
    }
}
