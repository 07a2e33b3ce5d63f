//! `cargo xtask up` does its job, does it again after a crash, and leaves nothing running.
//!
//! Nothing is compiled from here: `cargo xtask test` has built what `up` runs.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use testbed::command;
use testbed::control_plane::Assets;
use testbed::host::{HOST_VARIABLE, SPIN_VARIABLE};
use testbed::http::Http;
use testbed::process::{Keeper, Process};
use testbed::wait::{eventually, not_yet};

#[test]
fn it_serves_and_after_a_crash_it_serves_the_same_leases() -> Result<()> {
    let keeper = Keeper::new()?;
    let (up, ready) = start(&keeper)?;
    assert_eq!(ready["target"], "local");
    let kubelease = administrator(&ready)?;
    let leases = "/api/v1/dynamic-secrets/deployer/leases";
    let lease = kubelease.post(leases, &json!({ "ttl": "20m" }))?.expect(201)?;
    whoami(&ready)?;
    for secret in ["admin_token", "sweep_token"] {
        let secret = text(&ready[secret])?;
        assert!(secret.len() >= 32);
        assert!(!command_lines()?.contains(secret), "a secret is visible to everybody");
    }

    let pid = Pid::from_raw(up.pid().cast_signed()).context("a process has an id")?;
    kill_process(pid, Signal::KILL)?;
    let (up, again) = start(&keeper)?;
    assert_eq!(again["admin_token"], ready["admin_token"]);
    let path = format!("/api/v1/leases/{}", text(&lease["lease_id"])?);
    let found = administrator(&again)?.get(&path)?.expect(200)?;
    assert_eq!(found["jti"], lease["jti"]);
    whoami(&again)?;

    let pid = Pid::from_raw(up.pid().cast_signed()).context("a process has an id")?;
    kill_process(pid, Signal::INT)?;
    let how = eventually("the end", PATIENCE, || match up.check() {
        Ok(()) => Err(not_yet("it still runs")),
        Err(ended) => Ok(ended.to_string()),
    })?;
    assert!(how.starts_with("up exited with status 0"), "{how}");
    let state = state_dir(&keeper).display().to_string();
    assert!(!command_lines()?.contains(&state), "something still runs in {state}");
    Ok(())
}

/// Starts it and waits for the one line that it prints.
fn start(keeper: &Keeper) -> Result<(Process, Value)> {
    let output = tempfile::Builder::new().tempfile_in(keeper.scratch())?.into_temp_path();
    let mut up = Command::new("sh");
    up.args([
        "-c",
        "exec \"$0\" up --json --state-dir \"$1\" --host \"$2\" --spin \"$3\" > \"$4\"",
    ]);
    up.arg(env!("CARGO_BIN_EXE_xtask")).arg(state_dir(keeper));
    up.arg(std::env::var_os(HOST_VARIABLE).unwrap_or_else(|| "dev-host".into()));
    up.arg(std::env::var_os(SPIN_VARIABLE).unwrap_or_else(|| "spin".into()));
    up.arg(output.as_os_str()).env("CARGO", "true");
    let up = keeper.spawn("up", &mut up, &keeper.scratch().join("log"))?;
    let line = eventually("the line of JSON", PATIENCE, || {
        up.check()?;
        let line = fs::read_to_string(&output).unwrap_or_default();
        if line.ends_with('\n') { Ok(line) } else { Err(not_yet("nothing is printed")) }
    })?;
    assert_eq!(line.lines().count(), 1, "{line}");
    Ok((up, serde_json::from_str(&line)?))
}

fn administrator(ready: &Value) -> Result<Http> {
    Ok(Http::plain(text(&ready["url"])?).bearing(text(&ready["admin_token"])?))
}

fn whoami(ready: &Value) -> Result<()> {
    let mut kubectl = Command::new(Assets::kubectl()?);
    kubectl.arg("--kubeconfig").arg(text(&ready["kubeconfig"])?).args(["auth", "whoami"]);
    let answer = command::output(&mut kubectl)?;
    assert!(answer.contains("kubelease-admin"), "{answer}");
    Ok(())
}

/// Of all processes that we may see.
fn command_lines() -> Result<String> {
    let mut lines = String::new();
    for process in fs::read_dir("/proc")? {
        // A process may end while it is looked at.
        let line = fs::read(process?.path().join("cmdline")).unwrap_or_default();
        lines.push_str(&String::from_utf8_lossy(&line).replace('\0', " "));
        lines.push('\n');
    }
    Ok(lines)
}

fn state_dir(keeper: &Keeper) -> PathBuf {
    keeper.scratch().join("state")
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("not a string")
}

const PATIENCE: Duration = Duration::from_mins(2);
