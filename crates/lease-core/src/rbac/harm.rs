//! The kinds of harm that a dangerous grant can do.

use std::fmt;

/// A kind of harm. Each row of the catalogue has one, and says beside it what happens in its own case.
///
/// `Display` is the sentence of dangers that no row is about: wildcards, `escalate`, paths and roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// A wildcard grants what nobody looked at, and what a later version or a new CRD brings.
    Wildcard,
    /// Secrets hold the credentials of others. A list or a watch answers their contents, a new one of a token
    /// type is filled with the token of an account of choice, and a deletion answers what was deleted. Names
    /// do not help: the one Secret that is named is one too.
    Secrets,
    /// Entering containers: a caller acts as the container's account, and reads what is mounted
    /// into it; through `nodes/proxy` in every container of the node, past admission and the audit
    /// log.
    Enter,
    /// Making pods: a caller chooses their account, mounts every Secret of the namespace, and may
    /// reach the node. Whatever makes pods (a Deployment, a `CronJob`, a Workflow) is as good as a
    /// pod.
    Workload,
    /// A controller creates or changes objects with its own rights, which are often an administrator's, for
    /// whoever writes its resources.
    Controller,
    /// A token of an account is all that the account may do, for as long as the token lives.
    Token,
    /// Accounts carry annotations by which clouds give them rights, and their deletion ends the tokens of
    /// others, other leases' too.
    Account,
    /// Deciding which groups a user has, or which tokens count: a caller can make anybody an
    /// administrator.
    Identity,
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
    /// Writing roles or bindings: a caller makes rights, within what RBAC itself stops.
    Rbac,
    /// `escalate` and `bind` switch off what RBAC itself stops.
    Escalate,
    /// Impersonation: a caller is someone else, and may be an administrator.
    Impersonate,
    /// Addresses of services decide where requests of others go (CVE-2020-8554, CVE-2021-25740), and
    /// network policies who may reach whom.
    Traffic,
    /// Quotas, priorities and flow control keep one from taking everything from the others.
    Limits,
    /// Using a permissive policy of pods, or changing their runtime: a caller can leave the
    /// container.
    PodPolicy,
    /// Holding coordination Leases: a caller leads a controller; and kubelease lists its own leases
    /// by such objects.
    Leadership,
    /// Objects that the control plane keeps for itself.
    ControlPlane,
    /// Logs, profiles and switches of the API server itself.
    ServerInternals,
    /// A role that is known to hold several of these, or that belongs to the control plane.
    Role,
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Harm {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Wildcard => "is a wildcard, which also grants rights that nobody has reviewed",
            Self::Secrets => "reaches Secrets, which hold the credentials of others",
            Self::Enter => "enters containers or nodes, and acts as the accounts in them",
            Self::Workload => "runs pods as any account of the namespace, with its Secrets",
            Self::Controller => "makes a controller write objects with the controller's rights",
            Self::Token => "creates tokens of other accounts",
            Self::Account => "changes accounts, their rights in clouds, or ends their tokens",
            Self::Identity => "changes who is authenticated as which user",
            Self::Node => "changes nodes, and so where pods of others run",
            Self::Namespace => "changes namespaces, and so what pod security allows",
            Self::Storage => "reaches disks of nodes and of others",
            Self::Admission => {
                "reads or changes the objects that others write, or stops their checks"
            }
            Self::ApiExtension => "changes which API there is, and who serves it",
            Self::Certificate => "leads to certificates of any user, which cannot be revoked",
            Self::Rbac => "changes who may do what",
            Self::Escalate => "switches off RBAC's protection against escalation",
            Self::Impersonate => "acts as other users",
            Self::Traffic => "directs the requests of others, or changes who may reach whom",
            Self::Limits => "changes the limits that protect others",
            Self::PodPolicy => "changes or chooses what pods may do to their node",
            Self::Leadership => "takes the lead from controllers, or hides leases of kubelease",
            Self::ControlPlane => "changes objects that are reserved for the control plane",
            Self::ServerInternals => "reads or changes the internals of the API server",
            Self::Role => "is a role that holds dangerous rights, or is the control plane's own",
        }
    }
}
