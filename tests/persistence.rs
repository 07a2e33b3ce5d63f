//! What is kept.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::harness::Case;

use crate::setup::Leasing;

pub fn a_restart_keeps_everything(case: &Case) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let id = issue(&leasing)?;
    let before = everything(&leasing, &id)?;
    leasing.kubelease.restart()?;
    assert_eq!(everything(&leasing, &id)?, before);
    leasing.issue(&json!({}))?.expect(201)?;
    Ok(())
}

pub fn a_kill_loses_nothing_that_was_answered(case: &Case) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    for _ in 0..3 {
        let id = issue(&leasing)?;
        let before = everything(&leasing, &id)?;
        leasing.kubelease.kill()?;
        leasing.kubelease.restart()?;
        assert_eq!(everything(&leasing, &id)?, before);
    }
    Ok(())
}

pub fn redis_keeps_everything_too(case: &Case) -> Result<()> {
    let redis = testbed::redis::Redis::start()?;
    let mut settings = case.settings()?;
    settings.runtime_config =
        format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n", redis.url());
    let leasing = Leasing::set_up_with(case, settings)?;
    let id = issue(&leasing)?;
    let before = everything(&leasing, &id)?;
    leasing.kubelease.restart()?;
    assert_eq!(everything(&leasing, &id)?, before);
    let items = leasing.admin()?.get("/api/v1/targets")?.expect(200)?["items"].take();
    assert_eq!(items.as_array().context("a list")?.len(), 1);
    leasing.admin()?.delete("/api/v1/dynamic-secrets/ci")?.expect(204)?;
    leasing.admin()?.delete("/api/v1/targets/local")?.expect(204)?;
    let empty = leasing.admin()?.get("/api/v1/targets")?.expect(200)?;
    assert_eq!(empty, json!({ "items": [] }));
    Ok(())
}

fn issue(leasing: &Leasing) -> Result<String> {
    let lease = leasing.issue(&json!({}))?.expect(201)?;
    Ok(lease["lease_id"].as_str().context("an id")?.to_owned())
}

/// All that can be asked for.
fn everything(leasing: &Leasing, id: &str) -> Result<Vec<Value>> {
    let lease = format!("/api/v1/leases/{id}");
    let paths = [
        "/api/v1/targets",
        "/api/v1/targets/local",
        "/api/v1/dynamic-secrets",
        "/api/v1/dynamic-secrets/ci",
        lease.as_str(),
    ];
    let admin = leasing.admin()?;
    paths.into_iter().map(|path| admin.get(path)?.expect(200)).collect()
}
