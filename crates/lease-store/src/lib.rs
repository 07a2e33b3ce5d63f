//! Where definitions and leases are kept: records over one small key-value port.
//!
//! The layout, and why two replicas cannot disagree about it, is told in `docs/store.md`. This crate
//! knows how things are kept. It does not know what Kubernetes or HTTP are, and it never reads a clock.

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
