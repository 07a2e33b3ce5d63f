//! The Kubernetes REST API, as far as kubelease speaks it.
//!
//! This crate turns intent into `http::Request<Vec<u8>>` and bytes into answers. Payloads are written by
//! hand here. One trait with one method sends ([`HttpClient`]), and the crate does not care how. It knows
//! nothing of leases, of storage or of time.

mod api;
mod call;
mod claims;
mod error;
mod http_client;
mod review;
mod status;
mod token;

pub use api::{Api, Version};
pub use call::{Call, LIMITS};
pub use claims::{Audience, ClaimsError, TokenClaims};
pub use error::Error;
pub use http_client::{HttpClient, Limits, TransportError};
pub use review::{AccessReview, ResourceAttributes, UserInfo};
pub use status::Status;
pub use token::{IssuedToken, TokenSpec};
