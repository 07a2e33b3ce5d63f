//! `/api/v1/auth`: access tokens, and who their bearers are.

mod json;

use http::{Response, StatusCode};
use lease_core::{Accessor, Description, Ttl};
use lease_engine::{AuthenticationError, Engine, Ports, Session};
use serde::Deserialize;

use self::json::CallerJson;
pub(crate) use self::json::{AccessTokenJson, InfisicalTokenJson};
use crate::identities::takes_leases_back;
use crate::input::Nothing;
use crate::list::Query;
use crate::problem::Problem;
use crate::{Body, input, leases, respond};

/// What an administrator says of an access token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `ttl` and `description`, or no body")]
struct MakeInput {
    ttl: Option<Ttl>,
    #[serde(default)]
    description: Description,
}

/// The body in which an access token may be shown, as Infisical's clients do.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `accessToken`, or no body")]
struct HolderInput {
    #[serde(rename = "accessToken")]
    access_token: Option<String>,
}

/// `POST /api/v1/identities/{name}/tokens`
pub(crate) async fn make<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let name = input::name(name)?;
    let MakeInput { ttl, description } = input::optional_json(body).await?;
    let made = engine.make_access_token(&name, ttl, &description)?;
    Ok(respond::json(StatusCode::CREATED, &AccessTokenJson::of(&made)))
}

/// `GET /api/v1/auth/token`
pub(crate) fn show<P: Ports>(engine: &Engine<P>) -> Result<Response<Vec<u8>>, Problem> {
    let json = match &engine.requester().session {
        None => CallerJson::administrator(),
        Some(session) => {
            let secrets = engine.issuable_by(&session.identity, SHOWN)?;
            CallerJson::identity(session, engine.uses_left(session)?, secrets)
        }
    };
    Ok(respond::json(StatusCode::OK, &json))
}

/// `POST /api/v1/auth/token/renew`
pub(crate) async fn renew<P: Ports>(
    engine: &Engine<P>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let (session, in_body) = holder(engine, body).await?;
    let renewed = engine.renew_access_token(&session)?;
    Ok(if in_body {
        respond::json(StatusCode::OK, &InfisicalTokenJson::of(&renewed))
    } else {
        respond::json(StatusCode::OK, &AccessTokenJson::of(&renewed))
    })
}

/// `POST /api/v1/auth/token/revoke`
pub(crate) async fn revoke<P: Ports>(
    engine: &Engine<P>,
    query: &Query<'_>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let takes_back = takes_leases_back(query)?;
    let (session, in_body) = holder(engine, body).await?;
    let revoked = engine.revoke_session(&session, takes_back).await?;
    Ok(match revoked {
        Some(done) => leases::revoked(&done),
        None if in_body => respond::json(StatusCode::OK, &json::infisical_revoked()),
        None => respond::no_content(),
    })
}

/// `POST /api/v1/auth/accessors/{accessor}/revoke`
pub(crate) async fn revoke_accessor<P: Ports>(
    engine: &Engine<P>,
    accessor: &str,
    query: &Query<'_>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let accessor: Accessor = accessor.parse()?;
    let takes_back = takes_leases_back(query)?;
    let Nothing {} = input::optional_json(body).await?;
    let revoked = engine.revoke_accessor(accessor, takes_back).await?;
    Ok(revoked.map_or_else(respond::no_content, |done| leases::revoked(&done)))
}

/// The session of whoever shows an access token, and if that stands in the body.
///
/// Infisical's clients show it in both places at once; it is the same then.
///
/// # Errors
/// 401 if there is none, or two. 403 for a token of the installation itself, which is no access token.
async fn holder<P: Ports>(engine: &Engine<P>, body: impl Body) -> Result<(Session, bool), Problem> {
    let HolderInput { access_token } = input::optional_json(body).await?;
    let requester = engine.requester();
    match (&requester.session, access_token) {
        (Some(session), None) => Ok(((**session).clone(), false)),
        (None, None) if requester.is_administrator() => Err(Problem::not_an_access_token()),
        (None, None) => Err(Problem::unauthenticated()),
        (known, Some(token)) => {
            let address = requester.origin.address;
            let session = engine.known_bearer(&token, address, known.is_none());
            let session = session.map_err(|error| match error {
                AuthenticationError::Store(error) => error.into(),
                _ => Problem::unknown_credential(),
            })?;
            let is_same = |known: &Session| known.accessor == session.accessor;
            if known.as_ref().is_none_or(|known| is_same(known)) {
                Ok((session, true))
            } else {
                Err(Problem::unknown_credential())
            }
        }
    }
}

/// How many dynamic secrets are shown to an identity that may ask for leases of more.
const SHOWN: usize = 100;

#[cfg(test)]
mod tests;
