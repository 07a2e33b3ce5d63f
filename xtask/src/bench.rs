//! Measuring kubelease beside the raw calls that it stands on.
//!
//! - One control plane: a kube-apiserver and an etcd that flushes each write to its disk, without controllers.
//!   Everything is on one machine, and its load meets all alike.
//! - The **contenders** take turns of about a second, in another order each round. **raw** is a native client with
//!   kept connections, which sends the requests that a kubelease was seen to send: the same paths, bodies, rounds and
//!   credential, with names and UIDs of its own ([`raw_call_replay`]). **kubelease** is the release components on an optimized
//!   dev-host, with one host for each kind of store.
//! - A **cell** is a mode of leases, an operation and a number of clients. A client is a closed loop: it sends its next
//!   request when it has the answer to the last one ([`load`]). Leases that an operation leaves are revoked after its turn,
//!   and are not measured.
//! - A ratio compares two turns of the same round. A cell shows the median of its rounds and their spread
//!   ([`report`]).
//!
//! A client of raw speaks HTTP/1.1 on as many connections as it has requests under way; dev-host, as Spin, speaks HTTP/2
//! on connections that all its requests share.

mod contenders;
mod load;
mod modes;
mod raw_call_replay;
mod report;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use testbed::command;
use testbed::control_plane::Assets;
use testbed::host::DevHost;
use testbed::process::Supervisor;

use self::contenders::{BenchClient, BenchEnvironment};
use self::load::{Operation, Turn};
use self::modes::MODES;
use self::report::{Cell, Report};
use crate::workspace::{cargo_command, workspace_root};
use crate::{build, system_packages};

/// The options of `cargo xtask bench`.
#[derive(Args)]
pub struct Options {
    /// Measure for three minutes at most, so that only large differences count.
    #[arg(long)]
    quick: bool,

    /// The directory for the table and for the measurements in JSON.
    #[arg(long, value_name = "DIR", default_value_os_t = workspace_root().join("docs/benchmarks"))]
    output_dir: PathBuf,
}

/// Builds what is measured, measures it, and writes the results.
pub fn run_bench(options: &Options) -> Result<()> {
    let host = build_optimized_host()?;
    let plan = if options.quick { QUICK_PLAN } else { FULL_PLAN };
    let keeper = Supervisor::new()?;
    let cluster = contenders::start_cluster(&keeper)?;
    let stage = BenchEnvironment::set_up(&host, &cluster)?;
    let measure_flush = || report::measure_flush(keeper.scratch_directory());
    let before = measure_flush()?;
    let cells = measure_cells(&stage, &plan)?;
    let flushes = [before, measure_flush()?];
    let report =
        Report { stage: &stage, quick: options.quick, plan: &plan, flushes, cells: &cells };
    let name = if options.quick { "dev-host-quick" } else { "dev-host" };
    let table = report.write_files(&options.output_dir, name)?;
    println!("{table}");
    Ok(())
}

/// The number of rounds, and the time of a turn.
pub struct MeasurementPlan {
    rounds: usize,
    turn: Duration,
}

const QUICK_PLAN: MeasurementPlan = MeasurementPlan { rounds: 3, turn: Duration::from_millis(800) };

const FULL_PLAN: MeasurementPlan = MeasurementPlan { rounds: 5, turn: Duration::from_secs(4) };

/// The numbers of clients.
const CLIENT_COUNTS: [usize; 2] = [1, 8];

/// Builds the components, and an optimized dev-host to run them; installs Redis and finds Kubernetes.
fn build_optimized_host() -> Result<DevHost> {
    system_packages::install_missing_programs(&[("redis-server", "redis-server")])?;
    Assets::prepare_assets()?;
    build::build_components()?;
    let mut build = cargo_command("build");
    build.args(["--profile", HOST_PROFILE, "--bin", "dev-host"]);
    build.arg("--target-dir").arg(workspace_root().join("target"));
    command::run_with_progress("building an optimized dev-host", &mut build)?;
    Ok(DevHost { program: workspace_root().join("target").join(HOST_PROFILE).join("dev-host") })
}

/// The profile of dev-host in `Cargo.toml`.
const HOST_PROFILE: &str = "release-host";

/// Measures all cells, round by round.
fn measure_cells(stage: &BenchEnvironment<'_>, plan: &MeasurementPlan) -> Result<Vec<Cell>> {
    let mut cells = vec![];
    for mode in &MODES {
        // Opened once, so that connections are kept from turn to turn.
        let mut clients = stage.open_clients(mode, CLIENT_COUNTS[CLIENT_COUNTS.len() - 1])?;
        for operation in [Operation::Issue, Operation::IssueAndRevoke] {
            if !mode.revocable && operation == Operation::IssueAndRevoke {
                continue;
            }
            for count in CLIENT_COUNTS {
                let what = format!("{}, {}, {count} at once", mode.name, operation.name());
                eprintln!("measuring {what}");
                let turns =
                    measure_rounds(stage, &mut clients, operation, count, plan).context(what)?;
                cells.push(Cell { mode: mode.name, operation, clients: count, turns });
            }
        }
    }
    Ok(cells)
}

/// Has each contender take its turn in each round; returns the turns of each contender.
fn measure_rounds(
    stage: &BenchEnvironment<'_>,
    clients: &mut [Vec<Box<dyn BenchClient>>],
    operation: Operation,
    count: usize,
    plan: &MeasurementPlan,
) -> Result<Vec<Vec<Turn>>> {
    let mut turns: Vec<Vec<Turn>> = clients.iter().map(|_| vec![]).collect();
    for round in 0..plan.rounds {
        for place in 0..clients.len() {
            // Who comes first has what the last one has left to be done.
            let contender = (round + place) % clients.len();
            let used = &mut clients[contender][..count];
            turns[contender].push(load::measure_turn(used, operation, plan.turn, || {
                stage.host_cpu_time(contender)
            })?);
        }
    }
    Ok(turns)
}
