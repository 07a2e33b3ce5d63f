//! What is known to be dangerous: a list that errs on the side of asking.
//!
//! It follows Kubernetes' good practices for RBAC, what Kubernetes itself took out of `edit` and `admin`,
//! and its published vulnerabilities. It cannot know every CRD: those that are known to make pods are
//! named, others are the business of whoever brings them. Not named, on purpose: `configmaps`,
//! `ingresses`, scaling, evictions and deletions of ordinary objects, which harm what they are granted on
//! and reach no further, and reviews of tokens and of access, which answer a question.

use super::danger::Harm;
use super::{RoleKind, RoleRef};

/// The harm of a verb on a resource; `None` where none is known.
pub(super) fn harm_of_resource(group: &str, resource: &str, verb: &str) -> Option<Harm> {
    if [group, resource, verb].iter().any(|text| text.contains('*')) {
        return Some(Harm::Wildcard);
    }
    if matches!(verb, "escalate" | "bind") {
        return Some(Harm::Escalate);
    }
    // Constrained impersonation has `impersonate:user-info`, `impersonate-on:user-info:list` and others.
    if verb.starts_with("impersonate") {
        return Some(Harm::Impersonate);
    }
    let known = CATALOGUE.iter().find(|entry| entry.names(group, resource, verb));
    known.map(|entry| entry.harm)
}

/// The harm of a verb on a path that is no resource.
pub(super) fn harm_of_path(url: &str, verb: &str) -> Option<Harm> {
    let under =
        |root: &str| url.strip_prefix(root).is_some_and(|r| r.is_empty() || r.starts_with('/'));
    match () {
        () if url.contains('*') || verb.contains('*') => Some(Harm::Wildcard),
        () if INTERNAL_PATHS.iter().any(|root| under(root)) => Some(Harm::ServerInternals),
        () => None,
    }
}

/// The harm of a role by its name. `system:` is reserved for the control plane, in namespaces too.
pub(super) fn harm_of_role(role: &RoleRef) -> Option<Harm> {
    let name = role.name.as_str();
    let user_facing =
        role.kind == RoleKind::ClusterRole && matches!(name, "cluster-admin" | "admin" | "edit");
    (user_facing || name.starts_with("system:")).then_some(Harm::Role)
}

/// Verbs on resources of groups, and the harm they do.
struct Entry {
    groups: &'static [&'static str],
    /// None stands for all of the groups'.
    resources: &'static [&'static str],
    verbs: &'static [Verbs],
    harm: Harm,
}

/// Verbs that belong together.
enum Verbs {
    /// Any at all.
    All,
    /// Those that say what an object is.
    Put,
    /// Those, and those that delete it.
    Change,
    /// One.
    One(&'static str),
}

impl Entry {
    fn names(&self, group: &str, resource: &str, verb: &str) -> bool {
        self.groups.contains(&group)
            && (self.resources.is_empty() || self.resources.contains(&resource))
            && self.verbs.iter().any(|verbs| verbs.have(verb))
    }
}

impl Verbs {
    fn have(&self, verb: &str) -> bool {
        let put = matches!(verb, "create" | "update" | "patch");
        match self {
            Self::All => true,
            Self::Put => put,
            Self::Change => put || matches!(verb, "delete" | "deletecollection"),
            Self::One(one) => *one == verb,
        }
    }
}

/// An entry for verbs on resources of groups.
const fn entry(
    groups: &'static [&'static str],
    resources: &'static [&'static str],
    verbs: &'static [Verbs],
    harm: Harm,
) -> Entry {
    Entry { groups, resources, verbs, harm }
}

const ALL: &[Verbs] = &[Verbs::All];
const PUT: &[Verbs] = &[Verbs::Put];
const CHANGE: &[Verbs] = &[Verbs::Change];
const CORE: &[&str] = &[""];

