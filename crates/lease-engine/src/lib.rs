//! The operations of kubelease: putting definitions, checking targets, issuing and revoking leases, sweeping.
//!
//! Start from [`Engine`], whose methods are the operations, [`Ports`], all that it needs from outside, and
//! [`IssuedLease`], the lease with its token that an issue returns.
//!
//! Each operation reads, decides by `lease-core`, acts by `kube-rest` and records by `lease-store`, in an
//! order that leaves nothing out of sight if it stops anywhere. The crate owns the ports for time and
//! entropy, and acts for a [`Requester`]. It knows nothing of HTTP routes or of Spin.
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

mod access_tokens;
mod announce;
mod api_action;
mod audit;
mod check;
mod clocks;
mod clusters;
mod config;
mod connection;
mod create;
mod dynamic_secrets;
mod elections;
mod engine;
mod error;
mod expect_continue;
mod explain;
#[cfg(test)]
mod fixtures;
mod health;
mod identities;
mod identity;
mod issue;
mod kubeconfig;
mod leases;
mod login;
mod namespaces;
mod objects;
mod ports;
mod reconcile;
mod refusal;
mod rehearsal;
mod renew;
mod report;
mod requester;
mod revoke;
mod role;
mod sweep;
mod targets;
mod teardown;
#[cfg(feature = "testing")]
pub mod testing;
mod token;

pub use access_tokens::{
    AuthenticationError, NewAccessToken, RefusedBearer, TokenRenewalError, TokenUse,
};
pub use api_action::ApiAction;
pub use audit::{
    AuditFilter, DefinitionChange, RefusedRequest, RefusedToken, RequestSubject, ShownEvent,
};
pub use clusters::WriteOff;
pub use config::{
    Config, DEFAULT_AUDIT_RETENTION, DEFAULT_LANDING, DEFAULT_RECONCILE_INTERVAL,
    DEFAULT_RETENTION, DEFAULT_SWEEP_INTERVAL,
};
pub use dynamic_secrets::{DynamicSecretDeletion, DynamicSecretInput};
pub use engine::{Engine, Put};
pub use error::{
    ClusterError, DynamicSecretError, IdentityError, IssueError, ReadError, RenewError,
    RevokeError, TargetError,
};
pub use explain::{
    ExplainRequest, ExplainedRefusal, Explanation, GrantOutcome, IssueExplanation, ObjectOutcome,
    RuleOutcome, ShownLogin,
};
pub use issue::IssuedLease;
pub use kubeconfig::KubeconfigCluster;
pub use lease_store::{
    AuditCursor, AuditCursorError, AuditFinding, AuditPage, AuditVerification, AuditVerifyCursor,
    Clocks, DefinitionPage, LeaseKey, LeasePage, StoreError, StoredLease,
};
pub use leases::{BulkRevocation, LeaseFilter};
pub use login::{
    IssuerKeysError, LoginError, LoginExplanation, LoginRefusal, MethodExplanation, RefusalReason,
};
pub use namespaces::LeasableNamespaces;
pub use objects::SECRET_TYPE;
pub use ports::{Ports, VariableError};
pub use renew::RenewedLease;
pub use report::{
    LastSweep, ReconcileCounts, SweepHealth, SweepOptions, SweepReport, TargetFailure, TargetState,
};
pub use requester::{Authority, Origin, Requester, Session};
pub use revoke::Revocation;
pub use targets::{KnownTarget, TargetDefinition, TargetDeletion};
pub use teardown::RevocationBlocker;
