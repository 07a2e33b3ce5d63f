//! What a plan's objects are to Kubernetes.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use kube_rest::{
    AccountRef, CoordinationLeaseSpec, Kind, NewBinding, NewObject, NewObjectBody, RoleRef,
};
use lease_core::rbac::{PolicyRules, RoleKind};
use lease_core::{
    Annotations, ClusterIdentity, IssuePlan, Keyring, Labels, ObjectKind, ObjectMarks, ObjectRef,
    OwnershipStamp, PlannedBody, PlannedObject,
};

/// The kind of an object, as the API names it.
pub(crate) fn api_kind(kind: ObjectKind) -> Kind {
    match kind {
        ObjectKind::ServiceAccount => Kind::ServiceAccount,
        ObjectKind::Secret => Kind::Secret,
        ObjectKind::Lease => Kind::CoordinationLease,
        ObjectKind::Role => Kind::Role,
        ObjectKind::ClusterRole => Kind::ClusterRole,
        ObjectKind::RoleBinding => Kind::RoleBinding,
        ObjectKind::ClusterRoleBinding => Kind::ClusterRoleBinding,
    }
}

/// The parts that all objects of one lease have in common.
pub(crate) struct ObjectBuilder<'a> {
    pub(crate) stamp: OwnershipStamp,
    pub(crate) cluster: &'a ClusterIdentity,
    pub(crate) keys: &'a Keyring,
    pub(crate) labels: &'a Labels,
    pub(crate) annotations: &'a Annotations,
}

impl ObjectBuilder<'_> {
    /// The object as it is sent.
    pub(crate) fn build_object(&self, planned: &PlannedObject, plan: &IssuePlan) -> NewObject {
        let ObjectMarks { labels, annotations } = self.build_marks(planned);
        let body = match &planned.body {
            PlannedBody::Nothing if planned.kind == ObjectKind::Secret => {
                NewObjectBody::Secret { secret_type: SECRET_TYPE.to_owned() }
            }
            PlannedBody::Nothing => NewObjectBody::ServiceAccount,
            PlannedBody::Holder => NewObjectBody::Lease(CoordinationLeaseSpec {
                holder_identity: self.stamp.requester.clone(),
                lease_duration_seconds: seconds_between(self.stamp.issued_at, self.stamp.deadline),
                acquire_time: self.stamp.issued_at,
                renew_time: self.stamp.issued_at,
            }),
            PlannedBody::Rules(rules) if planned.kind == ObjectKind::Role => {
                NewObjectBody::Role(rules_json(rules))
            }
            PlannedBody::Rules(rules) => NewObjectBody::ClusterRole(rules_json(rules)),
            PlannedBody::Binding(role) => {
                let binding = NewBinding {
                    role: RoleRef { kind: role_kind(role.kind), name: role.name.to_string() },
                    account: AccountRef {
                        namespace: plan.namespace.to_string(),
                        name: plan.service_account.to_string(),
                    },
                };
                match planned.kind {
                    ObjectKind::ClusterRoleBinding => NewObjectBody::ClusterRoleBinding(binding),
                    _ => NewObjectBody::RoleBinding(binding),
                }
            }
        };
        NewObject {
            namespace: planned.namespace.as_ref().map(ToString::to_string),
            name: planned.name.clone(),
            labels,
            annotations,
            body,
        }
    }

    /// Returns the marks of an object: ours, and those that the dynamic secret adds.
    pub(crate) fn build_marks(&self, planned: &PlannedObject) -> ObjectMarks {
        let bearer = ObjectRef {
            kind: planned.kind,
            namespace: planned.namespace.as_ref(),
            name: &planned.name,
            cluster: self.cluster,
        };
        let mut marks = self.stamp.sign_marks(&bearer, self.keys);
        marks.labels.extend(to_owned_pairs(self.labels.iter()));
        marks.annotations.extend(to_owned_pairs(self.annotations.iter()));
        marks
    }
}

/// The resource of a kind, with its API group as RBAC writes it in an error.
pub(crate) fn resource_name(of: ObjectKind) -> Cow<'static, str> {
    let kind = api_kind(of);
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

fn rules_json(rules: &PolicyRules) -> serde_json::Value {
    // Unwrap safety: rules are lists of texts.
    serde_json::to_value(rules).unwrap()
}

fn to_owned_pairs<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
) -> impl Iterator<Item = (String, String)> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned()))
}

/// Returns the seconds from one time to the other, at least one: Kubernetes takes no shorter
/// duration.
pub(crate) fn seconds_between(from: DateTime<Utc>, to: DateTime<Utc>) -> u32 {
    u32::try_from((to - from).num_seconds().max(1)).unwrap_or(u32::MAX)
}

/// The type of the Secrets that tokens are bound to: nobody else's.
pub const SECRET_TYPE: &str = "kubelease.dev/lease";
