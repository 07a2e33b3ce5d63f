//! The example: what is put into the cluster and into kubelease, and the lease that proves it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lease_core::permissions::{BoundRole, Mode, Permission, Scope, needed};
use serde_json::{Value, json};
use testbed::http::Http;
use testbed::wait::{eventually, not_yet};

use super::cluster::Cluster;

/// Registers the cluster as [`TARGET`], and two examples of what can be leased there: an account of the
/// lease's own that may look, and an account that exists and may change things.
pub fn register(cluster: &Cluster, kubelease: &Http, scratch: &Path) -> Result<()> {
    cluster.apply(&objects(), scratch)?;
    let auth = json!({ "type": "token", "token": cluster.token_of(BROKER, NAMESPACE)? });
    let target = json!({ "url": cluster.url, "auth": auth });
    kubelease.put(&format!("/api/v1/targets/{TARGET}"), &target)?.ok()?;
    let view = json!({ "kind": "ClusterRole", "name": VIEW });
    for (name, default_ttl, account) in [
        (VIEWER, "1h", json!({ "type": "temporary", "scope": "namespace", "role": view })),
        (DEPLOYER, "15m", json!({ "type": "existing", "name": DEPLOYER })),
    ] {
        let secret = json!({
            "target": TARGET,
            "account": account,
            "namespaces": [NAMESPACE],
            "default_ttl": default_ttl,
            "max_ttl": "24h",
        });
        kubelease.put(&format!("/api/v1/dynamic-secrets/{name}"), &secret)?.ok()?;
    }
    // It takes the cluster a moment to grant what we have just applied.
    eventually("checking the target", GRANTED, || {
        let check = kubelease.post(&format!("/api/v1/targets/{TARGET}/check"), &json!({}))?.ok()?;
        if check["ok"] == true { Ok(()) } else { Err(not_yet(check)) }
    })
}

/// Leases a token and returns how `kubectl` is greeted with it.
pub fn lease(cluster: &Cluster, kubelease: &Http, scratch: &Path) -> Result<String> {
    let path = format!("/api/v1/dynamic-secrets/{VIEWER}/leases");
    let lease = kubelease.post(&path, &json!({ "ttl": "15m" }))?.expect(201)?;
    let token = lease["token"].as_str().context("a lease without a token")?;
    let greeting = cluster.whoami(token, scratch)?;
    let account = lease["service_account"].as_str().context("a lease without an account")?;
    let account = format!("system:serviceaccount:{NAMESPACE}:{account}");
    ensure!(greeting.contains(&account), "kubectl was not taken for {account}:\n{greeting}");
    Ok(greeting)
}

/// An account to lease, and a broker that may do what both examples need and nothing else.
fn objects() -> Value {
    let view = BoundRole::ClusterRole(VIEW);
    let modes = [Mode::TemporaryRole { role: view }, Mode::Existing { account: DEPLOYER }];
    let needed: Vec<_> = modes.into_iter().flat_map(|mode| needed(mode, false)).collect();
    let rules = |scope: Scope| -> Vec<Value> {
        needed.iter().filter(|permission| permission.scope == scope).map(rule).collect()
    };
    json!({
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } },
            account(BROKER),
            account(DEPLOYER),
            {
                "apiVersion": RBAC,
                "kind": "Role",
                "metadata": { "name": BROKER, "namespace": NAMESPACE },
                "rules": rules(Scope::Namespace),
            },
            {
                "apiVersion": RBAC,
                "kind": "ClusterRole",
                "metadata": { "name": NAMESPACE },
                "rules": rules(Scope::Cluster),
            },
            binding(BROKER, "Role", BROKER),
            binding(DEPLOYER, "ClusterRole", "edit"),
            {
                "apiVersion": RBAC,
                "kind": "ClusterRoleBinding",
                "metadata": { "name": NAMESPACE },
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": NAMESPACE,
                },
                "subjects": [
                    { "kind": "ServiceAccount", "name": BROKER, "namespace": NAMESPACE },
                ],
            },
        ],
    })
}

fn rule(permission: &Permission<'_>) -> Value {
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

fn account(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": { "name": name, "namespace": NAMESPACE },
    })
}

fn binding(account: &str, kind: &str, role: &str) -> Value {
    json!({
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": { "name": account, "namespace": NAMESPACE },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role },
        "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": NAMESPACE }],
    })
}

/// What the cluster is called in kubelease.
pub const TARGET: &str = "local";

/// An example that may change things.
pub const DEPLOYER: &str = "deployer";

/// An example that may only look.
const VIEWER: &str = "viewer";

/// What it may, in words of Kubernetes.
const VIEW: &str = "view";

const BROKER: &str = "kubelease";

/// Where all of it is.
pub const NAMESPACE: &str = "kubelease-demo";

const RBAC: &str = "rbac.authorization.k8s.io/v1";

const GRANTED: Duration = Duration::from_secs(30);
