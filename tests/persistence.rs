//! What is kept.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::kubelease::Settings;
use testbed::store_file::JournalMode;

use crate::setup::Leasing;

pub fn a_restart_keeps_everything(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let id = issue(&leasing)?;
    let before = everything(&leasing, &id)?;
    leasing.kubelease.restart()?;
    assert_eq!(everything(&leasing, &id)?, before);
    leasing.issue(&json!({}))?.expect_status(201)?;
    Ok(())
}

pub fn a_kill_loses_nothing_that_was_answered(case: &TestCase) -> Result<()> {
    for journal in [JournalMode::Wal, JournalMode::Delete] {
        let leasing = Leasing::set_up_with(case, Settings { journal, ..case.new_settings()? })?;
        for _ in 0..3 {
            let id = issue(&leasing)?;
            let before = everything(&leasing, &id)?;
            leasing.kubelease.kill()?;
            leasing.kubelease.restart()?;
            assert_eq!(everything(&leasing, &id)?, before, "{journal:?}");
        }
    }
    Ok(())
}

pub fn redis_keeps_everything_too(case: &TestCase) -> Result<()> {
    let redis = testbed::redis::Redis::start_empty()?;
    let mut settings = case.new_settings()?;
    settings.runtime_config =
        format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n", redis.url());
    let leasing = Leasing::set_up_with(case, settings)?;
    let id = issue(&leasing)?;
    let before = everything(&leasing, &id)?;
    leasing.kubelease.restart()?;
    assert_eq!(everything(&leasing, &id)?, before);
    // What is deleted does not come back.
    let admin = leasing.admin()?;
    admin
        .put("/api/v1/targets/other", &leasing.target(case.control_plane().url()))?
        .expect_status(201)?;
    let mut other = leasing.secret();
    other["target"] = json!("other");
    admin.put("/api/v1/dynamic-secrets/other", &other)?.expect_status(201)?;
    admin.delete("/api/v1/dynamic-secrets/other")?.expect_status(204)?;
    admin.delete("/api/v1/targets/other")?.expect_status(204)?;
    leasing.kubelease.restart()?;
    assert_eq!(everything(&leasing, &id)?, before);
    for list in ["/api/v1/targets", "/api/v1/dynamic-secrets"] {
        let items = leasing.admin()?.get(list)?.expect_status(200)?["items"].take();
        assert_eq!(items.as_array().map(Vec::len), Some(1), "{items}");
    }
    Ok(())
}

fn issue(leasing: &Leasing) -> Result<String> {
    let lease = leasing.issue(&json!({}))?.expect_status(201)?;
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
    paths.into_iter().map(|path| admin.get(path)?.expect_status(200)).collect()
}
