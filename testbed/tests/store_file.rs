//! What operators are told to do with SQLite's file, done by the SQLite that they have.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use rusqlite::Connection;
use testbed::command::run_for_output;
use testbed::store_file::{JournalMode, read_journal_mode};

#[test]
fn the_line_of_the_readme_and_the_script_put_the_file_into_wal_mode() -> Result<()> {
    let line = find_command(include_str!("../../README.md"), "$ sqlite3 /data/", "\n")?;
    for (name, command) in [("line", line), ("script", script_command())] {
        let directory = tempfile::tempdir()?;
        if name == "line" {
            fs::create_dir(directory.path().join("data"))?;
        }
        let file = directory.path().join("data/kubelease.db");
        let command = command.replace("/data/kubelease.db", &file.display().to_string());
        for _ in 0..2 {
            run_line(&command)?;
            assert_eq!(read_journal_mode(&file)?, Some(JournalMode::Wal), "{command}");
        }
        // One that Spin has made earlier keeps what it has.
        fs::remove_file(&file)?;
        let connection = Connection::open(&file)?;
        connection.execute_batch("CREATE TABLE kept (id)")?;
        drop(connection);
        assert_eq!(read_journal_mode(&file)?, Some(JournalMode::Delete));
        run_line(&command)?;
        assert_eq!(read_journal_mode(&file)?, Some(JournalMode::Wal), "{command}");
        assert_eq!(count_tables(&file)?, 1, "{command}");
    }
    Ok(())
}

#[test]
fn the_script_fails_if_the_file_does_not_get_into_wal_mode() -> Result<()> {
    let directory = tempfile::tempdir()?;
    // In a directory of `/proc`, nobody makes a file.
    for file in ["/proc/self/kubelease.db", "/dev/null"] {
        let command = script_command().replace("/data/kubelease.db", file);
        let output = Command::new("sh").args(["-ec", &command]).current_dir(&directory).output()?;
        assert!(!output.status.success(), "{file}: {output:?}");
    }
    Ok(())
}

#[test]
fn a_backup_has_the_commits_of_the_log_and_a_copy_of_the_file_has_not() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let [file, backup, copy] =
        ["store.db", "backup.db", "copy.db"].map(|n| directory.path().join(n));
    let connection = Connection::open(&file)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE kept (id)")?;
    let command = find_command(include_str!("../../docs/store.md"), "`sqlite3 FILE '.backup", "`")?;
    let command = command.replace("FILE", &file.display().to_string());
    run_line(&command.replace("COPY", &backup.display().to_string()))?;
    fs::copy(&file, &copy)?;
    assert_eq!((count_tables(&backup)?, count_tables(&copy)?), (1, 0));
    assert_eq!(read_journal_mode(&backup)?, Some(JournalMode::Wal));
    drop(connection);
    Ok(())
}

/// Returns the one command of a document that begins so, up to what follows it.
fn find_command(document: &str, begin: &str, end: &str) -> Result<String> {
    let at = document.find(begin).with_context(|| format!("no `{begin}`"))?;
    let command = document[at..].trim_start_matches(['`', '$', ' ']);
    Ok(command.split(end).next().context("a command")?.to_owned())
}

/// The script, as its own comment says to run it.
fn script_command() -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/create-store.sh");
    format!("sh {script} /data/kubelease.db")
}

fn run_line(line: &str) -> Result<String> {
    run_for_output(Command::new("sh").args(["-ec", line]))
}

fn count_tables(file: &Path) -> Result<i64> {
    let connection = Connection::open(file)?;
    Ok(connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?)
}
