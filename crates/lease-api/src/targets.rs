//! `/api/v1/targets`

pub(crate) mod json;
mod runtime_config;

pub(crate) use self::runtime_config::show_runtime_config;

use http::{Response, StatusCode};
use lease_core::{TargetInput, TargetName};
use lease_engine::{Engine, Ports, TargetDeletion, WriteOffProgress};
use serde::{Deserialize, Serialize};

use self::json::{CheckJson, ClusterJson, TargetBody, TargetJson};
use crate::input::EmptyObject;
use crate::pagination::{ListJson, PageWindow, QueryParameters};
use crate::problem::Problem;
use crate::{Body, input, respond};

/// `PUT /api/v1/targets/{name}`
pub(crate) async fn put_target<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &QueryParameters<'_>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let name: TargetName = input::parse_name(name)?;
    let is_rehearsed = query.parse_flag_parameter("dry_run")?;
    let body: TargetBody = input::read_json(body).await?;
    body.check_token_and_kubeconfig()?;
    let input = body.into_input(name);
    if is_rehearsed {
        return Ok(respond::json_response(
            StatusCode::OK,
            &put_target_as_json(&engine.rehearsing_engine(), input)?.1,
        ));
    }
    let (status, json) = put_target_as_json(engine, input)?;
    Ok(respond::json_response(status, &json))
}

fn put_target_as_json<P: Ports>(
    engine: &Engine<P>,
    input: TargetInput,
) -> Result<(StatusCode, TargetJson), Problem> {
    let put = engine.put_target(input)?;
    // Read again: the cluster that was met before is known still.
    let json = TargetJson::from_target(engine.get_target(&put.definition.name)?);
    Ok((respond::put_status(&put.change), json.with_change(put.change)))
}

/// `GET /api/v1/targets/{name}`
pub(crate) fn show_target<P: Ports>(
    engine: &Engine<P>,
    name: &str,
) -> Result<Response<Vec<u8>>, Problem> {
    let known = engine.get_target(&input::parse_name(name)?)?;
    Ok(respond::json_response(StatusCode::OK, &TargetJson::from_target(known)))
}

/// `GET /api/v1/targets`
pub(crate) fn list_targets<P: Ports>(
    engine: &Engine<P>,
    query: &QueryParameters<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let PageWindow { from, limit } = PageWindow::from_query(query)?;
    let page = engine.list_target_page(from, limit)?;
    let list = ListJson::from_page(page, TargetJson::from_target);
    Ok(respond::json_response(StatusCode::OK, &list))
}

/// `DELETE /api/v1/targets/{name}`
pub(crate) async fn delete_target<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &QueryParameters<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let name = input::parse_name(name)?;
    Ok(match engine.delete_target(&name, query.parse_flag_parameter("revoke")?).await? {
        TargetDeletion::Gone => respond::no_content(),
        TargetDeletion::Retired => {
            let known = engine.get_target(&name)?;
            respond::json_response(StatusCode::ACCEPTED, &TargetJson::from_target(known))
        }
    })
}

/// Which cluster is the true one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `uid`")]
struct AcceptClusterInput {
    uid: String,
}

/// `POST /api/v1/targets/{name}/cluster`
pub(crate) async fn accept_changed_cluster<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let name = input::parse_name(name)?;
    let AcceptClusterInput { uid } = input::read_json(body).await?;
    let cluster = engine.accept_cluster(&name, &uid)?;
    Ok(respond::json_response(StatusCode::OK, &ClusterJson::from(cluster)))
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
pub(crate) async fn write_off_leases<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let name = input::parse_name(name)?;
    let WriteOffInput { reason } = input::read_json(body).await?;
    if reason.as_str().trim().is_empty() {
        return Err(Problem::for_field(
            "/reason".to_owned(),
            "give the reason for which the cluster is given up".to_owned(),
        ));
    }
    let WriteOffProgress { ended, more } = engine.write_off_some_leases(&name, reason.as_str())?;
    Ok(respond::json_response(StatusCode::OK, &WriteOffJson { ended, more }))
}

/// `POST /api/v1/targets/{name}/check`
pub(crate) async fn check_target<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let EmptyObject {} = input::optional_json(body).await?;
    let check = engine.check_target(&input::parse_name(name)?).await?;
    Ok(respond::json_response(StatusCode::OK, &CheckJson::from(check)))
}

#[cfg(test)]
mod tests;
