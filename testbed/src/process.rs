//! Child processes that end with us, whatever ends us.
//!
//! A test runner is interrupted, killed or crashes, and statics are never dropped: no destructor can
//! be relied on. So a [`Supervisor`] starts a small shell beside us that waits for its standard input to
//! close, which the kernel does for us however we go. It then ends every child still running and
//! removes their scratch directory. Children and keeper have process groups of their own, so that
//! Ctrl-C, which the terminal sends to the whole foreground group, reaches us alone and they end in
//! order. What a child starts belongs to its group and ends with it.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid,
};

/// Ends processes and removes their scratch directory once its last owner is gone.
#[derive(Clone, Debug)]
pub struct Supervisor(Arc<Inner>);

impl Supervisor {
    /// Makes a scratch directory that only this user can read, and starts watching over it.
    pub fn new() -> Result<Self> {
        Self::start_watchdog(Stdio::null())
    }

    /// The same, and `lock` stays locked until everything has ended, even when we are killed.
    pub fn new_holding_lock(lock: File) -> Result<Self> {
        // A file lock belongs to all who have the open file, here as an output that is never used.
        Self::start_watchdog(lock.into())
    }

    fn start_watchdog(output: Stdio) -> Result<Self> {
        let scratch = tempfile::Builder::new()
            .prefix("kubelease-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .context("could not make a scratch directory")?;
        let mut shell = Command::new("sh")
            .args(["-c", WATCHDOG_SCRIPT, "keeper"])
            .arg(scratch.path())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("could not start `sh`")?;
        let orders = Mutex::new(shell.stdin.take());
        Ok(Self(Arc::new(Inner { scratch: scratch.keep(), shell: Mutex::new(shell), orders })))
    }

    /// The directory that is removed when all is over.
    #[must_use]
    pub fn scratch_directory(&self) -> &Path {
        &self.0.scratch
    }

    /// Starts `command` with nothing to read, appending whatever it prints to `log`.
    ///
    /// Were we killed in the microseconds between the start and the note to the keeper, the child
    /// would be left behind.
    pub fn spawn_process(&self, name: &str, command: &mut Command, log: &Path) -> Result<Process> {
        let output = open_log(log)?;
        let child = command
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            .stdout(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not start {}", command.get_program().display()))?;
        let process = Process {
            name: name.to_owned(),
            pid: Pid::from_child(&child),
            child,
            log: log.to_owned(),
            keeper: self.clone(),
            reaped: false,
        };
        self.0.send_order("add", process.pid)?;
        Ok(process)
    }
}

/// A running child process; dropping it ends it.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: Pid,
    child: Child,
    log: PathBuf,
    keeper: Supervisor,
    reaped: bool,
}

impl Process {
    /// The process id, which is also that of its group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the file of its output.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Returns the CPU time that the process has used, with all its threads, to a hundredth of a second.
    pub fn cpu_time(&self) -> Result<Duration> {
        let file = format!("/proc/{}/stat", self.pid());
        let stat = std::fs::read_to_string(&file).with_context(|| format!("no {file}"))?;
        parse_cpu_time(&stat).with_context(|| format!("no CPU time in {file}"))
    }

    /// Fails, with the end of the log, once the process has exited.
    pub fn require_running(&self) -> Result<()> {
        match self.exit_description()? {
            None => Ok(()),
            Some(how) => bail!("{} {how}; its last words:\n{}", self.name, log_tail(&self.log)),
        }
    }

    /// Asks the process and all that it started to end, and sees to it that they do.
    pub fn stop(mut self) -> Result<()> {
        self.end_group(STOP_GRACE_PERIOD)
    }

    /// Ends the process and all that it started at once, as a crash or `kill -9` would.
    pub fn kill(mut self) -> Result<()> {
        self.end_group(Duration::ZERO)
    }

    /// Says how the process ended, and leaves it a zombie so that its id stays its own until [`Self::end_group`].
    fn exit_description(&self) -> Result<Option<String>> {
        let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(self.pid), peek)
            .with_context(|| format!("could not ask after {}", self.name))?;
        Ok(status.as_ref().map(describe_status))
    }

