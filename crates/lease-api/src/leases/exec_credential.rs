//! `POST /api/v1/dynamic-secrets/{name}/exec-credential`: a lease in the shape that client-go reads.

use chrono::TimeDelta;
use http::{HeaderMap, Response};
use lease_engine::{Engine, IssuedLease, Ports};
use serde::Serialize;

use super::issue::{issue_requested_lease, respond_issued};
use crate::Body;
use crate::pagination::QueryParameters;
use crate::problem::{Code, Problem};
use crate::respond::format_time;

/// An `ExecCredential` of the API group `client.authentication.k8s.io`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredentialJson<'a> {
    api_version: &'static str,
    kind: &'static str,
    status: StatusJson<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusJson<'a> {
    token: &'a str,
    expiration_timestamp: String,
}

/// `POST /api/v1/dynamic-secrets/{name}/exec-credential`
pub(crate) async fn issue_exec_credential<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &QueryParameters<'_>,
    headers: &HeaderMap,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let api_version = read_api_version(query)?;
    let issued = issue_requested_lease(engine, name, headers, body).await?;
    Ok(respond_issued(&issued, &ExecCredentialJson::from_issued(&issued, api_version)))
}

fn read_api_version(query: &QueryParameters<'_>) -> Result<&'static str, Problem> {
    match query.get_text("api_version") {
        None | Some("v1") => Ok("client.authentication.k8s.io/v1"),
        Some("v1beta1") => Ok("client.authentication.k8s.io/v1beta1"),
        Some(_) => {
            let detail = "`api_version` must be `v1` or `v1beta1`".to_owned();
            Err(Problem::new(Code::InvalidQuery, detail))
        }
    }
}

impl<'a> ExecCredentialJson<'a> {
    fn from_issued(issued: &'a IssuedLease, api_version: &'static str) -> Self {
        let (lease, end) = (&issued.held.lease, issued.held.expires_at);
        // A client that believed a token up to its end would have requests refused that are on their way by then.
        let margin = MAX_MARGIN.min((end - lease.issued_at) / 10);
        let status = StatusJson {
            token: issued.token.expose_secret(),
            expiration_timestamp: format_time(end - margin),
        };
        Self { api_version, kind: "ExecCredential", status }
    }
}

/// The longest time before the end of its lease at which a client is to ask again.
const MAX_MARGIN: TimeDelta = TimeDelta::seconds(30);
