//! Running the tests.

use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use testbed::command;
use testbed::control_plane::Assets;
use testbed::host::{HOST_VARIABLE, SPIN_VARIABLE};

use crate::workspace::cargo;
use crate::{HostKind, HostOptions, build};

/// What `cargo xtask test` can be told.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    host: HostOptions,

    /// What else to tell `cargo test`, such as `--package` or, after another `--`, a test's name.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Prepares all that the tests need and runs them; theirs is the last word.
pub fn test(options: &Options) -> Result<()> {
    let spin = match options.host.host {
        HostKind::Spin => Some(options.host.spin_program()?),
        HostKind::DevHost => None,
    };
    build::components()?;
    build::probe()?;
    build::store_suite()?;
    if !options.rest.is_empty() {
        // Without a selection the tests of dev-host have Cargo build it.
        build::dev_host()?;
    }
    Assets::prepare()?;
    prepare_redis()?;

    let mut tests = cargo("test");
    tests.arg("--no-fail-fast").args(&options.rest);
    if let Some(spin) = spin {
        tests.env(HOST_VARIABLE, "spin").env(SPIN_VARIABLE, spin);
    }
    command::show("testing", &mut tests)
}

/// The tests of the Redis store talk to a real one.
fn prepare_redis() -> Result<()> {
    if command::output(Command::new("redis-server").arg("--version")).is_ok() {
        return Ok(());
    }
    let install = || {
        command::run("asking Debian for its packages", &mut apt(&["update"]))?;
        command::run(
            "installing redis-server",
            &mut apt(&["install", "--no-install-recommends", "redis-server"]),
        )
    };
    install().context("the tests need `redis-server` on the PATH, and only root can install it")
}

fn apt(arguments: &[&str]) -> Command {
    let mut apt = Command::new("apt-get");
    apt.args(["--yes", "--quiet=2"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    apt
}
