//! Programs that run in the foreground and may take their time.

use std::io;
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Says what is going on, runs `command` to its end, and keeps saying that it still runs.
///
/// All of this goes to the standard error, its own output too.
pub fn run(doing: &str, command: &mut Command) -> Result<()> {
    show(doing, command.stdout(io::stderr()))
}

/// The same, but what it prints is the answer and goes where it would.
pub fn show(doing: &str, command: &mut Command) -> Result<()> {
    eprintln!("{doing}");
    let program = command.get_program().display().to_string();
    let status = patiently(doing, || command.status())
        .with_context(|| format!("could not run `{program}`"))?;
    ensure!(status.success(), "{doing}: `{program}` failed ({status})");
    Ok(())
}

/// Runs `command` to its end and returns what it printed; when it fails, that is in the error.
pub fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("could not run `{program}`"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{program}` failed ({}): {}", output.status, errors.trim());
    String::from_utf8(output.stdout).with_context(|| format!("`{program}` printed no text"))
}

/// Does `work`, with a sign of life now and then.
fn patiently<T>(doing: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    thread::scope(|scope| {
        let (done, waiting) = mpsc::channel::<()>();
        scope.spawn(move || {
            while waiting.recv_timeout(SIGN_OF_LIFE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("still {doing}: {} s", start.elapsed().as_secs());
            }
        });
        let result = work();
        drop(done);
        result
    })
}

const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_what_was_said() {
        let error =
            output(Command::new("sh").args(["-c", "echo no luck >&2; exit 4"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh` failed (exit status: 4): no luck");
    }

    #[test]
    fn what_a_success_prints_is_returned() {
        assert_eq!(output(Command::new("echo").arg("fine")).unwrap(), "fine\n");
    }
}
