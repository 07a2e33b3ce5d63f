//! The danger list: resources whose grants reach further than they say, one row each, and nothing but data.
//!
//! It follows Kubernetes' good practices for RBAC, what Kubernetes itself took out of `edit` and `admin`, its
//! published vulnerabilities, and the documentation of operators that run pods, write objects or keep
//! policies for whoever writes their resources. Each row names the page or the source file that its claim is
//! from; `docs/dangerous-rules.md` shows all of them.
//!
//! To add a resource, add a row to the table that it fits, and write the documentation anew: the test that
//! holds it against the rows says how. Resources that nobody knows here are the business of whoever brings
//! them. Not listed, on purpose: `ingresses`, scaling, evictions and deletions of ordinary objects, which
//! harm what they are granted on and reach no further, and reviews of tokens and of access, which answer a
//! question.

mod control_plane;
mod gitops_controllers;
mod infrastructure_operators;
mod network_policies;
mod openshift;
mod pods_and_secrets;
mod policy_engines;
mod secret_operators;
mod virtual_machines;
mod workload_operators;

use super::harm::Harm;

/// Verbs on the resources of an API group, where they are dangerous, and why.
#[derive(Debug)]
pub(super) struct CatalogueRow {
    /// The API group; empty for the core group.
    pub(super) group: &'static str,
    /// The resources, by their plural names, or their subresources. None stands for all of the group's, but
    /// for `/status` and `/finalizers`, which say how something does, and not what it is.
    pub(super) resources: &'static [&'static str],
    /// The verbs that matter.
    pub(super) verbs: Verbs,
    /// The condition under which it is dangerous.
    pub(super) condition: DangerCondition,
    /// The kind of harm.
    pub(super) harm: Harm,
    /// The harm, as the end of a sentence that begins with "it".
    pub(super) because: &'static str,
    /// The document: the project's own page, or the source of its CRD.
    #[cfg_attr(not(test), expect(dead_code, reason = "the documentation is written from it"))]
    pub(super) source: &'static str,
}

/// Verbs that matter together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verbs {
    /// Any at all: reading is the harm, or a connection, which begins with a `get`.
    Any,
    /// Those that say what an object is: `create`, `update` and `patch`.
    Write,
    /// Those, `delete` and `deletecollection`.
    WriteOrDelete,
    /// These.
    Only(&'static [&'static str]),
}

/// The condition under which a row is dangerous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DangerCondition {
    /// Wherever it is granted.
    Anywhere,
    /// In `kube-system` alone, and so in the whole cluster.
    KubeSystem,
    /// In `kube-*` and in the whole cluster. In any other namespace it is part of the application.
    ControlPlane,
    /// In `kube-*`, in the whole cluster, and beside the coordination Leases of leases of existing accounts.
    /// Elsewhere it is worth a warning.
    Elections,
}

/// Every row. If several name a grant, the first counts.
pub(super) fn all_rows() -> impl Iterator<Item = &'static CatalogueRow> {
    let tables = [
        pods_and_secrets::ROWS,
        control_plane::ROWS,
        workload_operators::ROWS,
        virtual_machines::ROWS,
        gitops_controllers::ROWS,
        infrastructure_operators::ROWS,
        openshift::ROWS,
        network_policies::ROWS,
        policy_engines::ROWS,
        secret_operators::ROWS,
    ];
    tables.into_iter().flatten()
}

impl CatalogueRow {
    /// Returns if it names this verb on this resource.
    pub(super) fn matches_grant(&self, group: &str, resource: &str, verb: &str) -> bool {
        self.group == group && self.names_resource(resource) && self.verbs.contains_verb(verb)
    }

    fn names_resource(&self, resource: &str) -> bool {
        match resource.split_once('/') {
            Some((_, "status" | "finalizers")) if self.resources.is_empty() => false,
            _ => self.resources.is_empty() || self.resources.contains(&resource),
        }
    }
}

impl Verbs {
    fn contains_verb(self, verb: &str) -> bool {
        let write = matches!(verb, "create" | "update" | "patch");
        match self {
            Self::Any => true,
            Self::Write => write,
            Self::WriteOrDelete => write || matches!(verb, "delete" | "deletecollection"),
            Self::Only(verbs) => verbs.contains(&verb),
        }
    }
}
