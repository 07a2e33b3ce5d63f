//! The cluster that kubelease leases from, seen by its administrator through kubectl.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use testbed::command;
use testbed::control_plane::{Assets, ControlPlane};

use super::state::StateDirectory;

/// The address of a cluster, and the administrator's credential.
pub struct Cluster {
    kubectl: PathBuf,
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The API server's URL.
    pub url: String,
    /// The CA of the API server in PEM, unless it is one that everybody trusts.
    pub ca: Option<String>,
}

impl Cluster {
    /// The cluster that we have started.
    pub fn from_control_plane(control_plane: &ControlPlane) -> Self {
        Self {
            kubectl: control_plane.assets().kubectl.clone(),
            kubeconfig: control_plane.kubeconfig_path().to_owned(),
            url: control_plane.url().to_owned(),
            ca: Some(control_plane.ca_pem().to_owned()),
        }
    }

    /// The cluster that a kubeconfig names; kubectl reads it, as it is kubectl's.
    ///
    /// What it says of this one context goes into a kubeconfig in `state`, for whoever goes on with it.
    pub fn from_kubeconfig(
        kubeconfig: &Path,
        context: Option<&str>,
        state: &StateDirectory,
    ) -> Result<Self> {
        let kubectl = Assets::prepare_kubectl()?;
        let mut view = Command::new(&kubectl);
        view.args(["config", "view", "--minify", "--raw", "--flatten", "--output=json"]);
        view.arg("--kubeconfig").arg(kubeconfig);
        if let Some(context) = context {
            view.arg("--context").arg(context);
        }
        let config = command::run_for_output(&mut view)?;
        let (url, ca) = parse_endpoint(&serde_json::from_str(&config)?)?;
        let kubeconfig = state.write_file("kubeconfig", &config)?;
        Ok(Self { kubectl, kubeconfig, url, ca })
    }

    /// The host in the URL, without a port.
    pub fn host_name(&self) -> Result<&str> {
        let rest = self.url.strip_prefix("https://").context("the API server is not on https")?;
        let authority = rest.split('/').next().unwrap_or(rest);
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        ensure!(!host.contains(':'), "Spin cannot reach an IPv6 address over TLS: use a name");
        Ok(host)
    }

    /// Creates or updates the objects of a manifest, by a file of this name in `directory`.
    pub fn apply_manifest(&self, name: &str, manifest: &str, directory: &Path) -> Result<()> {
        let file = directory.join(name);
        fs::write(&file, manifest)?;
        command::run_for_output(self.kubectl_command().arg("apply").arg("--filename").arg(file))?;
        Ok(())
    }

    /// A token of a service account, for a day or for as long as the cluster allows.
    pub fn create_account_token(&self, account: &str, namespace: &str) -> Result<String> {
        let mut kubectl = self.kubectl_command();
        kubectl.args(["create", "token", account, "--namespace", namespace, "--duration=24h"]);
        Ok(command::run_for_output(&mut kubectl)?.trim().to_owned())
    }

    /// Returns what `kubectl auth whoami` says under a kubeconfig that holds `token` and the
    /// cluster's CA, and nothing else: a client certificate would outrank the token.
    pub fn ask_whoami(&self, token: &str, directory: &Path) -> Result<String> {
        let mut cluster = json!({ "server": self.url });
        if let Some(ca) = &self.ca {
            cluster["certificate-authority-data"] = BASE64_STANDARD.encode(ca).into();
        }
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "leased",
            "clusters": [{ "name": "leased", "cluster": cluster }],
            "users": [{ "name": "leased", "user": { "token": token } }],
            "contexts": [{ "name": "leased", "context": { "cluster": "leased", "user": "leased" } }],
        });
        let file = directory.join("leased.kubeconfig");
        fs::write(&file, config.to_string())?;
        let mut kubectl = Command::new(&self.kubectl);
        command::run_for_output(kubectl.arg("--kubeconfig").arg(file).args(["auth", "whoami"]))
    }

    /// kubectl, for a reader to copy.
    pub fn kubectl_path(&self) -> &Path {
        &self.kubectl
    }

    fn kubectl_command(&self) -> Command {
        let mut kubectl = Command::new(&self.kubectl);
        kubectl.arg("--kubeconfig").arg(&self.kubeconfig);
        kubectl
    }
}

/// The URL and the CA in what `kubectl config view --minify --raw --flatten` prints.
fn parse_endpoint(config: &Value) -> Result<(String, Option<String>)> {
    let cluster = &config["clusters"][0]["cluster"];
    let url = cluster["server"].as_str().context("the kubeconfig names no server")?;
    ensure!(
        cluster["insecure-skip-tls-verify"] != true,
        "the kubeconfig skips the verification of {url}, and no Spin application can do that: \
         give it the cluster's CA"
    );
    for option in ["proxy-url", "tls-server-name"] {
        ensure!(
            cluster[option].is_null(),
            "the kubeconfig reaches {url} by `{option}`, and no Spin application can do that"
        );
    }
    let ca = match cluster["certificate-authority-data"].as_str() {
        Some(data) => Some(String::from_utf8(BASE64_STANDARD.decode(data)?)?),
        None => None,
    };
    Ok((url.trim_end_matches('/').to_owned(), ca))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_tells_where_the_cluster_is_and_whom_it_trusts() {
        let cluster = |cluster: Value| json!({ "clusters": [{ "name": "c", "cluster": cluster }] });
        let url = "https://k8s.example:6443";
        let found = |ca: Option<&str>| Some((url.to_owned(), ca.map(str::to_owned)));
        for (described, expected) in [
            (json!({ "server": url }), found(None)),
            (json!({ "server": "https://k8s.example:6443/" }), found(None)),
            (json!({ "server": url, "certificate-authority-data": "UEVN" }), found(Some("PEM"))),
            (json!({ "server": url, "certificate-authority-data": "?" }), None),
            (json!({ "server": url, "insecure-skip-tls-verify": true }), None),
            (json!({ "server": url, "tls-server-name": "k8s" }), None),
            (json!({ "server": url, "proxy-url": "http://proxy" }), None),
            (json!({}), None),
        ] {
            assert_eq!(parse_endpoint(&cluster(described.clone())).ok(), expected, "{described}");
        }
    }

    #[test]
    fn the_host_is_what_a_certificate_names() {
        for (url, host) in [
            ("https://127.0.0.1:6443", Some("127.0.0.1")),
            ("https://k8s.example", Some("k8s.example")),
            ("https://k8s.example:6443/k8s/clusters/c-1", Some("k8s.example")),
            ("https://[::1]:6443", None),
            ("http://k8s.example", None),
        ] {
            let cluster = Cluster {
                kubectl: PathBuf::new(),
                kubeconfig: PathBuf::new(),
                url: url.to_owned(),
                ca: None,
            };
            assert_eq!(cluster.host_name().ok(), host, "{url}");
        }
    }
}
