//! Owns processes and waits: the victim of the tests that kill an owner.
//!
//! Writes to the file named by its only argument, one a line, its scratch directory and the process
//! ids of a child and of one that ignores TERM; then a dot.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs, thread};

use anyhow::{Context, Result};
use testbed::process::Supervisor;

fn main() -> Result<()> {
    let notes: PathBuf = env::args_os().nth(1).context("usage: owner FILE")?.into();
    let keeper = Supervisor::new()?;
    let log = keeper.scratch_directory().join("log");
    let child = keeper.spawn_process("a child", Command::new("sleep").arg("1000"), &log)?;
    let script = "trap '' TERM; while :; do sleep 1; done";
    let stubborn =
        keeper.spawn_process("a stubborn child", Command::new("sh").args(["-c", script]), &log)?;

    let text = format!(
        "{}\n{}\n{}\n.\n",
        keeper.scratch_directory().display(),
        child.pid(),
        stubborn.pid()
    );
    fs::write(notes, text)?;
    loop {
        thread::park();
    }
}
