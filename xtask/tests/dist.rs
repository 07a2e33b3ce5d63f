//! `cargo xtask dist`: one archive with all that is given to others, and the same bytes each time.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

#[test]
fn the_archive_is_whole_and_the_same_each_time() -> Result<()> {
    let output = tempfile::tempdir()?;
    let [first, second] = ["one", "two"].map(|name| output.path().join(name));
    for directory in [&first, &second] {
        // As another user has it who checks it out another day.
        let umask = if directory == &first { "022" } else { "077" };
        let script = format!("umask {umask} && exec \"$@\"");
        run(Command::new("sh")
            .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_xtask"), "dist", "--output-dir"])
            .arg(directory))?;
    }
    let archive = only(&first, ".tar.gz")?;
    assert!(fs::read(&archive)? == fs::read(only(&second, ".tar.gz")?)?, "two archives differ");
    run(Command::new("sha256sum")
        .args(["--check", "--strict"])
        .arg(only(&first, ".sha256")?)
        .current_dir(&first))?;

    run(Command::new("tar").arg("-xzf").arg(&archive).current_dir(&first))?;
    let tree = only(&first, "-musl").or_else(|_| only(&first, "-gnu"))?;
    run(Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(&tree))?;
    for file in [
        "kubelease.wasm",
        "cleanup_job.wasm",
        "spin.toml",
        "spin.cron.toml",
        "spin.job.toml",
        "deploy/rbac/existing.yaml",
        "deploy/ci/github/action.yml",
        "docs/cli.md",
        "completions/kubelease.bash",
        "completions/_kubelease",
        "completions/kubelease.fish",
        "man/man1/kubelease.1",
        "man/man1/kubelease-lease.1",
        "LICENSE-MIT",
    ] {
        ensure!(tree.join(file).is_file(), "{file} is missing");
    }
    let listed = fs::read_to_string(tree.join("SHA256SUMS"))?.lines().count();
    let entries = run(Command::new("tar").arg("-tzf").arg(&archive))?;
    let files = entries.lines().filter(|entry| !entry.ends_with('/')).count();
    assert_eq!(listed, files - 1, "each file but the list itself has its checksum");
    let program = tree.join("bin/kubelease");
    assert_eq!(
        run(Command::new(&program).arg("--version"))?,
        format!("kubelease {}\n", env!("CARGO_PKG_VERSION"))
    );
    if tree.to_string_lossy().ends_with("-musl") {
        let needs = Command::new("ldd").arg(&program).output()?;
        let told = String::from_utf8([needs.stdout, needs.stderr].concat())?;
        ensure!(told.contains("statically linked") || told.contains("not a dynamic"), "{told}");
    }
    let content = fs::read(&program)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a directory")?;
    let own = root.to_str().context("a path")?.as_bytes();
    ensure!(!content.windows(own.len()).any(|window| window == own), "it names where it was built");
    Ok(())
}

fn only(directory: &Path, end: &str) -> Result<std::path::PathBuf> {
    let entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    let mut found =
        entries.iter().map(fs::DirEntry::path).filter(|path| path.to_string_lossy().ends_with(end));
    let one = found.next().with_context(|| format!("nothing ends in {end}"))?;
    ensure!(found.next().is_none(), "more than one ends in {end}");
    Ok(one)
}

/// Runs a command as from a shell, and returns what it prints.
fn run(command: &mut Command) -> Result<String> {
    for (name, _) in env::vars_os() {
        let is_told = |prefix| name.to_string_lossy().starts_with(prefix);
        if ["CARGO_BIN_EXE_", "CARGO_MANIFEST_", "CARGO_PKG_"].into_iter().any(is_told) {
            command.env_remove(&name);
        }
    }
    let output = command.output()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{command:?}: {told}");
    Ok(String::from_utf8(output.stdout)?)
}
