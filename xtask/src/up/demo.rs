//! The example: what is put into the cluster and into kubelease, and the lease that proves it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::http::Http;
use testbed::wait::{eventually, not_yet};

use super::cluster::Cluster;

/// Registers the cluster as [`TARGET`] and its two example accounts as dynamic secrets.
pub fn register(cluster: &Cluster, kubelease: &Http, scratch: &Path) -> Result<()> {
    cluster.apply(&objects(), scratch)?;
    let auth = json!({ "type": "token", "token": cluster.token_of(BROKER, NAMESPACE)? });
    let target = json!({ "url": cluster.url, "auth": auth });
    kubelease.put(&format!("/api/v1/targets/{TARGET}"), &target)?.ok()?;
    for (account, default_ttl) in [(VIEWER, "1h"), (DEPLOYER, "15m")] {
        let secret = json!({
            "target": TARGET,
            "account": { "type": "existing", "name": account },
            "namespaces": [NAMESPACE],
            "default_ttl": default_ttl,
            "max_ttl": "24h",
        });
        kubelease.put(&format!("/api/v1/dynamic-secrets/{account}"), &secret)?.ok()?;
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
    let account = format!("system:serviceaccount:{NAMESPACE}:{VIEWER}");
    ensure!(greeting.contains(&account), "kubectl was not taken for {account}:\n{greeting}");
    Ok(greeting)
}

/// Two accounts to lease, and a broker that may ask for their tokens and for nothing else.
fn objects() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } },
            account(BROKER),
            account(VIEWER),
            account(DEPLOYER),
            {
                "apiVersion": RBAC,
                "kind": "Role",
                "metadata": { "name": BROKER, "namespace": NAMESPACE },
                "rules": [{
                    "apiGroups": [""],
                    "resources": ["serviceaccounts/token"],
                    "resourceNames": [VIEWER, DEPLOYER],
                    "verbs": ["create"],
                }],
            },
            binding(BROKER, "Role", BROKER),
            binding(VIEWER, "ClusterRole", "view"),
            binding(DEPLOYER, "ClusterRole", "edit"),
        ],
    })
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

const VIEWER: &str = "viewer";

const BROKER: &str = "kubelease";

/// Where all of it is.
pub const NAMESPACE: &str = "kubelease-demo";

const RBAC: &str = "rbac.authorization.k8s.io/v1";

const GRANTED: Duration = Duration::from_secs(30);
