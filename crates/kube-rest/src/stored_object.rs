//! Objects as the API server has them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::kind::RBAC_GROUP;
use crate::{CoordinationLeaseSpec, Kind, NewBinding, NewObject, NewObjectBody};

/// An object as the API server has it, as far as we read it. The data of a secret is never kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredObject {
    /// The kind.
    pub kind: Kind,
    /// The name.
    pub name: String,
    /// The namespace; absent for objects of the whole cluster.
    pub namespace: Option<String>,
    /// The UID, which differs from that of any other object of the name, before or after it.
    pub uid: String,
    /// The version of its state; empty in the answer to a dry run that creates.
    pub resource_version: String,
    /// When it was created, in whole seconds.
    pub creation_timestamp: DateTime<Utc>,
    /// Since when it is being deleted, if something holds it.
    pub deletion_timestamp: Option<DateTime<Utc>>,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The annotations.
    pub annotations: BTreeMap<String, String>,
    /// The finalizers: work to be done elsewhere before the object is gone.
    pub finalizers: Vec<String>,
    /// Of a role: its rules.
    pub rules: Option<Value>,
    /// Of a cluster role: whether its rules are written by Kubernetes, from those of other roles.
    pub aggregated: bool,
    /// Of a binding: the role.
    pub role_ref: Option<StoredRoleRef>,
    /// Of a binding: who has it.
    pub subjects: Vec<StoredSubject>,
    /// Of a secret: its type.
    pub secret_type: Option<String>,
    /// Of a Lease, where it says all that ours say.
    pub lease: Option<CoordinationLeaseSpec>,
    /// Of a service account: whether its tokens are put into pods; absent if that is left to the pods.
    pub automount_token: Option<bool>,
}

/// The role that a binding is to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredRoleRef {
    /// The API group of the role.
    #[serde(default)]
    pub api_group: String,
    /// As `ClusterRole`.
    pub kind: String,
    /// The name.
    pub name: String,
}

/// Whom a binding is for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredSubject {
    /// The API group of the subject; empty for a service account.
    #[serde(default)]
    pub api_group: String,
    /// As `ServiceAccount`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The namespace, if the subject is a service account.
    #[serde(default)]
    pub namespace: Option<String>,
}

impl StoredObject {
    /// Returns true if it is the object of this kind, namespace and name.
    #[must_use]
    pub fn is_object_named(&self, kind: Kind, namespace: Option<&str>, name: &str) -> bool {
        self.kind == kind && self.namespace.as_deref() == namespace && self.name == name
    }

    /// The first field in which it is not what was `sent`, as Kubernetes names it; none if it is.
    ///
    /// A webhook may strip or change what is sent. Labels and annotations may have been added to; what
    /// grants anything must be exactly what was sent.
    #[must_use]
    pub fn find_field_unlike_sent(&self, sent: &NewObject) -> Option<&'static str> {
        let body = || self.find_body_field_mismatch(&sent.body);
        let fields = [
            ("kind", self.kind == sent.kind()),
            ("metadata.name", self.name == sent.name),
            ("metadata.namespace", self.namespace == sent.namespace),
            ("metadata.labels", contains_all(&self.labels, &sent.labels)),
            ("metadata.annotations", contains_all(&self.annotations, &sent.annotations)),
        ];
        fields.iter().find_map(|(field, same)| (!same).then_some(*field)).or_else(body)
    }

    fn find_body_field_mismatch(&self, sent: &NewObjectBody) -> Option<&'static str> {
        let mismatch = |field, same: bool| (!same).then_some(field);
        match sent {
            NewObjectBody::ServiceAccount => {
                mismatch("automountServiceAccountToken", self.automount_token == Some(false))
            }
            NewObjectBody::Secret { secret_type } => {
                mismatch("type", self.secret_type.as_ref() == Some(secret_type))
            }
            NewObjectBody::Lease(spec) => {
                mismatch("spec", self.lease.as_ref().is_some_and(|l| is_same_spec(l, spec)))
            }
            NewObjectBody::Role(rules) | NewObjectBody::ClusterRole(rules) => {
                let stored = normalize_rules(self.rules.as_ref().unwrap_or(&Value::Null));
                mismatch("rules", stored == normalize_rules(rules))
                    .or_else(|| mismatch("aggregationRule", !self.aggregated))
            }
            NewObjectBody::RoleBinding(binding) | NewObjectBody::ClusterRoleBinding(binding) => {
                mismatch("roleRef", self.has_role_of(binding))
                    .or_else(|| mismatch("subjects", self.is_bound_only_to(binding)))
            }
        }
    }

    fn has_role_of(&self, NewBinding { role, .. }: &NewBinding) -> bool {
        self.role_ref.as_ref().is_some_and(|stored| {
            stored.api_group == RBAC_GROUP
                && stored.kind == role.kind.name()
                && stored.name == role.name
        })
    }

    fn is_bound_only_to(&self, NewBinding { account, .. }: &NewBinding) -> bool {
        let [subject] = &self.subjects[..] else { return false };
        subject.api_group.is_empty()
            && subject.kind == Kind::ServiceAccount.name()
            && subject.name == account.name
            && subject.namespace.as_ref() == Some(&account.namespace)
    }
}

