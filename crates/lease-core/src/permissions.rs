//! What kubelease's account in a cluster must be allowed to do, for each kind of lease, and no more.
//!
//! The one source for three readers: the check of a target, which asks the API server about each
//! [`AccessQuery`]; the files in `deploy/rbac`; and the tests, which take each away in turn.
//!
//! Secrets are never read or listed, nothing may `escalate` or `impersonate`, and `bind` names its role.

/// A kind of lease, as far as it matters to what its making and its end need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermissionProfile<'a> {
    /// A revocable token of an existing account.
    Existing {
        /// The account's name.
        account: &'a str,
    },
    /// A token of an existing account that is bound to nothing.
    ExistingPlain {
        /// The account's name.
        account: &'a str,
    },
    /// A new account with a role that is there, bound in the lease's namespace.
    TemporaryRole {
        /// The role that is bound.
        role: BoundRole<'a>,
    },
    /// A new account with a role made for it, from rules or a manifest; what that role allows, kubelease's
    /// account must be allowed too.
    TemporaryRules,
    /// A new account with a `ClusterRole` made for it and bound in the lease's namespace alone, as a manifest
    /// may say; otherwise as [`Self::TemporaryRules`].
    TemporaryClusterRole,
    /// A new account with a `ClusterRole` that is there, bound in the whole cluster.
    ClusterRole {
        /// The role's name.
        role: &'a str,
    },
    /// A new account with a `ClusterRole` made for it; as with [`Self::TemporaryRules`].
    ClusterRules,
}

/// A role that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoundRole<'a> {
    /// A role of the lease's namespace.
    Role(&'a str),
    /// A role of the cluster.
    ClusterRole(&'a str),
}

/// The scope in which something must be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PermissionScope {
    /// In the namespace of the lease.
    Namespace,
    /// In the whole cluster: a `ClusterRole` bound by a `ClusterRoleBinding`.
    Cluster,
}

/// A permission on one kind of object, as a rule of RBAC has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission<'a> {
    /// The scope.
    pub scope: PermissionScope,
    /// The API group; empty for the core's.
    pub group: &'static str,
    /// The plural, and a subresource after `/`.
    pub resource: &'static str,
    /// The verbs, each of them needed.
    pub verbs: &'static [&'static str],
    /// The one object it is needed for, where that is known beforehand.
    pub name: Option<&'a str>,
    /// The reason, in a few words.
    pub why: &'static str,
}

/// A question to the API server: the `resourceAttributes` of an access review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessQuery<'a> {
    /// The scope.
    pub scope: PermissionScope,
    /// The API group; empty for the core's.
    pub group: &'static str,
    /// The plural.
    pub resource: &'static str,
    /// The subresource, if the question is about one.
    pub subresource: Option<&'static str>,
    /// The verb.
    pub verb: &'static str,
    /// The object's name; none stands for all.
    pub name: Option<&'a str>,
}

impl<'a> Permission<'a> {
    /// The questions that together ask for this permission.
    pub fn access_queries(self) -> impl Iterator<Item = AccessQuery<'a>> {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource)),
            None => (self.resource, None),
        };
        let Self { scope, group, verbs, name, .. } = self;
        verbs.iter().map(move |verb| AccessQuery {
            scope,
            group,
            resource,
            subresource,
            verb,
            name,
        })
    }
}

/// All that leases of this kind need, from the first read to the last deletion.
///
/// `selects_namespaces` says whether the dynamic secret finds its namespaces by their labels.
#[must_use]
pub fn list_needed_permissions(
    mode: PermissionProfile<'_>,
    selects_namespaces: bool,
) -> Vec<Permission<'_>> {
    let mut all = vec![CLUSTER_IDENTITY_PERMISSION];
    if selects_namespaces {
        all.push(NAMESPACE_LABELS_PERMISSION);
    }
    match mode {
        PermissionProfile::ExistingPlain { account } => all.extend(token_permissions(account)),
        PermissionProfile::Existing { account } => {
            all.extend(token_permissions(account));
            all.extend([BOUND_SECRET_PERMISSION, COORDINATION_LEASE_PERMISSION]);
        }
        PermissionProfile::TemporaryRole { role } => {
            all.extend([
                ACCOUNT_PERMISSION,
                TOKEN_PERMISSION,
                ROLE_BINDING_PERMISSION,
                role_read_permission(role),
                role_bind_permission(PermissionScope::Namespace, role),
            ]);
        }
        PermissionProfile::TemporaryRules => all.extend([
            ACCOUNT_PERMISSION,
            TOKEN_PERMISSION,
            ROLE_BINDING_PERMISSION,
            ROLE_PERMISSION,
        ]),
        PermissionProfile::TemporaryClusterRole => {
            all.extend([
                ACCOUNT_PERMISSION,
                TOKEN_PERMISSION,
                ROLE_BINDING_PERMISSION,
                CLUSTER_ROLE_PERMISSION,
            ]);
        }
        PermissionProfile::ClusterRole { role } => {
            let role = BoundRole::ClusterRole(role);
            all.extend([
                ACCOUNT_PERMISSION,
                TOKEN_PERMISSION,
                CLUSTER_ROLE_BINDING_PERMISSION,
                role_read_permission(role),
                role_bind_permission(PermissionScope::Cluster, role),
            ]);
        }
        PermissionProfile::ClusterRules => {
            all.extend([
                ACCOUNT_PERMISSION,
                TOKEN_PERMISSION,
                CLUSTER_ROLE_BINDING_PERMISSION,
                CLUSTER_ROLE_PERMISSION,
            ]);
        }
    }
    all
}

