//! JSON Web Tokens: which are believed, and what they then claim.
//!
//! Start from [`UnverifiedJwt::parse`], which says what a token claims of itself, [`UnverifiedJwt::verify_signature_and_claims`],
//! which turns that into [`VerifiedClaims`] by the keys of an issuer, and [`AccessTokenKeys`], which signs
//! and verifies the access tokens that kubelease gives out itself.
//!
//! Signatures are `jsonwebtoken`'s work; which of them count is decided here (RFC 8725 says why each rule is
//! needed). This crate knows no IO, no clock, no store and no lease: keys and the time are arguments.
//!
//! ```
//! use jwt_auth::UnverifiedJwt;
//!
//! // {"alg":"RS256","kid":"1"} . {"iss":"https://ci.example"} . a signature that nobody has looked at
//! let token = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2NpLmV4YW1wbGUifQ.c2ln";
//! let token = UnverifiedJwt::parse(token)?;
//! assert_eq!(token.claims().issuer(), Some("https://ci.example"));
//! # Ok::<(), jwt_auth::JwtError>(())
//! ```

mod access_token;
mod error;
mod id_token_requirements;
mod key_set;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod times;
mod unverified_jwt;

pub use access_token::{AccessToken, AccessTokenClaims, AccessTokenKeys};
pub use error::JwtError;
pub use id_token_requirements::{
    ClaimRequirement, IdTokenRequirements, SigningAlgorithm, VerifiedClaims,
};
pub use jsonwebtoken::jwk::Jwk;
pub use key_set::{KeySet, KeySetError, MAX_KEY_SET_BYTES};
pub use times::{CLOCK_LEEWAY, read_numeric_date};
pub use unverified_jwt::{MAX_JWT_BYTES, UnverifiedClaims, UnverifiedJwt};
