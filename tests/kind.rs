//! What can be leased: each kind of credential, the file of `deploy/rbac` it needs, and what it may.

use serde_json::{Value, json};

/// A kind of credential.
#[derive(Debug)]
pub struct Kind {
    /// The name in messages.
    pub name: &'static str,
    /// The file of `deploy/rbac` that is enough for it.
    pub file: &'static str,
    /// The `account` of a dynamic secret that leases it; the text is a role's name.
    pub account: fn(&str) -> Value,
    /// The resource that its tokens may list.
    pub lists: &'static str,
    /// True if they may in every namespace.
    pub cluster_wide: bool,
}

impl Kind {
    /// Returns true if its token is of an account that was there before.
    pub fn is_existing(&self) -> bool {
        self.file.starts_with("existing")
    }
}

/// A token of an existing account, bound to a Secret.
pub const EXISTING: Kind = Kind {
    name: "existing",
    file: "existing",
    account: |_| json!({ "type": "existing", "name": "deployer" }),
    lists: "configmaps",
    cluster_wide: false,
};

/// A token of an existing account, bound to nothing.
pub const PLAIN: Kind = Kind {
    name: "plain",
    file: "existing-plain",
    account: |_| json!({ "type": "existing", "name": "deployer", "revocable": false }),
    ..EXISTING
};

/// An account of the lease's own with a Role of the namespace.
pub const ROLE: Kind = Kind {
    name: "role",
    file: "temporary-role",
    account: |role| temporary("namespace", "role", json!({ "kind": "Role", "name": role })),
    lists: "services",
    cluster_wide: false,
};

/// The same with a `ClusterRole`.
pub const CLUSTER_ROLE_HERE: Kind = Kind {
    name: "cluster-role-in-namespace",
    account: |role| temporary("namespace", "role", json!({ "kind": "ClusterRole", "name": role })),
    ..ROLE
};

/// The same everywhere.
pub const CLUSTER_ROLE: Kind = Kind {
    name: "cluster-role",
    file: "temporary-cluster",
    account: |role| temporary("cluster", "role", json!({ "kind": "ClusterRole", "name": role })),
    lists: "services",
    cluster_wide: true,
};

/// An account of the lease's own with a role made of rules.
pub const RULES: Kind = Kind {
    name: "rules",
    file: "temporary-rules",
    account: |_| temporary("namespace", "rules", rules()),
    lists: "pods",
    cluster_wide: false,
};

/// The same everywhere; the rules are a text.
pub const CLUSTER_RULES: Kind = Kind {
    name: "cluster-rules",
    file: "temporary-cluster",
    account: |_| temporary("cluster", "rules", json!(json!({ "rules": rules() }).to_string())),
    lists: "pods",
    cluster_wide: true,
};

/// An account of the lease's own with a role made of a manifest.
pub const MANIFEST: Kind = Kind {
    name: "manifest",
    account: |_| temporary("namespace", "manifest", manifest("Role", "RoleBinding")),
    ..RULES
};

/// The same everywhere.
pub const CLUSTER_MANIFEST: Kind = Kind {
    name: "cluster-manifest",
    account: |_| temporary("cluster", "manifest", manifest("ClusterRole", "ClusterRoleBinding")),
    ..CLUSTER_RULES
};

fn temporary(scope: &str, what: &str, it: Value) -> Value {
    let mut account = json!({ "type": "temporary", "scope": scope });
    account[what] = it;
    account
}

/// Returns the example rules of `deploy/rbac`.
fn rules() -> Value {
    json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"] }])
}

fn manifest(role: &str, binding: &str) -> Value {
    let text = format!(
        r#"# Names and subjects are replaced, labels and annotations left out.
apiVersion: rbac.authorization.k8s.io/v1
kind: {role}
metadata:
  name: reader
  labels:
    app.kubernetes.io/version: 0.93.0
  annotations: {{}}
rules:
  - apiGroups: [""]
    resources: [pods]
    verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {binding}
metadata:
  name: readers
roleRef:
  kind: {role}
  name: reader
subjects:
  - kind: Group
    apiGroup: rbac.authorization.k8s.io
    name: system:authenticated
"#
    );
    json!(text)
}
