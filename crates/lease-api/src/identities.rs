//! `/api/v1/identities`

pub(crate) mod json;

use http::{Response, StatusCode};
use lease_core::{IdentityInput, IdentityName};
use lease_engine::{Engine, Ports};

use self::json::IdentityJson;
use crate::input::EmptyObject;
use crate::pagination::{ListJson, PageWindow, QueryParameters};
use crate::problem::{Code, Problem};
use crate::{Body, input, leases, respond};

/// `PUT /api/v1/identities/{name}`
pub(crate) async fn put_identity<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &QueryParameters<'_>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let name: IdentityName = input::parse_name(name)?;
    let is_rehearsed = query.parse_flag_parameter("dry_run")?;
    let input: IdentityInput = input::read_json(body).await?;
    if is_rehearsed {
        let (put, warnings) = engine.rehearsing_engine().put_identity(name, input)?;
        return Ok(respond::json_response(
            StatusCode::OK,
            &IdentityJson::from_put_outcome(put, warnings),
        ));
    }
    let (put, warnings) = engine.put_identity(name, input)?;
    let status = respond::put_status(&put.change);
    Ok(respond::json_response(status, &IdentityJson::from_put_outcome(put, warnings)))
}

/// `GET /api/v1/identities/{name}`
pub(crate) fn show_identity<P: Ports>(
    engine: &Engine<P>,
    name: &str,
) -> Result<Response<Vec<u8>>, Problem> {
    let identity = engine.get_identity(&input::parse_name(name)?)?;
    Ok(respond::json_response(StatusCode::OK, &IdentityJson::from_identity(&identity)))
}

/// `GET /api/v1/identities`
pub(crate) fn list_identities<P: Ports>(
    engine: &Engine<P>,
    query: &QueryParameters<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let PageWindow { from, limit } = PageWindow::from_query(query)?;
    let page = engine.list_identity_page(from, limit)?;
    let list = ListJson::from_page(page, |identity| IdentityJson::from_identity(&identity));
    Ok(respond::json_response(StatusCode::OK, &list))
}

/// `DELETE /api/v1/identities/{name}`
pub(crate) async fn delete_identity<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &QueryParameters<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let name = input::parse_name(name)?;
    let revoked = engine.delete_identity(&name, read_revoke_leases_flag(query)?).await?;
    Ok(revoked.map_or_else(respond::no_content, |done| leases::bulk_revocation_response(&done)))
}

/// `POST /api/v1/identities/{name}/revoke`
pub(crate) async fn revoke_identity_tokens<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &QueryParameters<'_>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let name = input::parse_name(name)?;
    let leases = read_revoke_leases_flag(query)?;
    let EmptyObject {} = input::optional_json(body).await?;
    let revoked = engine.revoke_identity_tokens(&name, leases).await?;
    Ok(revoked.map_or_else(respond::no_content, |done| leases::bulk_revocation_response(&done)))
}

/// Returns true if `?leases=revoke` is said: leases are taken back too.
///
/// # Errors
/// Refuses any other value.
pub(crate) fn read_revoke_leases_flag(query: &QueryParameters<'_>) -> Result<bool, Problem> {
    match query.get_text("leases") {
        None | Some("keep") => Ok(false),
        Some("revoke") => Ok(true),
        Some(_) => Err(Problem::new(Code::InvalidQuery, "`leases` must be `keep` or `revoke`")),
    }
}

#[cfg(test)]
mod tests;
