//! A typed, blocking client of kubelease's HTTP API.
//!
//! It knows the routes, the shapes of requests and answers, and which request may be sent twice. It refuses to
//! know who uses it: there are no profiles, no terminals and no files here but that of a CA.
//!
//! A newer server may answer with more fields than are named here. They are kept in `other`, so that a program
//! which prints an answer as JSON loses nothing.

mod access_tokens;
mod audit;
mod client;
mod definitions;
mod error;
mod explain;
mod id_token;
mod idempotency_key;
mod kubeconfig;
mod leases;
mod name;
mod printable;
mod problem;
mod retry;
mod server_url;
mod sweep;
mod targets;
mod tls;
mod token;

pub use access_tokens::{AccessToken, Caller, CallerToken, LoginRequest};
pub use audit::{AuditEvent, AuditFilter, AuditPage, AuditVerification};
pub use client::{Client, ClientOptions};
pub use definitions::{
    API_VERSION, Account, AuthMethod, ClaimValue, Definition, Deletion, DeletionOptions,
    DurationText, DynamicSecretSpec, GatewayHeader, Grant, IdentitySpec, InvalidKind,
    InvalidSecretReference, Kind, NamespaceSelector, PolicyRule, PutAnswer, PutMode, Reviewer,
    RoleReference, Rules, SecretReference, Spec, TargetAuth, TargetSpec, TrustedCa,
    document_schema,
};
pub use error::Error;
pub use explain::{ExplainRequest, Explanation, Refusal};
pub use id_token::FetchIdTokenError;
pub use idempotency_key::IdempotencyKey;
pub use kubeconfig::ClusterAddress;
pub use leases::{
    BulkRevocation, IssueRequest, IssuedLease, Lease, LeaseFilter, LeasePage, LeaseState,
    Revocation,
};
pub use name::{InvalidLeaseId, InvalidName, LeaseId, Name};
pub use printable::to_printable;
pub use problem::{FieldError, Problem};
pub use server_url::{InvalidServerUrl, ServerUrl};
pub use sweep::{SweepFailure, SweepOptions, SweepReport};
pub use targets::{DynamicSecretCheck, MissingPermission, RuntimeConfig, TargetCheck};
pub use tls::TlsError;
pub use token::{InvalidToken, Token};
