//! Objects to create.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::api::MISSING_NAMESPACE_MESSAGE;
use crate::call_subject::CallSubject;
use crate::kind::RBAC_GROUP;
use crate::{Api, Call, Error, Kind, StoredObject};

/// An object to create. What Kubernetes adds by itself is not here.
#[derive(Debug, Clone, PartialEq)]
pub struct NewObject {
    /// The name.
    pub name: String,
    /// The namespace; absent for objects of the whole cluster.
    pub namespace: Option<String>,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The annotations.
    pub annotations: BTreeMap<String, String>,
    /// The rest, by kind.
    pub body: NewObjectBody,
}

/// The part of an object that its kind decides.
#[derive(Debug, Clone, PartialEq)]
pub enum NewObjectBody {
    /// An account whose tokens are not put into pods by themselves.
    ServiceAccount,
    /// A secret without data.
    Secret {
        /// The type, as `example.com/lease`; it cannot be changed later.
        secret_type: String,
    },
    /// A Lease of `coordination.k8s.io`.
    Lease(CoordinationLeaseSpec),
    /// A role in one namespace, of these `rules`: a JSON array of `PolicyRule`, sent as it is.
    Role(Value),
    /// A role for the cluster, of these `rules`.
    ClusterRole(Value),
    /// The binding of a role in one namespace.
    RoleBinding(NewBinding),
    /// The binding of a cluster role everywhere.
    ClusterRoleBinding(NewBinding),
}

/// The holder of a coordination Lease, and its duration. Times are kept in whole microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CoordinationLeaseSpec {
    /// The holder; any text.
    pub holder_identity: String,
    /// For how long after `renew_time`, in seconds; from 1 to 2³¹ - 1.
    pub lease_duration_seconds: u32,
    /// Since when.
    #[serde(serialize_with = "micro_time")]
    pub acquire_time: DateTime<Utc>,
    /// When it was last renewed.
    #[serde(serialize_with = "micro_time")]
    pub renew_time: DateTime<Utc>,
}

/// A binding of one role to one service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBinding {
    /// The role; cannot be changed later.
    pub role: RoleRef,
    /// The account.
    pub account: AccountRef,
}

/// The role that a binding is to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRef {
    /// [`Kind::Role`] or [`Kind::ClusterRole`].
    pub kind: Kind,
    /// The name.
    pub name: String,
}

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRef {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl NewObject {
    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.body {
            NewObjectBody::ServiceAccount => Kind::ServiceAccount,
            NewObjectBody::Secret { .. } => Kind::Secret,
            NewObjectBody::Lease(_) => Kind::CoordinationLease,
            NewObjectBody::Role(_) => Kind::Role,
            NewObjectBody::ClusterRole(_) => Kind::ClusterRole,
            NewObjectBody::RoleBinding(_) => Kind::RoleBinding,
            NewObjectBody::ClusterRoleBinding(_) => Kind::ClusterRoleBinding,
        }
    }
}

impl Api<'_> {
    /// Creates an object. The answer is the object as it is stored, which admission may have changed:
    /// [`StoredObject::find_field_unlike_sent`] tells.
    ///
    /// A dry run is admitted and authorized, also against the escalation of rights, and stores nothing; its
    /// answer has a UID that means nothing, and no version. A field that the server does not know is
    /// refused, where it would otherwise be dropped with a rule left wider.
    pub fn create_object(&self, object: &NewObject, dry_run: bool) -> Call<StoredObject> {
        let kind = object.kind();
        let namespace = object.namespace.as_deref();
        let mut subject = CallSubject::for_object(kind, &object.name).in_namespace(namespace);
        if let NewObjectBody::RoleBinding(binding) | NewObjectBody::ClusterRoleBinding(binding) =
            &object.body
        {
            let good = match binding.role.kind {
                Kind::ClusterRole => true,
                Kind::Role => kind == Kind::RoleBinding,
                _ => false,
            };
            if !good {
                return Call::refused_before_sending(Error::Improper(UNFIT_ROLE_MESSAGE));
            }
            subject = subject.with_role(binding.role.kind, &binding.role.name);
        }
        if namespace.is_none() && kind.is_namespaced() {
            return Call::refused_before_sending(Error::Improper(MISSING_NAMESPACE_MESSAGE));
        }
        let strict = ("fieldValidation", "Strict");
        let query = [strict, ("dryRun", "All")];
        let query = if dry_run { &query[..] } else { &query[..1] };
        let path = self.collection_address(kind, namespace).with_query(query).with_subject(subject);
        self.post_json(path, &NewObjectPayload::from_object(object))
    }
}

