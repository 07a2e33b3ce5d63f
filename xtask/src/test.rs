//! Running the tests.

use anyhow::{Context, Result};
use clap::Args;
use testbed::command;
use testbed::control_plane::{Assets, KUBERNETES_VARIABLE, Release};
use testbed::host::{HOST_VARIABLE, SPIN_VARIABLE};
use testbed::store_file::JOURNAL_VARIABLE;

use crate::workspace::cargo_command;
use crate::{HostKind, HostOptions, build, system_packages};

/// The options of `cargo xtask test`.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    host: HostOptions,

    /// The Kubernetes to test against: 1.34, 1.35, 1.36 or 1.37, built from source when it is first asked for.
    #[arg(long, value_name = "VERSION")]
    kubernetes: Option<Release>,

    /// The journal of SQLite's files: `wal`, as users are told to make them, or `delete`, as Spin makes them
    /// [default: wal].
    #[arg(long, value_name = "MODE", value_parser = ["wal", "delete"])]
    journal: Option<String>,

    /// Further options of `cargo test`, such as `--package` or, after another `--`, a test's name.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Prepares all that the tests need and runs them; theirs is the last word.
pub fn run_tests(options: &Options) -> Result<()> {
    let spin = match options.host.host {
        HostKind::Spin => Some(options.host.spin_program()?),
        HostKind::DevHost => None,
    };
    prepare_tests(&options.rest, options.kubernetes)?;

    let mut tests = cargo_command("test");
    tests.arg("--no-fail-fast").args(&options.rest);
    if let Some(spin) = spin {
        tests.env(HOST_VARIABLE, "spin").env(SPIN_VARIABLE, spin);
    }
    if let Some(release) = options.kubernetes {
        eprintln!("the cluster is Kubernetes {}", release.kubernetes_version()?);
        tests.env(KUBERNETES_VARIABLE, release.minor_version());
    }
    if let Some(journal) = &options.journal {
        tests.env(JOURNAL_VARIABLE, journal);
    }
    command::run_with_inherited_stdout("testing", &mut tests)
}

/// Builds and installs what the tests need, and builds the tests that `selection` tells `cargo test`.
///
/// Side by side: what is compiled for wasm, what is compiled for this machine, and the cluster's programs.
pub fn prepare_tests(selection: &[String], kubernetes: Option<Release>) -> Result<()> {
    let components = || {
        build::build_components()?;
        build::build_probe()?;
        build::build_store_suite()
    };
    let tests = || {
        // Told to test some packages, Cargo builds no program of another.
        build::build_dev_host_and_cli()?;
        command::run_with_progress(
            "building the tests",
            cargo_command("test").arg("--no-run").args(selection),
        )
    };
    let programs = || {
        system_packages::install_missing_programs(&REQUIRED_PROGRAMS)
            .context("the tests start programs of others")?;
        match kubernetes {
            Some(release) => Assets::prepare_release(Some(release)),
            None => Assets::prepare_assets(),
        }
    };
    command::run_both_in_parallel(programs, || command::run_both_in_parallel(components, tests))
        .map(drop)
}

/// Programs that tests start, each with its package: a real Redis for its store, curl for the script of the `CronJob`, a
/// key ring on a bus of its own for logins, a terminal, what GitHub runs an action
/// with, strace, which counts what is flushed to the disk, and the SQLite that operators have.
const REQUIRED_PROGRAMS: [(&str, &str); 9] = [
    ("redis-server", "redis-server"),
    ("curl", "curl"),
    ("dbus-run-session", "dbus-daemon"),
    ("gnome-keyring-daemon", "gnome-keyring"),
    ("secret-tool", "libsecret-tools"),
    ("script", "bsdutils"),
    ("node", "nodejs"),
    ("strace", "strace"),
    ("sqlite3", "sqlite3"),
];
