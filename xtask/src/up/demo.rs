//! The example: what is put into the cluster and into kubelease, and the lease that proves it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lease_core::permissions::{
    BoundRole, Permission, PermissionProfile, PermissionScope, list_needed_permissions,
};
use serde_json::{Value, json};
use testbed::http::HttpClient;
use testbed::wait::{not_yet, wait_until};

use super::cluster::Cluster;

/// Creates in the cluster what the examples need, and returns a token of the account that kubelease has there.
pub fn prepare_cluster(cluster: &Cluster, scratch: &Path) -> Result<String> {
    cluster.apply_manifest("demo.json", &demo_objects().to_string(), scratch)?;
    cluster.create_account_token(KUBELEASE_ACCOUNT, DEMO_NAMESPACE)
}

/// Registers the cluster as [`DEMO_TARGET_NAME`], and two examples of what can be leased there: an account of the
/// lease's own that may look, and an account that exists and may change things.
pub fn register_target_and_examples(
    cluster: &Cluster,
    token: &str,
    kubelease: &HttpClient,
) -> Result<()> {
    let target = json!({ "url": cluster.url, "auth": { "type": "token", "token": token } });
    kubelease.put(&format!("/api/v1/targets/{DEMO_TARGET_NAME}"), &target)?.expect_success()?;
    let view = json!({ "kind": "ClusterRole", "name": VIEW_ROLE });
    for (name, default_ttl, account) in [
        (VIEWER_SECRET, "1h", json!({ "type": "temporary", "scope": "namespace", "role": view })),
        (
            DEPLOYER_SECRET_AND_ACCOUNT,
            "15m",
            json!({ "type": "existing", "name": DEPLOYER_SECRET_AND_ACCOUNT }),
        ),
    ] {
        let secret = json!({
            "target": DEMO_TARGET_NAME,
            "account": account,
            "namespaces": [DEMO_NAMESPACE],
            "default_ttl": default_ttl,
            "max_ttl": "24h",
        });
        kubelease.put(&format!("/api/v1/dynamic-secrets/{name}"), &secret)?.expect_success()?;
    }
    // It takes the cluster a moment to grant what we have just applied.
    wait_until("checking the target", GRANT_TIMEOUT, || {
        let check = kubelease
            .post(&format!("/api/v1/targets/{DEMO_TARGET_NAME}/check"), &json!({}))?
            .expect_success()?;
        if has_passed_example_checks(&check) { Ok(()) } else { Err(not_yet(check)) }
    })
}

/// Returns true once a check finds nothing amiss with the two examples.
///
/// The user may have dynamic secrets of the same target that lack permissions: those say nothing of whether
/// ours work. With very many, the check does not come to ours; then the lease itself has to tell.
fn has_passed_example_checks(check: &Value) -> bool {
    let secrets = check["dynamic_secrets"].as_array().map_or(&[][..], Vec::as_slice);
    let mut examples = secrets.iter().filter(|secret| {
        [VIEWER_SECRET, DEPLOYER_SECRET_AND_ACCOUNT]
            .iter()
            .any(|name| secret["dynamic_secret"] == *name)
    });
    !check["cluster_uid"].is_null()
        && !secrets.is_empty()
        && examples.all(|secret| secret["issue"] == true && secret["revoke"] == true)
}

/// Leases a token and returns how `kubectl` is greeted with it.
pub fn verify_leased_token(
    cluster: &Cluster,
    kubelease: &HttpClient,
    scratch: &Path,
) -> Result<String> {
    let path = format!("/api/v1/dynamic-secrets/{VIEWER_SECRET}/leases");
    let lease = kubelease.post(&path, &json!({ "ttl": "15m" }))?.expect_status(201)?;
    let token = lease["token"].as_str().context("a lease without a token")?;
    let greeting = cluster.ask_whoami(token, scratch)?;
    let account = lease["service_account"].as_str().context("a lease without an account")?;
    let account = format!("system:serviceaccount:{DEMO_NAMESPACE}:{account}");
    ensure!(greeting.contains(&account), "kubectl was not taken for {account}:\n{greeting}");
    Ok(greeting)
}

