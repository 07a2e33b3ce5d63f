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
//! assert_eq!(store.increment("count.leases.1")?, 1);
//! assert_eq!(store.increment("count.leases.1")?, 2);
//! # Ok::<(), lease_store::KeyValueError>(())
//! ```

mod administrator_audiences;
mod audit;
mod checks;
mod claims;
mod clusters;
mod counter;
mod definitions;
mod expiring;
mod key_value;
mod keys;
mod leases;
mod login_slots;
mod memory;
mod notes;
mod overlay;
mod passes;
mod rates;
mod record;
#[cfg(any(test, feature = "testing"))]
pub mod suite;
mod summary;
mod tokens;

pub use administrator_audiences::AdministratorAudiences;
pub use audit::{
    AuditCursor, AuditCursorError, AuditFinding, AuditLog, AuditPage, AuditQuery, AuditRecord,
    AuditTended, AuditTimes, AuditVerification, AuditVerifyCursor, Auditor, PreparedEvent,
};
pub use checks::Checks;
pub use claims::{Claim, ClaimKey, ClaimKeyError, Claimed, Claiming};
pub use clusters::{Accounts, Clusters};
pub use definitions::{Definition, Definitions, Page};
pub use expiring::Expiring;
pub use key_value::{KeyValue, KeyValueError};
pub use leases::{
    Batch, Clocks, FenceError, Held, LeasePage, Leases, Log, NumberError, Numbered, Place, Renewal,
    RenewalOutcome, Share, Summary, Task, Times, Which,
};
pub use login_slots::{LoginSlot, LoginSlots};
pub use memory::MemoryStore;
pub use notes::{Note, Notes};
pub use overlay::Overlay;
pub use passes::{Pass, Passes};
pub use rates::{Rates, Recording, RefusalLimit};
pub use record::StoreError;
pub use tokens::{TokenState, Tokens};
