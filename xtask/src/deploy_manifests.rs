//! What an administrator of a cluster applies for kubelease: `deploy/`, written from one source.

mod policy;
mod rbac;

use std::fs;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::workspace::workspace_root;

/// The options of `cargo xtask deploy-manifests`.
#[derive(Args)]
pub struct Options {
    /// Write nothing, and fail where a file is not as it would be written.
    #[arg(long)]
    check: bool,
}

/// Writes the files of `deploy/`, or compares them.
pub fn write_or_check_manifests(options: &Options) -> Result<()> {
    let directory = workspace_root().join("deploy");
    if options.check {
        return check_manifests_current();
    }
    for (name, text) in deploy_files() {
        let file = directory.join(name);
        fs::create_dir_all(file.parent().unwrap_or(&directory))?;
        fs::write(&file, text).with_context(|| format!("could not write {}", file.display()))?;
    }
    Ok(())
}

fn check_manifests_current() -> Result<()> {
    let directory = workspace_root().join("deploy");
    let stale: Vec<_> = deploy_files()
        .into_iter()
        .filter(|(name, text)| fs::read_to_string(directory.join(name)).ok().as_ref() != Some(text))
        .map(|(name, _)| format!("deploy/{name}"))
        .collect();
    if !stale.is_empty() {
        bail!("`cargo xtask deploy-manifests` would change {}", stale.join(", "));
    }
    Ok(())
}

/// Returns the names of the files in `deploy/rbac`, without their ending.
pub fn rbac_file_names() -> impl Iterator<Item = &'static str> {
    rbac::file_names()
}

/// Every file: its path below `deploy/`, and its text.
fn deploy_files() -> Vec<(String, String)> {
    let mut files = rbac::rbac_files();
    files.push(("admission-policy.yaml".to_owned(), policy::policy_text()));
    files
}

/// Names that the administrator replaces by his own; the same in all files.
mod example {
    /// The namespace of kubelease's account.
    pub const BROKER_NAMESPACE: &str = "kubelease";
    /// kubelease's account.
    pub const BROKER: &str = "kubelease";
    /// A namespace to lease in.
    pub const NAMESPACE: &str = "apps";
    /// An existing account to lease tokens of.
    pub const ACCOUNT: &str = "deployer";
    /// A `ClusterRole` to bind.
    pub const ROLE: &str = "view";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deployed_is_what_would_be_written() {
        check_manifests_current().unwrap();
    }
}
