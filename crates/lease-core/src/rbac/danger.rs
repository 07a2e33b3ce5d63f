//! What is dangerous in rules and roles, and why.

use std::collections::BTreeSet;
use std::fmt;

use super::catalogue::{harm_of_path, harm_of_resource, harm_of_role};
use super::grant::Grant;
use super::{PolicyRule, RoleRef};

/// A grant that reaches further than it says, and the harm it can do.
///
/// `Display` is its one text, by which it is waived, and the harm: `` `core/secrets:get`: it … ``.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Danger {
    grant: Grant,
    harm: Harm,
}

/// The harm that a grant can do, after Kubernetes' [good practices for RBAC].
///
/// [good practices for RBAC]: https://kubernetes.io/docs/concepts/security/rbac-good-practices/
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// A wildcard grants what nobody looked at, and what a later version or a new CRD brings.
    Wildcard,
    /// Secrets hold the credentials of others. A list or a watch answers their contents, a new one of a token
    /// type is filled with the token of an account of choice, and a deletion answers what was deleted. Names
    /// do not help: the one Secret that is named is one too.
    Secrets,
    /// Who enters a container acts as its account, and reads what is mounted into it; through `nodes/proxy`
    /// in every container of the node, past admission and the audit log.
    Enter,
    /// Who makes pods chooses their account, mounts every Secret of the namespace, and may reach the node:
    /// whatever makes pods (a Deployment, a `CronJob`, a Workflow) is as good as a pod.
    Workload,
    /// A token of an account is all that the account may do, for as long as the token lives.
    Token,
    /// Accounts carry annotations by which clouds give them rights, and their deletion ends the tokens of
    /// others, other leases' too.
    Account,
    /// Nodes' labels and taints decide where pods of others run; their status and devices what those see.
    Node,
    /// The labels of a namespace switch off pod security; its end is the end of everything in it.
    Namespace,
    /// A `PersistentVolume` may be a path of the node's own disk, a storage class or driver any program's.
    Storage,
    /// Webhooks and policies of admission see every object, change it, or stop stopping it.
    Admission,
    /// An `APIService` hands requests, with their tokens' rights, to a server of choice; a CRD's end is the
    /// end of all its objects.
    ApiExtension,
    /// A certificate that is asked for and signed is a user of any name and group, and cannot be revoked.
    Certificate,
    /// Who writes roles or bindings makes rights, within what RBAC itself stops.
    Rbac,
    /// `escalate` and `bind` switch off what RBAC itself stops.
    Escalate,
    /// Who impersonates is someone else, and may be an administrator.
    Impersonate,
    /// Addresses of services decide where requests of others go (CVE-2020-8554, CVE-2021-25740), and
    /// network policies who may reach whom.
    Traffic,
    /// Quotas, priorities and flow control keep one from taking everything from the others.
    Limits,
    /// Who may use a permissive policy of pods, or change the runtime they have, can leave the container.
    PodPolicy,
    /// Who holds a lease leads a controller; and kubelease lists its own leases by such objects.
    Leadership,
    /// What the control plane keeps for itself.
    ControlPlane,
    /// Logs, profiles and switches of the API server itself.
    ServerInternals,
    /// A role that is known to hold several of these, or that belongs to the control plane.
    Role,
}

impl Danger {
    pub(super) fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The harm it can do.
    #[must_use]
    pub fn harm(&self) -> Harm {
        self.harm
    }

    /// The text of the waiver that allows it, such as `core/secrets:get`.
    #[must_use]
    pub fn waiver(&self) -> String {
        self.grant.to_string()
    }
}

impl fmt::Display for Danger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: it {}", self.grant, self.harm)
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wildcard => "is a wildcard, and grants what nobody looked at",
            Self::Secrets => "reaches Secrets, which hold the credentials of others",
            Self::Enter => "enters containers or nodes, and acts as the accounts in them",
            Self::Workload => "runs pods as any account of the namespace, with its Secrets",
            Self::Token => "makes tokens of other accounts",
            Self::Account => "changes accounts, their rights in clouds, or ends their tokens",
            Self::Node => "changes nodes, and so where pods of others run",
            Self::Namespace => "changes namespaces, and so what pod security allows",
            Self::Storage => "reaches disks of nodes and of others",
            Self::Admission => "sees or changes what others write, or stops it being checked",
            Self::ApiExtension => "changes what the API is and who serves it",
            Self::Certificate => "leads to certificates of any user, which cannot be revoked",
            Self::Rbac => "changes who may do what",
            Self::Escalate => "switches off RBAC's protection against escalation",
            Self::Impersonate => "acts as other users",
            Self::Traffic => "directs the requests of others, or who may reach whom",
            Self::Limits => "changes the limits that protect others",
            Self::PodPolicy => "changes or chooses what pods may do to their node",
            Self::Leadership => "takes the lead from controllers, or hides what is leased",
            Self::ControlPlane => "changes what the control plane keeps for itself",
            Self::ServerInternals => "reads or changes the inside of the API server",
            Self::Role => "is a role that holds dangerous rights, or is the control plane's own",
        })
    }
}

/// The dangers of rules, each once, in the order of their texts.
///
/// Where the rules apply is not asked, and neither are `resourceNames`: a grant is judged by the worst it can be.
#[must_use]
pub fn dangers(rules: &[PolicyRule]) -> Vec<Danger> {
    let mut found = BTreeSet::new();
    for rule in rules {
        for verb in &rule.verbs {
            found.extend(resources(rule, verb));
            found.extend(paths(rule, verb));
        }
    }
    found.into_iter().collect()
}

/// The danger that a role is by its name, whatever it holds.
#[must_use]
pub fn dangers_of_role(role: &RoleRef) -> Option<Danger> {
    let harm = harm_of_role(role)?;
    Some(Danger { grant: Grant::Role(role.name.clone()), harm })
}

fn resources(rule: &PolicyRule, verb: &str) -> impl Iterator<Item = Danger> {
    let pairs = rule.api_groups.iter().flat_map(|g| rule.resources.iter().map(move |r| (g, r)));
    pairs.filter_map(move |(group, resource)| {
        let harm = harm_of_resource(group, resource, verb)?;
        Some(Danger { grant: Grant::resource(group, resource, verb), harm })
    })
}

fn paths(rule: &PolicyRule, verb: &str) -> impl Iterator<Item = Danger> {
    rule.non_resource_urls.iter().filter_map(move |url| {
        let harm = harm_of_path(url, verb)?;
        Some(Danger { grant: Grant::url(url, verb), harm })
    })
}

#[cfg(test)]
mod tests;
