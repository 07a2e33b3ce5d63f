//! What is given to others: one archive with the components, their manifests, `deploy/`, the command and its man pages.
//!
//! The same tree and compiler make the same bytes: files are sorted, and have neither owners nor times of their own.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use testbed::command;

use crate::workspace::{cargo_command, workspace_root};
use crate::{build, system_packages, wasm_target};

/// The options of `cargo xtask dist`.
#[derive(Args)]
pub struct Options {
    /// The directory for the archive and its checksum.
    #[arg(long, value_name = "DIRECTORY", default_value = "target/dist")]
    output_dir: PathBuf,
}

/// Writes the archive and its checksum, and prints where they are.
pub fn build_archive(options: &Options) -> Result<()> {
    let target = choose_cli_target();
    build::build_components()?;
    let program = build_cli_program(target)?;
    let directory = std::path::absolute(workspace_root().join(&options.output_dir))?;
    let name = format!("kubelease-{}-{target}", env!("CARGO_PKG_VERSION"));
    let tree = directory.join(&name);
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    fill_tree(&tree, &program)?;
    write_checksums(&tree)?;
    let archive = directory.join(format!("{name}.tar.gz"));
    pack_archive(&tree, &archive)?;
    let sum = command::run_for_output(
        Command::new("sha256sum").arg(file_name(&archive)?).current_dir(&directory),
    )?;
    fs::write(directory.join(format!("{name}.tar.gz.sha256")), &sum)?;
    fs::remove_dir_all(&tree)?;
    println!("{}", archive.display());
    Ok(())
}

/// Returns what the command is compiled for: a static program, if that can be made here.
fn choose_cli_target() -> &'static str {
    match prepare_musl() {
        Ok(()) => MUSL_TARGET,
        Err(error) => {
            eprintln!("the command needs the glibc of this machine, or a later one: {error:#}");
            GLIBC_TARGET
        }
    }
}

