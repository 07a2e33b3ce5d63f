//! Is it alive, and can it work?

use http::{HeaderMap, Response, StatusCode};
use lease_engine::{Engine, Ports};
use serde::Serialize;
use serde_json::json;

use crate::auth::NoAdministratorError;
use crate::problem::{Code, Problem};
use crate::respond;
use crate::routes::RouteAccess;
use crate::settings::{Settings, SettingsError, no_administrator_error};
use crate::sweep::json::{DegradationCause, LastSweepJson, PublicSweepSummaryJson};

/// Answers 200: a component that answers is alive.
pub(crate) fn show_liveness() -> Response<Vec<u8>> {
    respond::json_response(StatusCode::OK, &json!({"status": "alive"}))
}

/// The answer of `/readyz`.
#[derive(Serialize)]
struct ReadyJson<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    degraded: Vec<DegradationCause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<SweepJson<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum SweepJson<'a> {
    Whole(LastSweepJson<'a>),
    Summary(PublicSweepSummaryJson),
}

/// Reports if kubelease is configured and its store answers, and what the last sweep did: in
/// numbers for anybody, whole for a caller who may sweep.
///
/// Targets are not asked, and a missing sweep takes nothing out of service: one bad cluster must
/// not take the others away.
pub(crate) fn show_readiness<P: Ports>(
    ports: P,
    settings: Result<Settings, SettingsError>,
    headers: &HeaderMap,
) -> Result<Response<Vec<u8>>, Problem> {
    let settings =
        settings.map_err(|error| Problem::new(Code::NotConfigured, error.to_string()))?;
    // An access token is not looked at: a look at the health must not cost one of its uses.
    let may_see = settings.tokens.authenticate_headers(headers, RouteAccess::Sweeper).is_some();
    let engine = Engine::new(ports, settings.keys, settings.config);
    engine.probe_store()?;
    settings.tokens.require_some_administrator(&engine).map_err(|error| match error {
        NoAdministratorError::Nobody => {
            Problem::new(Code::NotConfigured, no_administrator_error().to_string())
        }
        NoAdministratorError::Store(error) => error.into(),
    })?;
    let health = engine.sweep_health()?;
    let degraded = DegradationCause::list_causes(&health);
    let sweep = health.last.as_ref().map(|last| {
        if may_see {
            SweepJson::Whole(LastSweepJson::from_swept(last))
        } else {
            SweepJson::Summary(PublicSweepSummaryJson::from_swept(last))
        }
    });
    let status = if degraded.is_empty() { "ready" } else { "degraded" };
    Ok(respond::json_response(StatusCode::OK, &ReadyJson { status, degraded, sweep }))
}
