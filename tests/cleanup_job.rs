//! The cleanup job by the triggers that are no request: a command, a schedule.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use testbed::harness::Case;
use testbed::host::DevHost;
use testbed::kubelease::{self, MASTER_KEY, Settings};
use testbed::process::Keeper;
use testbed::wait::{eventually, not_yet};

pub fn the_cleanup_job_runs_as_a_command_and_fails_as_one(case: &Case) -> Result<()> {
    let dev_host = case.needs_dev_host("Spin's command trigger is a plug-in")?;
    let keeper = Keeper::new()?;
    let trigger = "[[trigger.command]]\ncomponent = \"cleanup-job\"\n";
    for (settings, succeeds, told) in [
        (case.settings()?, true, NOTHING_DUE),
        (case.settings()?.without(MASTER_KEY), false, "the variable `master_key` is not set"),
    ] {
        let output = job(dev_host, &keeper, trigger, &settings)?.output()?;
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), succeeds, "{log}");
        assert!(log.contains(told), "{log}");
    }
    Ok(())
}

pub fn the_cleanup_job_runs_by_a_schedule(case: &Case) -> Result<()> {
    let dev_host = case.needs_dev_host("Spin's cron trigger is a plug-in")?;
    let keeper = Keeper::new()?;
    let trigger =
        "[[trigger.cron]]\ncomponent = \"cleanup-job\"\ncron_expression = \"* * * * * *\"\n";
    let log = keeper.scratch().join("log");
    let mut command = job(dev_host, &keeper, trigger, &case.settings()?)?;
    let process = keeper.spawn("the scheduled job", &mut command, &log)?;
    eventually("the second run", Duration::from_secs(30), || {
        process.check()?;
        let told = fs::read_to_string(&log)?;
        let runs = told.matches(NOTHING_DUE).count();
        if runs < 2 { Err(not_yet(told)) } else { Ok(()) }
    })?;
    process.stop()
}

/// What it says where there is nothing to do.
const NOTHING_DUE: &str = "INFO cleanup_job: ended 0 of 0 leases that were due, forgot 0";

/// The project's own manifest with the cleanup job alone, started by `trigger`.
fn job(dev_host: &DevHost, keeper: &Keeper, trigger: &str, settings: &Settings) -> Result<Command> {
    let own = fs::read_to_string(kubelease::manifest())?;
    let (application, _) = own.split_once("[[trigger.http]]").context("a trigger")?;
    let (_, component) = own.split_once("[component.cleanup-job]").context("the job")?;
    let target = kubelease::manifest().with_file_name("target");
    let component = component.replace("target/", &format!("{}/", target.display()));
    let manifest = keeper.scratch().join("job.toml");
    fs::write(&manifest, format!("{application}{trigger}\n[component.cleanup-job]{component}"))?;

    let mut command = Command::new(&dev_host.program);
    command.args(["up", "-f"]).arg(manifest);
    command.arg("--state-dir").arg(keeper.scratch().join("state"));
    for (name, value) in &settings.variables {
        command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
    }
    Ok(command)
}
