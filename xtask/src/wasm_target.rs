//! The standard library for `wasm32-wasip2`: there already, from rustup, or built from Debian's sources.
//!
//! The last way is for machines that reach a Debian mirror and crates.io but not rustup's server.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use testbed::{cache, command};

use crate::workspace;

/// Sees to it that this workspace's compiler can build for [`WASM_TARGET`].
pub fn ensure_wasm_target() -> Result<()> {
    let toolchain = Toolchain::of_the_workspace()?;
    if toolchain.has_target()? {
        return Ok(());
    }
    let Err(rustup) = add_with_rustup(&toolchain) else { return Ok(()) };
    eprintln!("{rustup:#}");
    build_from_debian(&toolchain).with_context(|| {
        format!(
            "rustc {} cannot build for {WASM_TARGET}, rustup could not change that, and nor could we. \
             Either let rustup reach static.rust-lang.org, or run this on Debian with access to \
             deb.debian.org and crates.io, or install the target's standard library in {}",
            toolchain.release,
            toolchain.sysroot.display()
        )
    })
}

/// The target for which the components are compiled.
pub const WASM_TARGET: &str = "wasm32-wasip2";

struct Toolchain {
    sysroot: PathBuf,
    release: String,
    commit: String,
}

impl Toolchain {
    fn of_the_workspace() -> Result<Self> {
        let sysroot = rustc_output(&["--print", "sysroot"])?;
        let verbose = rustc_output(&["--version", "--verbose"])?;
        let field = |name: &str| {
            let value = verbose.lines().find_map(|line| line.strip_prefix(name));
            value
                .map(|value| value.trim().to_owned())
                .with_context(|| format!("rustc has no {name}"))
        };
        Ok(Self {
            sysroot: sysroot.trim().into(),
            release: field("release:")?,
            commit: field("commit-hash:")?,
        })
    }

    fn rustlib(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib")
    }

    fn has_target(&self) -> Result<bool> {
        let libraries = self.rustlib().join(WASM_TARGET).join("lib");
        if !libraries.is_dir() {
            return Ok(false);
        }
        Ok(list_files(&libraries, "rlib")?
            .iter()
            .any(|file| file_name(file).starts_with("libstd-")))
    }

    /// This toolchain's own Cargo and compiler, whatever directory they run in.
    fn cargo_command(&self) -> Command {
        let mut cargo = Command::new(self.sysroot.join("bin/cargo"));
        workspace::clear_cargo_environment(&mut cargo);
        cargo.env("RUSTC", self.sysroot.join("bin/rustc"));
        cargo
    }
}

fn rustc_output(arguments: &[&str]) -> Result<String> {
    command::run_for_output(
        Command::new("rustc").args(arguments).current_dir(workspace::workspace_root()),
    )
}

fn add_with_rustup(toolchain: &Toolchain) -> Result<()> {
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", WASM_TARGET]).current_dir(workspace::workspace_root());
    command::run_with_progress(
        &format!("adding the target {WASM_TARGET} with rustup"),
        &mut rustup,
    )?;
    ensure!(toolchain.has_target()?, "rustup added the target to another toolchain");
    Ok(())
}

fn build_from_debian(toolchain: &Toolchain) -> Result<()> {
    let work = cache::make_cache_directory(&format!("{WASM_TARGET}-{}", toolchain.release))?;
    let _lock = cache::lock_directory(&work)?;
    if toolchain.has_target()? {
        return Ok(());
    }
    let packages = download_sources(&work, &toolchain.release)?;
    let libraries = build_std_library(toolchain, &work, &packages)?;
    install_libraries(toolchain, &libraries, &packages.join("usr/lib").join(WASM_TARGET))?;
    test_or_remove_target(toolchain, &work)?;
    fs::remove_dir_all(&work)?;
    Ok(())
}

/// Unpacks Debian's sources of exactly this compiler's library, and the C library it links to.
fn download_sources(work: &Path, release: &str) -> Result<PathBuf> {
    let apt = Apt { directory: work.join("apt") };
    for suite in DEBIAN_SUITES {
        apt.update_lists(suite)?;
        let Some(sources) = apt.newest_version("rust-src", &format!("{release}+"))? else {
            continue;
        };
        let Some(libc) = apt.newest_version("wasi-libc", "")? else { continue };
        let root = work.join("packages");
        for package in [format!("rust-src={sources}"), format!("wasi-libc={libc}")] {
            apt.unpack_package(&package, &root)?;
        }
        let version = root.join("usr/src").join(format!("rustc-{release}"));
        ensure!(
            version.is_dir(),
            "Debian's rust-src {sources} does not hold {}",
            version.display()
        );
        return Ok(root);
    }
    bail!("none of Debian's {} has rust-src {release}", DEBIAN_SUITES.join(", "))
}

