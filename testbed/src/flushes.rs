//! The flushes of a host's files to its disk, as strace sees them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The calls of one run of a host that write into a file, or flush one.
#[derive(Clone, Debug)]
pub struct FlushLog(PathBuf);

impl FlushLog {
    /// Names the file that strace writes; each start of the host begins it anew.
    #[must_use]
    pub fn at(file: PathBuf) -> Self {
        Self(file)
    }

    /// Returns the command that runs `program` under strace, which must be installed.
    ///
    /// Only the traced calls are slowed down. strace ends with the program, and in the same way.
    #[must_use]
    pub fn strace_command(&self, program: &Path) -> Command {
        let mut strace = Command::new("strace");
        strace.args(["--follow-forks", "--seccomp-bpf", "--decode-fds=path", "--signal=none"]);
        strace.args(["--quiet=all", "--string-limit=0", "--trace=fsync,fdatasync,pwrite64"]);
        strace.arg("--output").arg(&self.0).arg("--").arg(program);
        strace
    }

    /// Counts the flushes so far of all files.
    pub fn count_all(&self) -> Result<usize> {
        Ok(self
            .read_text()?
            .lines()
            .filter_map(StraceCall::read)
            .filter(|call| call.is_flush)
            .count())
    }

    /// Counts the flushes so far of the file in whose path `name` is the last part.
    pub fn count_flushes_of_file(&self, name: &str) -> Result<usize> {
        let text = self.read_text()?;
        let calls = text.lines().filter_map(StraceCall::read);
        Ok(calls.filter(|call| call.is_flush && call.file == name).count())
    }

    /// Returns true if a flush of that file is done, and nothing was written to the file since.
    pub fn is_file_flushed(&self, name: &str) -> Result<bool> {
        let (mut flushed, mut flushing) = (false, None);
        for line in self.read_text()?.lines() {
            let thread = line.split_whitespace().next();
            match StraceCall::read(line) {
                Some(call) if call.file != name => {}
                Some(call) if call.is_flush && call.is_done => flushed = true,
                Some(call) => (flushed, flushing) = (false, thread.filter(|_| call.is_flush)),
                // The thread goes on with the flush that it has begun.
                None if flushing.is_some() && flushing == thread => flushed = true,
                None => {}
            }
        }
        Ok(flushed)
    }

    fn read_text(&self) -> Result<String> {
        fs::read_to_string(&self.0).with_context(|| format!("could not read {}", self.0.display()))
    }
}

/// The begin of a call, and its end if no other thread was traced meanwhile.
struct StraceCall<'t> {
    is_flush: bool,
    is_done: bool,
    /// The last part of the file's path.
    file: &'t str,
}

impl<'t> StraceCall<'t> {
    /// Reads a line of strace; one about the end of a call that was begun before is none.
    fn read(line: &'t str) -> Option<Self> {
        let (call, arguments) = line.split_once(' ')?.1.trim_start().split_once('(')?;
        let is_flush = match call {
            "fsync" | "fdatasync" => true,
            "pwrite64" => false,
            _ => return None,
        };
        let file = arguments.split_once('<')?.1.split_once('>')?.0.rsplit('/').next()?;
        Some(Self { is_flush, is_done: !line.ends_with("<unfinished ...>"), file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flush_is_counted_once() {
        let log = log_of(
            "17 pwrite64(9</state/store.db-wal>, \"\"..., 24, 4152) = 24\n\
             17 fdatasync(9</state/store.db-wal>) = 0\n\
             18 fdatasync(9</state/store.db-wal> <unfinished ...>\n\
             17 fsync(4</state>)   = 0\n\
             18 <... fdatasync resumed>) = 0\n\
             17 fdatasync(8</state/store.db>) = 0\n",
        );
        assert_eq!(log.1.count_flushes_of_file("store.db-wal").unwrap(), 2);
        assert_eq!(log.1.count_flushes_of_file("store.db").unwrap(), 1);
        assert_eq!(log.1.count_all().unwrap(), 4);
    }

    #[test]
    fn a_file_is_flushed_once_its_flush_is_done() {
        let write = "17 pwrite64(9</state/wal>, \"\"..., 24, 4152) = 24\n";
        let other = "18 pwrite64(8</state/other>, \"\"..., 24, 4152) = 24\n";
        let flush = "17 fsync(9</state/wal>) = 0\n";
        let begin = "17 fsync(9</state/wal> <unfinished ...>\n";
        let [end, other_end] = ["17 <... fsync resumed>) = 0\n", "18 <... fsync resumed>) = 0\n"];
        for (lines, expected) in [
            (vec![], false),
            (vec![write], false),
            (vec![write, flush], true),
            (vec![write, flush, other], true),
            (vec![write, flush, write], false),
            (vec![write, begin], false),
            (vec![write, begin, other_end], false),
            (vec![write, begin, other, end], true),
            (vec![write, begin, write, end], false),
        ] {
            assert_eq!(
                log_of(&lines.concat()).1.is_file_flushed("wal").unwrap(),
                expected,
                "{lines:?}"
            );
        }
    }

    fn log_of(text: &str) -> (tempfile::TempDir, FlushLog) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("flushes");
        fs::write(&file, text).unwrap();
        (directory, FlushLog::at(file))
    }
}
