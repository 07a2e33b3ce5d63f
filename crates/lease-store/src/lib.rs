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

mod administrator_audiences;
mod audit;
mod checks;
mod clusters;
mod counter;
mod definitions;
mod expiring;
mod index;
mod key_value;
mod keys;
mod leases;
mod ledger_id;
mod login_slots;
mod memory;
mod notes;
mod overlay;
mod passes;
mod rates;
mod record;
mod reservation_key;
mod reservations;
#[cfg(any(test, feature = "testing"))]
pub mod suite;
mod tokens;

pub use administrator_audiences::AdministratorAudiences;
pub use audit::{
    AuditCursor, AuditCursorError, AuditFinding, AuditLog, AuditPage, AuditQuery, AuditRecord,
    AuditTended, AuditTimes, AuditVerification, AuditVerifyCursor, Auditor, PreparedEvent,
};
pub use checks::TargetChecks;
pub use clusters::{KnownClusters, ServiceAccountUidCache};
pub use definitions::{DefinitionPage, Definitions, StoredDefinition};
pub use expiring::ExpiringKeys;
pub use key_value::{KeyValue, KeyValueError};
pub use leases::{
    BatchOutcome, Clocks, EndTask, FenceError, LeasePage, Leases, Ledger, NumberError, PageLimits,
    PendingRenewal, RenewalOutcome, ReservedNumber, ReservedShare, StoredLease, SweepBatch,
    SweepDurations,
};
pub use ledger_id::{LeaseKey, LedgerId};
pub use login_slots::{LoginSlot, LoginSlots};
pub use memory::MemoryStore;
pub use notes::{Note, Notes};
pub use overlay::Overlay;
pub use passes::{Pass, Passes};
pub use rates::{Rates, RefusalLimit, RefusalRecording};
pub use record::StoreError;
pub use reservation_key::{ReservationKey, ReservationKeyError};
pub use reservations::{AnsweredRequest, IdempotencyReservation, ReservationOutcome};
pub use tokens::{AccessTokens, TokenState};
