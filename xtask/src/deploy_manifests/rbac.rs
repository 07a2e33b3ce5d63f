//! The least RBAC for each kind of lease, from `lease_core::permissions`.

use std::fmt::Write;

use lease_core::permissions::{
    BoundRole, Permission, PermissionProfile, PermissionScope, SELF_REVIEW_PERMISSIONS,
    list_needed_permissions,
};

use super::example::{ACCOUNT, BROKER, BROKER_NAMESPACE, NAMESPACE, ROLE};

/// Every file: its path below `deploy/`, and its text.
pub fn rbac_files() -> Vec<(String, String)> {
    FILES.iter().map(|file| (format!("rbac/{}.yaml", file.name), file_text(file))).collect()
}

/// Returns the name of each file, without its ending.
pub fn file_names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|file| file.name)
}

struct RbacFile {
    /// Also that of its roles, after `kubelease-`.
    name: &'static str,
    /// The purpose, and the names to replace, each a line.
    head: &'static [&'static str],
    parts: &'static [Part],
}

/// Roles that go together; a later one holds only what those before it do not.
struct Part {
    /// The suffix of its roles' names.
    suffix: &'static str,
    /// The comment above it.
    head: &'static [&'static str],
    mode: PermissionProfile<'static>,
    selects_namespaces: bool,
    /// The scope in which accounts of leases are given rights that kubelease must have itself.
    grants: Option<PermissionScope>,
}

const FILES: [RbacFile; 5] = [
    RbacFile {
        name: "existing",
        head: &[
            "Revocable tokens of an existing account.",
            "",
            "Replace `apps`, the namespace of the account, and `deployer`, the account. For more accounts, add",
            "their names to both `resourceNames`; for more namespaces, repeat the Role and its binding.",
        ],
        parts: &[Part {
            suffix: "",
            head: &[],
            mode: PermissionProfile::Existing { account: ACCOUNT },
            selects_namespaces: false,
            grants: None,
        }],
    },
    RbacFile {
        name: "existing-plain",
        head: &[
            "Tokens of an existing account that cannot be ended early (`\"revocable\": false`).",
            "",
            "Replace `apps`, the namespace of the account, and `deployer`, the account. For more accounts, add",
            "their names to both `resourceNames`; for more namespaces, repeat the Role and its binding.",
        ],
        parts: &[Part {
            suffix: "",
            head: &[],
            mode: PermissionProfile::ExistingPlain { account: ACCOUNT },
            selects_namespaces: false,
            grants: None,
        }],
    },
    RbacFile {
        name: "temporary-role",
        head: &[
            "An account for each lease, with a role that is there, bound in the lease's namespace.",
            "",
            "Replace `apps`, the namespace to lease in, and `view`, the ClusterRole to bind. To bind a Role instead,",
            "leave out the rule that reads `clusterroles`, and let the last rule say `roles` and `[\"get\", \"bind\"]`.",
            "For more namespaces, repeat the Role and its binding.",
        ],
        parts: &[Part {
            suffix: "",
            head: &[],
            mode: PermissionProfile::TemporaryRole { role: BoundRole::ClusterRole(ROLE) },
            selects_namespaces: true,
            grants: None,
        }],
    },
    RbacFile {
        name: "temporary-rules",
        head: &[
            "An account for each lease, with a role made from rules or a manifest.",
            "",
            "Replace `apps`, the namespace to lease in, and the last rule by what the rules of your dynamic",
            "secrets allow: kubelease can give only what it has. For more namespaces, repeat the Role and its",
            "binding.",
        ],
        parts: &[Part {
            suffix: "",
            head: &[],
            mode: PermissionProfile::TemporaryRules,
            selects_namespaces: true,
            grants: Some(PermissionScope::Namespace),
        }],
    },
    RbacFile {
        name: "temporary-cluster",
        head: &[
            "An account for each lease, with a ClusterRole bound in the whole cluster (`\"scope\": \"cluster\"`).",
            "",
            "Replace `apps`, the namespace of the leases' accounts, and `view`, the ClusterRole to bind. For more",
            "namespaces, repeat the Role and its binding.",
        ],
        parts: &[
            Part {
                suffix: "",
                head: &[],
                mode: PermissionProfile::ClusterRole { role: ROLE },
                selects_namespaces: true,
                grants: None,
            },
            Part {
                suffix: "-rules",
                head: &[
                    "Only where the ClusterRole is made from rules or a manifest; leave it out otherwise. Replace the",
                    "last rule by what the rules of your dynamic secrets allow: kubelease can give only what it has.",
                ],
                mode: PermissionProfile::ClusterRules,
                selects_namespaces: true,
                grants: Some(PermissionScope::Cluster),
            },
        ],
    },
];

