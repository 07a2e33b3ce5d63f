//! Children end with their owner, in order, however it ends; their scratch directory with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use testbed::process::{Supervisor, log_tail};
use testbed::wait::{AttemptError, not_yet, wait_until};

#[test]
fn an_early_exit_is_told_with_the_last_words() -> Result<()> {
    let keeper = Supervisor::new()?;
    let process =
        keeper.spawn_process("the child", &mut sh("echo alas >&2; exit 3"), &log(&keeper))?;
    let error = wait_until("exit", PATIENCE, || match process.require_running() {
        Ok(()) => Err(not_yet("still running")),
        Err(error) => Ok(error),
    })?;
    assert_eq!(error.to_string(), "the child exited with status 3; its last words:\nalas");
    Ok(())
}

#[test]
fn last_words_are_an_error_and_not_its_backtrace() -> Result<()> {
    let keeper = Supervisor::new()?;
    let file = log(&keeper);
    let frames = "  12: std::rt::main\n             at ./rt.rs:1:1\n".repeat(50);
    let error = "Error: no such file\n\nCaused by:\n    0: it is not there\n";
    fs::write(&file, format!("{error}\nStack backtrace:\n{frames}"))?;
    assert_eq!(log_tail(&file).trim_end(), error.trim_end());
    let panic = "thread 'main' panicked at src/main.rs:1:1:\nalas\n";
    fs::write(&file, format!("{panic}stack backtrace:\n{frames}and then\n"))?;
    assert_eq!(log_tail(&file), format!("{panic}and then"));
    Ok(())
}

#[test]
fn a_program_that_is_not_there_is_named() -> Result<()> {
    let keeper = Supervisor::new()?;
    let error =
        keeper.spawn_process("it", &mut Command::new("/no/such"), &log(&keeper)).unwrap_err();
    assert!(format!("{error:#}").starts_with("could not start /no/such: "), "{error:#}");
    Ok(())
}

#[test]
fn stop_lets_a_child_say_goodbye_and_kill_does_not() -> Result<()> {
    for graceful in [true, false] {
        let keeper = Supervisor::new()?;
        let script = "trap 'echo bye; exit' TERM; echo ready; while :; do sleep 0.05; done";
        let process = keeper.spawn_process("the child", &mut sh(script), &log(&keeper))?;
        await_line(&log(&keeper), "ready")?;
        if graceful { process.stop() } else { process.kill() }?;
        let said_goodbye = fs::read_to_string(log(&keeper))?.contains("bye");
        assert_eq!(said_goodbye, graceful);
    }
    Ok(())
}

#[test]
fn what_a_child_started_ends_with_it() -> Result<()> {
    let keeper = Supervisor::new()?;
    let script = "sh -c 'trap \"\" TERM; echo $$; exec sleep 1000' & wait";
    let process = keeper.spawn_process("the parent", &mut sh(script), &log(&keeper))?;
    let grandchild = await_pid(&log(&keeper))?;
    process.stop()?;
    await_end(grandchild)
}

#[test]
fn the_scratch_directory_goes_with_its_last_owner() -> Result<()> {
    let keeper = Supervisor::new()?;
    let scratch = keeper.scratch_directory().to_owned();
    let process = keeper.spawn_process("the child", &mut sh("sleep 1000"), &log(&keeper))?;
    drop(keeper);
    assert!(scratch.exists(), "the child may still use it");
    drop(process);
    assert!(!scratch.exists());
    Ok(())
}

#[test]
fn an_owner_killed_leaves_nothing_behind() -> Result<()> {
    leaves_nothing_behind(|owner| kill_process(owner, Signal::KILL))
}

#[test]
fn ctrl_c_leaves_nothing_behind() -> Result<()> {
    // The terminal sends it to the whole foreground group.
    leaves_nothing_behind(|owner| kill_process_group(owner, Signal::INT))
}

fn leaves_nothing_behind(end: fn(Pid) -> rustix::io::Result<()>) -> Result<()> {
    let keeper = Supervisor::new()?;
    let notes = keeper.scratch_directory().join("notes");
    let owner = keeper.spawn_process(
        "the owner",
        Command::new(example("owner")?).arg(&notes),
        &log(&keeper),
    )?;
    let [scratch, child, stubborn] = await_notes(&notes)?;
    let (child, stubborn) = (pid(&child)?, pid(&stubborn)?);
    assert!(Path::new(&scratch).is_dir());
    test_kill_process(child)?;

    end(Pid::from_raw(owner.pid().cast_signed()).context("an owner has an id")?)?;
    await_end(child)?;
    await_end(stubborn)?;
    wait_until("removal of the scratch directory", PATIENCE, || {
        if Path::new(&scratch).exists() { Err(not_yet(&scratch)) } else { Ok(()) }
    })
}

/// Cargo builds the examples before the tests, into a directory beside theirs.
fn example(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let build = own.ancestors().nth(2).context("the test is not where Cargo puts it")?;
    Ok(build.join("examples").join(name))
}

fn await_notes(file: &Path) -> Result<[String; 3]> {
    wait_until("the owner's notes", PATIENCE, || {
        let text = fs::read_to_string(file).unwrap_or_default();
        match text.lines().map(str::to_owned).collect::<Vec<_>>().as_slice() {
            [scratch, child, stubborn, _] => Ok([scratch, child, stubborn].map(Clone::clone)),
            _ => Err(not_yet(format!("only {text:?}"))),
        }
    })
}

fn await_line(file: &Path, line: &str) -> Result<()> {
    wait_until(line, PATIENCE, || {
        let text = fs::read_to_string(file).unwrap_or_default();
        if text.lines().any(|it| it == line) { Ok(()) } else { Err(not_yet(text)) }
    })
}

fn await_pid(file: &Path) -> Result<Pid> {
    wait_until("a process id", PATIENCE, || {
        let text = fs::read_to_string(file).unwrap_or_default();
        if text.ends_with('\n') { Ok(pid(text.trim())?) } else { Err(not_yet("nothing printed")) }
    })
}

fn await_end(pid: Pid) -> Result<()> {
    wait_until("the end of a process", PATIENCE, || match test_kill_process(pid) {
        Err(rustix::io::Errno::SRCH) => Ok(()),
        _ if is_zombie(pid) => Ok(()),
        _ => Err(not_yet(format!("{pid:?} is alive"))) as Result<(), AttemptError>,
    })
}

/// If no init reaps orphans, a dead one keeps its id.
fn is_zombie(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid()))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('Z')))
}

fn pid(text: &str) -> Result<Pid> {
    text.parse().ok().and_then(Pid::from_raw).with_context(|| format!("{text:?} is no process id"))
}

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn log(keeper: &Supervisor) -> PathBuf {
    keeper.scratch_directory().join("log")
}

const PATIENCE: Duration = Duration::from_secs(20);
