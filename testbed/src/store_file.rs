//! The file of Spin's own key-value store, in SQLite.
//!
//! Spin sets no PRAGMA. The mode of the journal is a property of the file, so the one who makes the file decides it.

use std::env::{self, VarError};
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rusqlite::Connection;

/// The ways in which SQLite makes a commit durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalMode {
    /// A log is written ahead, beside the file.
    Wal,
    /// A rollback journal is made and deleted by each commit: SQLite's default, and so Spin's.
    Delete,
}

impl JournalMode {
    /// The mode that `KUBELEASE_JOURNAL` names, `wal` (the default) or `delete`.
    pub fn from_env() -> Result<Self> {
        match env::var(JOURNAL_VARIABLE).as_deref() {
            Err(VarError::NotPresent) | Ok("wal") => Ok(Self::Wal),
            Ok("delete") => Ok(Self::Delete),
            other => bail!("`{JOURNAL_VARIABLE}` is `wal` or `delete`, not {other:?}"),
        }
    }

    /// Returns the name that SQLite has for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wal => "wal",
            Self::Delete => "delete",
        }
    }
}

/// Returns the file of the default store in a host's state directory.
#[must_use]
pub fn store_path(state_dir: &Path) -> PathBuf {
    state_dir.join("sqlite_key_value.db")
}

/// Returns the write-ahead log beside that file.
#[must_use]
pub fn wal_path(state_dir: &Path) -> PathBuf {
    state_dir.join("sqlite_key_value.db-wal")
}

/// Sees to it that the default store in `state_dir` is in WAL mode. No host may run on it.
///
/// A file that is in this mode already is not opened: after a kill, it is the host that recovers it.
pub fn ensure_wal_store(state_dir: &Path) -> Result<()> {
    let file = store_path(state_dir);
    let prepare = || {
        if read_journal_mode(&file)? == Some(JournalMode::Wal) {
            return Ok(());
        }
        fs::create_dir_all(state_dir)?;
        let mode: String =
            Connection::open(&file)?
                .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        ensure!(mode == JournalMode::Wal.name(), "its journal mode stays `{mode}`");
        Ok(())
    };
    prepare().with_context(|| format!("could not put {} into WAL mode", file.display()))
}

/// Writes a copy of the default store to `copy`; a host may be running on it.
pub fn copy_store(state_dir: &Path, copy: &Path) -> Result<()> {
    let file = store_path(state_dir);
    let target = copy.to_str().context("the path of a copy is UTF-8")?;
    Connection::open(&file)
        .and_then(|connection| connection.execute("VACUUM INTO ?1", [target]))
        .with_context(|| format!("could not copy {}", file.display()))?;
    Ok(())
}

/// Deletes the default store, with its journals. No host may run on it.
pub fn remove_store(state_dir: &Path) -> Result<()> {
    let file = store_path(state_dir);
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let mut name = file.clone().into_os_string();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("could not delete {}", name.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Puts a copy in the place of the default store. No host may run on it.
///
/// The old journals go first: SQLite would apply them to the copy.
pub fn restore_store(state_dir: &Path, copy: &Path) -> Result<()> {
    remove_store(state_dir)?;
    let file = store_path(state_dir);
    fs::copy(copy, &file).with_context(|| format!("could not write {}", file.display()))?;
    Ok(())
}

/// Reads the mode in the header of a database file; there is none without a file, or in an empty one.
pub fn read_journal_mode(file: &Path) -> Result<Option<JournalMode>> {
    let mut header = [0; WRITE_VERSION_OFFSET + 1];
    let read = File::open(file).and_then(|mut file| file.read_exact(&mut header));
    match read {
        Ok(()) if header[WRITE_VERSION_OFFSET] == 2 => Ok(Some(JournalMode::Wal)),
        Ok(()) => Ok(Some(JournalMode::Delete)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The place of the file format's write version in the header: 1 for a rollback journal, 2 for WAL
/// (<https://www.sqlite.org/fileformat2.html>).
const WRITE_VERSION_OFFSET: usize = 18;

/// The environment variable that selects the journal's mode.
pub const JOURNAL_VARIABLE: &str = "KUBELEASE_JOURNAL";

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks SQLite itself.
    fn journal_mode(state_dir: &Path) -> String {
        let connection = Connection::open(store_path(state_dir)).unwrap();
        connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap()
    }

    fn count_keys(state_dir: &Path) -> i64 {
        let connection = Connection::open(store_path(state_dir)).unwrap();
        connection.query_row("SELECT count(*) FROM spin_key_value", [], |row| row.get(0)).unwrap()
    }

    fn write_key(connection: &Connection, key: &str) {
        let table = "CREATE TABLE IF NOT EXISTS spin_key_value (key TEXT PRIMARY KEY)";
        connection.execute(table, []).unwrap();
        connection.execute("INSERT INTO spin_key_value VALUES (?1)", [key]).unwrap();
    }

    #[test]
    fn a_store_is_put_into_wal_mode_also_if_it_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let state_dir = directory.path().join("state");
        for _ in 0..2 {
            ensure_wal_store(&state_dir).unwrap();
            assert_eq!(journal_mode(&state_dir), "wal");
        }
        remove_store(&state_dir).unwrap();
        let connection = Connection::open(store_path(&state_dir)).unwrap();
        write_key(&connection, "from a release that did not prepare it");
        drop(connection);
        assert_eq!(journal_mode(&state_dir), "delete");
        ensure_wal_store(&state_dir).unwrap();
        assert_eq!((journal_mode(&state_dir).as_str(), count_keys(&state_dir)), ("wal", 1));
    }

    #[test]
    fn a_store_whose_host_was_killed_is_left_to_the_next_host() {
        let directory = tempfile::tempdir().unwrap();
        let [running, killed] = ["running", "killed"].map(|name| directory.path().join(name));
        ensure_wal_store(&running).unwrap();
        let connection = Connection::open(store_path(&running)).unwrap();
        write_key(&connection, "only in the log");
        // What a kill leaves is what is there while it runs.
        fs::create_dir(&killed).unwrap();
        fs::copy(store_path(&running), store_path(&killed)).unwrap();
        fs::copy(wal_path(&running), wal_path(&killed)).unwrap();
        let log = fs::read(wal_path(&killed)).unwrap();
        assert!(!log.is_empty());
        ensure_wal_store(&killed).unwrap();
        assert_eq!(fs::read(wal_path(&killed)).unwrap(), log);
        assert_eq!(count_keys(&killed), 1);
    }

    #[test]
    fn a_copy_has_what_is_only_in_the_log_and_replaces_a_store_with_its_log() {
        let directory = tempfile::tempdir().unwrap();
        let (state_dir, copy) = (directory.path().join("state"), directory.path().join("copy"));
        ensure_wal_store(&state_dir).unwrap();
        let connection = Connection::open(store_path(&state_dir)).unwrap();
        write_key(&connection, "before");
        copy_store(&state_dir, &copy).unwrap();
        write_key(&connection, "after");
        assert_eq!(count_keys(&state_dir), 2);
        // Its end would empty the log; a killed host leaves it.
        let log = fs::read(wal_path(&state_dir)).unwrap();
        drop(connection);
        fs::write(wal_path(&state_dir), log).unwrap();
        restore_store(&state_dir, &copy).unwrap();
        assert_eq!(count_keys(&state_dir), 1);
    }
}
