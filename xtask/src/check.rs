//! What must hold before a change is looked at.

use std::process::Command;

use anyhow::Result;
use testbed::command;

use crate::build;
use crate::build::WASM_PACKAGES;
use crate::wasm_target::{self, TARGET};
use crate::words::check_words;
use crate::workspace::{cargo_command, clear_outer_cargo, workspace_root};

/// Runs the checks: format, lints, documentation, words, dependencies, release build.
pub fn run_checks() -> Result<()> {
    wasm_target::prepare_target()?;
    command::run_command(
        "checking the format",
        cargo_command("fmt").args(["--all", "--", "--check"]),
    )?;
    command::run_command("checking the lints", &mut clippy_command(&["--all-targets"]))?;
    command::run_command(
        "checking the lints of what is compiled for wasm",
        &mut clippy_command(&for_wasm()),
    )?;
    command::run_command("checking the documentation", &mut doc_command(&[]))?;
    command::run_command(
        "checking the documentation of what is compiled for wasm",
        &mut doc_command(&for_wasm()),
    )?;
    check_words()?;
    check_dependencies()?;
    // A test build can hide a feature that is missing.
    build::build_components()
}

fn clippy_command(arguments: &[&str]) -> Command {
    let mut clippy = cargo_command("clippy");
    clippy.args(arguments).args(["--", "--deny", "warnings"]);
    clippy
}

fn doc_command(arguments: &[&str]) -> Command {
    let mut doc = cargo_command("doc");
    doc.args(["--no-deps", "--document-private-items"])
        .args(arguments)
        .env("RUSTDOCFLAGS", "--deny warnings");
    doc
}

fn for_wasm() -> Vec<&'static str> {
    let packages = WASM_PACKAGES.iter().flat_map(|package| ["--package", package]);
    ["--target", TARGET].into_iter().chain(packages).collect()
}

/// Runs cargo-deny if it is installed: its compilation takes minutes.
fn check_dependencies() -> Result<()> {
    if command::command_output(deny_command().arg("--version")).is_err() {
        eprintln!("not checking the dependencies: `cargo install cargo-deny --locked` would");
        return Ok(());
    }
    let rules = ["check", "bans", "licenses", "sources"];
    command::run_command("checking the dependencies", deny_command().args(rules))?;
    if command::command_output(deny_command().args(["fetch", "db"])).is_err() {
        eprintln!("not checking for known vulnerabilities: their list is out of reach");
        return Ok(());
    }
    command::run_command(
        "checking for known vulnerabilities",
        deny_command().args(["check", "advisories"]),
    )
}

fn deny_command() -> Command {
    let mut deny = Command::new("cargo-deny");
    clear_outer_cargo(&mut deny);
    // Without this, only the root package would be looked at.
    deny.arg("--workspace").current_dir(workspace_root());
    deny
}
