//! Programs that run in the foreground and may take their time.

use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use std::{io, panic};

use anyhow::{Context, Result, ensure};

/// Says what is going on, runs `command` to its end, keeps saying that it still runs, and says what it took.
///
/// All of this goes to the standard error, its own output too.
pub fn run_with_progress(doing: &str, command: &mut Command) -> Result<()> {
    run_with_inherited_stdout(doing, command.stdout(io::stderr()))
}

/// The same, but what it prints is the answer and goes where it would.
pub fn run_with_inherited_stdout(doing: &str, command: &mut Command) -> Result<()> {
    eprintln!("{doing}");
    let start = Instant::now();
    let program = command.get_program().display().to_string();
    let status = with_progress(doing, || command.status())
        .with_context(|| format!("could not run `{program}`"))?;
    ensure!(status.success(), "{doing}: `{program}` failed ({status})");
    if start.elapsed() >= WORTH_TELLING {
        eprintln!("{doing} took {} s", start.elapsed().as_secs());
    }
    Ok(())
}

/// Does two things side by side, and both to their ends: a failure of one is told at once.
pub fn run_both_in_parallel<A: Send, B: Send>(
    first: impl FnOnce() -> Result<A> + Send,
    second: impl FnOnce() -> Result<B> + Send,
) -> Result<(A, B)> {
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| first().inspect_err(announce_failure));
        let second = second().inspect_err(announce_failure);
        (first.join(), second)
    });
    let first = first.unwrap_or_else(|panic| panic::resume_unwind(panic))?;
    Ok((first, second?))
}

/// Tells of a failure while other work goes on, which may take minutes.
fn announce_failure(error: &anyhow::Error) {
    eprintln!("failed, and what runs beside it comes to its end: {error:#}");
}

/// Runs `command` to its end and returns what it printed; when it fails, that is in the error.
pub fn run_for_output(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("could not run `{program}`"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{program}` failed ({}): {}", output.status, errors.trim());
    String::from_utf8(output.stdout).with_context(|| format!("`{program}` printed no text"))
}

/// Does `work`, with a sign of life now and then.
fn with_progress<T>(doing: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    thread::scope(|scope| {
        let (done, waiting) = mpsc::channel::<()>();
        scope.spawn(move || {
            while waiting.recv_timeout(PROGRESS_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                eprintln!("still {doing}: {} s", start.elapsed().as_secs());
            }
        });
        let result = work();
        drop(done);
        result
    })
}

const PROGRESS_INTERVAL: Duration = Duration::from_secs(20);

/// The shortest duration that is worth a message.
const WORTH_TELLING: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn a_failure_shows_what_was_said() {
        let error = run_for_output(Command::new("sh").args(["-c", "echo no luck >&2; exit 4"]))
            .unwrap_err();
        assert_eq!(error.to_string(), "`sh` failed (exit status: 4): no luck");
    }

    #[test]
    fn two_things_run_side_by_side_and_one_failure_is_that_of_both() {
        let (to_second, from_first) = mpsc::channel();
        let (to_first, from_second) = mpsc::channel();
        // Each waits for the other: one after the other, neither would come to its end.
        let met = run_both_in_parallel(
            move || Ok((to_second.send(1)?, from_second.recv()?)),
            move || Ok((to_first.send(2)?, from_first.recv()?)),
        );
        assert_eq!(met.unwrap(), (((), 2), ((), 1)));
        let (yes, no) = (|| Ok(1), || -> Result<i32> { bail!("no") });
        assert_eq!(run_both_in_parallel(yes, no).unwrap_err().to_string(), "no");
        assert_eq!(run_both_in_parallel(no, yes).unwrap_err().to_string(), "no");
    }

    #[test]
    fn what_a_success_prints_is_returned() {
        assert_eq!(run_for_output(Command::new("echo").arg("fine")).unwrap(), "fine\n");
    }
}
