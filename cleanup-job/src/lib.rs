//! cleanup-job: forgets what has ended.
//!
//! Three triggers can start it: a request to its route, a command, a schedule. It hands over to
//! `lease-api` with Spin's ports.

use std::process;

use anyhow::Result;
use spin_ports::{SpinPorts, cron};
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

impl cron::Guest for CleanupJob {
    fn handle_cron_event(_: cron::Metadata) -> Result<(), cron::Error> {
        sweep().map_err(|error| {
            log::error!("{error:#}");
            cron::Error::Other("the sweep failed; the component's log tells why".to_owned())
        })
    }
}

fn sweep() -> Result<()> {
    spin_ports::log_to_stderr();
    let report = lease_api::sweep_now(SpinPorts::default(), &spin_ports::variables()?)?;
    let more = if report.more { ", and there are more" } else { "" };
    log::info!("forgot {} leases{more}", report.forgotten);
    Ok(())
}

wasi::http::proxy::export!(CleanupJob);
wasi::cli::command::export!(CleanupJob);
cron::export_cron!(CleanupJob);
