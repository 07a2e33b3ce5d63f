//! The Kubernetes REST API, as far as kubelease speaks it.
//!
//! Start from [`Api`], which has one method for each request, [`Call`], a request with the decoder of its
//! answer, and [`HttpClient`], the port that sends it.
//!
//! This crate turns intent into `http::Request<Vec<u8>>` and bytes into answers. Payloads are written by
//! hand here. One trait with one method sends ([`HttpClient`]), and the crate does not care how. It knows
//! nothing of leases, of storage or of time, and reads no data of any secret.
//!
//! ```
//! use kube_rest::{Api, Authorization};
//!
//! let api = Api::new("https://10.0.0.1:6443", Authorization::Bearer("a-token"));
//! let request = api.who_am_i().into_request()?;
//! assert_eq!(request.uri().path(), "/apis/authentication.k8s.io/v1/selfsubjectreviews");
//! # Ok::<(), kube_rest::Error>(())
//! ```

mod account_issuer;
mod api;
mod authorization;
mod call;
mod call_subject;
mod delete;
mod error;
mod http_client;
mod kind;
mod list;
mod namespace;
mod new_object;
mod patch;
mod post_authorization_denial;
mod self_review;
mod single_object_read;
mod status;
mod stored_object;
#[cfg(test)]
mod testing;
mod tls_failure;
mod token;
mod token_claims;
mod token_review;
mod uri;

pub use account_issuer::AccountIssuer;
pub use api::{Api, ServerVersion};
pub use authorization::Authorization;
pub use call::{Call, DEFAULT_CALL_LIMITS};
pub use delete::ObjectDeletion;
pub use error::{AnswerError, Error};
pub use http_client::{ExchangeLimits, HttpClient, TransportError};
pub use kind::Kind;
pub use list::{LIST_LIMITS, ListPage, MAX_PAGE_OBJECTS, PageRequest};
pub use namespace::StoredNamespace;
pub use new_object::{
    AccountRef, CoordinationLeaseSpec, NewBinding, NewObject, NewObjectBody, RoleRef,
};
pub use patch::{CoordinationLeasePatch, ObjectPatch};
pub use post_authorization_denial::{DeniedBy, PostAuthorizationDenial};
pub use self_review::{AccessReview, ResourceAttributes, UserInfo};
pub use status::{MAX_RETRY_AFTER, Status};
pub use stored_object::{StoredObject, StoredRoleRef, StoredSubject};
pub use tls_failure::TlsFailure;
pub use token::{BoundObject, IssuedToken, TokenSpec};
pub use token_claims::{AudienceClaim, ClaimsError, ObjectClaim, PrivateClaims, TokenClaims};
pub use token_review::TokenReview;