fn contains_all(stored: &BTreeMap<String, String>, sent: &BTreeMap<String, String>) -> bool {
    sent.iter().all(|(key, value)| stored.get(key) == Some(value))
}

/// The API server keeps whole microseconds.
fn is_same_spec(stored: &CoordinationLeaseSpec, sent: &CoordinationLeaseSpec) -> bool {
    stored.holder_identity == sent.holder_identity
        && stored.lease_duration_seconds == sent.lease_duration_seconds
        && stored.acquire_time.timestamp_micros() == sent.acquire_time.timestamp_micros()
        && stored.renew_time.timestamp_micros() == sent.renew_time.timestamp_micros()
}

/// Rules without their empty lists, which the API server leaves out. To RBAC, empty is absent.
fn normalize_rules(rules: &Value) -> Vec<Value> {
    let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    let normal = |rule: &Value| match rule {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !empty(value));
            Value::Object(
                fields.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>(),
            )
        }
        other => other.clone(),
    };
    match rules {
        Value::Null => vec![],
        Value::Array(rules) => rules.iter().map(normal).collect(),
        other => vec![other.clone()],
    }
}

impl<'de> Deserialize<'de> for StoredObject {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = RawObject::deserialize(deserializer)?;
        let kind = object.kind.ok_or_else(|| serde::de::Error::missing_field("kind"))?;
        Ok(object.into_stored(kind))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawObject {
    /// Absent in the items of a list.
    kind: Option<Kind>,
    metadata: RawMetadata,
    rules: Option<Value>,
    aggregation_rule: Option<IgnoredAny>,
    role_ref: Option<StoredRoleRef>,
    subjects: Option<Vec<StoredSubject>>,
    #[serde(rename = "type")]
    secret_type: Option<String>,
    spec: Option<RawCoordinationLeaseSpec>,
    automount_service_account_token: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawMetadata {
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    pub(crate) uid: String,
    #[serde(default)]
    pub(crate) resource_version: String,
    pub(crate) creation_timestamp: DateTime<Utc>,
    pub(crate) deletion_timestamp: Option<DateTime<Utc>>,
    pub(crate) labels: Option<BTreeMap<String, String>>,
    pub(crate) annotations: Option<BTreeMap<String, String>>,
    pub(crate) finalizers: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawCoordinationLeaseSpec {
    holder_identity: Option<String>,
    lease_duration_seconds: Option<u32>,
    acquire_time: Option<DateTime<Utc>>,
    renew_time: Option<DateTime<Utc>>,
}

impl RawObject {
    pub(crate) fn into_stored(self, kind: Kind) -> StoredObject {
        let metadata = self.metadata;
        StoredObject {
            kind,
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            creation_timestamp: metadata.creation_timestamp,
            deletion_timestamp: metadata.deletion_timestamp,
            labels: metadata.labels.unwrap_or_default(),
            annotations: metadata.annotations.unwrap_or_default(),
            finalizers: metadata.finalizers.unwrap_or_default(),
            rules: self.rules,
            aggregated: self.aggregation_rule.is_some(),
            role_ref: self.role_ref,
            subjects: self.subjects.unwrap_or_default(),
            secret_type: self.secret_type,
            lease: self.spec.and_then(RawCoordinationLeaseSpec::into_spec),
            automount_token: self.automount_service_account_token,
        }
    }
}

impl RawCoordinationLeaseSpec {
    fn into_spec(self) -> Option<CoordinationLeaseSpec> {
        Some(CoordinationLeaseSpec {
            holder_identity: self.holder_identity?,
            lease_duration_seconds: self.lease_duration_seconds?,
            acquire_time: self.acquire_time?,
            renew_time: self.renew_time?,
        })
    }
}

#[cfg(test)]
mod tests;
