//! `/api/v1/dynamic-secrets`

mod json;

use http::{Response, StatusCode};
use lease_engine::{Engine, Ports, SecretDeletion};
use serde::Serialize;

use self::json::DynamicSecretJson;
use crate::list::{List, Query, Window};
use crate::problem::Problem;
use crate::{Body, input, respond};

/// `PUT /api/v1/dynamic-secrets/{name}`
pub(crate) async fn put<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &Query<'_>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let is_rehearsed = query.flag("dry_run")?;
    let definition = json::read(input::name(name)?, body).await?;
    if is_rehearsed {
        let (put, warnings) = engine.rehearsing().put_dynamic_secret(definition).await?;
        return Ok(respond::json(StatusCode::OK, &DynamicSecretJson::of_put(put, warnings)));
    }
    let (put, warnings) = engine.put_dynamic_secret(definition).await?;
    let status = respond::status_of(&put.change);
    Ok(respond::json(status, &DynamicSecretJson::of_put(put, warnings)))
}

/// `GET /api/v1/dynamic-secrets/{name}`
pub(crate) fn show<P: Ports>(engine: &Engine<P>, name: &str) -> Result<Response<Vec<u8>>, Problem> {
    let secret = engine.dynamic_secret(&input::name(name)?)?;
    Ok(respond::json(StatusCode::OK, &DynamicSecretJson::of(secret, vec![])))
}

/// `GET /api/v1/dynamic-secrets`
pub(crate) fn list<P: Ports>(
    engine: &Engine<P>,
    query: &Query<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let Window { from, limit } = Window::read(query)?;
    let page = engine.list_dynamic_secrets(from, limit)?;
    let list = List::of(page, |secret| DynamicSecretJson::of(secret, vec![]));
    Ok(respond::json(StatusCode::OK, &list))
}

/// `DELETE /api/v1/dynamic-secrets/{name}`
pub(crate) async fn delete<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &Query<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let (force, revoke) = (query.flag("force")?, query.flag("revoke")?);
    Ok(match engine.delete_dynamic_secret(&input::name(name)?, force, revoke).await? {
        SecretDeletion::Gone => respond::no_content(),
        SecretDeletion::Revoking => respond::json(StatusCode::ACCEPTED, &STILL_REVOKING),
    })
}

/// The answer if the sweep goes on.
const STILL_REVOKING: Going = Going { state: "revoking" };

#[derive(Serialize)]
struct Going {
    state: &'static str,
}

#[cfg(test)]
mod tests;
