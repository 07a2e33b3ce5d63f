//! The programs a control plane is made of, built from source once per version.
//!
//! What is built stays in the user's cache directory. If no [`Release`] is asked for, a program that
//! `KUBEBUILDER_ASSETS` holds is used from there; envtest's collection lacks kube-controller-manager, so
//! each is looked up by itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};

use super::release::Release;
use crate::{cache, command};

/// The paths of the programs.
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
    /// Finds the programs of the release that the environment asks for, building what is missing: minutes,
    /// the first time.
    pub fn prepare_assets() -> Result<Self> {
        Self::prepare_release(Release::from_env()?)
    }

    /// Finds or builds the programs of `release`; of those at hand or the newest, if none is asked for.
    pub fn prepare_release(release: Option<Release>) -> Result<Self> {
        Ok(Self {
            etcd: prepare_program(&ETCD, release)?,
            kube_apiserver: prepare_program(&KUBE_APISERVER, release)?,
            kube_controller_manager: prepare_program(&KUBE_CONTROLLER_MANAGER, release)?,
            kubectl: prepare_program(&KUBECTL_PROGRAM, release)?,
        })
    }

    /// The command line client alone, for a cluster that is there already.
    pub fn prepare_kubectl() -> Result<PathBuf> {
        prepare_program(&KUBECTL_PROGRAM, Release::from_env()?)
    }
}

struct Program {
    name: &'static str,
    package: &'static str,
    takes: &'static str,
}

fn prepare_program(program: &Program, release: Option<Release>) -> Result<PathBuf> {
    // They are of any version: no answer to who asks for one.
    if release.is_none()
        && let Some(directory) = env::var_os("KUBEBUILDER_ASSETS")
    {
        let given = Path::new(&directory).join(program.name);
        if given.is_file() {
            return Ok(given);
        }
    }
    let release = release.unwrap_or_else(Release::newest);
    let versions =
        format!("kubernetes-{}-etcd-{}", release.kubernetes_version()?, release.etcd_version()?);
    let directory = cache::make_cache_directory(&versions)?;
    let built = directory.join(program.name);
    if !built.is_file() {
        let _lock = cache::lock_directory(&directory)?;
        if !built.is_file() {
            build(program, release, &directory)?;
        }
    }
    Ok(built)
}

/// Builds beside the final place and moves it there, so that what is there is complete.
fn build(program: &Program, release: Release, directory: &Path) -> Result<()> {
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
    go.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(release.module));
    go.env("GOWORK", "off").args(["build", "-trimpath", "-ldflags"]);
    let version = release.kubernetes_version()?;
    go.arg(format!("-s -w -X k8s.io/component-base/version.gitVersion={version}"));
    go.arg("-o").arg(&output).arg(program.package);
    let (name, takes) = (program.name, program.takes);
    let doing = format!("building {name} {version} from source, once ({takes})");
    command::run_with_progress(&doing, &mut go).context(
        "the local control plane is built with Go 1.26 or newer (https://go.dev/dl); or set \
         KUBEBUILDER_ASSETS to a directory that holds its programs",
    )?;
    fs::rename(&output, directory.join(program.name))?;
    Ok(())
}

const ETCD: Program =
    Program { name: "etcd", package: "go.etcd.io/etcd/server/v3", takes: "seconds" };

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

const KUBECTL_PROGRAM: Program =
    Program { name: "kubectl", package: "k8s.io/kubernetes/cmd/kubectl", takes: "half a minute" };
