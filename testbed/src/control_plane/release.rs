//! The releases of Kubernetes that a control plane can be of.
//!
//! Each is a Go module in `tools/`: its `go.mod` is the one place that names the versions of Kubernetes and
//! of the etcd beside it, and its `go.sum` pins every byte.

use std::env::{self, VarError};
use std::str::FromStr;

use anyhow::{Context, Error, Result};

/// A minor version of Kubernetes, at the patch that `tools/` pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    minor: &'static str,
    /// The directory of its Go module, from the workspace's root.
    pub(super) module: &'static str,
    go_mod: &'static str,
}

impl Release {
    /// Reads the release that [`KUBERNETES_VARIABLE`] asks for, if it asks for one.
    pub fn from_env() -> Result<Option<Self>> {
        match env::var(KUBERNETES_VARIABLE) {
            Ok(minor) => minor.parse().map(Some),
            Err(VarError::NotPresent) => Ok(None),
            Err(error) => Err(error).context(KUBERNETES_VARIABLE),
        }
    }

    /// Returns the newest release, which is taken if none is asked for.
    #[must_use]
    pub fn newest() -> Self {
        RELEASES[0]
    }

    /// Returns the minor version, such as `1.36`.
    #[must_use]
    pub fn minor_version(self) -> &'static str {
        self.minor
    }

    /// Returns the version of Kubernetes, such as `v1.36.3`.
    pub fn kubernetes_version(self) -> Result<&'static str> {
        self.module_version("k8s.io/kubernetes")
    }

    /// Returns the version of etcd, such as `v3.6.8`.
    pub fn etcd_version(self) -> Result<&'static str> {
        self.module_version("go.etcd.io/etcd/server/v3")
    }

    fn module_version(self, module: &str) -> Result<&'static str> {
        let mut requirements = self.go_mod.lines().map(str::split_whitespace);
        requirements
            .find_map(|mut words| (words.next() == Some(module)).then(|| words.next()).flatten())
            .with_context(|| format!("{}/go.mod does not require {module}", self.module))
    }
}

impl FromStr for Release {
    type Err = Error;

    fn from_str(minor: &str) -> Result<Self> {
        let known = RELEASES.map(Self::minor_version).join(", ");
        let release = RELEASES.into_iter().find(|release| release.minor == minor);
        release.with_context(|| format!("`tools/` pins Kubernetes {known}, not `{minor}`"))
    }
}

/// Asks for a release by its minor version, such as `1.36`.
pub const KUBERNETES_VARIABLE: &str = "KUBELEASE_KUBERNETES";

/// Makes a [`Release`] of the module in a directory below the workspace's root.
macro_rules! release {
    ($minor:literal, $module:literal) => {
        Release {
            minor: $minor,
            module: $module,
            go_mod: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../", $module, "/go.mod")),
        }
    };
}

/// The newest first.
const RELEASES: [Release; 4] = [
    release!("1.37", "tools"),
    release!("1.36", "tools/kubernetes-1.36"),
    release!("1.35", "tools/kubernetes-1.35"),
    release!("1.34", "tools/kubernetes-1.34"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_release_pins_a_patch_of_its_minor_version() {
        for release in RELEASES {
            let kubernetes = release.kubernetes_version().unwrap();
            assert!(kubernetes.starts_with(&format!("v{}.", release.minor)), "{kubernetes}");
            assert!(release.etcd_version().unwrap().starts_with("v3."), "{release:?}");
            assert_eq!(release.minor.parse::<Release>().unwrap(), release);
        }
        assert!(Release::newest().module_version("k8s.io/kubernete").is_err());
    }

    #[test]
    fn a_release_that_is_not_pinned_is_refused_with_those_that_are() {
        let error = "1.20".parse::<Release>().unwrap_err().to_string();
        assert_eq!(error, "`tools/` pins Kubernetes 1.37, 1.36, 1.35, 1.34, not `1.20`");
    }
}