    fn end_group(&mut self, grace: Duration) -> Result<()> {
        if self.reaped {
            return Ok(());
        }
        if !grace.is_zero() {
            self.send_signal(Signal::TERM)?;
            let deadline = Instant::now() + grace;
            while self.exit_description()?.is_none() && Instant::now() < deadline {
                std::thread::sleep(EXIT_POLL_INTERVAL);
            }
        }
        self.send_signal(Signal::KILL)?;
        // In this order: a process id is free for others once the process is waited for.
        let told = self.keeper.0.send_order("drop", self.pid);
        self.child.wait().with_context(|| format!("could not wait for {}", self.name))?;
        self.reaped = true;
        told
    }

    fn send_signal(&self, signal: Signal) -> Result<()> {
        match kill_process_group(self.pid, signal) {
            // All have exited already: some systems say so, others that we may not signal a zombie.
            Ok(()) | Err(Errno::SRCH | Errno::PERM) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("could not signal {}", self.name)),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.end_group(STOP_GRACE_PERIOD) {
            eprintln!("{error:#}");
        }
    }
}

/// The last lines of a log, for an error message.
///
/// Without backtraces: one is longer than this, and the error that it belongs to stands before it.
#[must_use]
pub fn log_tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut in_backtrace = false;
    let is_told = |line: &&str| {
        let begins = line.trim().eq_ignore_ascii_case("stack backtrace:");
        in_backtrace = begins || in_backtrace && is_frame(line);
        !in_backtrace
    };
    let lines: Vec<_> = text.lines().filter(is_told).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// Reads user and system time in the line of a process, whose second field, its name, may hold anything.
fn parse_cpu_time(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// Linux's `USER_HZ`, the unit of times in `/proc`.
const TICKS_PER_SECOND: u64 = 100;

/// Returns true for a line of a backtrace, such as `  12: std::rt::lang_start` or `      at ./src/main.rs:3`.
fn is_frame(line: &str) -> bool {
    let text = line.trim_start();
    let number = text.split_once(": ").is_some_and(|(n, _)| n.bytes().all(|b| b.is_ascii_digit()));
    text.len() < line.len() && (number || text.starts_with("at "))
}

#[derive(Debug)]
struct Inner {
    scratch: PathBuf,
    shell: Mutex<Child>,
    orders: Mutex<Option<ChildStdin>>,
}

impl Inner {
    fn send_order(&self, word: &str, group: Pid) -> Result<()> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = orders.as_mut().context("the keeper's pipe is open until it is dropped")?;
        writeln!(pipe, "{word} {}", group.as_raw_pid()).context("the keeper is gone")
    }
}

impl Drop for Inner {
    /// Waits until the scratch directory is gone.
    fn drop(&mut self) {
        drop(self.orders.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        if let Err(error) = self.shell.get_mut().unwrap_or_else(PoisonError::into_inner).wait() {
            eprintln!("could not wait for the keeper: {error}");
        }
    }
}

fn open_log(log: &Path) -> Result<File> {
    let open = || -> io::Result<File> {
        if let Some(directory) = log.parent() {
            std::fs::create_dir_all(directory)?;
        }
        OpenOptions::new().create(true).append(true).open(log)
    };
    open().with_context(|| format!("could not open {}", log.display()))
}

fn describe_status(status: &WaitIdStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// Reads `add GROUP` and `drop GROUP` until end of file, ends the groups left, newest first, and
/// removes the directory `$1`. A group has five seconds between TERM and KILL.
const WATCHDOG_SCRIPT: &str = r#"
groups=
while read -r word group; do
    case $word in
        add) groups="$group $groups" ;;
        drop) kept=; for g in $groups; do [ "$g" = "$group" ] || kept="$kept $g"; done; groups=$kept ;;
    esac
done
for g in $groups; do kill -s TERM -- "-$g"; done
tries=50
for g in $groups; do
    while [ "$tries" -gt 0 ] && kill -s 0 -- "-$g"; do sleep 0.1; tries=$((tries - 1)); done
    kill -s KILL -- "-$g"
done
rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }
"#;

/// The time that a process has to end when asked, as in [`WATCHDOG_SCRIPT`].
const STOP_GRACE_PERIOD: Duration = Duration::from_secs(5);

const EXIT_POLL_INTERVAL: Duration = Duration::from_millis(5);

const TAIL_LINES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_that_of_user_and_system() {
        let line = "17 (a) b (c) S 1 17 17 0 -1 4194304 1 2 3 4 150 25 7 8 20 0 3 0 100";
        assert_eq!(parse_cpu_time(line), Some(Duration::from_millis(1750)));
        assert_eq!(parse_cpu_time("17 (a) S 1"), None);
    }
}