/// An object as it is sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewObjectPayload<'a> {
    api_version: &'static str,
    kind: Kind,
    metadata: NewObjectMetadata<'a>,
    #[serde(flatten)]
    body: PayloadBody<'a>,
}

#[derive(Serialize)]
struct NewObjectMetadata<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum PayloadBody<'a> {
    ServiceAccount {
        automount_service_account_token: bool,
    },
    Secret {
        #[serde(rename = "type")]
        secret_type: &'a str,
    },
    Lease {
        spec: &'a CoordinationLeaseSpec,
    },
    Role {
        rules: &'a Value,
    },
    Binding {
        role_ref: PayloadRoleRef<'a>,
        subjects: [PayloadSubject<'a>; 1],
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PayloadRoleRef<'a> {
    api_group: &'static str,
    kind: Kind,
    name: &'a str,
}

#[derive(Serialize)]
struct PayloadSubject<'a> {
    kind: Kind,
    namespace: &'a str,
    name: &'a str,
}

impl<'a> NewObjectPayload<'a> {
    fn from_object(object: &'a NewObject) -> Self {
        let kind = object.kind();
        Self {
            api_version: kind.api_version(),
            kind,
            metadata: NewObjectMetadata {
                name: &object.name,
                namespace: object.namespace.as_deref(),
                labels: &object.labels,
                annotations: &object.annotations,
            },
            body: PayloadBody::from_body(&object.body),
        }
    }
}

impl<'a> PayloadBody<'a> {
    fn from_body(body: &'a NewObjectBody) -> Self {
        match body {
            NewObjectBody::ServiceAccount => {
                Self::ServiceAccount { automount_service_account_token: false }
            }
            NewObjectBody::Secret { secret_type } => Self::Secret { secret_type },
            NewObjectBody::Lease(spec) => Self::Lease { spec },
            NewObjectBody::Role(rules) | NewObjectBody::ClusterRole(rules) => Self::Role { rules },
            NewObjectBody::RoleBinding(NewBinding { role, account })
            | NewObjectBody::ClusterRoleBinding(NewBinding { role, account }) => Self::Binding {
                role_ref: PayloadRoleRef {
                    api_group: RBAC_GROUP,
                    kind: role.kind,
                    name: &role.name,
                },
                subjects: [PayloadSubject {
                    kind: Kind::ServiceAccount,
                    namespace: &account.namespace,
                    name: &account.name,
                }],
            },
        }
    }
}

