//! The sweep, by whichever trigger it comes.

use http::{Response, StatusCode};
use lease_engine::{Engine, Ports, StoreError, SweepOptions, SweepReport};
use serde::Serialize;

use crate::input::Nothing;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::{Body, SettingsError, Variables, input, respond};

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
/// Fails where kubelease is not configured, or where the store fails.
pub async fn sweep_now<P: Ports>(
    ports: P,
    variables: &Result<Variables, SettingsError>,
) -> Result<SweepReport, SweepError> {
    let settings = Settings::read(variables)?;
    Ok(Engine::new(ports, settings.keys, settings.config).sweep(SweepOptions::default()).await?)
}

/// `POST /api/v1/sweep`
pub(crate) async fn sweep_once<P: Ports>(
    engine: &Engine<P>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let Nothing {} = input::optional_json(body).await?;
    let report = engine.sweep(SweepOptions::default()).await?;
    Ok(respond::json(StatusCode::OK, &ReportJson::of(&report)))
}

/// What a sweep did.
#[derive(Serialize)]
struct ReportJson {
    due: usize,
    done: usize,
    postponed: usize,
    voided: usize,
    forgotten: usize,
    resealed: usize,
    resigned: usize,
    more: bool,
}

impl ReportJson {
    fn of(report: &SweepReport) -> Self {
        let SweepReport {
            due, done, postponed, voided, forgotten, resealed, resigned, more, ..
        } = *report;
        Self { due, done, postponed, voided, forgotten, resealed, resigned, more }
    }
}
