//! Defects that the tests must see: each is put into a copy of the tree, and its test must fail.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use testbed::command;

use crate::build;
use crate::wasm_target::WASM_TARGET;
use crate::workspace::{cargo_command, workspace_root};

/// The options of `cargo xtask mutants`.
#[derive(Args)]
pub struct Options {
    /// The defects, by the names of their files; all, if none is named.
    names: Vec<String>,
}

/// A defect, as its file tells it.
#[derive(Debug, PartialEq, Eq)]
struct Defect {
    /// The test that must fail.
    test: String,
    /// The package that the test is of.
    package: String,
    /// The environment of the test.
    environment: Vec<(String, String)>,
    /// True if the test runs the built components.
    components: bool,
}

/// Puts each defect into a copy of what is tracked, and requires that it builds and that its test fails.
pub fn check_seeded_defects(options: &Options) -> Result<()> {
    let patches = list_patches(&options.names)?;
    let scratch = tempfile::tempdir().context("could not make a scratch directory")?;
    copy_tracked(scratch.path())?;
    let mut missed = vec![];
    for patch in &patches {
        let name = patch_name(patch);
        let text = fs::read_to_string(patch).with_context(|| format!("could not read {name}"))?;
        let defect = Defect::parse_header(&text).with_context(|| format!("`{name}`"))?;
        apply_patch(scratch.path(), patch, &[])
            .with_context(|| format!("`{name}` does not apply"))?;
        let seen = is_detected_by_test(scratch.path(), &name, &defect);
        apply_patch(scratch.path(), patch, &["--reverse"])?;
        if !seen? {
            eprintln!("NOT SEEN: {name}");
            missed.push(name);
        }
    }
    ensure!(missed.is_empty(), "defects that no test has seen: {}", missed.join(", "));
    println!("{} defects, each seen by its test", patches.len());
    Ok(())
}

/// Returns true if the test of a defect fails as a test does, and not because it does not build.
fn is_detected_by_test(tree: &Path, name: &str, defect: &Defect) -> Result<bool> {
    let test = || {
        let mut test = cargo_command("test");
        // Colours would be between the words that are looked for.
        test.current_dir(tree).args(["--color=never", "--package", &defect.package]);
        test.arg("--target-dir").arg(target_directory());
        test
    };
    command::run_with_progress(&format!("building {name}"), test().arg("--no-run"))?;
    if defect.components {
        build_components_and_host(tree)?;
    }
    eprintln!("testing {name}");
    let mut run = test();
    run.arg(&defect.test).args(["--", "--test-threads=1"]);
    run.envs(defect.environment.iter().map(|(name, value)| (name, value)));
    let output = run.output().context("could not run `cargo test`")?;
    // What a schedule prints of values is not always text.
    let printed = String::from_utf8_lossy(&output.stdout);
    let of_test = |line: &&str| line.starts_with("test ") && line.contains(defect.test.as_str());
    ensure!(
        printed.lines().any(|line| of_test(&line)),
        "there is no test `{}` in `{}`",
        defect.test,
        defect.package
    );
    Ok(!output.status.success() && printed.contains("test result: FAILED"))
}

/// Builds the components of a tree, where its manifest looks for them, and the host beside the tests.
fn build_components_and_host(tree: &Path) -> Result<()> {
    build::build_components_in_tree(tree, &target_directory())?;
    let place = Path::new(WASM_TARGET).join("release");
    fs::create_dir_all(tree.join("target").join(&place))?;
    for name in ["kubelease.wasm", "cleanup_job.wasm"] {
        let file = place.join(name);
        fs::copy(target_directory().join(&file), tree.join("target").join(&file))
            .with_context(|| format!("could not copy {}", file.display()))?;
    }
    let mut host = cargo_command("build");
    host.current_dir(tree).args(["--bin", "dev-host", "--target-dir"]).arg(target_directory());
    command::run_with_progress("building dev-host", &mut host)
}

