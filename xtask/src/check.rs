//! What must hold before a change is looked at.

use std::process::Command;

use anyhow::Result;
use testbed::command;

use crate::build;
use crate::build::WASM_PACKAGES;
use crate::wasm_target::{self, TARGET};
use crate::workspace::{cargo, clear_outer_cargo, root};

/// Format, lints, documentation, dependencies, release build.
pub fn check() -> Result<()> {
    wasm_target::prepare()?;
    command::run("checking the format", cargo("fmt").args(["--all", "--", "--check"]))?;
    command::run("checking the lints", &mut clippy(&["--all-targets"]))?;
    command::run("checking the lints of what is compiled for wasm", &mut clippy(&for_wasm()))?;
    command::run("checking the documentation", &mut doc(&[]))?;
    command::run("checking the documentation of what is compiled for wasm", &mut doc(&for_wasm()))?;
    dependencies()?;
    // A test build can hide a feature that is missing.
    build::components()
}

fn clippy(arguments: &[&str]) -> Command {
    let mut clippy = cargo("clippy");
    clippy.args(arguments).args(["--", "--deny", "warnings"]);
    clippy
}

fn doc(arguments: &[&str]) -> Command {
    let mut doc = cargo("doc");
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
fn dependencies() -> Result<()> {
    if command::output(deny().arg("--version")).is_err() {
        eprintln!("not checking the dependencies: `cargo install cargo-deny --locked` would");
        return Ok(());
    }
    let rules = ["check", "bans", "licenses", "sources"];
    command::run("checking the dependencies", deny().args(rules))?;
    if command::output(deny().args(["fetch", "db"])).is_err() {
        eprintln!("not checking for known vulnerabilities: their list is out of reach");
        return Ok(());
    }
    command::run("checking for known vulnerabilities", deny().args(["check", "advisories"]))
}

fn deny() -> Command {
    let mut deny = Command::new("cargo-deny");
    clear_outer_cargo(&mut deny);
    // Without this, only the root package would be looked at.
    deny.arg("--workspace").current_dir(root());
    deny
}