fn file_text(file: &RbacFile) -> String {
    let mut head = file.head.to_vec();
    head.extend(COMMON_HEADER_LINES);
    let mut text = comment_lines("", &head);
    let mut earlier: Vec<Permission<'_>> = Vec::new();
    let mut documents = Vec::new();
    for part in file.parts {
        let mut all = list_needed_permissions(part.mode, part.selects_namespaces);
        all.extend(SELF_REVIEW_PERMISSIONS);
        let new: Vec<_> =
            all.iter().filter(|permission| !earlier.contains(permission)).copied().collect();
        let name = format!("kubelease-{}{}", file.name, part.suffix);
        let mut head = comment_lines("", part.head);
        for scope in [PermissionScope::Cluster, PermissionScope::Namespace] {
            let mut rules: String =
                new.iter().filter(|permission| permission.scope == scope).map(rule_text).collect();
            if part.grants == Some(scope) {
                rules += EXAMPLE_GRANTED_RULE;
            }
            if !rules.is_empty() {
                documents.push(std::mem::take(&mut head) + &role_text(scope, &name, &rules));
                documents.push(binding_text(scope, &name));
            }
        }
        earlier.extend(new);
    }
    text += &documents.join("---\n");
    text
}

fn comment_lines(indent: &str, lines: &[&str]) -> String {
    lines.iter().fold(String::new(), |mut text, line| {
        // Unwrap safety: a String takes whatever is written.
        writeln!(text, "{}", format!("{indent}# {line}").trim_end()).unwrap();
        text
    })
}

fn role_text(scope: PermissionScope, name: &str, rules: &str) -> String {
    let head = object_head(scope, "Role", name);
    format!("{head}rules:\n{rules}")
}

fn binding_text(scope: PermissionScope, name: &str) -> String {
    let (head, (prefix, _)) = (object_head(scope, "RoleBinding", name), scope_place(scope));
    format!(
        "\
{head}roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {prefix}Role
  name: {name}
subjects:
  - kind: ServiceAccount
    name: {BROKER}
    namespace: {BROKER_NAMESPACE}
"
    )
}

/// Returns the head of a role or a binding.
fn object_head(scope: PermissionScope, kind: &str, name: &str) -> String {
    let (prefix, namespace) = scope_place(scope);
    format!(
        "\
apiVersion: rbac.authorization.k8s.io/v1
kind: {prefix}{kind}
metadata:
  name: {name}
{namespace}  labels:
    app.kubernetes.io/name: kubelease
"
    )
}

fn scope_place(scope: PermissionScope) -> (&'static str, String) {
    match scope {
        PermissionScope::Cluster => ("Cluster", String::new()),
        PermissionScope::Namespace => ("", format!("  namespace: {NAMESPACE}\n")),
    }
}

fn rule_text(permission: &Permission<'_>) -> String {
    let Permission { group, resource, verbs, name, why, .. } = permission;
    let name = name.map_or_else(String::new, |name| format!("    resourceNames: [\"{name}\"]\n"));
    comment_lines("  ", &[why])
        + &format!("  - apiGroups: [\"{group}\"]\n    resources: [\"{resource}\"]\n{name}")
        + &format!("    verbs: [\"{}\"]\n", verbs.join("\", \""))
}

/// The end of each head.
const COMMON_HEADER_LINES: [&str; 8] = [
    "",
    "`kubelease` in the namespace `kubelease` is kubelease's own account in this cluster; replace both where",
    "it has another name.",
    "",
    "Whoever holds that account's credential can ask for tokens of whatever account it may, and read Secrets",
    "that it may delete: apply `deploy/admission-policy.yaml` too.",
    "",
    "Generated by `cargo xtask deploy-manifests` from `crates/lease-core/src/permissions.rs`.",
];

const EXAMPLE_GRANTED_RULE: &str = "  \
  # what the roles of leases may allow: an example
  - apiGroups: [\"\"]
    resources: [\"pods\"]
    verbs: [\"get\", \"list\", \"watch\"]
";
