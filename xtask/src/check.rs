//! What must hold before a change is looked at.

use std::process::Command;

use anyhow::Result;
use testbed::command;

use crate::build;
use crate::build::WASM_PACKAGES;
use crate::naming_check::check_naming;
use crate::wasm_target::{self, WASM_TARGET};
use crate::workspace::{cargo_command, clear_cargo_environment, workspace_root};

/// Runs the checks: format, lints, documentation, words, dependencies, release build.
pub fn run_checks() -> Result<()> {
    wasm_target::ensure_wasm_target()?;
    command::run_with_progress(
        "checking the format",
        cargo_command("fmt").args(["--all", "--", "--check"]),
    )?;
    command::run_with_progress("checking the lints", &mut clippy_command(&["--all-targets"]))?;
    command::run_with_progress(
        "checking the lints of what is compiled for wasm",
        &mut clippy_command(&wasm_package_arguments()),
    )?;
    command::run_with_progress("checking the documentation", &mut doc_command(&[]))?;
    command::run_with_progress(
        "checking the documentation of what is compiled for wasm",
        &mut doc_command(&wasm_package_arguments()),
    )?;
    check_naming()?;
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

fn wasm_package_arguments() -> Vec<&'static str> {
    let packages = WASM_PACKAGES.iter().flat_map(|package| ["--package", package]);
    ["--target", WASM_TARGET].into_iter().chain(packages).collect()
}

/// Runs cargo-deny if it is installed: its compilation takes minutes.
fn check_dependencies() -> Result<()> {
    if command::run_for_output(deny_command().arg("--version")).is_err() {
        eprintln!("not checking the dependencies: `cargo install cargo-deny --locked` would");
        return Ok(());
    }
    let rules = ["check", "bans", "licenses", "sources"];
    command::run_with_progress("checking the dependencies", deny_command().args(rules))?;
    if command::run_for_output(deny_command().args(["fetch", "db"])).is_err() {
        eprintln!("not checking for known vulnerabilities: their list is out of reach");
        return Ok(());
    }
    command::run_with_progress(
        "checking for known vulnerabilities",
        deny_command().args(["check", "advisories"]),
    )
}

fn deny_command() -> Command {
    let mut deny = Command::new("cargo-deny");
    clear_cargo_environment(&mut deny);
    // Without this, only the root package would be looked at.
    deny.arg("--workspace").current_dir(workspace_root());
    deny
}
