//! Building what the hosts run, and the host.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use testbed::command;

use crate::wasm_target::{self, WASM_TARGET};
use crate::workspace::{self, cargo_command};

/// Builds what `cargo xtask up` runs: the components and, side by side with them, dev-host.
pub fn build_components_and_host() -> Result<()> {
    command::run_both_in_parallel(build_components, build_dev_host_and_cli).map(drop)
}

/// Builds both components where `spin.toml` looks for them: in the workspace's own `target/`, whatever
/// directory the rest is built in.
pub fn build_components() -> Result<()> {
    let root = workspace::workspace_root();
    build_components_in_tree(root, &root.join("target"))
}

/// Builds those of a copy of the workspace.
pub fn build_components_in_tree(tree: &Path, target: &Path) -> Result<()> {
    wasm_target::ensure_wasm_target()?;
    let mut cargo = release_build(&["kubelease", "cleanup-job"]);
    cargo.current_dir(tree).arg("--target-dir").arg(target);
    command::run_with_progress("building the components", &mut cargo)
}

/// Builds the component that runs the tests of the store, where its manifest looks for it.
pub fn build_store_suite() -> Result<()> {
    wasm_target::ensure_wasm_target()?;
    let mut cargo = release_build(&["store-suite"]);
    cargo.arg("--target-dir").arg(workspace::workspace_root().join("target"));
    command::run_with_progress("building the tests of the store", &mut cargo)
}

/// Builds the component that the tests of dev-host run, where they look for it: beside themselves.
pub fn build_probe() -> Result<()> {
    wasm_target::ensure_wasm_target()?;
    command::run_with_progress("building the probe", &mut release_build(&["probe"]))
}

/// Builds dev-host and the command line beside this program.
///
/// Not with `--package`: on its own, its dependencies would get other features than in a build of the
/// whole workspace, and be compiled twice.
pub fn build_dev_host_and_cli() -> Result<()> {
    command::run_with_progress(
        "building dev-host and the command line",
        quiet_cargo("build").args(["--bin", "dev-host", "--bin", "kubelease"]),
    )
}

/// The packages that are compiled for wasm.
pub const WASM_PACKAGES: [&str; 5] =
    ["kubelease", "cleanup-job", "spin-ports", "probe", "store-suite"];

fn release_build(packages: &[&str]) -> Command {
    let mut cargo = quiet_cargo("build");
    cargo.args(["--release", "--target", WASM_TARGET]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    cargo
}

/// Cargo without its progress bar, which would garble that of another beside it.
fn quiet_cargo(subcommand: &str) -> Command {
    let mut cargo = cargo_command(subcommand);
    cargo.env("CARGO_TERM_PROGRESS_WHEN", "never");
    cargo
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn tests_and_programs_share_what_they_are_built_of() {
        let [program, tests] = ["normal,build", "normal,build,dev"].map(dependency_features);
        assert!(program.len() > 100, "{program:?}");
        let twice: Vec<_> = program.difference(&tests).collect();
        assert!(
            twice.is_empty(),
            "compiled twice, since a dev-dependency enables features that no dependency does: {twice:?}"
        );
    }

    /// The crates of others that Cargo builds here, each with its features.
    fn dependency_features(edges: &str) -> BTreeSet<String> {
        let mut tree = cargo_command("tree");
        tree.args(["--offline", "--locked", "--no-dedupe", "--prefix=none", "--format={p} [{f}]"]);
        let tree = command::run_for_output(tree.args(["--edges", edges])).unwrap();
        let ours = format!("({}", workspace::workspace_root().display());
        tree.lines().filter(|line| !line.contains(&ours)).map(str::to_owned).collect()
    }
}
