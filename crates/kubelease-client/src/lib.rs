//! A typed, blocking client of kubelease's HTTP API.
//!
//! Start from [`Client`], which has a method for each route, [`Definition`], which is a target, a dynamic secret or an
//! identity as it is put, and [`Error`], which tells a refusal of the server from a failure to reach it.
//!
//! It knows the routes, the shapes of requests and answers, and which request may be sent twice. It refuses to
//! know who uses it: there are no profiles, no terminals and no files here but that of a CA.
//!
//! A newer server may answer with more fields than are named here. They are kept in `other`, so that a program
//! which prints an answer as JSON loses nothing.
//!
//! A program leases a token, and gives it back:
//!
//! ```
//! use std::time::Duration;
//!
//! use kubelease_client::{
//!     Client, ClientOptions, Error, IdempotencyKey, IssueRequest, Name, ServerUrl, Token,
//! };
//!
//! fn work_with_lease(client: &Client, secret: &Name, key: &IdempotencyKey) -> Result<(), Error> {
//!     let request = IssueRequest { ttl: Some("15m".to_owned()), ..IssueRequest::default() };
//!     // With the same key this is the same lease, however often it is sent.
//!     let issued = client.issue_lease(secret, &request, key)?;
//!     let _bearer = issued.token.expose_secret();
//!     client.revoke_lease(&issued.lease.lease_id)?;
//!     Ok(())
//! }
//!
//! let server = ServerUrl::parse("https://kubelease.example", false)?;
//! let options = ClientOptions { server, ca_file: None, timeout: Duration::from_secs(30) };
//! let client = Client::new(options)?.with_token(Token::new("0123456789abcdef0123456789abcdef")?);
//! assert_eq!(client.server().as_str(), "https://kubelease.example");
//! # _ = work_with_lease;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access_tokens;
mod audit;
mod client;
mod definitions;
mod error;
mod explain;
mod github_id_token;
mod idempotency_key;
mod identifiers;
mod kubeconfig;
mod leases;
mod problem;
mod retry;
mod server_url;
mod sweep;
mod target_check;
mod terminal_text;
mod token;
mod trusted_certificates;

pub use access_tokens::{AccessToken, AccessTokenInfo, Caller, LoginRequest};
pub use audit::{AuditEvent, AuditFilter, AuditPage, AuditVerificationPage};
pub use client::{Client, ClientOptions};
pub use definitions::{
    API_VERSION, Account, AuthMethod, ClaimValue, Definition, DefinitionDeletion, DefinitionKind,
    DefinitionSpec, DeletionOptions, DurationText, DynamicSecretSpec, GatewayHeader, IdentityGrant,
    IdentitySpec, InvalidDefinitionKind, InvalidSecretReference, NamespaceSelector, PolicyRule,
    PutAnswer, PutMode, Reviewer, RoleReference, Rules, SecretReference, TargetAuth, TargetSpec,
    TrustedCa, document_schema,
};
pub use error::Error;
pub use explain::{ExplainRequest, ExplainedRefusal, Explanation};
pub use github_id_token::FetchIdTokenError;
pub use idempotency_key::IdempotencyKey;
pub use identifiers::{InvalidLeaseId, InvalidName, LeaseId, Name};
pub use kubeconfig::ClusterAddress;
pub use leases::{
    IssueRequest, IssuedLease, Lease, LeaseFilter, LeasePage, LeaseState, Revocation,
    RevocationCounts,
};
pub use problem::{FieldError, Problem};
pub use server_url::{InvalidServerUrl, ServerUrl};
pub use sweep::{SweepFailure, SweepOptions, SweepReport};
pub use target_check::{DynamicSecretCheck, MissingPermission, RuntimeConfig, TargetCheck};
pub use terminal_text::replace_control_characters;
pub use token::{InvalidToken, Token};
pub use trusted_certificates::TlsError;
