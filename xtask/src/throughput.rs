//! Measuring what an access token costs.

use anyhow::Result;
use testbed::command;

use crate::test;
use crate::workspace::cargo;

/// Prepares what the measurement needs, and runs it with nothing beside it.
pub fn throughput() -> Result<()> {
    let selection = ["--test", "throughput"].map(str::to_owned);
    test::prepare(&selection, None)?;
    let mut tests = cargo("test");
    tests.args(&selection).args(["--", "--test-threads", "1", "--nocapture"]);
    command::show("measuring", &mut tests)
}
