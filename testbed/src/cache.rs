//! What took long to get, kept per user and version.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Makes a directory of the user's cache, and says where it is.
pub fn make_cache_directory(name: &str) -> Result<PathBuf> {
    let base = match (env::var_os("XDG_CACHE_HOME"), env::home_dir()) {
        (Some(cache), _) if Path::new(&cache).is_absolute() => cache.into(),
        (_, Some(home)) => home.join(".cache"),
        _ => bail!("neither XDG_CACHE_HOME nor a home directory is known"),
    };
    let directory = base.join("kubelease").join(name);
    fs::create_dir_all(&directory)
        .with_context(|| format!("could not make {}", directory.display()))?;
    Ok(directory)
}

/// Makes this process the only one at work in `directory`, for as long as it holds the file.
pub fn lock_directory(directory: &Path) -> Result<File> {
    let path = directory.join(LOCK);
    let file = File::create(&path).with_context(|| format!("could not make {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("waiting for another process that works in {}", directory.display());
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    Ok(file)
}

const LOCK: &str = "lock";

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn the_second_waits_for_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let first = lock_directory(directory.path()).unwrap();
        let start = Instant::now();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| lock_directory(directory.path()).map(|_| start.elapsed()));
            std::thread::sleep(Duration::from_millis(50));
            drop(first);
            let waited = second.join().unwrap().unwrap();
            assert!(waited >= Duration::from_millis(50), "{waited:?}");
        });
    }
}
