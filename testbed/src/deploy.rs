//! The files of `deploy/`, applied to a cluster with a test's own names in place of the examples.
//!
//! They are read as an administrator would read them; that they are those the code needs is for others
//! to test.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::control_plane::ControlPlane;
use crate::wait::{eventually, not_yet};

/// Whom and what the examples stand for.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// Begins the names of all that is applied, so that tests do not meet in what belongs to the cluster.
    pub prefix: &'a str,
    /// The namespace of kubelease's account.
    pub broker_namespace: &'a str,
    /// kubelease's account.
    pub broker: &'a str,
    /// Where leases are made.
    pub namespace: &'a str,
    /// The existing account that may be leased, where the file is about one.
    pub account: &'a str,
    /// The `ClusterRole` that may be bound, where the file is about one.
    pub role: &'a str,
}

impl Names<'_> {
    /// The user that kubelease is to the cluster.
    #[must_use]
    pub fn username(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.broker_namespace, self.broker)
    }
}

/// Objects in a cluster that are deleted with this value.
pub struct Deployed<'c> {
    cluster: &'c ControlPlane,
    manifest: String,
}

impl<'c> Deployed<'c> {
    /// Applies `deploy/rbac/{file}.yaml`; once more with another namespace adds that.
    pub fn rbac(cluster: &'c ControlPlane, file: &str, names: &Names<'_>) -> Result<Self> {
        Self::apply(cluster, rbac(file, names)?)
    }

    /// Applies the admission policy for leases in one namespace, and waits until it is in force.
    pub fn policy(cluster: &'c ControlPlane, names: &Names<'_>) -> Result<Self> {
        let account = format!("{}/{}", names.namespace, names.account);
        let role = format!("ClusterRole/{}", names.role);
        Self::policy_for(cluster, names, &[&account], &[&role])
    }

    /// The same with the whole lists: `NAMESPACE/NAME`; `ClusterRole/NAME` or `Role/NAMESPACE/NAME`.
    pub fn policy_for(
        cluster: &'c ControlPlane,
        names: &Names<'_>,
        accounts: &[&str],
        roles: &[&str],
    ) -> Result<Self> {
        let it = Self::apply(cluster, policy(names, accounts, roles)?)?;
        let enforced = || {
            let answer = probe(cluster, &names.username())?;
            match answer.status {
                403 => Ok(()),
                _ => Err(not_yet(format!("{answer:?}"))),
            }
        };
        eventually("the admission policy's coming into force", PATIENCE, enforced)?;
        Ok(it)
    }

    fn apply(cluster: &'c ControlPlane, manifest: String) -> Result<Self> {
        cluster.apply(&manifest)?;
        Ok(Self { cluster, manifest })
    }

    /// What was applied.
    #[must_use]
    pub fn manifest(&self) -> &str {
        &self.manifest
    }
}

impl Drop for Deployed<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.cluster.unapply(&self.manifest) {
            eprintln!("could not delete what was deployed: {error:#}");
        }
    }
}

/// `deploy/rbac/{file}.yaml` with these names.
pub fn rbac(file: &str, names: &Names<'_>) -> Result<String> {
    let text = read(&format!("rbac/{file}.yaml"))?;
    let text = replace(
        &text,
        &[
            ("  name: kubelease-", &format!("  name: {}-", names.prefix)),
            ("  name: kubelease\n", &format!("  name: {}\n", names.broker)),
            ("  namespace: kubelease\n", &format!("  namespace: {}\n", names.broker_namespace)),
            ("  namespace: apps\n", &format!("  namespace: {}\n", names.namespace)),
        ],
    )?;
    // Not every file is about both.
    Ok(text
        .replace("[\"deployer\"]", &format!("[\"{}\"]", names.account))
        .replace("[\"view\"]", &format!("[\"{}\"]", names.role)))
}

/// `deploy/admission-policy.yaml` with these names and lists.
pub fn policy(names: &Names<'_>, accounts: &[&str], roles: &[&str]) -> Result<String> {
    replace(
        &read("admission-policy.yaml")?,
        &[
            ("system:serviceaccount:kubelease:kubelease", &names.username()),
            ("['apps/deployer']", &list(accounts)),
            ("['ClusterRole/view']", &list(roles)),
            (", 'kubelease']", &format!(", '{}']", names.broker_namespace)),
            ("  name: kubelease\n", &format!("  name: {}\n", names.prefix)),
            ("policyName: kubelease\n", &format!("policyName: {}\n", names.prefix)),
        ],
    )
}

fn list(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    format!("[{}]", words.join(", "))
}

/// A file that no longer says what we look for would be applied with the example's names.
fn replace(text: &str, pairs: &[(&str, &str)]) -> Result<String> {
    pairs.iter().try_fold(text.to_owned(), |text, (from, to)| {
        ensure!(text.contains(from), "`{from}` is nowhere in the file");
        Ok(text.replace(from, to))
    })
}

/// A dry run of what no lease needs, by that user and with every right.
fn probe(cluster: &ControlPlane, username: &str) -> Result<crate::http::Reply> {
    let headers = [
        ("content-type", "application/json"),
        ("impersonate-user", username),
        ("impersonate-group", "system:masters"),
    ];
    let path = "/api/v1/namespaces/default/configmaps?dryRun=All";
    cluster.admin().send("POST", path, &headers, br#"{"metadata":{"name":"probe"}}"#)
}

fn read(name: &str) -> Result<String> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = package.parent().unwrap_or(package).join("deploy").join(name);
    fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))
}

/// A policy takes effect within about a second.
const PATIENCE: Duration = Duration::from_secs(30);