impl Defect {
    fn parse_header(told: &str) -> Result<Self> {
        let head = told.split("\n\n").next().unwrap_or_default();
        let (mut test, mut package, mut environment) = (None, None, vec![]);
        let mut components = false;
        for line in head.lines() {
            match line.split_once(": ") {
                Some(("Fails", name)) => {
                    let (of, name) = name.split_once(' ').context("`Fails: PACKAGE TEST`")?;
                    package = Some(of.to_owned());
                    test = Some(name.to_owned());
                }
                Some(("With", pair)) => {
                    let (name, value) = pair.split_once('=').context("`With: NAME=VALUE`")?;
                    environment.push((name.to_owned(), value.to_owned()));
                }
                Some(("Builds", "components")) => components = true,
                _ => bail!("the first lines say `Fails:`, `With:` and `Builds:`, not `{line}`"),
            }
        }
        let (Some(test), Some(package)) = (test, package) else {
            bail!("the first line says `Fails: PACKAGE TEST`");
        };
        Ok(Self { test, package, environment, components })
    }
}

/// The files of the defects that are named, or all, in order.
fn list_patches(names: &[String]) -> Result<Vec<PathBuf>> {
    let directory = workspace_root().join("tests/seeded-defects");
    if !names.is_empty() {
        let patch = |name: &String| directory.join(format!("{name}.patch"));
        return Ok(names.iter().map(patch).collect());
    }
    let mut all = vec![];
    for entry in fs::read_dir(&directory).context("could not list the defects")? {
        let path = entry.context("could not list the defects")?.path();
        if path.extension().is_some_and(|extension| extension == "patch") {
            all.push(path);
        }
    }
    all.sort();
    ensure!(!all.is_empty(), "there are no defects in {}", directory.display());
    Ok(all)
}

fn patch_name(patch: &Path) -> String {
    patch.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Copies what is tracked, as it is in the work tree.
fn copy_tracked(to: &Path) -> Result<()> {
    let mut list = Command::new("git");
    let files =
        command::run_for_output(list.args(["ls-files", "-z"]).current_dir(workspace_root()))?;
    for file in files.split('\0').filter(|file| !file.is_empty()) {
        let (from, to) = (workspace_root().join(file), to.join(file));
        // One that was deleted is tracked until that is committed.
        if from.is_file() {
            fs::create_dir_all(to.parent().unwrap_or(&to))?;
            fs::copy(&from, &to).with_context(|| format!("could not copy {file}"))?;
        }
    }
    Ok(())
}

fn apply_patch(tree: &Path, patch: &Path, options: &[&str]) -> Result<()> {
    let mut apply = Command::new("git");
    apply.arg("apply").args(options).arg(patch).current_dir(tree);
    // If the scratch directory is within another repository, it would be that one's paths.
    apply.env("GIT_CEILING_DIRECTORIES", tree.parent().unwrap_or(tree));
    command::run_for_output(&mut apply).map(drop)
}

/// Kept between runs, and apart from what is built of the tree itself: Cargo takes one for the other.
fn target_directory() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace_root().join("target"), PathBuf::from);
    target.join("mutants")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_name_the_test_and_what_it_is_told() {
        let text = "Fails: lease-store a_test\nWith: N=3\n\nWhy.\n\ndiff --git a/x b/x\n";
        let defect = Defect {
            test: "a_test".to_owned(),
            package: "lease-store".to_owned(),
            environment: vec![("N".to_owned(), "3".to_owned())],
            components: false,
        };
        assert_eq!(Defect::parse_header(text).unwrap(), defect);
        let built =
            Defect::parse_header("Fails: tests a_test\nBuilds: components\n\nWhy.\n").unwrap();
        assert!(built.components && built.environment.is_empty());
        for text in [
            "",
            "Why.\n\nFails: a b\n",
            "Fails: one-word\n\n",
            "Fails: a b\nWith: N\n\n",
            "Fails: a b\nBuilds: it\n\n",
        ] {
            assert!(Defect::parse_header(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_defect_says_what_it_breaks() {
        for patch in list_patches(&[]).unwrap() {
            let text = fs::read_to_string(&patch).unwrap();
            let defect = Defect::parse_header(&text);
            assert!(defect.is_ok(), "{}: {defect:?}", patch.display());
        }
    }
}
