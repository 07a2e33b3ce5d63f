//! The other triggers, and the end.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use testbed::wait::{not_yet, wait_until};

use crate::support::{Case, Probe};

pub fn a_command_succeeds_unless_it_exits_or_traps(case: &Case) -> Result<()> {
    case.needs_dev_host("Spin needs a plugin for the command trigger")?;
    for (step, succeeds) in [
        (json!({"step": "count"}), true),
        // What the component returns is not looked at, as in the plugin that clusters run.
        (json!({"step": "fail"}), true),
        (json!({"step": "exit", "code": 0}), false),
        (json!({"step": "exit", "code": 1}), false),
        (json!({"step": "trap"}), false),
    ] {
        let probe = job(case, &json!([{"step": "environment"}, step]).to_string())?;
        let output = probe.command()?.output()?;
        assert_eq!(output.status.code(), Some(i32::from(!succeeds)), "{step}: {output:?}");
        if succeeds {
            let printed = fs::read_to_string(probe.dir().join("state/logs/probe_stdout.txt"))?;
            assert!(printed.contains(r#"{"arguments":["probe"],"environment":[]}"#), "{printed}");
        }
    }
    Ok(())
}

pub fn a_cron_job_runs_at_its_time_in_new_instances(case: &Case) -> Result<()> {
    case.needs_dev_host("Spin needs a plugin for the cron trigger")?;
    let steps = json!([{"step": "count"}, {"step": "fail"}]).to_string();
    let probe = case
        .probe_with(include_str!("../probe/cron.toml"))?
        .edit("0 */5 * * * *", "* * * * * *")
        .variable("steps", &steps);
    let output = probe.dir().join("state/logs/probe_stdout.txt");
    let console = probe.dir().join("console.txt");
    let mut command = probe.command()?;
    let host = case.keeper.spawn_process("host", &mut command, &console)?;
    wait_until("three ticks", Duration::from_secs(20), || {
        host.require_running()?;
        let printed = fs::read_to_string(&output).unwrap_or_default();
        let ticks = printed.lines().filter(|line| line.starts_with("tick ")).count();
        // Each prints `1`: the static starts anew. Each fails, and is only logged.
        if ticks >= 3 && printed.matches("[1,null]").count() >= 2 {
            return Ok(());
        }
        Err(not_yet(printed))
    })?;
    assert!(fs::read_to_string(&console)?.contains("a step said `fail`"));
    host.stop()
}

pub fn a_signal_ends_the_host_at_once(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| probe.http.post("/", &json!([{"step": "sleep", "ms": 20000}])));
        std::thread::sleep(Duration::from_millis(300));
        kill(probe.running.pid())?;
        wait_until("ending the host", Duration::from_secs(12), || {
            match probe.running.require_running() {
                Ok(()) => Err(not_yet("it runs on")),
                Err(_) => Ok(()),
            }
        })?;
        let reply = asked.join().map_err(|_| anyhow::anyhow!("the client panicked"))?;
        assert!(reply.is_err(), "a request in flight is cut off: {reply:?}");
        anyhow::Ok(())
    })?;
    assert!(start.elapsed() < Duration::from_secs(15), "it took {:?}", start.elapsed());
    Ok(())
}

/// The probe as a command that takes these steps.
fn job<'c>(case: &'c Case, steps: &str) -> Result<Probe<'c>> {
    Ok(case.probe_with(include_str!("../probe/job.toml"))?.variable("steps", steps))
}

fn kill(pid: u32) -> Result<()> {
    let status = std::process::Command::new("kill").arg(pid.to_string()).status()?;
    anyhow::ensure!(status.success(), "kill: {status}");
    Ok(())
}