/// apt-get with lists and state of its own: the system's are neither read nor written.
struct Apt {
    directory: PathBuf,
}

impl Apt {
    fn update_lists(&self, suite: &str) -> Result<()> {
        if self.directory.exists() {
            fs::remove_dir_all(&self.directory)?;
        }
        for part in ["state/lists/partial", "cache/archives/partial", "downloads"] {
            fs::create_dir_all(self.directory.join(part))?;
        }
        let line = format!("deb [signed-by={DEBIAN_KEYRING}] {MIRROR} {suite} main\n");
        fs::write(self.directory.join("sources.list"), line)?;
        command::run_with_progress(
            &format!("asking Debian what {suite} holds"),
            self.apt_command("apt-get").args(["--quiet=2", "update"]),
        )
    }

    /// The newest version of a package that starts with `prefix`.
    fn newest_version(&self, package: &str, prefix: &str) -> Result<Option<String>> {
        let listing =
            command::run_for_output(self.apt_command("apt-cache").args(["madison", package]))?;
        Ok(newest_in(&listing, prefix).map(str::to_owned))
    }

    fn unpack_package(&self, package: &str, into: &Path) -> Result<()> {
        let downloads = self.directory.join("downloads");
        command::run_with_progress(
            &format!("downloading {package}"),
            self.apt_command("apt-get")
                .args(["--quiet=2", "download", package])
                .current_dir(&downloads),
        )?;
        for file in list_files(&downloads, "deb")? {
            command::run_for_output(Command::new("dpkg-deb").arg("-x").arg(&file).arg(into))?;
            fs::remove_file(file)?;
        }
        Ok(())
    }

    fn apt_command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (option, value) in [
            ("Dir::Etc::SourceList", self.directory.join("sources.list")),
            ("Dir::Etc::SourceParts", "/dev/null".into()),
            ("Dir::Etc::Preferences", "/dev/null".into()),
            ("Dir::Etc::PreferencesParts", "/dev/null".into()),
            ("Dir::State", self.directory.join("state")),
            ("Dir::State::Lists", self.directory.join("state/lists")),
            ("Dir::State::Status", "/dev/null".into()),
            ("Dir::Cache", self.directory.join("cache")),
            // Root would otherwise download as a user who cannot write here.
            ("APT::Sandbox::User", "root".into()),
        ] {
            command.arg("-o").arg(format!("{option}={}", value.display()));
        }
        command
    }
}

/// The first version that starts with `prefix` in the output of `apt-cache madison`, newest first.
fn newest_in<'a>(madison: &'a str, prefix: &str) -> Option<&'a str> {
    let versions = madison.lines().filter_map(|line| Some(line.split('|').nth(1)?.trim()));
    versions.into_iter().find(|version| version.starts_with(prefix))
}

/// Compiles the standard library as a dependency of an empty crate.
///
/// Without embedded bitcode it could not take part in link-time optimization. The paths in it are
/// those of rustup's builds, so that a component is the same wherever it is built.
fn build_std_library(toolchain: &Toolchain, work: &Path, packages: &Path) -> Result<PathBuf> {
    let sources = SourceLink::link_sources(toolchain, packages)?;
    let krate = create_empty_crate(&work.join("empty"), "")?;
    let target = work.join("target");
    let flags = format!(
        "-Cembed-bitcode=yes\x1f--remap-path-prefix={}=/rustc/{}",
        sources.path.display(),
        toolchain.commit
    );
    command::run_with_progress(
        &format!("building the standard library for {WASM_TARGET}"),
        toolchain
            .cargo_command()
            .current_dir(krate)
            .args(["build", "--quiet", "--release", "--target", WASM_TARGET])
            .arg("-Zbuild-std=std,panic_abort,proc_macro,test")
            .arg("--target-dir")
            .arg(&target)
            // Lets a stable compiler build its own library.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_ENCODED_RUSTFLAGS", flags),
    )?;
    Ok(target.join(WASM_TARGET).join("release/deps"))
}

/// Cargo finds the library's sources only inside the toolchain: they are there while this lives.
struct SourceLink {
    path: PathBuf,
    ours: bool,
}