/// Sees to it that there is all that a static program is made with, also a C compiler, for the cryptography.
fn prepare_musl() -> Result<()> {
    system_packages::install_missing_programs(&[("x86_64-linux-musl-gcc", "musl-tools")])?;
    if has_std(MUSL_TARGET)? {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", MUSL_TARGET]).current_dir(workspace_root());
    command::run_with_progress(
        &format!("adding the target {MUSL_TARGET} with rustup"),
        &mut rustup,
    )?;
    ensure!(has_std(MUSL_TARGET)?, "rustup added the target to another toolchain");
    Ok(())
}

fn has_std(target: &str) -> Result<bool> {
    let arguments = ["--print", "target-libdir", "--target", target];
    let directory = command::run_for_output(
        Command::new("rustc").args(arguments).current_dir(workspace_root()),
    )?;
    let Ok(entries) = fs::read_dir(directory.trim()) else { return Ok(false) };
    Ok(entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
}

fn build_cli_program(target: &str) -> Result<PathBuf> {
    let mut build = cargo_command("build");
    build.args(["--release", "--locked", "--bin", "kubelease", "--target", target]);
    build.arg("--target-dir").arg(workspace_root().join("target"));
    build.env("CARGO_ENCODED_RUSTFLAGS", compiler_flags(target)?);
    command::run_with_progress(&format!("building the command for {target}"), &mut build)?;
    Ok(workspace_root().join("target").join(target).join("release/kubelease"))
}

/// Panics name source files: as nobody's, so that they are the same wherever this is built.
fn compiler_flags(target: &str) -> Result<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let home = home.context("neither `CARGO_HOME` nor `HOME` is set")?;
    let mut flags = vec![
        format!("--remap-path-prefix={}=/cargo", home.display()),
        format!("--remap-path-prefix={}=/kubelease", workspace_root().display()),
    ];
    if target == MUSL_TARGET {
        flags.push("-Ctarget-feature=+crt-static".to_owned());
    }
    Ok(flags.join("\x1f"))
}

/// Puts everything where it is found in the archive.
fn fill_tree(tree: &Path, program: &Path) -> Result<()> {
    fs::create_dir_all(tree.join("bin"))?;
    fs::copy(program, tree.join("bin/kubelease")).context("could not copy the command")?;
    let built = workspace_root().join("target").join(wasm_target::WASM_TARGET).join("release");
    for component in ["kubelease.wasm", "cleanup_job.wasm"] {
        fs::copy(built.join(component), tree.join(component)).context(component)?;
    }
    for manifest in ["spin.toml", "spin.cron.toml", "spin.job.toml"] {
        let text = fs::read_to_string(workspace_root().join(manifest)).context(manifest)?;
        fs::write(tree.join(manifest), to_archive_manifest(&text))?;
    }
    for file in ["README.md", "SECURITY.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(workspace_root().join(file), tree.join(file)).context(file)?;
    }
    for directory in ["deploy", "docs", "examples"] {
        copy_all(&workspace_root().join(directory), &tree.join(directory))?;
    }
    let completions = tree.join("completions");
    fs::create_dir_all(&completions)?;
    for (shell, file) in
        [("bash", "kubelease.bash"), ("zsh", "_kubelease"), ("fish", "kubelease.fish")]
    {
        let text = command::run_for_output(Command::new(program).args(["completion", shell]))?;
        fs::write(completions.join(file), text)?;
    }
    let mut man = Command::new(program);
    man.args(["man", "--output-dir"]).arg(tree.join("man/man1"));
    command::run_for_output(&mut man).map(drop)
}

/// Returns a manifest whose components are beside it, and are not built.
fn to_archive_manifest(manifest: &str) -> String {
    let beside = format!("source = \"target/{}/release/", wasm_target::WASM_TARGET);
    let sections = manifest.replace(&beside, "source = \"");
    let is_kept =
        |section: &&str| !section.lines().next().is_some_and(|line| line.ends_with(".build]"));
    let kept: Vec<_> = sections.split("\n\n").filter(is_kept).collect();
    kept.join("\n\n").trim_end().to_owned() + "\n"
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}

/// Writes `SHA256SUMS`, by which `sha256sum --check` finds what is missing or another.
fn write_checksums(tree: &Path) -> Result<()> {
    let mut files = vec![];
    list_files(tree, &mut files)?;
    files.sort();
    let relative =
        files.iter().map(|file| file.strip_prefix(tree)).collect::<Result<Vec<_>, _>>()?;
    let sums =
        command::run_for_output(Command::new("sha256sum").args(&relative).current_dir(tree))?;
    fs::File::create(tree.join("SHA256SUMS"))?.write_all(sums.as_bytes())?;
    Ok(())
}

fn list_files(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            list_files(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn pack_archive(tree: &Path, archive: &Path) -> Result<()> {
    let time = std::env::var("SOURCE_DATE_EPOCH").unwrap_or_else(|_| DEFAULT_FILE_TIME.to_owned());
    ensure!(
        time.bytes().all(|byte| byte.is_ascii_digit()),
        "`SOURCE_DATE_EPOCH` is seconds since 1970"
    );
    let mut tar = Command::new("tar");
    tar.args([
        "--create",
        "--format=ustar",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
    ]);
    // Neither the umask of whoever builds, nor how his files were checked out.
    tar.args([
        "--mode=u=rwX,go=rX",
        &format!("--mtime=@{time}"),
        "--use-compress-program=gzip -n -9",
    ]);
    tar.arg("--file").arg(archive).arg(file_name(tree)?);
    let directory = tree.parent().context("a directory")?;
    command::run_for_output(tar.current_dir(directory)).map(drop)
}

fn file_name(path: &Path) -> Result<&str> {
    path.file_name().and_then(|name| name.to_str()).context("a name")
}

/// A static program, for any Linux.
const MUSL_TARGET: &str = "x86_64-unknown-linux-musl";

const GLIBC_TARGET: &str = "x86_64-unknown-linux-gnu";

/// The beginning of 1980, before which ZIP knows no time.
const DEFAULT_FILE_TIME: &str = "315532800";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_of_the_archive_has_its_components_beside_it() {
        let text = fs::read_to_string(workspace_root().join("spin.toml")).unwrap();
        let manifest = to_archive_manifest(&text);
        let sources: Vec<_> = manifest.lines().filter(|line| line.starts_with("source")).collect();
        assert_eq!(sources, [r#"source = "kubelease.wasm""#, r#"source = "cleanup_job.wasm""#]);
        assert!(!manifest.contains("cargo build") && !manifest.contains("target/"), "{manifest}");
        // All else is as it was.
        let is_lost = |line: &&str| !manifest.contains(*line);
        let lost: Vec<_> = text.lines().filter(is_lost).collect();
        assert_eq!(lost.len(), 2 + 2 * 3, "{lost:?}");
    }
}
