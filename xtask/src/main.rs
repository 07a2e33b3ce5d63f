//! `cargo xtask`: the one tool of this repository.

mod bench;
mod build;
mod check;
mod deploy_manifests;
mod dist;
mod naming_check;
mod seeded_defects;
mod standalone_cluster;
mod system_packages;
mod test;
mod throughput;
mod torture;
mod up;
mod wasm_target;
mod workspace;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use testbed::command;

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Up(options) => up::start_and_serve_demo(&options),
        Task::Test(options) => test::run_tests(&options),
        Task::Check => check::run_checks(),
        Task::Build => build::build_components_and_host(),
        Task::DeployManifests(options) => deploy_manifests::write_or_check_manifests(&options),
        Task::Dist(options) => dist::build_archive(&options),
        Task::Mutants(options) => seeded_defects::check_seeded_defects(&options),
        Task::Torture(options) => torture::run_torture(&options),
        Task::Bench(options) => bench::run_bench(&options),
        Task::Throughput => throughput::measure_throughput(),
        Task::ControlPlane => standalone_cluster::run_standalone_cluster(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Returned from here, it would be printed with a backtrace.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whatever is needed and missing is prepared first: the wasm target, the cluster's programs.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "The one tool of this repository"
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Start a cluster and kubelease, lease a token, show that it works, and go on serving.
    Up(up::Options),
    /// Run all tests.
    Test(test::Options),
    /// Check format, lints, documentation, dependencies and the release build.
    Check,
    /// Build the components, optimized, and the host that runs them in development.
    Build,
    /// Write `deploy/`: the least RBAC for each kind of lease, and the admission policy.
    DeployManifests(deploy_manifests::Options),
    /// Build all that is given to others, and put it into one archive.
    Dist(dist::Options),
    /// Put each known defect into a copy of the tree, and see that its test fails.
    Mutants(seeded_defects::Options),
    /// Let everything go wrong at every step, for as long as it may take.
    Torture(torture::Options),
    /// Compare leases by an access token with leases by `admin_token`: how many in a second.
    Throughput,
    /// Measure leases beside the raw calls that they stand on, and write the results.
    Bench(bench::Options),
    /// Start a cluster alone and print where its kubeconfig is.
    ControlPlane,
}

/// The host of the components.
#[derive(Args)]
struct HostOptions {
    /// The host that runs the components.
    #[arg(long, value_enum, default_value_t = HostKind::DevHost)]
    host: HostKind,

    /// The path of Spin, for `--host spin`.
    #[arg(long, value_name = "PATH", default_value = "spin")]
    spin: PathBuf,
}

impl HostOptions {
    /// Spin, where tests will find it in whatever directory they run; it must be there and run.
    fn spin_program(&self) -> Result<PathBuf> {
        let program = match self.spin.canonicalize() {
            Ok(path) if self.spin.components().count() > 1 => path,
            _ => self.spin.clone(),
        };
        let version = command::run_for_output(Command::new(&program).arg("--version"))
            .context("`--host spin` needs Spin 3.6 to 4.1 on the PATH, or `--spin PATH`")?;
        eprintln!("using {}", version.trim());
        Ok(program)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HostKind {
    /// This workspace's own.
    DevHost,
    /// Spin, 3.6 to 4.1.
    Spin,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