/// Kubernetes' `MicroTime`: RFC 3339 in UTC with exactly six digits after the second.
pub(crate) fn micro_time<S: Serializer>(
    time: &DateTime<Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

const UNFIT_ROLE_MESSAGE: &str =
    "a binding is to a role, and one for the cluster to a cluster role";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{api, refused, sent};

    fn object(namespace: Option<&str>, body: NewObjectBody) -> NewObject {
        let of = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        NewObject {
            name: "a1".to_owned(),
            namespace: namespace.map(str::to_owned),
            labels: of("app.kubernetes.io/managed-by", "kubelease"),
            annotations: of("kubelease.dev/lease", "l1"),
            body,
        }
    }

    fn binding(kind: Kind) -> NewBinding {
        NewBinding {
            role: RoleRef { kind, name: "system:view".to_owned() },
            account: AccountRef { namespace: "apps".to_owned(), name: "sa".to_owned() },
        }
    }

    #[test]
    fn each_kind_is_created_as_kubernetes_documents() {
        let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]);
        let time = |micros| DateTime::from_timestamp_micros(micros).expect("a time");
        let lease = CoordinationLeaseSpec {
            holder_identity: "github".to_owned(),
            lease_duration_seconds: 600,
            acquire_time: time(1_795_330_200_000_000),
            renew_time: time(1_795_330_200_000_001),
        };
        let role_ref =
            |kind: &str| json!({"apiGroup": RBAC_GROUP, "kind": kind, "name": "system:view"});
        let subjects = json!([{"kind": "ServiceAccount", "namespace": "apps", "name": "sa"}]);
        let apps = Some("apps");
        for (namespace, body, path, want) in [
            (
                apps,
                NewObjectBody::ServiceAccount,
                "/api/v1/namespaces/apps/serviceaccounts",
                json!({"automountServiceAccountToken": false}),
            ),
            (
                apps,
                NewObjectBody::Secret { secret_type: "kubelease.dev/lease".to_owned() },
                "/api/v1/namespaces/apps/secrets",
                json!({"type": "kubelease.dev/lease"}),
            ),
            (
                apps,
                NewObjectBody::Lease(lease),
                "/apis/coordination.k8s.io/v1/namespaces/apps/leases",
                json!({"spec": {
                    "holderIdentity": "github", "leaseDurationSeconds": 600,
                    "acquireTime": "2026-11-22T06:50:00.000000Z",
                    "renewTime": "2026-11-22T06:50:00.000001Z",
                }}),
            ),
            (
                apps,
                NewObjectBody::Role(rules.clone()),
                "/apis/rbac.authorization.k8s.io/v1/namespaces/apps/roles",
                json!({"rules": rules}),
            ),
            (
                None,
                NewObjectBody::ClusterRole(rules.clone()),
                "/apis/rbac.authorization.k8s.io/v1/clusterroles",
                json!({"rules": rules}),
            ),
            (
                apps,
                NewObjectBody::RoleBinding(binding(Kind::Role)),
                "/apis/rbac.authorization.k8s.io/v1/namespaces/apps/rolebindings",
                json!({"roleRef": role_ref("Role"), "subjects": subjects}),
            ),
            (
                None,
                NewObjectBody::ClusterRoleBinding(binding(Kind::ClusterRole)),
                "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
                json!({"roleRef": role_ref("ClusterRole"), "subjects": subjects}),
            ),
        ] {
            let object = object(namespace, body);
            let kind = object.kind();
            let mut whole = want;
            whole["apiVersion"] = json!(kind.api_version());
            whole["kind"] = json!(kind);
            whole["metadata"] = json!({
                "name": "a1",
                "labels": {"app.kubernetes.io/managed-by": "kubelease"},
                "annotations": {"kubelease.dev/lease": "l1"},
            });
            if let Some(namespace) = namespace {
                whole["metadata"]["namespace"] = json!(namespace);
            }
            for (dry_run, query) in
                [(false, "fieldValidation=Strict"), (true, "fieldValidation=Strict&dryRun=All")]
            {
                let line = format!("POST {path}?{query}");
                assert_eq!(
                    sent(api().create_object(&object, dry_run)),
                    (line, "json", whole.clone())
                );
            }
        }
    }

    #[test]
    fn what_is_in_the_wrong_place_is_not_sent() {
        for (namespace, body) in [
            (None, NewObjectBody::ServiceAccount),
            (Some("apps"), NewObjectBody::ClusterRole(json!([]))),
            (None, NewObjectBody::RoleBinding(binding(Kind::Role))),
            (Some("apps"), NewObjectBody::ClusterRoleBinding(binding(Kind::ClusterRole))),
            (None, NewObjectBody::ClusterRoleBinding(binding(Kind::Role))),
            (Some("apps"), NewObjectBody::RoleBinding(binding(Kind::Secret))),
        ] {
            let object = object(namespace, body);
            let error = refused(api().create_object(&object, false));
            assert!(matches!(error, Error::Improper(_)), "{object:?}: {error}");
        }
        for name in ["", "..", "a/b"] {
            let error = refused(
                api().create_object(&object(Some(name), NewObjectBody::ServiceAccount), false),
            );
            assert!(matches!(error, Error::Segment(_)), "{name:?}: {error}");
        }
    }
}
