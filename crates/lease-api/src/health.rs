//! Is it alive, and can it work?

use http::{Response, StatusCode};
use lease_engine::{Engine, Ports};
use serde_json::json;

use crate::problem::{Code, Problem};
use crate::respond;
use crate::settings::{Settings, SettingsError};

/// It answers, so it is alive.
pub(crate) fn live() -> Response<Vec<u8>> {
    respond::json(StatusCode::OK, &json!({"status": "alive"}))
}

/// Whether it is configured and its store answers. Targets are not asked: one bad cluster must not take
/// the others away.
pub(crate) fn ready<P: Ports>(
    ports: P,
    settings: Result<Settings, SettingsError>,
) -> Result<Response<Vec<u8>>, Problem> {
    let settings =
        settings.map_err(|error| Problem::new(Code::NotConfigured, error.to_string()))?;
    Engine::new(ports, settings.keys, settings.config).probe_store()?;
    Ok(respond::json(StatusCode::OK, &json!({"status": "ready"})))
}
