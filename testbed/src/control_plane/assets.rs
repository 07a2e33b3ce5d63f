//! The programs a control plane is made of, built from source once per version.
//!
//! `tools/go.mod` is the one place that names the versions, and `tools/go.sum` pins every byte. What
//! is built stays in the user's cache directory. A program that `KUBEBUILDER_ASSETS` holds is used
//! from there; envtest's collection lacks kube-controller-manager, so each is looked up by itself.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;

/// Where each program is.
#[derive(Clone, Debug)]
pub struct Assets {
    /// The store.
    pub etcd: PathBuf,
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// The controllers.
    pub kube_controller_manager: PathBuf,
    /// The command line client.
    pub kubectl: PathBuf,
}

impl Assets {
    /// Finds the programs, building what is missing: minutes, the first time.
    pub fn prepare() -> Result<Self> {
        Ok(Self {
            etcd: prepare(&ETCD)?,
            kube_apiserver: prepare(&KUBE_APISERVER)?,
            kube_controller_manager: prepare(&KUBE_CONTROLLER_MANAGER)?,
            kubectl: Self::kubectl()?,
        })
    }

    /// The command line client alone, for a cluster that is there already.
    pub fn kubectl() -> Result<PathBuf> {
        prepare(&KUBECTL)
    }
}

struct Program {
    name: &'static str,
    package: &'static str,
    takes: &'static str,
}

fn prepare(program: &Program) -> Result<PathBuf> {
    if let Some(directory) = env::var_os("KUBEBUILDER_ASSETS") {
        let given = Path::new(&directory).join(program.name);
        if given.is_file() {
            return Ok(given);
        }
    }
    let directory = cache()?.join(format!(
        "kubernetes-{}-etcd-{}",
        version(KUBERNETES)?,
        version(ETCD_SERVER)?
    ));
    let built = directory.join(program.name);
    if !built.is_file() {
        fs::create_dir_all(&directory)
            .with_context(|| format!("could not make {}", directory.display()))?;
        let _lock = lock(&directory, program)?;
        if !built.is_file() {
            build(program, &directory)?;
        }
    }
    Ok(built)
}

/// Builds beside the final place and moves it there, so that what is there is complete.
fn build(program: &Program, directory: &Path) -> Result<()> {
    // We hold the lock: an earlier attempt, interrupted, is nobody's.
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            fs::remove_dir_all(path)?;
        }
    }
    let unfinished = tempfile::tempdir_in(directory)?;
    let output = unfinished.path().join(program.name);
    let mut go = Command::new("go");
    go.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../tools"));
    go.env("GOWORK", "off").args(["build", "-trimpath", "-ldflags"]);
    go.arg(format!("-s -w -X k8s.io/component-base/version.gitVersion={}", version(KUBERNETES)?));
    go.arg("-o").arg(&output).arg(program.package);
    let doing = format!("building {} from source, once ({})", program.name, program.takes);
    command::run(&doing, &mut go).context(
        "the local control plane is built with Go 1.26 or newer (https://go.dev/dl); or set \
         KUBEBUILDER_ASSETS to a directory that holds its programs",
    )?;
    fs::rename(&output, directory.join(program.name))?;
    Ok(())
}

/// One builds, the others wait; the lock goes with the process that holds it.
fn lock(directory: &Path, program: &Program) -> Result<File> {
    let path = directory.join("lock");
    let file = File::create(&path).with_context(|| format!("could not make {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {
            eprintln!("waiting for another process to build {}", program.name);
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    Ok(file)
}

fn cache() -> Result<PathBuf> {
    let base = match (env::var_os("XDG_CACHE_HOME"), env::home_dir()) {
        (Some(cache), _) if Path::new(&cache).is_absolute() => cache.into(),
        (_, Some(home)) => home.join(".cache"),
        _ => bail!("neither XDG_CACHE_HOME nor a home directory is known"),
    };
    Ok(base.join("kubelease"))
}

fn version(module: &str) -> Result<&'static str> {
    let mut requirements = GO_MOD.lines().map(str::split_whitespace);
    requirements
        .find_map(|mut words| (words.next() == Some(module)).then(|| words.next()).flatten())
        .with_context(|| format!("tools/go.mod does not require {module}"))
}

const GO_MOD: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/go.mod"));

const KUBERNETES: &str = "k8s.io/kubernetes";

const ETCD_SERVER: &str = "go.etcd.io/etcd/server/v3";

const ETCD: Program = Program { name: "etcd", package: ETCD_SERVER, takes: "seconds" };

const KUBE_APISERVER: Program = Program {
    name: "kube-apiserver",
    package: "k8s.io/kubernetes/cmd/kube-apiserver",
    takes: "about four minutes on two cores",
};

const KUBE_CONTROLLER_MANAGER: Program = Program {
    name: "kube-controller-manager",
    package: "k8s.io/kubernetes/cmd/kube-controller-manager",
    takes: "about a minute",
};

const KUBECTL: Program =
    Program { name: "kubectl", package: "k8s.io/kubernetes/cmd/kubectl", takes: "half a minute" };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_go_module() {
        for module in [KUBERNETES, ETCD_SERVER] {
            let version = version(module).unwrap();
            assert!(version.starts_with('v') && version.contains('.'), "{module}: {version}");
        }
        assert!(version("k8s.io/kubernete").is_err());
    }
}
