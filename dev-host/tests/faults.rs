//! What goes wrong as a plan says.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::wait::{not_yet, wait_until};

use crate::support::{Case, Serving};

pub fn an_operation_fails_as_planned_and_each_is_noted(case: &Case) -> Result<()> {
    let (probe, plan) = start(case)?;
    for (what, told, value) in [
        ("error", json!({ "error": "Error::Other(\"disk I/O error\")" }), "old"),
        ("full", json!({ "error": "Error::Other(\"database or disk is full\")" }), "old"),
        ("locked", json!({ "error": "Error::Other(\"database is locked\")" }), "old"),
        ("torn", json!({ "error": "Error::Other(\"the answer was lost\")" }), "new"),
        ("slow", Value::Null, "new"),
    ] {
        write_plan(&plan, &json!([]), 0)?;
        probe.step(set("old"))?;
        write_plan(&plan, &json!([[2, what]]), 0)?;
        let began = Instant::now();
        let answers = probe.steps(&json!([get(), set("new"), get()]))?;
        ensure!(answers == json!(["old", told, value]), "{what}: {answers}");
        let late = began.elapsed() >= Duration::from_secs(2);
        ensure!(late == (what == "slow"), "{what}: {:?}", began.elapsed());
    }
    let trace = fs::read_to_string(plan.with_extension("trace"))?;
    let last: Vec<_> = trace.lines().rev().take(3).map(|line| line.split_once(' ')).collect();
    let numbered: Vec<_> = last.into_iter().rev().flatten().map(|(_mark, what)| what).collect();
    ensure!(numbered == ["1 read a", "2 write a", "3 read a"], "{trace}");
    Ok(())
}

pub fn a_host_is_killed_before_or_after_an_operation(case: &Case) -> Result<()> {
    let (mut probe, plan) = start(case)?;
    for (what, value) in [("kill_before", "old"), ("kill_after", "new")] {
        write_plan(&plan, &json!([]), 0)?;
        probe.step(set("old"))?;
        write_plan(&plan, &json!([[1, what]]), 0)?;
        ensure!(probe.step(set("new")).is_err(), "{what}: somebody answered");
        wait_until("the host's death", Duration::from_secs(5), || {
            probe.running.require_running().err().map(drop).ok_or_else(|| not_yet("it lives"))
        })?;
        write_plan(&plan, &json!([]), 0)?;
        probe = probe.restart(case)?;
        ensure!(probe.step(get())? == value, "{what}");
    }
    Ok(())
}

pub fn the_guests_clock_is_set(case: &Case) -> Result<()> {
    let (probe, plan) = start(case)?;
    for ahead in [0, 86_400, -86_400] {
        write_plan(&plan, &json!([]), ahead)?;
        let told = probe.step(json!({ "step": "time" }))?.as_i64().unwrap_or_default();
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
        ensure!((told - now - ahead).abs() <= 2, "{ahead}: {told} at {now}");
    }
    Ok(())
}

/// A probe, and the file with its plan.
fn start(case: &Case) -> Result<(Serving, PathBuf)> {
    case.needs_dev_host("Spin has no plan of what goes wrong")?;
    let plan = case.keeper.scratch_directory().join("faults.json");
    let probe = case.probe()?.faults(&plan).start()?;
    Ok((probe, plan))
}

/// Plans `[OPERATION, WHAT]` for each, and has the operations counted anew.
fn write_plan(file: &Path, faults: &Value, clock_seconds: i64) -> Result<()> {
    static MARK: AtomicU64 = AtomicU64::new(1);
    let mark = MARK.fetch_add(1, Ordering::Relaxed);
    let fault = |fault: &Value| json!({ "from": fault[0], "to": fault[0], "what": fault[1] });
    let faults: Vec<_> = faults.as_array().into_iter().flatten().map(fault).collect();
    let plan = json!({ "mark": mark, "clock_seconds": clock_seconds, "faults": faults });
    Ok(fs::write(file, plan.to_string())?)
}

fn get() -> Value {
    json!({ "step": "key_value", "op": "get", "key": "a" })
}

fn set(value: &str) -> Value {
    json!({ "step": "key_value", "op": "set", "key": "a", "value": value })
}
