//! Files that only their owner can read, and that are there whole or not at all.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use crate::failure::Failure;

/// Writes a file with mode 0600, in a directory that is made with mode 0700 if it is not there.
pub fn write_private(file: &Path, content: &[u8]) -> Result<(), Failure> {
    create_directory(directory_of(file))?;
    write_atomically(file, content, None)
}

/// Writes a file whose directory is there. A killed process, or a power cut, leaves the old one, or the new one whole.
///
/// The file has the permissions that are given, or else mode 0600.
pub fn write_atomically(
    file: &Path,
    content: &[u8],
    permissions: Option<Permissions>,
) -> Result<(), Failure> {
    let directory = directory_of(file);
    let write = || {
        remove_abandoned_temporary_files(directory);
        // A temporary file has mode 0600.
        let mut unfinished =
            tempfile::Builder::new().prefix(UNFINISHED_PREFIX).tempfile_in(directory)?;
        unfinished.write_all(content)?;
        if let Some(permissions) = permissions {
            unfinished.as_file().set_permissions(permissions)?;
        }
        // Renamed before it is on the disk, it could be found empty after a power cut.
        unfinished.as_file().sync_all()?;
        unfinished.persist(file).map_err(|error| error.error)
    };
    write()
        .map(drop)
        .map_err(|error| Failure::io_error(format!("write {}", file.display()), &error))
}

/// Returns the directory of a file.
fn directory_of(file: &Path) -> &Path {
    file.parent().unwrap_or(file)
}

/// Removes the files that killed processes have left unfinished: there are tokens in them, which nobody would delete.
fn remove_abandoned_temporary_files(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let is_unfinished = entry.file_name().to_string_lossy().starts_with(UNFINISHED_PREFIX);
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| modified.elapsed().ok());
        if is_unfinished && age.is_some_and(|age| age > ABANDONED_AGE) {
            // Another process may do the same right now.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes a directory with mode 0700, and those above it.
pub fn create_directory(directory: &Path) -> Result<(), Failure> {
    let make = || DirBuilder::new().recursive(true).mode(0o700).create(directory);
    make().map_err(|error| Failure::io_error(format!("create {}", directory.display()), &error))
}

/// Reads a file that may not be there. One that others can read is not used: its token is known to them.
pub fn read_if_private(file: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let read = || {
        let opened = match File::open(file) {
            Err(error) if is_missing(&error) => return Ok(None),
            opened => opened?,
        };
        let mode = opened.metadata()?.permissions().mode();
        let mut content = vec![];
        opened.take(MAX_BYTES).read_to_end(&mut content)?;
        Ok(Some((mode, content)))
    };
    let found =
        read().map_err(|error| Failure::io_error(format!("read {}", file.display()), &error))?;
    match found {
        Some((mode, _)) if mode & 0o077 != 0 => Err(Failure::local_error(format!(
            "{} can be read by others: delete it, and log in again",
            file.display()
        ))),
        found => Ok(found.map(|(_, content)| content)),
    }
}

/// Returns true if there is no such file, be it that its directory is none.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Removes a file that may not be there.
pub fn remove_file_if_present(file: &Path) -> Result<(), Failure> {
    ignore_not_found(file, fs::remove_file(file))
}

/// Removes a directory that may not be there, with everything in it.
pub fn remove_directory_if_present(directory: &Path) -> Result<(), Failure> {
    ignore_not_found(directory, fs::remove_dir_all(directory))
}

fn ignore_not_found(path: &Path, removed: io::Result<()>) -> Result<(), Failure> {
    match removed {
        Err(error) if !is_missing(&error) => {
            Err(Failure::io_error(format!("remove {}", path.display()), &error))
        }
        _ => Ok(()),
    }
}

/// Opens a file to lock it, with mode 0600.
pub fn open_and_lock_file(file: &Path) -> Result<File, Failure> {
    create_directory(directory_of(file))?;
    let open = || {
        let opened = File::options().create(true).append(true).open(file)?;
        opened.set_permissions(Permissions::from_mode(0o600))?;
        opened.lock()?;
        Ok(opened)
    };
    open().map_err(|error| Failure::io_error(format!("lock {}", file.display()), &error))
}

/// The beginning of the name of a file that is not finished.
const UNFINISHED_PREFIX: &str = ".kubelease-";

/// Far more time than the few milliseconds that a file is unfinished for.
const ABANDONED_AGE: Duration = Duration::from_mins(1);

/// Far more than a token or a lease takes.
const MAX_BYTES: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_file_is_for_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("a/b/token");
        assert!(read_if_private(&file).unwrap().is_none());
        write_private(&file, b"one").unwrap();
        write_private(&file, b"two").unwrap();
        assert_eq!(read_if_private(&file).unwrap().unwrap(), b"two");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        assert!(read_if_private(&file).unwrap_err().to_string().contains("can be read by others"));
        remove_file_if_present(&file).unwrap();
        remove_file_if_present(&file).unwrap();
        assert!(read_if_private(&file).unwrap().is_none());
    }

    #[test]
    fn what_a_killed_process_has_left_is_removed_and_what_is_being_written_is_not() {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        for (name, seconds) in [(".kubelease-old", 3600), (".kubelease-new", 1), ("theirs", 3600)] {
            let file = File::create(path(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
        }
        write_private(&path("login"), b"one").unwrap();
        let mut names: Vec<_> =
            fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".kubelease-new", "login", "theirs"]);
    }
}