/// An account to lease, and a broker that may do what both examples need and nothing else.
fn demo_objects() -> Value {
    let view = BoundRole::ClusterRole(VIEW_ROLE);
    let modes = [
        PermissionProfile::TemporaryRole { role: view },
        PermissionProfile::Existing { account: DEPLOYER_SECRET_AND_ACCOUNT },
    ];
    let needed: Vec<_> =
        modes.into_iter().flat_map(|mode| list_needed_permissions(mode, false)).collect();
    let rules = |scope: PermissionScope| -> Vec<Value> {
        needed.iter().filter(|permission| permission.scope == scope).map(rule_json).collect()
    };
    json!({
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": DEMO_NAMESPACE } },
            service_account(KUBELEASE_ACCOUNT, DEMO_NAMESPACE),
            service_account(DEPLOYER_SECRET_AND_ACCOUNT, DEMO_NAMESPACE),
            {
                "apiVersion": RBAC_API_VERSION,
                "kind": "Role",
                "metadata": { "name": KUBELEASE_ACCOUNT, "namespace": DEMO_NAMESPACE },
                "rules": rules(PermissionScope::Namespace),
            },
            {
                "apiVersion": RBAC_API_VERSION,
                "kind": "ClusterRole",
                "metadata": { "name": DEMO_NAMESPACE },
                "rules": rules(PermissionScope::Cluster),
            },
            role_binding(KUBELEASE_ACCOUNT, DEMO_NAMESPACE, "Role", KUBELEASE_ACCOUNT),
            role_binding(DEPLOYER_SECRET_AND_ACCOUNT, DEMO_NAMESPACE, "ClusterRole", "edit"),
            {
                "apiVersion": RBAC_API_VERSION,
                "kind": "ClusterRoleBinding",
                "metadata": { "name": DEMO_NAMESPACE },
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": DEMO_NAMESPACE,
                },
                "subjects": [
                    { "kind": "ServiceAccount", "name": KUBELEASE_ACCOUNT, "namespace": DEMO_NAMESPACE },
                ],
            },
        ],
    })
}

fn rule_json(permission: &Permission<'_>) -> Value {
    let mut rule = json!({
        "apiGroups": [permission.group],
        "resources": [permission.resource],
        "verbs": permission.verbs,
    });
    if let Some(name) = permission.name {
        rule["resourceNames"] = json!([name]);
    }
    rule
}

/// A `ServiceAccount`.
pub fn service_account(name: &str, namespace: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": { "name": name, "namespace": namespace },
    })
}

/// A `RoleBinding` that gives an account of its namespace a role.
pub fn role_binding(account: &str, namespace: &str, kind: &str, role: &str) -> Value {
    json!({
        "apiVersion": RBAC_API_VERSION,
        "kind": "RoleBinding",
        "metadata": { "name": account, "namespace": namespace },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role },
        "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": namespace }],
    })
}

/// The name of the cluster in kubelease.
pub const DEMO_TARGET_NAME: &str = "local";

/// An example that may change things: a dynamic secret, and the account that it leases.
pub const DEPLOYER_SECRET_AND_ACCOUNT: &str = "deployer";

/// An example that may only look.
const VIEWER_SECRET: &str = "viewer";

/// The role that an example binds.
pub const VIEW_ROLE: &str = "view";

/// kubelease's account in the cluster.
pub const KUBELEASE_ACCOUNT: &str = "kubelease";

/// The namespace of the two examples, and of kubelease's account.
pub const DEMO_NAMESPACE: &str = "kubelease-demo";

const RBAC_API_VERSION: &str = "rbac.authorization.k8s.io/v1";

const GRANT_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_examples_are_waited_for() {
        let secret = |name: &str, issue: bool, revoke: bool| json!({ "dynamic_secret": name, "issue": issue, "revoke": revoke });
        let own =
            [secret(DEPLOYER_SECRET_AND_ACCOUNT, true, true), secret(VIEWER_SECRET, true, true)];
        let check = |secrets: &[Value]| json!({ "ok": false, "cluster_uid": "6d1f", "dynamic_secrets": secrets });
        let theirs = secret("theirs", false, false);
        for (check, work) in [
            (check(&own), true),
            (check(&[own[0].clone(), theirs.clone(), own[1].clone()]), true),
            (check(&[theirs]), true),
            (check(&[own[0].clone(), secret(VIEWER_SECRET, false, true)]), false),
            (check(&[own[0].clone(), secret(VIEWER_SECRET, true, false)]), false),
            (check(&[]), false),
            (json!({ "cluster_uid": null, "dynamic_secrets": own }), false),
        ] {
            assert_eq!(has_passed_example_checks(&check), work, "{check}");
        }
    }
}
