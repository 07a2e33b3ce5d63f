//! The cleanup job by the triggers that are no request: a command, a schedule.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use testbed::harness::TestCase;
use testbed::host::DevHost;
use testbed::kubelease::{self, MASTER_KEY_VARIABLE, Settings};
use testbed::process::Supervisor;
use testbed::wait::{not_yet, wait_until};

pub fn the_cleanup_job_runs_as_a_command_and_fails_as_one(case: &TestCase) -> Result<()> {
    let dev_host = case.dev_host_or_ignore_test("Spin's command trigger is a plug-in")?;
    let keeper = Supervisor::new()?;
    for (settings, succeeds, told) in [
        (case.new_settings()?, true, NOTHING_DUE),
        (
            case.new_settings()?.without_variable(MASTER_KEY_VARIABLE),
            false,
            "the variable `master_key` is not set",
        ),
    ] {
        let output = job(dev_host, &keeper, COMMAND, &settings).output()?;
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), succeeds, "{log}");
        assert!(log.contains(told), "{log}");
    }
    Ok(())
}

pub fn the_cleanup_job_runs_by_a_schedule(case: &TestCase) -> Result<()> {
    let dev_host = case.dev_host_or_ignore_test("Spin's cron trigger is a plug-in")?;
    let keeper = Supervisor::new()?;
    let log = keeper.scratch_directory().join("log");
    let mut command = job(dev_host, &keeper, CRON, &case.new_settings()?);
    let process = keeper.spawn_process("the scheduled job", &mut command, &log)?;
    wait_until("the second run", Duration::from_mins(1), || {
        process.require_running()?;
        let told = fs::read_to_string(&log)?;
        let runs = told.matches(NOTHING_DUE).count();
        if runs < 2 { Err(not_yet(told)) } else { Ok(()) }
    })?;
    process.stop()
}

pub fn all_manifests_say_the_same(_: &TestCase) -> Result<()> {
    let parts = |name: &str| {
        let text = fs::read_to_string(kubelease::manifest_path().with_file_name(name))?;
        let variables = text.split_once("[variables]").context("variables")?.1;
        let (variables, _) = variables.split_once("\n\n").context("an end of them")?;
        let (_, job) = text.split_once("[component.cleanup-job]").context("the job")?;
        Ok::<_, anyhow::Error>((variables.to_owned(), job.to_owned()))
    };
    let own = parts("spin.toml")?;
    for name in [CRON, COMMAND] {
        assert_eq!(parts(name)?, own, "{name}");
    }
    Ok(())
}

/// The line of a sweep that has nothing to do.
const NOTHING_DUE: &str = "INFO cleanup_job: 0 leases were due";

/// The manifest for a schedule.
const CRON: &str = "spin.cron.toml";

/// The manifest for a command.
const COMMAND: &str = "spin.job.toml";

/// The cleanup job alone, as one of the project's manifests starts it.
fn job(dev_host: &DevHost, keeper: &Supervisor, manifest: &str, settings: &Settings) -> Command {
    let mut command = Command::new(&dev_host.program);
    command.args(["up", "-f"]).arg(kubelease::manifest_path().with_file_name(manifest));
    command.arg("--state-dir").arg(keeper.scratch_directory().join("state"));
    for (name, value) in &settings.variables {
        command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
    }
    command
}
