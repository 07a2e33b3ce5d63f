//! Building what the hosts run, and the host.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use testbed::command;

use crate::wasm_target::{self, TARGET};
use crate::workspace::{self, cargo};

/// Builds what `cargo xtask up` runs: the components and, side by side with them, dev-host.
pub fn all() -> Result<()> {
    command::both(components, dev_host).map(drop)
}

/// Builds both components where `spin.toml` looks for them: in the workspace's own `target/`, whatever
/// directory the rest is built in.
pub fn components() -> Result<()> {
    let root = workspace::root();
    components_of(root, &root.join("target"))
}

/// Builds those of a copy of the workspace.
pub fn components_of(tree: &Path, target: &Path) -> Result<()> {
    wasm_target::prepare()?;
    let mut cargo = release(&["kubelease", "cleanup-job"]);
    cargo.current_dir(tree).arg("--target-dir").arg(target);
    command::run("building the components", &mut cargo)
}

/// Builds the component that runs the tests of the store, where its manifest looks for it.
pub fn store_suite() -> Result<()> {
    wasm_target::prepare()?;
    let mut cargo = release(&["store-suite"]);
    cargo.arg("--target-dir").arg(workspace::root().join("target"));
    command::run("building the tests of the store", &mut cargo)
}

/// Builds the component that the tests of dev-host run, where they look for it: beside themselves.
pub fn probe() -> Result<()> {
    wasm_target::prepare()?;
    command::run("building the probe", &mut release(&["probe"]))
}

/// Builds dev-host and the command line beside this program.
///
/// Not with `--package`: on its own, its dependencies would get other features than in a build of the
/// whole workspace, and be compiled twice.
pub fn dev_host() -> Result<()> {
    command::run(
        "building dev-host and the command line",
        quiet("build").args(["--bin", "dev-host", "--bin", "kubelease"]),
    )
}

/// The packages that are compiled for wasm.
pub const WASM_PACKAGES: [&str; 5] =
    ["kubelease", "cleanup-job", "spin-ports", "probe", "store-suite"];

fn release(packages: &[&str]) -> Command {
    let mut cargo = quiet("build");
    cargo.args(["--release", "--target", TARGET]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    cargo
}

/// Cargo without its progress bar, which would garble that of another beside it.
fn quiet(subcommand: &str) -> Command {
    let mut cargo = cargo(subcommand);
    cargo.env("CARGO_TERM_PROGRESS_WHEN", "never");
    cargo
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn tests_and_programs_share_what_they_are_built_of() {
        let [program, tests] = ["normal,build", "normal,build,dev"].map(dependencies);
        assert!(program.len() > 100, "{program:?}");
        let twice: Vec<_> = program.difference(&tests).collect();
        assert!(
            twice.is_empty(),
            "compiled twice, since a dev-dependency enables features that no dependency does: {twice:?}"
        );
    }

    /// The crates of others that Cargo builds here, each with its features.
    fn dependencies(edges: &str) -> BTreeSet<String> {
        let mut tree = cargo("tree");
        tree.args(["--offline", "--locked", "--no-dedupe", "--prefix=none", "--format={p} [{f}]"]);
        let tree = command::output(tree.args(["--edges", edges])).unwrap();
        let ours = format!("({}", workspace::root().display());
        tree.lines().filter(|line| !line.contains(&ours)).map(str::to_owned).collect()
    }
}
