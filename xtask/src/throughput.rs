//! Measuring what an access token costs.

use anyhow::Result;
use testbed::command;

use crate::test;
use crate::workspace::cargo_command;

/// Prepares what the measurement needs, and runs it with nothing beside it.
pub fn measure_throughput() -> Result<()> {
    let selection = ["--test", "throughput"].map(str::to_owned);
    test::prepare(&selection, None)?;
    let mut tests = cargo_command("test");
    tests.args(&selection).args(["--", "--test-threads", "1", "--nocapture"]);
    command::run_shown("measuring", &mut tests)
}
