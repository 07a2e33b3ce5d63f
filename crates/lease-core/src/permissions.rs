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
    let mut all = vec![IDENTITY];
    if selects_namespaces {
        all.push(LABELS);
    }
    match mode {
        PermissionProfile::ExistingPlain { account } => all.extend(token_permissions(account)),
        PermissionProfile::Existing { account } => {
            all.extend(token_permissions(account));
            all.extend([BOUND_SECRETS, LEASES]);
        }
        PermissionProfile::TemporaryRole { role } => {
            all.extend([
                ACCOUNTS,
                TOKENS,
                BINDINGS,
                role_read_permission(role),
                role_bind_permission(PermissionScope::Namespace, role),
            ]);
        }
        PermissionProfile::TemporaryRules => all.extend([ACCOUNTS, TOKENS, BINDINGS, ROLES]),
        PermissionProfile::TemporaryClusterRole => {
            all.extend([ACCOUNTS, TOKENS, BINDINGS, CLUSTER_ROLES]);
        }
        PermissionProfile::ClusterRole { role } => {
            let role = BoundRole::ClusterRole(role);
            all.extend([
                ACCOUNTS,
                TOKENS,
                CLUSTER_BINDINGS,
                role_read_permission(role),
                role_bind_permission(PermissionScope::Cluster, role),
            ]);
        }
        PermissionProfile::ClusterRules => {
            all.extend([ACCOUNTS, TOKENS, CLUSTER_BINDINGS, CLUSTER_ROLES]);
        }
    }
    all
}

/// The reviews of oneself that Kubernetes lets everybody ask by `system:basic-user`, and a hardened
/// cluster may not: who am I, and what may I do.
///
/// The check of a target asks the second. An issue asks only the first, and only if kubelease's
/// credential is not a token of a service account, which says it.
pub const SELF_REVIEWS: [Permission<'static>; 2] = [
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
            group: CORE,
            resource: "serviceaccounts",
            verbs: &["get"],
            name: Some(account),
            why: "to identify the account by its UID",
        },
        Permission { name: Some(account), ..TOKENS },
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
        group: RBAC,
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

const CORE: &str = "";

const RBAC: &str = "rbac.authorization.k8s.io";

const IDENTITY: Permission<'static> = Permission {
    scope: PermissionScope::Cluster,
    group: CORE,
    resource: "namespaces",
    verbs: &["get"],
    name: Some("kube-system"),
    why: "to identify the cluster by the UID of this namespace",
};

/// Reading a namespace can be allowed inside of it, without reading all.
const LABELS: Permission<'static> = Permission {
    scope: PermissionScope::Namespace,
    group: CORE,
    resource: "namespaces",
    verbs: &["get"],
    name: None,
    why: "to read the labels of this namespace; needed only for a `namespace_selector`",
};

const TOKENS: Permission<'static> = Permission {
    scope: PermissionScope::Namespace,
    group: CORE,
    resource: "serviceaccounts/token",
    verbs: &["create"],
    name: None,
    why: "to request tokens",
};

/// A Secret without data, which a token is bound to and ends with. It is never read: who may read or
/// list these may read all.
const BOUND_SECRETS: Permission<'static> = Permission {
    scope: PermissionScope::Namespace,
    group: CORE,
    resource: "secrets",
    verbs: &["create", "delete"],
    name: None,
    why: "to bind a token to an empty Secret, and to end the token by deleting the Secret",
};

const LEASES: Permission<'static> = Permission {
    scope: PermissionScope::Namespace,
    group: "coordination.k8s.io",
    resource: "leases",
    verbs: &["create", "get", "list", "patch", "delete"],
    name: None,
    why: "to find that Secret again, and to store the expiry",
};

const ACCOUNTS: Permission<'static> = Permission {
    scope: PermissionScope::Namespace,
    group: CORE,
    resource: "serviceaccounts",
    verbs: &["create", "get", "list", "patch", "delete"],
    name: None,
    why: "to create an account for each lease",
};

const BINDINGS: Permission<'static> = Permission {
    scope: PermissionScope::Namespace,
    group: RBAC,
    resource: "rolebindings",
    verbs: &["create", "get", "list", "delete"],
    name: None,
    why: "to give the account of a lease its rights",
};

const ROLES: Permission<'static> = Permission {
    scope: PermissionScope::Namespace,
    group: RBAC,
    resource: "roles",
    verbs: &["create", "get", "list", "delete"],
    name: None,
    why: "to create a role for each lease, with no more rights than kubelease has itself",
};

const CLUSTER_BINDINGS: Permission<'static> =
    Permission { scope: PermissionScope::Cluster, resource: "clusterrolebindings", ..BINDINGS };

const CLUSTER_ROLES: Permission<'static> =
    Permission { scope: PermissionScope::Cluster, resource: "clusterroles", ..ROLES };

#[cfg(test)]
mod tests;