/// The reasons stand with each [`Harm`].
const CATALOGUE: &[Entry] = &[
    entry(CORE, &["secrets"], ALL, Harm::Secrets),
    entry(
        CORE,
        // `get` is enough: a WebSocket begins with a GET.
        &["pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy"],
        ALL,
        Harm::Enter,
    ),
    entry(CORE, &["pods/ephemeralcontainers"], PUT, Harm::Enter),
    entry(CORE, &["nodes/proxy", "nodes/log", "nodes/checkpoint"], ALL, Harm::Enter),
    entry(CORE, &["pods", "replicationcontrollers", "podtemplates"], PUT, Harm::Workload),
    // Binding a pod puts it onto a node of choice.
    entry(CORE, &["bindings", "pods/binding"], PUT, Harm::Workload),
    // `extensions` is where the first of these were until Kubernetes 1.16.
    entry(
        &["apps", "extensions"],
        &["deployments", "daemonsets", "statefulsets", "replicasets", "controllerrevisions"],
        PUT,
        Harm::Workload,
    ),
    entry(&["batch", "extensions"], &["jobs", "cronjobs"], PUT, Harm::Workload),
    entry(
        &["argoproj.io"],
        &[
            "workflows",
            "workflowtemplates",
            "cronworkflows",
            "rollouts",
            "applications",
            "applicationsets",
        ],
        PUT,
        Harm::Workload,
    ),
    entry(
        &["tekton.dev"],
        &["tasks", "taskruns", "pipelines", "pipelineruns", "customruns"],
        PUT,
        Harm::Workload,
    ),
    entry(
        &["serving.knative.dev"],
        &["services", "configurations", "revisions"],
        PUT,
        Harm::Workload,
    ),
    entry(&["helm.toolkit.fluxcd.io", "helm.cattle.io"], &[], PUT, Harm::Workload),
    entry(&["kustomize.toolkit.fluxcd.io"], &[], PUT, Harm::Workload),
    entry(&["kubevirt.io"], &[], PUT, Harm::Workload),
    entry(&["jobset.x-k8s.io", "leaderworkerset.x-k8s.io"], &[], PUT, Harm::Workload),
    entry(&["kubeflow.org", "ray.io", "apps.kruise.io"], &[], PUT, Harm::Workload),
    entry(CORE, &["serviceaccounts/token"], ALL, Harm::Token),
    entry(CORE, &["serviceaccounts"], CHANGE, Harm::Account),
    entry(CORE, &["nodes", "nodes/status"], CHANGE, Harm::Node),
    entry(&["resource.k8s.io"], &["deviceclasses", "resourceslices"], CHANGE, Harm::Node),
    entry(
        CORE,
        &["namespaces", "namespaces/finalize", "namespaces/status"],
        CHANGE,
        Harm::Namespace,
    ),
    entry(CORE, &["persistentvolumes", "persistentvolumes/status"], CHANGE, Harm::Storage),
    entry(
        &["storage.k8s.io"],
        &[
            "storageclasses",
            "csidrivers",
            "csinodes",
            "volumeattachments",
            "volumeattachments/status",
        ],
        CHANGE,
        Harm::Storage,
    ),
    entry(
        &["snapshot.storage.k8s.io"],
        &["volumesnapshotcontents", "volumesnapshotclasses"],
        CHANGE,
        Harm::Storage,
    ),
    entry(&["admissionregistration.k8s.io"], &[], CHANGE, Harm::Admission),
    entry(&["apiregistration.k8s.io", "apiextensions.k8s.io"], &[], CHANGE, Harm::ApiExtension),
    entry(
        &["certificates.k8s.io"],
        &[],
        &[Verbs::Change, Verbs::One("approve"), Verbs::One("sign"), Verbs::One("attest")],
        Harm::Certificate,
    ),
    entry(&["rbac.authorization.k8s.io", "authorization.openshift.io"], &[], CHANGE, Harm::Rbac),
    entry(CORE, &["endpoints", "services", "services/status", "pods/status"], PUT, Harm::Traffic),
    entry(&["discovery.k8s.io"], &["endpointslices"], PUT, Harm::Traffic),
    entry(
        &["networking.k8s.io", "extensions"],
        &["networkpolicies", "servicecidrs", "ipaddresses"],
        CHANGE,
        Harm::Traffic,
    ),
    entry(&["policy.networking.k8s.io"], &[], CHANGE, Harm::Traffic),
    entry(CORE, &["resourcequotas", "resourcequotas/status", "limitranges"], CHANGE, Harm::Limits),
    entry(&["scheduling.k8s.io"], &["priorityclasses"], CHANGE, Harm::Limits),
    entry(&["flowcontrol.apiserver.k8s.io"], &[], CHANGE, Harm::Limits),
    entry(&["node.k8s.io"], &["runtimeclasses"], CHANGE, Harm::PodPolicy),
    entry(
        &["policy", "extensions", "security.openshift.io"],
        &["podsecuritypolicies", "securitycontextconstraints"],
        &[Verbs::Change, Verbs::One("use")],
        Harm::PodPolicy,
    ),
    entry(&["coordination.k8s.io"], &["leases", "leasecandidates"], CHANGE, Harm::Leadership),
    entry(
        &["internal.apiserver.k8s.io", "storagemigration.k8s.io"],
        &[],
        CHANGE,
        Harm::ControlPlane,
    ),
];

/// The API server's log files, its profiles and its switches.
const INTERNAL_PATHS: &[&str] = &["/logs", "/debug"];
