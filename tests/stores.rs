//! The tests of the store, run by the built component on what Spin keeps things in.

use std::path::Path;

use anyhow::Result;
use testbed::harness::TestCase;
use testbed::host::App;
use testbed::http::HttpClient;
use testbed::process::Supervisor;
use testbed::store_file::{self, JournalMode};

pub fn the_store_holds_what_it_promises_on_sqlite(case: &TestCase) -> Result<()> {
    run_all(case, JournalMode::Wal, None)
}

pub fn the_store_holds_what_it_promises_with_a_rollback_journal(case: &TestCase) -> Result<()> {
    run_all(case, JournalMode::Delete, None)
}

pub fn the_store_holds_what_it_promises_on_redis(case: &TestCase) -> Result<()> {
    let redis = testbed::redis::Redis::start_empty()?;
    let url = redis.url();
    let config = format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{url}\"\n");
    run_all(case, JournalMode::Delete, Some(&config))
}

fn run_all(case: &TestCase, journal: JournalMode, runtime_config: Option<&str>) -> Result<()> {
    let keeper = Supervisor::new()?;
    let state_dir = keeper.scratch_directory().join("state");
    if journal == JournalMode::Wal {
        store_file::ensure_wal_store(&state_dir)?;
    }
    let runtime_config = runtime_config
        .map(|text| {
            let file = keeper.scratch_directory().join("runtime.toml");
            std::fs::write(&file, text).map(|()| file)
        })
        .transpose()?;
    let app = App {
        manifest: Path::new(env!("CARGO_MANIFEST_DIR")).join("store-suite/spin.toml"),
        state_dir,
        runtime_config,
        variables: vec![],
        listen: None,
        faults: None,
        flushes: None,
    };
    let running = case.host().start_app(&app, &keeper)?;
    let suite = HttpClient::without_tls_long_timeout(&running.url());
    let names = String::from_utf8(suite.get("/")?.body)?;
    assert!(names.lines().count() > 20, "the suite is not there: {names}");
    let mut failed = vec![];
    for name in names.lines() {
        if suite.send_raw("POST", &format!("/{name}"), &[], &[])?.status != 200 {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{failed:?}\n{}", app.component_log("store-suite")?);
    running.stop_host()
}
