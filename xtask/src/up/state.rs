//! What `cargo xtask up` keeps between runs.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use testbed::wait::{not_yet, wait_until};

/// A directory that only its owner may enter.
pub struct StateDirectory(PathBuf);

impl StateDirectory {
    /// Makes the directory if need be.
    pub fn open_directory(directory: &Path) -> Result<Self> {
        let make = || {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            directory.canonicalize()
        };
        Ok(Self(make().with_context(|| format!("could not make {}", directory.display()))?))
    }

    /// Makes us the only ones who use it. After a crash the last run takes some seconds to end.
    pub fn lock_directory(&self) -> Result<File> {
        let file = File::create(self.file_path("lock"))?;
        let what = format!("waiting for another `cargo xtask up` in {} to end", self.0.display());
        wait_until(&what, LAST_RUN_END_TIMEOUT, || match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(not_yet("use another --state-dir")),
            Err(TryLockError::Error(error)) => Err(error.into()),
        })?;
        Ok(file)
    }

    /// The directory itself.
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// A file or directory in it.
    pub fn file_path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Returns the content of the file `name`; the first time, what `make` returns, for our eyes
    /// only.
    pub fn read_or_create_secret(
        &self,
        name: &str,
        make: fn() -> Result<String>,
    ) -> Result<String> {
        let path = self.file_path(name);
        if !path.exists() {
            self.write_file(name, &make()?)?;
        }
        fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))
    }

    /// Writes the file `name`, for our eyes only.
    pub fn write_file(&self, name: &str, text: &str) -> Result<PathBuf> {
        self.write_with(0o600, name, text)
    }

    /// Writes the program `name`, for us alone to run.
    pub fn write_script(&self, name: &str, text: &str) -> Result<PathBuf> {
        self.write_with(0o700, name, text)
    }

    fn write_with(&self, mode: u32, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.file_path(name);
        let directory = path.parent().unwrap_or(&self.0);
        fs::create_dir_all(directory)?;
        // Moved into its place, it is complete or not there.
        let permissions = Permissions::from_mode(mode);
        let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.into_temp_path().persist(&path)?;
        Ok(path)
    }
}

/// More than the testbed's keeper waits before it kills.
const LAST_RUN_END_TIMEOUT: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDirectory::open_directory(&directory.path().join("state")).unwrap();
        assert_eq!(state.read_or_create_secret("key", || Ok("first".into())).unwrap(), "first");
        assert_eq!(state.read_or_create_secret("key", || Ok("second".into())).unwrap(), "first");
        state.write_script("script", "true").unwrap();
        for (path, mode) in [
            (state.file_path("key"), 0o600),
            (state.file_path("script"), 0o700),
            (state.file_path("."), 0o700),
        ] {
            let permissions = fs::metadata(&path).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o777, mode, "{}", path.display());
        }
    }

    #[test]
    fn two_do_not_use_it_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDirectory::open_directory(directory.path()).unwrap();
        let first = state.lock_directory().unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| state.lock_directory());
            std::thread::sleep(Duration::from_millis(100));
            assert!(!second.is_finished());
            drop(first);
            second.join().unwrap().unwrap();
        });
    }
}
