//! cleanup-job: forgets what has ended.
//!
//! Three triggers can start it: a request to its route, a command, a schedule. It hands over to
//! `lease-api` with Spin's ports.

#[expect(
    unsafe_code,
    reason = "an export that is generated here is `unsafe extern`, and only that"
)]
mod cron;

use std::process;

use anyhow::Result;
use spin_ports::SpinPorts;
use wasi::exports::cli::run;
use wasi::exports::http::incoming_handler;
use wasi::http::types::{IncomingRequest, ResponseOutparam};

struct CleanupJob;

impl incoming_handler::Guest for CleanupJob {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        spin_ports::serve(request, out, lease_api::sweep);
    }
}

impl run::Guest for CleanupJob {
    fn run() -> Result<(), ()> {
        sweep().map_err(|error| {
            log::error!("{error:#}");
            // The command trigger before 0.6 takes no notice of an error.
            process::exit(1)
        })
    }
}

/// One sweep, for a trigger that is no request.
fn sweep() -> Result<()> {
    spin_ports::log_to_stderr();
    let report = lease_api::sweep_now(SpinPorts::default(), &spin_ports::variables())?;
    let more = if report.more { ", and there are more" } else { "" };
    log::info!("forgot {} leases{more}", report.forgotten);
    Ok(())
}

wasi::http::proxy::export!(CleanupJob);
wasi::cli::command::export!(CleanupJob);
