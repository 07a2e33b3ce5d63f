//! Where definitions and leases are kept: records over one small key-value port.
//!
//! The layout, and why two replicas cannot disagree about it, is told in `docs/store.md`. This crate
//! knows how things are kept. It does not know what Kubernetes or HTTP are, and it never reads a clock.

mod checks;
mod counter;
mod definitions;
mod key_value;
mod leases;
mod memory;
mod record;

pub use checks::Checks;
pub use definitions::{Definition, Definitions, Page};
pub use key_value::{KeyValue, KeyValueError};
pub use leases::{Forgotten, Leases, RETENTION};
pub use memory::MemoryStore;
pub use record::StoreError;
