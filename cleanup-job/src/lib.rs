//! cleanup-job: takes back what has expired.
//!
//! Three triggers can start it: a request to its route, a command, a schedule. It hands over to
//! `lease-api` with Spin's ports.

#[expect(
    unsafe_code,
    reason = "an export that is generated here is `unsafe extern`, and only that"
)]
mod cron;

use std::error::Error;
use std::process;

use lease_api::{SweepError, SweepReport};
use spin_ports::SpinPorts;
use wasi::exports::cli::run;
use wasi::exports::http::incoming_handler;
use wasi::http::types::{IncomingRequest, ResponseOutparam};

struct CleanupComponent;

impl incoming_handler::Guest for CleanupComponent {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        spin_ports::serve_request_and_run_after(
            &request,
            out,
            lease_api::serve_cleanup_request,
            lease_api::run_after_cleanup_answer,
        );
    }
}

impl run::Guest for CleanupComponent {
    fn run() -> Result<(), ()> {
        // The command trigger before 0.6 takes no notice of an error.
        sweep_and_log().map_err(|_| process::exit(1))
    }
}

/// Runs one sweep, for a trigger that is no request. The log says what came of it.
fn sweep_and_log() -> Result<(), SweepError> {
    spin_ports::install_stderr_logger();
    let variables = spin_ports::read_all_variables();
    let report =
        spin_ports::block_on_future(lease_api::sweep_for_trigger(SpinPorts::default(), &variables))
            .inspect_err(|error| log::error!("{}", error_chain(error)))?;
    let SweepReport { due, done, postponed, held, forgotten, .. } = report;
    let more = if report.more { ", and there is more to do" } else { "" };
    log::info!(
        "{due} leases were due: {done} have ended, {postponed} are tried again; {held} are held, \
         {forgotten} records were deleted{more}"
    );
    Ok(())
}

/// An error with all that is behind it. (`anyhow` would do it for 47 kB of backtraces.)
fn error_chain(error: &dyn Error) -> String {
    let errors = std::iter::successors(Some(error), |&error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

wasi::http::proxy::export!(CleanupComponent);
wasi::cli::command::export!(CleanupComponent);
