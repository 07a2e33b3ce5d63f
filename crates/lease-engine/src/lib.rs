//! The operations of kubelease: putting definitions, checking targets, issuing and revoking leases, sweeping.
//!
//! Start from [`Engine`], whose methods are the operations, [`Ports`], all that it needs from outside, and
//! [`IssuedLease`], the lease with its token that an issue returns.
//!
//! Each operation reads, decides by `lease-core`, acts by `kube-rest` and records by `lease-store`, in an
//! order that leaves nothing out of sight if it stops anywhere. The crate owns the ports for time and
//! entropy, and acts for a [`Requester`]. It knows nothing of HTTP routes or of Spin.
//!
//! Read the rooms in this order: `cluster` (how a target is reached), `objects` (what is made there), `issue`, `end`,
//! `sweep`, `reconcile`; then `definitions` (the targets, dynamic secrets and identities of administrators) and `access` (the callers).
//!
//! An engine lives as long as one request:
//!
//! ```
//! use lease_core::Keyring;
//! use lease_engine::{Config, Engine, Ports};
//!
//! fn is_ready<P: Ports>(ports: P, keys: Keyring) -> bool {
//!     let engine = Engine::new(ports, keys, Config::default());
//!     engine.probe_store().is_ok()
//! }
//! ```

mod access;
mod audit;
mod cluster;
mod config;
mod definitions;
mod end;
mod engine;
mod error;
mod explain;
#[cfg(test)]
mod fixtures;
mod issue;
mod leases;
mod objects;
mod ports;
mod reconcile;
mod rehearsal_ports;
mod sweep;
#[cfg(feature = "testing")]
mod test_ports;

pub use access::access_tokens::{
    AccessTokenRefusal, AuthenticationError, NewAccessToken, TokenPurpose, TokenRenewalError,
};
pub use access::login::{
    IssuerKeysError, LoginError, LoginExplanation, LoginRefusal, MethodExplanation, RefusalReason,
};
pub use access::requester::{Authority, Origin, Requester, Session};
pub use audit::{
    AuditFilter, DefinitionChange, RefusedRequest, RefusedToken, RequestSubject, ShownEvent,
};
pub use cluster::changed_cluster::WriteOffProgress;
pub use cluster::namespaces::LeasableNamespaces;
pub use config::{
    Config, DEFAULT_AUDIT_RETENTION, DEFAULT_LEASE_RETENTION, DEFAULT_RECONCILE_INTERVAL,
    DEFAULT_REQUEST_LANDING_TIME, DEFAULT_SWEEP_INTERVAL,
};
pub use definitions::dynamic_secrets::{DynamicSecretDeletion, DynamicSecretInput};
pub use definitions::kubeconfig::KubeconfigCluster;
pub use definitions::targets::{KnownTarget, TargetDeletion};
pub use end::renew::RenewedLease;
pub use end::revoke::RevocationOutcome;
pub use end::teardown::RevocationBlocker;
pub use engine::{Engine, PutOutcome};
pub use error::{
    ClusterError, DynamicSecretError, IdentityError, IssueError, LeaseReadError, RenewError,
    RevokeError, TargetError,
};
pub use explain::{
    ExplainRequest, ExplainedRefusal, Explanation, GrantOutcome, IssueExplanation, LoginEvidence,
    ObjectOutcome, RuleOutcome,
};
pub use issue::IssuedLease;
pub use lease_store::{
    AuditCursor, AuditCursorError, AuditFinding, AuditPage, AuditVerification, AuditVerifyCursor,
    Clocks, DefinitionPage, LeaseKey, LeasePage, StoreError, StoredLease,
};
pub use leases::{BulkRevocation, LeaseFilter};
pub use objects::api_action::ApiAction;
pub use objects::object_builder::SECRET_TYPE;
pub use ports::{Ports, VariableError};
pub use sweep::report::{
    LastSweep, ReconcileCounts, SweepHealth, SweepOptions, SweepReport, TargetFailure, TargetState,
};
