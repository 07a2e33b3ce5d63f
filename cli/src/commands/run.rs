//! `run`: a command with a lease that lives as long as the command does.

use std::ffi::OsString;
use std::fs::Permissions;
use std::io::IsTerminal;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kubelease_client::{Client, ClusterAddress, IssuedLease, replace_control_characters};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpgrp, kill_process, waitid};
use rustix::termios::tcgetpgrp;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::arguments::RunArguments;
use crate::commands::lease;
use crate::failure::Failure;
use crate::session::{CommandContext, Session, now};
use crate::single_lease_directory::LeaseDirectory;
use crate::{kubeconfig, output};

/// An event that is waited for while the command runs.
enum RunEvent {
    Signal(i32),
    Exited,
}

/// `kubelease run`
pub fn run_command(
    context: &CommandContext,
    arguments: &RunArguments,
) -> Result<ExitCode, Failure> {
    // From here on a signal ends the command, and not us: there is a lease to revoke.
    let (tell, events) = channel();
    send_signals_as_events(tell.clone())?;
    let mut session = context.open_session()?;
    let cluster =
        arguments.cluster.given_or_fetched_cluster(session.client(), &arguments.wanted)?;
    let issued = lease::issue_lease(session.client(), &arguments.wanted)?;
    let ran = run_child_with_lease(
        context,
        &mut session,
        (&issued, &cluster),
        &arguments.command,
        (tell, &events),
    );
    let revoked = revoke_at_end(context, &mut session, &issued);
    let code = ran?;
    if let Err(failure) = revoked {
        let id = &issued.lease.lease_id;
        let end = output::format_relative(issued.lease.expires_at, now());
        output::notify!("warning: lease {id} is not revoked, and ends {end}: {failure}");
    }
    Ok(code)
}

fn run_child_with_lease(
    context: &CommandContext,
    session: &mut Session,
    (issued, cluster): (&IssuedLease, &ClusterAddress),
    command: &[OsString],
    (tell, events): (Sender<RunEvent>, &Receiver<RunEvent>),
) -> Result<ExitCode, Failure> {
    let directory = tempfile::Builder::new()
        .prefix("kubelease-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(kubeconfig::runtime_dir())
        .map_err(|error| Failure::io_error("create a private directory", &error))?;
    let files = LeaseDirectory::from_path(directory.path());
    files.write_files(issued, cluster)?;

    if let Ok(RunEvent::Signal(signal)) = events.try_recv() {
        return Ok(ExitCode::from(signal_code(signal)));
    }
    let [program, rest @ ..] = command else {
        return Err(Failure::usage_error("no command is given"));
    };
    let mut command = Command::new(program);
    command.args(rest).env("KUBECONFIG", files.kubeconfig_path());
    // The command has what the lease gives, and not what we may do besides.
    command.env_remove("KUBELEASE_TOKEN");
    let mut child = command.spawn().map_err(|error| Failure::start_error(program, &error))?;
    let pid = Pid::from_child(&child);
    thread::spawn(move || {
        // Left a zombie, so that its id stays its own until no signal is sent any more.
        let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        drop(tell.send(RunEvent::Exited));
    });
    let mut renewal = RenewalSchedule::from_issued(issued);
    loop {
        match events.recv_timeout(renewal.time_until_next_renewal(session.renew_at())) {
            Ok(RunEvent::Signal(signal)) => forward_signal(signal, pid),
            Err(RecvTimeoutError::Timeout) if now() < renewal.due => {
                session.renew_token_if_due(context);
            }
            Err(RecvTimeoutError::Timeout) => {
                session.renew_token_if_due(context);
                // Whatever fails, the command goes on with the token that it has.
                match renew_lease_and_write_token(session.client(), issued, &files) {
                    Ok(renewed) => renewal = RenewalSchedule::from_issued(&renewed),
                    Err(failure) => renewal.warn_and_retry_later(&failure.to_string()),
                }
            }
            Ok(RunEvent::Exited) | Err(RecvTimeoutError::Disconnected) => {
                return wait_for_child(&mut child);
            }
        }
    }
}

/// Renews a lease, and puts its new token where the command reads it.
fn renew_lease_and_write_token(
    client: &Client,
    issued: &IssuedLease,
    files: &LeaseDirectory,
) -> Result<IssuedLease, Failure> {
    let renewed = client.renew_lease(&issued.lease.lease_id, None)?;
    files.write_token(&renewed.token)?;
    Ok(renewed)
}

/// When a lease is renewed.
struct RenewalSchedule {
    due: DateTime<Utc>,
    ends: DateTime<Utc>,
    is_told: bool,
}

impl RenewalSchedule {
    /// At two thirds of its time.
    fn from_issued(issued: &IssuedLease) -> Self {
        let ends = issued.lease.expires_at;
        let is_last = ends >= issued.lease.max_expires_at || !issued.lease.revocable;
        let due = if is_last { DateTime::<Utc>::MAX_UTC } else { now() + (ends - now()) * 2 / 3 };
        Self { due, ends, is_told: false }
    }

    /// Returns the time until the lease or, if that is earlier, the login is to be renewed.
    fn time_until_next_renewal(&self, login: Option<DateTime<Utc>>) -> Duration {
        let next = login.map_or(self.due, |login| login.min(self.due));
        let left = (next - now()).to_std().unwrap_or_default();
        left.clamp(MIN_RENEWAL_PAUSE, MAX_RENEWAL_PAUSE)
    }

    /// Tries again until the lease is over, and tells it once.
    fn warn_and_retry_later(&mut self, reason: &str) {
        if !self.is_told {
            let ends = output::format_relative(self.ends, now());
            output::notify!(
                "warning: the lease could not be renewed, and ends {ends}: {}",
                replace_control_characters(reason)
            );
            self.is_told = true;
        }
        self.due = if now() < self.ends {
            now() + LEASE_RENEWAL_RETRY_INTERVAL
        } else {
            DateTime::<Utc>::MAX_UTC
        };
    }
}

fn send_signals_as_events(tell: Sender<RunEvent>) -> Result<(), Failure> {
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]);
    let mut signals = signals.map_err(|error| Failure::io_error("watch for signals", &error))?;
    thread::spawn(move || {
        for signal in signals.forever() {
            drop(tell.send(RunEvent::Signal(signal)));
        }
    });
    Ok(())
}