impl SourceLink {
    fn link_sources(toolchain: &Toolchain, packages: &Path) -> Result<Self> {
        let path = toolchain.rustlib().join("src/rust");
        let stale = path.is_symlink() && !path.exists();
        if stale {
            fs::remove_file(&path)?;
        }
        let ours = !path.exists();
        if ours {
            let sources = packages.join("usr/src").join(format!("rustc-{}", toolchain.release));
            fs::create_dir_all(toolchain.rustlib().join("src"))
                .and_then(|()| symlink(sources, &path))
                .with_context(|| format!("could not make {}", path.display()))?;
        }
        Ok(Self { path, ours })
    }
}

impl Drop for SourceLink {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(&self.path)
        {
            eprintln!("could not remove {}: {error}", self.path.display());
        }
    }
}

/// Puts the libraries where the compiler looks for them, all at once.
fn install_libraries(toolchain: &Toolchain, libraries: &Path, libc: &Path) -> Result<()> {
    let rustlib = toolchain.rustlib();
    let unfinished = tempfile::tempdir_in(&rustlib)
        .with_context(|| format!("could not write to {}", rustlib.display()))?;
    let place = unfinished.path().join("lib");
    let objects = place.join("self-contained");
    fs::create_dir_all(&objects)?;
    for file in list_files(libraries, "rlib")? {
        if !file_name(&file).starts_with(&format!("lib{EMPTY_CRATE}-")) {
            fs::copy(&file, place.join(file_name(&file)))?;
        }
    }
    for file in [list_files(libc, "o")?, list_files(libc, "a")?].concat() {
        fs::copy(&file, objects.join(file_name(&file)))?;
    }
    let target = rustlib.join(WASM_TARGET);
    if target.exists() {
        // Without a standard library in it, it is what an earlier attempt left behind.
        fs::remove_dir_all(&target)?;
    }
    fs::rename(unfinished.path(), &target)?;
    Ok(())
}

/// A library that does not link, or not with optimization, is taken away again.
fn test_or_remove_target(toolchain: &Toolchain, work: &Path) -> Result<()> {
    let krate = create_empty_crate(
        &work.join("trial"),
        "[profile.release]\nlto = true\npanic = \"abort\"\n",
    )?;
    fs::write(
        krate.join("src/main.rs"),
        "fn main() {\n    println!(\"{:?}\", std::env::args());\n}\n",
    )?;
    let mut cargo = toolchain.cargo_command();
    cargo.args(["build", "--quiet", "--release", "--target", WASM_TARGET]).current_dir(&krate);
    cargo.arg("--target-dir").arg(work.join("target")).env("CARGO_ENCODED_RUSTFLAGS", "");
    command::run_with_progress("trying it out", &mut cargo).inspect_err(|_| {
        let _ = fs::remove_dir_all(toolchain.rustlib().join(WASM_TARGET));
    })
}

fn create_empty_crate(directory: &Path, more: &str) -> Result<PathBuf> {
    fs::create_dir_all(directory.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"{EMPTY_CRATE}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n{more}"
    );
    fs::write(directory.join("Cargo.toml"), manifest)?;
    fs::write(directory.join("src/lib.rs"), "")?;
    Ok(directory.to_owned())
}

fn list_files(directory: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>());
    let mut files = entries.with_context(|| format!("could not list {}", directory.display()))?;
    files.retain(|file| file.extension().is_some_and(|it| it == extension));
    Ok(files)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The releases in which Debian keeps several versions of rust-src, the newest last.
const DEBIAN_SUITES: [&str; 3] = ["trixie-backports", "forky", "sid"];

const MIRROR: &str = "http://deb.debian.org/debian";

const DEBIAN_KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

const EMPTY_CRATE: &str = "empty";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_of_the_very_release_will_do() {
        let madison = "\
 rust-src | 1.96.1+dfsg1-2~bpo13+1 | http://deb.debian.org/debian trixie-backports/main amd64 Packages
 rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://deb.debian.org/debian trixie-backports/main amd64 Packages
 rust-src | 1.94.1+dfsg1-1~bpo13+3 | http://deb.debian.org/debian trixie-backports/main amd64 Packages
";
        for (release, version) in [
            ("1.96.1", Some("1.96.1+dfsg1-2~bpo13+1")),
            ("1.95.0", Some("1.95.0+dfsg1-2~bpo13+1")),
            ("1.9", None),
            ("1.95.1", None),
        ] {
            assert_eq!(newest_in(madison, &format!("{release}+")), version, "{release}");
        }
        assert_eq!(newest_in(madison, ""), Some("1.96.1+dfsg1-2~bpo13+1"));
        assert_eq!(newest_in("", "1.95.0+"), None);
    }
}
