//! The programs a control plane is made of, built from source once per version.
//!
//! `tools/go.mod` is the one place that names the versions, and `tools/go.sum` pins every byte. What
//! is built stays in the user's cache directory. A program that `KUBEBUILDER_ASSETS` holds is used
//! from there; envtest's collection lacks kube-controller-manager, so each is looked up by itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};

use crate::{cache, command};

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
    let versions = format!("kubernetes-{}-etcd-{}", version(KUBERNETES)?, version(ETCD_SERVER)?);
    let directory = cache::directory(&versions)?;
    let built = directory.join(program.name);
    if !built.is_file() {
        let _lock = cache::lock(&directory)?;
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
