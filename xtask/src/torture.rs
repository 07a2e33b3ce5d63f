//! Running the whole of what the tests run a part of: everything that can go wrong at every step.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Args;
use testbed::command;
use testbed::store_file::JOURNAL_VARIABLE;

use crate::test;
use crate::workspace::cargo_command;

/// The options of `cargo xtask torture`.
#[derive(Args)]
pub struct Options {
    /// The minutes for which each operation is tried; all seven are tried side by side.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=10_080))]
    minutes: u64,

    /// The seed of all orders. The steps themselves differ a little from run to run.
    #[arg(long)]
    seed: Option<u64>,

    /// The one point to run, as a violation names it: `issue rules 12 kill_before`. If the steps came in
    /// another order, its neighbours are worth a try too.
    #[arg(long, value_name = "NAME")]
    point: Option<String>,

    /// The journal of SQLite's files: `wal`, as users are told to make them, or `delete`, as Spin makes them
    /// [default: wal].
    #[arg(long, value_name = "MODE", value_parser = ["wal", "delete"])]
    journal: Option<String>,
}

/// Prepares what the tests need, and runs those that are in `tests/torture` for as long as they may take.
pub fn run_torture(options: &Options) -> Result<()> {
    // Not by its package, for which other features would be built of what it stands on.
    let selection = ["--test", "torture"].map(str::to_owned);
    test::prepare_tests(&selection, None)?;
    let seed = match options.seed {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH).context("a time")?.as_secs(),
    };
    eprintln!("the seed is {seed}");
    let mut tests = cargo_command("test");
    tests.args(&selection);
    tests.env("KUBELEASE_TORTURE_SEED", seed.to_string());
    if let Some(journal) = &options.journal {
        tests.env(JOURNAL_VARIABLE, journal);
    }
    if let Some(point) = &options.point {
        tests.env("KUBELEASE_TORTURE_POINT", point).args(["--", "points::"]);
    } else {
        let minutes = options.minutes.to_string();
        tests.env("KUBELEASE_TORTURE_MINUTES", minutes).args(["--", "--nocapture"]);
    }
    command::run_with_inherited_stdout("torturing", &mut tests)
}
