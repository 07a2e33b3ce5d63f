//! Roles that exist, and are named.

use serde::{Deserialize, Serialize};

use crate::RoleName;

/// The kind of a role: of a namespace, or of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RoleKind {
    /// In a namespace.
    Role,
    /// In the cluster; it may be bound in one namespace or everywhere.
    ClusterRole,
}

impl RoleKind {
    /// The kind as Kubernetes writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Role => "Role",
            Self::ClusterRole => "ClusterRole",
        }
    }
}

impl std::fmt::Display for RoleKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A role that exists, by kind and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExistingRole {
    /// The kind.
    pub kind: RoleKind,
    /// The name.
    pub name: RoleName,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_by_kind_and_name_and_nothing_else() {
        for (json, good) in [
            (r#"{"kind":"ClusterRole","name":"view"}"#, true),
            (r#"{"kind":"Role","name":"system:x"}"#, true),
            (r#"{"kind":"role","name":"view"}"#, false),
            (r#"{"kind":"ClusterRole"}"#, false),
            (r#"{"name":"view"}"#, false),
            (r#"{"kind":"ClusterRole","name":"a/b"}"#, false),
            (r#"{"kind":"ClusterRole","name":"view","apiGroup":""}"#, false),
        ] {
            let role = serde_json::from_str::<ExistingRole>(json);
            assert_eq!(role.is_ok(), good, "{json}");
            if let Ok(role) = role {
                assert_eq!(serde_json::to_string(&role).expect("serialises"), json);
            }
        }
    }
}