/// Hands a signal on, unless the terminal has sent it to the command too.
fn forward_signal(signal: i32, pid: Pid) {
    let stdin = std::io::stdin();
    let is_foreground = stdin.is_terminal() && tcgetpgrp(&stdin).is_ok_and(|it| it == getpgrp());
    let signal = match signal {
        SIGINT if is_foreground => return,
        SIGINT => Signal::INT,
        SIGHUP => Signal::HUP,
        _ => Signal::TERM,
    };
    // It may have ended just now.
    let _ = kill_process(pid, signal);
}

fn wait_for_child(child: &mut Child) -> Result<ExitCode, Failure> {
    let status = child.wait().map_err(|error| Failure::io_error("wait for the command", &error))?;
    Ok(ExitCode::from(child_exit_code(status)))
}

/// Returns the exit code of a command; of one that a signal ended, what a shell would say.
fn child_exit_code(status: ExitStatus) -> u8 {
    let code = status.code().and_then(|code| code.try_into().ok());
    code.or_else(|| status.signal().map(signal_code)).unwrap_or(u8::MAX)
}

/// Returns the exit code of an end by a signal, as a shell says it.
fn signal_code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

fn revoke_at_end(
    context: &CommandContext,
    session: &mut Session,
    issued: &IssuedLease,
) -> Result<(), Failure> {
    if !issued.lease.revocable {
        return Ok(());
    }
    session.renew_token_if_due(context);
    let client = session.client().with_timeout(REVOKE_TIMEOUT);
    Ok(client.revoke_lease(&issued.lease.lease_id).map(drop)?)
}

const MIN_RENEWAL_PAUSE: Duration = Duration::from_secs(1);

/// A machine that has slept notices it within this time.
const MAX_RENEWAL_PAUSE: Duration = Duration::from_secs(30);

const LEASE_RENEWAL_RETRY_INTERVAL: chrono::TimeDelta = chrono::TimeDelta::seconds(5);

/// A CI job that is cancelled has about ten seconds between TERM and KILL.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(8);
