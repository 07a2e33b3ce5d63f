//! `/api/v1/auth`: access tokens, and who their bearers are.

mod json;
mod renew_and_revoke;

use http::{Response, StatusCode};
use lease_core::{Accessor, Description, Ttl};
use lease_engine::{Engine, Ports};
use serde::Deserialize;

use self::json::CallerJson;
pub(crate) use self::json::{AccessTokenJson, InfisicalTokenJson};
pub(crate) use self::renew_and_revoke::serve_token_operation;
use crate::identities::read_revoke_leases_flag;
use crate::input::EmptyObject;
use crate::pagination::QueryParameters;
use crate::problem::Problem;
use crate::{Body, input, leases, respond};

/// The body of a request for an access token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `ttl` and `description`, or no body")]
struct TokenCreationInput {
    ttl: Option<Ttl>,
    #[serde(default)]
    description: Description,
}

/// `POST /api/v1/identities/{name}/tokens`
pub(crate) async fn make_token<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let name = input::parse_name(name)?;
    let TokenCreationInput { ttl, description } = input::optional_json(body).await?;
    let made = engine.make_token_for_identity(&name, ttl, &description)?;
    Ok(respond::json_response(StatusCode::CREATED, &AccessTokenJson::from_token(&made)))
}

/// `GET /api/v1/auth/token`
pub(crate) fn show_caller<P: Ports>(engine: &Engine<P>) -> Result<Response<Vec<u8>>, Problem> {
    let json = match &engine.requester().session {
        None => CallerJson::first_administrator(),
        Some(session) => {
            let secrets = engine
                .list_issuable_dynamic_secrets(&session.identity, MAX_SHOWN_DYNAMIC_SECRETS)?;
            CallerJson::from_identity_session(session, engine.read_uses_left(session)?, secrets)
        }
    };
    Ok(respond::json_response(StatusCode::OK, &json))
}

/// `POST /api/v1/auth/accessors/{accessor}/revoke`
pub(crate) async fn revoke_token_by_accessor<P: Ports>(
    engine: &Engine<P>,
    accessor: &str,
    query: &QueryParameters<'_>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let accessor: Accessor = accessor.parse()?;
    let takes_back = read_revoke_leases_flag(query)?;
    let EmptyObject {} = input::optional_json(body).await?;
    let revoked = engine.revoke_token_by_accessor(accessor, takes_back).await?;
    Ok(revoked.map_or_else(respond::no_content, |done| leases::bulk_revocation_response(&done)))
}

/// The number of dynamic secrets that are shown to an identity that may ask for leases of more.
const MAX_SHOWN_DYNAMIC_SECRETS: usize = 100;

#[cfg(test)]
mod tests;
