//! The journal of SQLite's file: the mode that a host finds, what a kill leaves, and what a lease costs.

use std::ffi::OsStr;
use std::fs;

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use testbed::harness::TestCase;
use testbed::kubelease::Settings;
use testbed::store_file::{self, JournalMode};

use crate::broker::Broker;
use crate::kind;
use crate::setup::Leasing;

const MODES: [JournalMode; 2] = [JournalMode::Wal, JournalMode::Delete];

/// Neither kubelease nor its host says how the journal is to be.
pub fn a_file_stays_in_the_mode_in_which_it_was_made(case: &TestCase) -> Result<()> {
    for mode in MODES {
        let leasing = Leasing::set_up_with(case, settings(case, mode)?)?;
        for _ in 0..2 {
            leasing.issue(&json!({}))?.expect_status(201)?;
            let state_dir = leasing.kubelease.state_dir();
            let file = Connection::open_with_flags(
                store_file::store_path(state_dir),
                OpenFlags::SQLITE_OPEN_READ_ONLY,
            )?;
            let found: String = file.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
            assert_eq!(found, mode.name());
            assert_eq!(store_file::wal_path(state_dir).exists(), mode == JournalMode::Wal);
            leasing.kubelease.restart()?;
        }
    }
    Ok(())
}

/// What was answered is in the log alone when the host dies: the next host finds it there.
pub fn what_no_checkpoint_has_reached_survives_a_kill(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up_with(case, settings(case, JournalMode::Wal)?)?;
    let state_dir = leasing.kubelease.state_dir();
    let mut ids = vec![];
    for _ in 0..3 {
        let lease = leasing.issue(&json!({}))?.expect_status(201)?;
        let id = lease["lease_id"].as_str().context("an id")?.to_owned();
        leasing.kubelease.kill()?;
        let [file, log] = [store_file::store_path(state_dir), store_file::wal_path(state_dir)]
            .map(|file| fs::read(&file).with_context(|| file.display().to_string()));
        ensure!(!has_text(&file?, &id), "a checkpoint has come before the kill");
        ensure!(has_text(&log?, &id), "the lease is not in the log");
        leasing.kubelease.restart()?;
        ids.push(id);
        for id in &ids {
            let found = leasing.admin()?.get(&format!("/api/v1/leases/{id}"))?;
            assert_eq!(found.expect_status(200)?["state"], "active");
        }
    }
    Ok(())
}

/// A durable write is one flush in WAL mode, and four with a rollback journal; docs/store.md counts the writes.
pub fn each_durable_write_is_flushed_before_the_answer(case: &TestCase) -> Result<()> {
    for (kind, writes) in [(&kind::PLAIN, 2), (&kind::EXISTING, 3)] {
        for (mode, flushes) in [(JournalMode::Wal, 1), (JournalMode::Delete, 4)] {
            // What a request does instead of a sweep that is missing would count as well.
            let settings = settings(case, mode)?.with_variable("sweep_interval", "1d");
            let broker = Broker::with(case, kind, Settings { counts_flushes: true, ..settings })?;
            // The first lease verifies the cluster, and notes that.
            broker.lease(&json!({}))?;
            let mut leases = vec![];
            let issued = count_flushes(&broker, mode, || {
                leases.push(broker.lease(&json!({}))?);
                Ok(())
            })?;
            assert_eq!(issued, LEASES * writes * flushes, "issue {} {mode:?}", kind.name);
            if kind.name == "plain" {
                continue;
            }
            let revoked = count_flushes(&broker, mode, || {
                let lease = leases.pop().context("a lease")?;
                broker.revoke(&lease)?.expect_status(200).map(drop)
            })?;
            assert_eq!(revoked, LEASES * flushes, "revoke {} {mode:?}", kind.name);
        }
    }
    Ok(())
}

/// Does something so many times, and returns the flushes of all files meanwhile.
fn count_flushes(
    broker: &Broker,
    mode: JournalMode,
    mut operation: impl FnMut() -> Result<()>,
) -> Result<usize> {
    let log = broker.kubelease.flush_log()?;
    let state_dir = broker.kubelease.state_dir();
    let written = match mode {
        JournalMode::Wal => store_file::wal_path(state_dir),
        JournalMode::Delete => store_file::store_path(state_dir),
    };
    let written = written.file_name().and_then(OsStr::to_str).context("a name")?.to_owned();
    let before = log.count_all()?;
    for _ in 0..LEASES {
        operation()?;
        ensure!(log.is_file_flushed(&written)?, "an answer came before `{written}` was flushed");
    }
    Ok(log.count_all()? - before)
}

fn settings(case: &TestCase, journal: JournalMode) -> Result<Settings> {
    Ok(Settings { journal, ..case.new_settings()? })
}

fn has_text(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

const LEASES: usize = 20;
