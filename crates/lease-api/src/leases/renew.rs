//! `POST /api/v1/leases/{lease_id}/renew`

use http::{Response, StatusCode};
use lease_core::Ttl;
use lease_engine::{Engine, Ports};
use serde::Deserialize;

use super::json::LeaseWithTokenJson;
use super::parse_lease_id;
use crate::problem::Problem;
use crate::{Body, input, respond};

/// The body of a renewal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `ttl`, or no body")]
struct RenewInput {
    ttl: Option<Ttl>,
}

/// `POST /api/v1/leases/{lease_id}/renew`
pub(crate) async fn renew_lease<P: Ports>(
    engine: &Engine<P>,
    id: &str,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let id = parse_lease_id(id)?;
    let RenewInput { ttl } = input::optional_json(body).await?;
    let renewal = engine.renew_lease(id, ttl).await?;
    Ok(respond::json_response(StatusCode::OK, &LeaseWithTokenJson::from_renewal(&renewal)))
}
