//! What a plan's objects are to Kubernetes.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use kube_rest::{AccountRef, Binding, Body, Kind, LeaseSpec, Object, RoleRef};
use lease_core::rbac::{RoleKind, Rules};
use lease_core::{
    Annotations, Bearer, ClusterIdentity, Keyring, Labels, Marks, ObjectKind, Plan, PlannedBody,
    PlannedObject, Stamp,
};

/// The kind of an object, as the API names it.
pub(crate) fn kind(kind: ObjectKind) -> Kind {
    match kind {
        ObjectKind::ServiceAccount => Kind::ServiceAccount,
        ObjectKind::Secret => Kind::Secret,
        ObjectKind::Lease => Kind::Lease,
        ObjectKind::Role => Kind::Role,
        ObjectKind::ClusterRole => Kind::ClusterRole,
        ObjectKind::RoleBinding => Kind::RoleBinding,
        ObjectKind::ClusterRoleBinding => Kind::ClusterRoleBinding,
    }
}

/// The parts that all objects of one lease have in common.
pub(crate) struct Dress<'a> {
    pub(crate) stamp: Stamp,
    pub(crate) cluster: &'a ClusterIdentity,
    pub(crate) keys: &'a Keyring,
    pub(crate) labels: &'a Labels,
    pub(crate) annotations: &'a Annotations,
}

impl Dress<'_> {
    /// The object as it is sent.
    pub(crate) fn object(&self, planned: &PlannedObject, plan: &Plan) -> Object {
        let Marks { labels, annotations } = self.marks(planned);
        let body = match &planned.body {
            PlannedBody::Nothing if planned.kind == ObjectKind::Secret => {
                Body::Secret { secret_type: SECRET_TYPE.to_owned() }
            }
            PlannedBody::Nothing => Body::ServiceAccount,
            PlannedBody::Holder => Body::Lease(LeaseSpec {
                holder_identity: self.stamp.requester.clone(),
                lease_duration_seconds: seconds(self.stamp.issued_at, self.stamp.deadline),
                acquire_time: self.stamp.issued_at,
                renew_time: self.stamp.issued_at,
            }),
            PlannedBody::Rules(rules) if planned.kind == ObjectKind::Role => {
                Body::Role(json(rules))
            }
            PlannedBody::Rules(rules) => Body::ClusterRole(json(rules)),
            PlannedBody::Binding(role) => {
                let binding = Binding {
                    role: RoleRef { kind: role_kind(role.kind), name: role.name.to_string() },
                    account: AccountRef {
                        namespace: plan.namespace.to_string(),
                        name: plan.service_account.to_string(),
                    },
                };
                match planned.kind {
                    ObjectKind::ClusterRoleBinding => Body::ClusterRoleBinding(binding),
                    _ => Body::RoleBinding(binding),
                }
            }
        };
        Object {
            namespace: planned.namespace.as_ref().map(ToString::to_string),
            name: planned.name.clone(),
            labels,
            annotations,
            body,
        }
    }

    /// Returns the marks of an object: ours, and those that the dynamic secret adds.
    pub(crate) fn marks(&self, planned: &PlannedObject) -> Marks {
        let bearer = Bearer {
            kind: planned.kind,
            namespace: planned.namespace.as_ref(),
            name: &planned.name,
            cluster: self.cluster,
        };
        let mut marks = self.stamp.mark(&bearer, self.keys);
        marks.labels.extend(own(self.labels.iter()));
        marks.annotations.extend(own(self.annotations.iter()));
        marks
    }
}

/// The resource of a kind, with its API group as RBAC writes it in an error.
pub(crate) fn resource(of: ObjectKind) -> Cow<'static, str> {
    let kind = kind(of);
    match kind.group() {
        "" => kind.plural().into(),
        group => format!("{}.{group}", kind.plural()).into(),
    }
}

/// The kind of a role, as the API names it.
pub(crate) fn role_kind(kind: RoleKind) -> Kind {
    match kind {
        RoleKind::Role => Kind::Role,
        RoleKind::ClusterRole => Kind::ClusterRole,
    }
}

fn json(rules: &Rules) -> serde_json::Value {
    // Unwrap safety: rules are lists of texts.
    serde_json::to_value(rules).unwrap()
}

fn own<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
) -> impl Iterator<Item = (String, String)> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned()))
}

/// Returns the seconds from one time to the other, at least one: Kubernetes takes no shorter
/// duration.
pub(crate) fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> u32 {
    u32::try_from((to - from).num_seconds().max(1)).unwrap_or(u32::MAX)
}

/// The type of the Secrets that tokens are bound to: nobody else's.
pub const SECRET_TYPE: &str = "kubelease.dev/lease";
