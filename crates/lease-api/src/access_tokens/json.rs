//! The shapes of access tokens and of their bearers.

use std::collections::BTreeMap;

use lease_core::{Accessor, DynamicSecretName, IdentityGrant, IdentityName};
use lease_engine::{NewAccessToken, Session};
use serde::Serialize;
use serde_json::{Value, json};

use crate::respond::format_time;

/// An access token, in the one answer that delivers it.
#[derive(Serialize)]
pub(crate) struct AccessTokenJson<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    max_expires_in: i64,
    accessor: &'a str,
    identity: &'a str,
}

/// The same as Infisical's clients expect it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InfisicalTokenJson<'a> {
    access_token: &'a str,
    expires_in: i64,
    #[serde(rename = "accessTokenMaxTTL")]
    access_token_max_ttl: i64,
    token_type: &'static str,
}

/// The caller, and its rights.
#[derive(Serialize)]
pub(super) struct CallerJson<'a> {
    identity: Option<&'a IdentityName>,
    admin: bool,
    manage_administrators: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<TokenJson<'a>>,
    grants: &'a [IdentityGrant],
    /// The dynamic secrets that there are now of which it may ask for leases.
    dynamic_secrets: Vec<DynamicSecretName>,
}

/// The access token by which it is known.
#[derive(Serialize)]
struct TokenJson<'a> {
    accessor: Accessor,
    auth_method: &'a str,
    claims: &'a BTreeMap<String, String>,
    issued_at: String,
    expires_at: String,
    max_expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uses_left: Option<u64>,
}

impl<'a> AccessTokenJson<'a> {
    pub(crate) fn from_token(made: &'a NewAccessToken) -> Self {
        Self {
            access_token: made.token.expose_secret(),
            token_type: BEARER,
            expires_in: made.expires_in,
            max_expires_in: made.max_expires_in,
            accessor: &made.claims.accessor,
            identity: &made.claims.identity,
        }
    }
}

impl<'a> InfisicalTokenJson<'a> {
    pub(crate) fn from_token(made: &'a NewAccessToken) -> Self {
        let whole = made.claims.max_expires_at - made.claims.issued_at;
        Self {
            access_token: made.token.expose_secret(),
            expires_in: made.expires_in,
            access_token_max_ttl: whole.num_seconds(),
            token_type: BEARER,
        }
    }
}

/// The answer that Infisical's clients expect of a revocation.
pub(super) fn infisical_revoked_json() -> Value {
    json!({"message": "Successfully revoked access token"})
}

impl<'a> CallerJson<'a> {
    /// The first administrator.
    pub(super) fn first_administrator() -> Self {
        Self {
            identity: None,
            admin: true,
            manage_administrators: true,
            token: None,
            grants: &[],
            dynamic_secrets: vec![],
        }
    }

    /// An identity, with what is left of its token.
    pub(super) fn from_identity_session(
        session: &'a Session,
        uses_left: Option<u64>,
        dynamic_secrets: Vec<DynamicSecretName>,
    ) -> Self {
        let (spec, token) = (session.identity.spec(), &session.token);
        Self {
            identity: Some(&session.identity.name),
            admin: spec.admin,
            manage_administrators: spec.manage_administrators,
            token: Some(TokenJson {
                accessor: session.accessor,
                auth_method: &token.auth_method,
                claims: &token.login_claims,
                issued_at: format_time(token.issued_at),
                expires_at: format_time(token.expires_at),
                max_expires_at: format_time(token.max_expires_at),
                uses_left,
            }),
            grants: &spec.grants,
            dynamic_secrets,
        }
    }
}

/// The type of every access token (RFC 6750).
const BEARER: &str = "Bearer";
