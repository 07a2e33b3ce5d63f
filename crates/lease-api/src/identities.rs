//! `/api/v1/identities`

pub(crate) mod json;

use http::{Response, StatusCode};
use lease_core::{IdentityInput, IdentityName};
use lease_engine::{Engine, Ports};

use self::json::IdentityJson;
use crate::input::Nothing;
use crate::list::{List, Query, Window};
use crate::problem::{Code, Problem};
use crate::{Body, input, leases, respond};

/// `PUT /api/v1/identities/{name}`
pub(crate) async fn put<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &Query<'_>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let name: IdentityName = input::name(name)?;
    let is_rehearsed = query.flag("dry_run")?;
    let input: IdentityInput = input::json(body).await?;
    if is_rehearsed {
        let (put, warnings) = engine.rehearsing().put_identity(name, input)?;
        return Ok(respond::json(StatusCode::OK, &IdentityJson::of_put(put, warnings)));
    }
    let (put, warnings) = engine.put_identity(name, input)?;
    let status = respond::status_of(&put.change);
    Ok(respond::json(status, &IdentityJson::of_put(put, warnings)))
}

/// `GET /api/v1/identities/{name}`
pub(crate) fn show<P: Ports>(engine: &Engine<P>, name: &str) -> Result<Response<Vec<u8>>, Problem> {
    let identity = engine.identity(&input::name(name)?)?;
    Ok(respond::json(StatusCode::OK, &IdentityJson::of(&identity)))
}

/// `GET /api/v1/identities`
pub(crate) fn list<P: Ports>(
    engine: &Engine<P>,
    query: &Query<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let Window { from, limit } = Window::read(query)?;
    let page = engine.list_identities(from, limit)?;
    let list = List::of(page, |identity| IdentityJson::of(&identity));
    Ok(respond::json(StatusCode::OK, &list))
}

/// `DELETE /api/v1/identities/{name}`
pub(crate) async fn delete<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &Query<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let name = input::name(name)?;
    let revoked = engine.delete_identity(&name, takes_leases_back(query)?).await?;
    Ok(revoked.map_or_else(respond::no_content, |done| leases::revoked(&done)))
}

/// `POST /api/v1/identities/{name}/revoke`
pub(crate) async fn revoke<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &Query<'_>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let name = input::name(name)?;
    let leases = takes_leases_back(query)?;
    let Nothing {} = input::optional_json(body).await?;
    let revoked = engine.revoke_identity(&name, leases).await?;
    Ok(revoked.map_or_else(respond::no_content, |done| leases::revoked(&done)))
}

/// Returns true if `?leases=revoke` is said: leases are taken back too.
///
/// # Errors
/// Refuses any other value.
pub(crate) fn takes_leases_back(query: &Query<'_>) -> Result<bool, Problem> {
    match query.text("leases") {
        None | Some("keep") => Ok(false),
        Some("revoke") => Ok(true),
        Some(_) => Err(Problem::new(Code::InvalidQuery, "`leases` is `keep` or `revoke`")),
    }
}

#[cfg(test)]
mod tests;
