//! Measuring the price of access tokens and of the credential plugin.

use anyhow::Result;
use testbed::command;

use crate::test;
use crate::workspace::{cargo_command, workspace_root};

/// Prepares what the measurement needs, and runs it with nothing beside it.
pub fn measure_throughput() -> Result<()> {
    let selection = ["--test", "throughput"].map(str::to_owned);
    test::prepare_tests(&selection, None)?;
    // The tests' own build of the command is not optimized.
    command::run_with_progress(
        "building the command",
        cargo_command("build").args(["--release", "--package", "kubelease-cli"]),
    )?;
    let mut tests = cargo_command("test");
    tests.env("KUBELEASE_PROGRAM", workspace_root().join("target/release/kubelease"));
    tests.args(&selection).args(["--", "--test-threads", "1", "--nocapture"]);
    command::run_with_inherited_stdout("measuring", &mut tests)
}