/// The reviews of oneself that Kubernetes lets everybody ask by `system:basic-user`, and a hardened
/// cluster may not: who am I, and what may I do.
///
/// The check of a target asks the second. An issue asks only the first, and only if kubelease's
/// credential is not a token of a service account, which says it.
pub const SELF_REVIEW_PERMISSIONS: [Permission<'static>; 2] = [
    Permission {
        scope: PermissionScope::Cluster,
        group: "authentication.k8s.io",
        resource: "selfsubjectreviews",
        verbs: &["create"],
        name: None,
        why: "to ask who it is; needed only if `system:basic-user` is not bound to everyone",
    },
    Permission {
        scope: PermissionScope::Cluster,
        group: "authorization.k8s.io",
        resource: "selfsubjectaccessreviews",
        verbs: &["create"],
        name: None,
        why: "to ask for its own permissions in a check; needed only if `system:basic-user` is not \
             bound to everyone",
    },
];

fn token_permissions(account: &str) -> [Permission<'_>; 2] {
    [
        Permission {
            scope: PermissionScope::Namespace,
            group: CORE_GROUP,
            resource: "serviceaccounts",
            verbs: &["get"],
            name: Some(account),
            why: "to identify the account by its UID",
        },
        Permission { name: Some(account), ..TOKEN_PERMISSION },
    ]
}

/// Lets the broker see the role that it binds. A `ClusterRole` is read in no namespace, wherever it is bound.
fn role_read_permission(role: BoundRole<'_>) -> Permission<'_> {
    let scope = match role {
        BoundRole::Role(_) => PermissionScope::Namespace,
        BoundRole::ClusterRole(_) => PermissionScope::Cluster,
    };
    Permission {
        verbs: &["get"],
        why: "to read the rules of this role before it is bound",
        ..role_bind_permission(scope, role)
    }
}

/// Lets the broker grant what it need not hold.
fn role_bind_permission(scope: PermissionScope, role: BoundRole<'_>) -> Permission<'_> {
    let (resource, name) = match role {
        BoundRole::Role(name) => ("roles", name),
        BoundRole::ClusterRole(name) => ("clusterroles", name),
    };
    Permission {
        scope,
        group: RBAC_GROUP,
        resource,
        verbs: &["bind"],
        name: Some(name),
        why: "to bind this role, and no other, to accounts of leases",
    }
}

/// The label that says who looks after an object; ours says `kubelease`.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";

/// The label that says which lease an object belongs to, in 32 hexadecimal digits.
pub const LEASE_LABEL: &str = "kubelease.dev/lease";

/// The type of the Secrets that tokens are bound to; they have no data.
pub const LEASE_SECRET_TYPE: &str = "kubelease.dev/lease";

const CORE_GROUP: &str = "";

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

const CLUSTER_IDENTITY_PERMISSION: Permission<'static> = Permission {
    scope: PermissionScope::Cluster,
    group: CORE_GROUP,
    resource: "namespaces",
    verbs: &["get"],
    name: Some("kube-system"),
    why: "to identify the cluster by the UID of this namespace",
};

/// Reading a namespace can be allowed inside of it, without reading all.
const NAMESPACE_LABELS_PERMISSION: Permission<'static> = Permission {
    scope: PermissionScope::Namespace,
    group: CORE_GROUP,
    resource: "namespaces",
    verbs: &["get"],
    name: None,
    why: "to read the labels of this namespace; needed only for a `namespace_selector`",
};

const TOKEN_PERMISSION: Permission<'static> = Permission {
    scope: PermissionScope::Namespace,
    group: CORE_GROUP,
    resource: "serviceaccounts/token",
    verbs: &["create"],
    name: None,
    why: "to request tokens",
};

/// A Secret without data, which a token is bound to and ends with. It is never read: who may read or
/// list these may read all.
const BOUND_SECRET_PERMISSION: Permission<'static> = Permission {
    scope: PermissionScope::Namespace,
    group: CORE_GROUP,
    resource: "secrets",
    verbs: &["create", "delete"],
    name: None,
    why: "to bind a token to an empty Secret, and to end the token by deleting the Secret",
};

const COORDINATION_LEASE_PERMISSION: Permission<'static> = Permission {
    scope: PermissionScope::Namespace,
    group: "coordination.k8s.io",
    resource: "leases",
    verbs: &["create", "get", "list", "patch", "delete"],
    name: None,
    why: "to find that Secret again, and to store the expiry",
};

const ACCOUNT_PERMISSION: Permission<'static> = Permission {
    scope: PermissionScope::Namespace,
    group: CORE_GROUP,
    resource: "serviceaccounts",
    verbs: &["create", "get", "list", "patch", "delete"],
    name: None,
    why: "to create an account for each lease",
};

const ROLE_BINDING_PERMISSION: Permission<'static> = Permission {
    scope: PermissionScope::Namespace,
    group: RBAC_GROUP,
    resource: "rolebindings",
    verbs: &["create", "get", "list", "delete"],
    name: None,
    why: "to give the account of a lease its rights",
};

const ROLE_PERMISSION: Permission<'static> = Permission {
    scope: PermissionScope::Namespace,
    group: RBAC_GROUP,
    resource: "roles",
    verbs: &["create", "get", "list", "delete"],
    name: None,
    why: "to create a role for each lease, with no more rights than kubelease has itself",
};

const CLUSTER_ROLE_BINDING_PERMISSION: Permission<'static> = Permission {
    scope: PermissionScope::Cluster,
    resource: "clusterrolebindings",
    ..ROLE_BINDING_PERMISSION
};

const CLUSTER_ROLE_PERMISSION: Permission<'static> =
    Permission { scope: PermissionScope::Cluster, resource: "clusterroles", ..ROLE_PERMISSION };

#[cfg(test)]
mod tests;
