//! `/api/v1/dynamic-secrets`

mod json;

use http::{Response, StatusCode};
use lease_engine::{DynamicSecretDeletion, Engine, Ports};
use serde::Serialize;

use self::json::DynamicSecretJson;
use crate::pagination::{ListJson, PageWindow, QueryParameters};
use crate::problem::Problem;
use crate::{Body, input, respond};

/// `PUT /api/v1/dynamic-secrets/{name}`
pub(crate) async fn put_dynamic_secret<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &QueryParameters<'_>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let is_rehearsed = query.parse_flag_parameter("dry_run")?;
    let definition = json::read_dynamic_secret_body(input::parse_name(name)?, body).await?;
    if is_rehearsed {
        let (put, warnings) = engine.rehearsing_engine().put_dynamic_secret(definition).await?;
        return Ok(respond::json_response(
            StatusCode::OK,
            &DynamicSecretJson::from_put_outcome(put, warnings),
        ));
    }
    let (put, warnings) = engine.put_dynamic_secret(definition).await?;
    let status = respond::put_status(&put.change);
    Ok(respond::json_response(status, &DynamicSecretJson::from_put_outcome(put, warnings)))
}

/// `GET /api/v1/dynamic-secrets/{name}`
pub(crate) fn show_dynamic_secret<P: Ports>(
    engine: &Engine<P>,
    name: &str,
) -> Result<Response<Vec<u8>>, Problem> {
    let secret = engine.get_dynamic_secret(&input::parse_name(name)?)?;
    Ok(respond::json_response(
        StatusCode::OK,
        &DynamicSecretJson::from_dynamic_secret(secret, vec![]),
    ))
}

/// `GET /api/v1/dynamic-secrets`
pub(crate) fn list_dynamic_secrets<P: Ports>(
    engine: &Engine<P>,
    query: &QueryParameters<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let PageWindow { from, limit } = PageWindow::from_query(query)?;
    let page = engine.list_dynamic_secret_page(from, limit)?;
    let list =
        ListJson::from_page(page, |secret| DynamicSecretJson::from_dynamic_secret(secret, vec![]));
    Ok(respond::json_response(StatusCode::OK, &list))
}

/// `DELETE /api/v1/dynamic-secrets/{name}`
pub(crate) async fn delete_dynamic_secret<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &QueryParameters<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let (force, revoke) =
        (query.parse_flag_parameter("force")?, query.parse_flag_parameter("revoke")?);
    Ok(match engine.delete_dynamic_secret(&input::parse_name(name)?, force, revoke).await? {
        DynamicSecretDeletion::Gone => respond::no_content(),
        DynamicSecretDeletion::Revoking => {
            respond::json_response(StatusCode::ACCEPTED, &STILL_REVOKING_ANSWER)
        }
    })
}

/// The answer if the sweep goes on.
const STILL_REVOKING_ANSWER: DeletionJson = DeletionJson { state: "revoking" };

#[derive(Serialize)]
struct DeletionJson {
    state: &'static str,
}

#[cfg(test)]
mod tests;
