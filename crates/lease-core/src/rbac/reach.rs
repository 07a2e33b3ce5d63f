//! The part of a cluster in which an account has its rights, as far as it makes them more or less dangerous.

use crate::{Namespace, NamespaceRules};

/// The reach of rules: the whole cluster, or the namespaces that leases may name.
///
/// [`Reach::in_cluster`] and [`Reach::in_namespaces`] say so for a definition before any lease of it, and
/// [`Reach::in_namespace`] for one lease. None of them knows where other leases are: see
/// [`Reach::beside_existing_accounts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// `kube-system`, where the cluster keeps configuration of its own.
    kube_system: bool,
    /// A `kube-*` namespace, in which the control plane elects its leaders and nodes say that they
    /// live.
    control_plane: bool,
    /// A namespace with coordination Leases of kubelease, which tell of leases of existing accounts.
    existing_accounts: bool,
}

impl Reach {
    /// The reach of a `ClusterRoleBinding`.
    #[must_use]
    pub fn in_cluster() -> Self {
        Self { kube_system: true, control_plane: true, existing_accounts: true }
    }

    /// The reach of a `RoleBinding` in any of the namespaces that leases may name.
    #[must_use]
    pub fn in_namespaces(namespaces: &NamespaceRules) -> Self {
        let reached = namespaces.literal_namespaces().iter().map(Self::in_namespace);
        // Neither `*` nor a selector ever means a namespace of the control plane: it has to be named.
        reached.fold(Self::without_sensitive_namespaces(), |all, one| Self {
            kube_system: all.kube_system || one.kube_system,
            control_plane: all.control_plane || one.control_plane,
            existing_accounts: false,
        })
    }

    /// The reach of a `RoleBinding` in this namespace.
    #[must_use]
    pub fn in_namespace(namespace: &Namespace) -> Self {
        let name = namespace.as_str();
        Self {
            kube_system: name == "kube-system",
            control_plane: name.starts_with("kube-"),
            existing_accounts: false,
        }
    }

    /// The same reach, where kubelease leases existing accounts in one of its namespaces. Each such lease
    /// stands there as a coordination Lease, which says who holds the token and until when.
    #[must_use]
    pub fn beside_existing_accounts(self) -> Self {
        Self { existing_accounts: true, ..self }
    }

    pub(super) fn has_kube_system(self) -> bool {
        self.kube_system
    }

    pub(super) fn has_control_plane(self) -> bool {
        self.control_plane
    }

    /// Returns if the Leases there are more than the elections of one operator.
    pub(super) fn has_other_coordination_leases(self) -> bool {
        self.control_plane || self.existing_accounts
    }

    fn without_sensitive_namespaces() -> Self {
        Self { kube_system: false, control_plane: false, existing_accounts: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_named_namespace_reaches_the_control_plane() {
        let selector = r#""namespace_selector":{"matchLabels":{"team":"a"}}"#;
        for (json, kube_system, control_plane) in [
            (r#"{"namespaces":["apps"]}"#.to_owned(), false, false),
            (r#"{"namespaces":["apps","kube-system"]}"#.to_owned(), true, true),
            (r#"{"namespaces":["kube-public"]}"#.to_owned(), false, true),
            (r#"{"namespaces":["kube"]}"#.to_owned(), false, false),
            (r#"{"namespaces":["my-kube-system"]}"#.to_owned(), false, false),
            (r#"{"namespaces":["*"]}"#.to_owned(), false, false),
            (r#"{"namespaces":["*","kube-system"]}"#.to_owned(), true, true),
            (format!("{{{selector}}}"), false, false),
            (
                format!(r#"{{"namespaces":["kube-system"],{selector},"namespace_match":"all"}}"#),
                true,
                true,
            ),
            (
                format!(
                    r#"{{"namespaces":["kube-node-lease"],{selector},"namespace_match":"any"}}"#
                ),
                false,
                true,
            ),
        ] {
            let namespaces: NamespaceRules = serde_json::from_str(&json).expect("good namespaces");
            let reach = Reach::in_namespaces(&namespaces);
            assert_eq!(reach.has_kube_system(), kube_system, "{json}");
            assert_eq!(reach.has_control_plane(), control_plane, "{json}");
            assert_eq!(reach.has_other_coordination_leases(), control_plane, "{json}");
            assert_eq!(
                reach.beside_existing_accounts().has_control_plane(),
                control_plane,
                "{json}"
            );
            assert!(reach.beside_existing_accounts().has_other_coordination_leases(), "{json}");
            // The names that it goes by are those that `Namespaces` lets leases have.
            let kube: Namespace = "kube-system".parse().expect("a good name");
            let allowed =
                namespaces.decide_by_name(&kube, None) != crate::NamespaceDecision::Refused;
            assert_eq!(reach.has_kube_system(), allowed, "{json}");
        }
        assert!(
            Reach::in_cluster().has_kube_system()
                && Reach::in_cluster().has_other_coordination_leases()
        );
    }
}
