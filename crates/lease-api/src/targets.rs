//! `/api/v1/targets`

pub(crate) mod json;
mod runtime_config;

pub(crate) use self::runtime_config::runtime_config;

use http::{Response, StatusCode};
use lease_core::TargetName;
use lease_engine::{Engine, Ports, TargetDefinition, TargetDeletion, WriteOff};
use serde::{Deserialize, Serialize};

use self::json::{CheckJson, ClusterJson, TargetInput, TargetJson};
use crate::input::Nothing;
use crate::list::{List, Query, Window};
use crate::problem::Problem;
use crate::{Body, input, respond};

/// `PUT /api/v1/targets/{name}`
pub(crate) async fn put<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &Query<'_>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let name: TargetName = input::name(name)?;
    let is_rehearsed = query.flag("dry_run")?;
    let input: TargetInput = input::json(body).await?;
    input.check()?;
    let definition = input.define(name);
    if is_rehearsed {
        return Ok(respond::json(StatusCode::OK, &put_with(&engine.rehearsing(), definition)?.1));
    }
    let (status, json) = put_with(engine, definition)?;
    Ok(respond::json(status, &json))
}

fn put_with<P: Ports>(
    engine: &Engine<P>,
    definition: TargetDefinition,
) -> Result<(StatusCode, TargetJson), Problem> {
    let put = engine.put_target(definition)?;
    // Read again: the cluster that was met before is known still.
    let json = TargetJson::of(engine.target(&put.definition.name)?);
    Ok((respond::status_of(&put.change), json.with_change(put.change)))
}

/// `GET /api/v1/targets/{name}`
pub(crate) fn show<P: Ports>(engine: &Engine<P>, name: &str) -> Result<Response<Vec<u8>>, Problem> {
    let known = engine.target(&input::name(name)?)?;
    Ok(respond::json(StatusCode::OK, &TargetJson::of(known)))
}

/// `GET /api/v1/targets`
pub(crate) fn list<P: Ports>(
    engine: &Engine<P>,
    query: &Query<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let Window { from, limit } = Window::read(query)?;
    let page = engine.list_targets(from, limit)?;
    let list = List::of(page, TargetJson::of);
    Ok(respond::json(StatusCode::OK, &list))
}

/// `DELETE /api/v1/targets/{name}`
pub(crate) async fn delete<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &Query<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let name = input::name(name)?;
    Ok(match engine.delete_target(&name, query.flag("revoke")?).await? {
        TargetDeletion::Gone => respond::no_content(),
        TargetDeletion::Retired => {
            let known = engine.target(&name)?;
            respond::json(StatusCode::ACCEPTED, &TargetJson::of(known))
        }
    })
}

/// Which cluster is the true one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `uid`")]
struct AcceptInput {
    uid: String,
}

/// `POST /api/v1/targets/{name}/cluster`
pub(crate) async fn accept_cluster<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let name = input::name(name)?;
    let AcceptInput { uid } = input::json(body).await?;
    let cluster = engine.accept_cluster(&name, &uid)?;
    Ok(respond::json(StatusCode::OK, &ClusterJson::from(cluster)))
}

/// Why a cluster is given up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `reason`")]
struct WriteOffInput {
    reason: lease_core::Description,
}

#[derive(Serialize)]
struct WriteOffJson {
    ended: usize,
    more: bool,
}

/// `POST /api/v1/targets/{name}/write-off`
pub(crate) async fn write_off<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let name = input::name(name)?;
    let WriteOffInput { reason } = input::json(body).await?;
    if reason.as_str().trim().is_empty() {
        return Err(Problem::field(
            "/reason".to_owned(),
            "say why the cluster is given up".to_owned(),
        ));
    }
    let WriteOff { ended, more } = engine.write_off(&name, reason.as_str())?;
    Ok(respond::json(StatusCode::OK, &WriteOffJson { ended, more }))
}

/// `POST /api/v1/targets/{name}/check`
pub(crate) async fn check<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let Nothing {} = input::optional_json(body).await?;
    let check = engine.check_target(&input::name(name)?).await?;
    Ok(respond::json(StatusCode::OK, &CheckJson::from(check)))
}

#[cfg(test)]
mod tests;
