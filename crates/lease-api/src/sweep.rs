//! The sweep, by whichever trigger it comes.

pub(crate) mod json;

use http::{Extensions, Response, StatusCode};
use lease_engine::{Engine, Ports, RefusedToken, StoreError, SweepOptions, SweepReport};

use self::json::{LastSweepJson, ReportJson};
use crate::input::EmptyObject;
use crate::pagination::QueryParameters;
use crate::problem::{Code, Problem};
use crate::settings::Settings;
use crate::{Body, RawVariables, SettingsError, input, respond};

/// Why a sweep could not be made, for the log of whoever triggered it.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// kubelease is not configured.
    #[error("kubelease is not configured")]
    Settings(#[from] SettingsError),
    /// The store failed.
    #[error("the sweep stopped")]
    Store(#[from] StoreError),
}

/// Sweeps once, for a trigger that is no HTTP request: a clock or a command, which the host admits.
///
/// # Errors
/// Fails if kubelease is not configured, or where the store fails.
pub async fn sweep_for_trigger<P: Ports>(
    ports: P,
    variables: &Result<RawVariables, SettingsError>,
) -> Result<SweepReport, SweepError> {
    let settings = Settings::from_variables(variables)?;
    Ok(Engine::new(ports, settings.keys, settings.config)
        .run_sweep(SweepOptions::default())
        .await?)
}

/// Does what a request does once it is answered: records that its token was refused, if it was one of ours, and sweeps
/// a little if sweeps are missing.
///
/// `extensions` are those of the answer. What goes wrong is logged: there is nobody to be told.
pub async fn run_after_api_answer<P: Ports>(
    ports: P,
    variables: &Result<RawVariables, SettingsError>,
    extensions: Extensions,
) {
    let Ok(settings) = Settings::from_variables(variables) else { return };
    let engine = Engine::new(ports, settings.keys, settings.config);
    record_refused_token(&engine, &extensions);
    if let Err(error) = engine.sweep_if_overdue().await {
        log::error!("a sweep after an answer stopped: {error}");
    }
}

/// Does what a request to the cleanup job does once it is answered: records that its token was refused, if it was one of
/// ours.
pub async fn run_after_cleanup_answer<P: Ports>(
    ports: P,
    variables: &Result<RawVariables, SettingsError>,
    extensions: Extensions,
) {
    let Ok(settings) = Settings::from_variables(variables) else { return };
    record_refused_token(&Engine::new(ports, settings.keys, settings.config), &extensions);
}

fn record_refused_token<P: Ports>(engine: &Engine<P>, extensions: &Extensions) {
    let Some(refused) = extensions.get::<RefusedToken>() else { return };
    if let Err(error) = engine.record_refused_token(refused) {
        log::error!("could not record the refusal of an access token: {error}");
    }
}

/// `POST /api/v1/sweep`
pub(crate) async fn serve_sweep_request<P: Ports>(
    engine: &Engine<P>,
    query: &QueryParameters<'_>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let (dry_run, reconcile) =
        (query.parse_flag_parameter("dry_run")?, query.parse_flag_parameter("reconcile")?);
    let EmptyObject {} = input::optional_json(body).await?;
    let report = engine.run_sweep(SweepOptions { dry_run, reconcile }).await?;
    let last_success = engine.last_sweep()?.and_then(|last| last.last_success);
    let report = ReportJson::from_report(&report, dry_run).with_last_success(last_success);
    Ok(respond::json_response(StatusCode::OK, &report))
}

/// `GET /api/v1/sweep`
pub(crate) fn show_last_sweep<P: Ports>(engine: &Engine<P>) -> Result<Response<Vec<u8>>, Problem> {
    let none = || Problem::new(Code::NotSwept, "no sweep has run on this store yet");
    let swept = engine.last_sweep()?.ok_or_else(none)?;
    Ok(respond::json_response(StatusCode::OK, &LastSweepJson::from_swept(&swept)))
}

#[cfg(test)]
mod tests;
