//! What kubelease does: it puts definitions, checks targets, issues leases and sweeps.
//!
//! Each operation reads, decides by `lease-core`, acts by `kube-rest` and records by `lease-store`, in an
//! order that leaves nothing out of sight if it stops anywhere. The crate owns the ports for time and
//! entropy. It knows nothing of HTTP routes, of callers, or of Spin.

mod check;
mod dynamic_secrets;
mod engine;
mod error;
#[cfg(test)]
mod fixtures;
mod issue;
mod ports;
mod sweep;
mod targets;
#[cfg(feature = "testing")]
pub mod testing;

pub use dynamic_secrets::DynamicSecretDefinition;
pub use engine::{Engine, Put};
pub use error::{DynamicSecretError, IssueError, TargetError};
pub use issue::{IssueRequest, Issued};
pub use lease_store::{Page, StoreError};
pub use ports::Ports;
pub use sweep::SweepReport;
pub use targets::TargetDefinition;
