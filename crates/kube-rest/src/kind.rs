//! The kinds of objects that we make and take back.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of object; its name in JSON is Kubernetes' own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// An account of a workload, or of a lease.
    ServiceAccount,
    /// The object that a token can be bound to. Created and deleted, never read or listed.
    Secret,
    /// A `coordination.k8s.io` Lease: can be listed without harm.
    #[serde(rename = "Lease")]
    CoordinationLease,
    /// The rights in one namespace.
    Role,
    /// The rights in the cluster, or wherever the role is bound.
    ClusterRole,
    /// The binding of a role in one namespace.
    RoleBinding,
    /// The binding of a cluster role everywhere.
    ClusterRoleBinding,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ServiceAccount,
        Self::Secret,
        Self::CoordinationLease,
        Self::Role,
        Self::ClusterRole,
        Self::RoleBinding,
        Self::ClusterRoleBinding,
    ];

    /// Kubernetes' name of it, as `ServiceAccount`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::Secret => "Secret",
            Self::CoordinationLease => "Lease",
            Self::Role => "Role",
            Self::ClusterRole => "ClusterRole",
            Self::RoleBinding => "RoleBinding",
            Self::ClusterRoleBinding => "ClusterRoleBinding",
        }
    }

    /// Returns the resource in paths and rules, as `serviceaccounts`.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::ServiceAccount => "serviceaccounts",
            Self::Secret => "secrets",
            Self::CoordinationLease => "leases",
            Self::Role => "roles",
            Self::ClusterRole => "clusterroles",
            Self::RoleBinding => "rolebindings",
            Self::ClusterRoleBinding => "clusterrolebindings",
        }
    }

    /// Returns the API group, as rules name it; empty for the core group.
    #[must_use]
    pub fn group(self) -> &'static str {
        match self {
            Self::ServiceAccount | Self::Secret => "",
            Self::CoordinationLease => "coordination.k8s.io",
            Self::Role | Self::ClusterRole | Self::RoleBinding | Self::ClusterRoleBinding => {
                RBAC_GROUP
            }
        }
    }

    /// Returns the group and version, as `rbac.authorization.k8s.io/v1`.
    #[must_use]
    pub fn api_version(self) -> &'static str {
        match self {
            Self::ServiceAccount | Self::Secret => "v1",
            Self::CoordinationLease => "coordination.k8s.io/v1",
            Self::Role | Self::ClusterRole | Self::RoleBinding | Self::ClusterRoleBinding => {
                "rbac.authorization.k8s.io/v1"
            }
        }
    }

    /// Returns true if each such object is in a namespace.
    #[must_use]
    pub fn is_namespaced(self) -> bool {
        !matches!(self, Self::ClusterRole | Self::ClusterRoleBinding)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The API group of roles and bindings.
pub(crate) const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_written_as_kubernetes_writes_it() {
        for kind in Kind::ALL {
            let json = serde_json::to_value(kind).expect("writes");
            assert_eq!(json, kind.name());
            assert_eq!(serde_json::from_value::<Kind>(json).expect("reads"), kind);
            assert_eq!(kind.to_string(), kind.name());
            assert_eq!(kind.plural(), format!("{}s", kind.name().to_lowercase()));
            let version = kind.api_version();
            assert_eq!(version.strip_suffix("v1"), Some(with_slash(kind.group()).as_str()));
            assert_eq!(kind.is_namespaced(), !kind.name().starts_with("Cluster"), "{kind}");
        }
    }

    fn with_slash(group: &str) -> String {
        if group.is_empty() { String::new() } else { format!("{group}/") }
    }
}
