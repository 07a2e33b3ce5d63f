//! `/api/v1/auth/…/login`: a token of somebody else's for an access token of ours.

pub(crate) mod infisical;

use http::{Response, StatusCode};
use lease_core::IdentityName;
use lease_engine::{Engine, Ports};
use serde::Deserialize;

use crate::access_tokens::AccessTokenJson;
use crate::problem::Problem;
use crate::{Body, input, respond};

/// A login as it is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `jwt` and `identity`")]
struct LoginInput {
    /// The identity; the only one that lets the token in if it is left out.
    identity: Option<IdentityName>,
    /// The token. It is neither kept nor logged.
    jwt: String,
}

/// `POST /api/v1/auth/kubernetes/login`
pub(crate) async fn log_in_by_kubernetes<P: Ports>(
    engine: &Engine<P>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let LoginInput { identity, jwt } = input::read_json(body).await?;
    let made = engine.log_in_by_kubernetes(identity.as_ref(), jwt.trim()).await?;
    Ok(respond::json_response(StatusCode::OK, &AccessTokenJson::from_token(&made)))
}

/// `POST /api/v1/auth/oidc/login`
pub(crate) async fn log_in_by_oidc<P: Ports>(
    engine: &Engine<P>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let LoginInput { identity, jwt } = input::read_json(body).await?;
    let made = engine.log_in_by_oidc(identity.as_ref(), jwt.trim()).await?;
    Ok(respond::json_response(StatusCode::OK, &AccessTokenJson::from_token(&made)))
}

#[cfg(test)]
mod tests;
