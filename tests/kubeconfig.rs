//! kubeconfigs that kubelease answers, as the real kubectl uses them.

use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::harness::Case;
use testbed::wait::{eventually, not_yet};

use crate::broker::Broker;
use crate::kind;

/// An identity that may lease has kubectl lease for each command, by `sh` and `curl` alone, with what the server says of
/// the cluster.
pub fn kubectl_leases_by_curl_through_a_kubeconfig_of_the_server(case: &Case) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let admin = broker.admin()?;
    let target = json!({"url": broker.cluster.url(), "auth": {"type": "token"},
        "ca_certificate": broker.cluster.ca_pem()});
    admin.put("/api/v1/targets/local", &target)?.expect(200)?;
    let identity = json!({"auth": [{"type": "token"}], "grants": [{"dynamic_secrets": ["*"],
        "namespaces": ["*"], "actions": ["issue", "read"]}]});
    admin.put("/api/v1/identities/ci", &identity)?.expect(201)?;
    let made = admin.post("/api/v1/identities/ci/tokens", &json!({}))?.expect(201)?;
    let token = made["access_token"].as_str().context("a token")?;

    let path = format!("{}/kubeconfig?via=curl", broker.secret_path());
    let kubeconfig = admin.bearing(token).get(&path)?.expect(200)?;
    let text = kubeconfig.to_string();
    ensure!(!text.contains(token) && !text.contains(&broker.token), "a secret is in {text}");
    let home = tempfile::tempdir()?;
    let file = home.path().join("kubeconfig");
    fs::write(&file, &text)?;

    let url = broker.kubelease.url()?;
    let kubectl = |variables: &[(&str, &str)]| -> Result<Output> {
        let mut kubectl = Command::new(&broker.cluster.assets().kubectl);
        kubectl.args(["get", "services", "--output=name"]).env_clear();
        kubectl.env("HOME", home.path()).env("KUBECONFIG", &file);
        kubectl.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        Ok(kubectl.envs(variables.iter().copied()).output()?)
    };
    let known = [("KUBELEASE_URL", url.as_str()), ("KUBELEASE_TOKEN", token)];
    eventually("kubectl's being let in", Duration::from_secs(20), || {
        let output = kubectl(&known)?;
        if output.status.success() { Ok(()) } else { Err(not_yet(format!("{output:?}"))) }
    })?;
    let leases = admin.get("/api/v1/leases?state=active")?.expect(200)?;
    let lease = &leases["items"][0];
    ensure!(lease["requester"] == "identity:ci", "{lease}");

    // Without its variables, or refused, the plugin fails, and kubectl says why.
    for (variables, told) in [
        (&[][..], "KUBELEASE_"),
        (&[("KUBELEASE_URL", url.as_str()), ("KUBELEASE_TOKEN", "wrong")], "401"),
    ] {
        let output = kubectl(variables)?;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success() && error.contains(told), "{told}: {error}");
    }
    Ok(())
}
