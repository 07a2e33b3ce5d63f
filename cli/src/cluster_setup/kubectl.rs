//! kubectl, run as the person who calls us would: with their kubeconfig, plugins and proxies.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kubelease_client::{Token, replace_control_characters};
use serde::Deserialize;

use crate::failure::Failure;

/// kubectl with a context.
pub struct Kubectl {
    pub context: String,
    pub kubeconfig: Option<PathBuf>,
    /// If its standard error is for the failure alone.
    pub is_quiet: bool,
}

/// The API server of a context.
#[derive(Debug)]
pub struct ApiServer {
    pub url: String,
    /// The certificates of its CA; none if the public CAs are trusted.
    pub ca_certificate: Option<String>,
}

/// As much of a kubeconfig as is looked at. What else stands there, such as a credential, is not kept.
#[derive(Deserialize)]
struct Kubeconfig {
    clusters: Vec<NamedCluster>,
}

#[derive(Deserialize)]
struct NamedCluster {
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority_data: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
}

impl Kubectl {
    /// Returns the API server of the context.
    pub fn read_server(&self) -> Result<ApiServer, Failure> {
        let view = ["config", "view", "--minify", "--flatten", "--raw", "-o", "json"];
        let printed = self.run_kubectl(&view, None)?;
        let read = serde_json::from_str::<Kubeconfig>(&printed);
        let read =
            read.map_err(|error| Failure::local_error(format!("the kubeconfig: {error}")))?;
        let cluster = read.clusters.into_iter().next().map(|named| named.cluster);
        let cluster = cluster.ok_or_else(|| {
            Failure::local_error(format!("the context `{}` has no cluster", self.context))
        })?;
        if cluster.insecure_skip_tls_verify {
            let why = "the context skips the verification of the API server's certificate, which kubelease requires";
            return Err(Failure::local_error(why)
                .with_hint("Put the cluster's CA into the kubeconfig: `certificate-authority`."));
        }
        let decode = |data: String| {
            let pem = BASE64_STANDARD.decode(data).ok().and_then(|pem| String::from_utf8(pem).ok());
            pem.ok_or_else(|| Failure::local_error("the CA in the kubeconfig is not in PEM format"))
        };
        let ca_certificate = cluster.certificate_authority_data.map(decode).transpose()?;
        Ok(ApiServer { url: cluster.server, ca_certificate })
    }

    /// Applies a manifest, and returns what kubectl says of it.
    pub fn apply_manifest(&self, manifest: &str) -> Result<String, Failure> {
        self.run_kubectl(&["apply", "-f", "-"], Some(manifest))
    }

    /// Returns a token of a `ServiceAccount` for as long as is asked for, or as the cluster allows.
    pub fn create_token(
        &self,
        (namespace, name): (&str, &str),
        duration: &str,
    ) -> Result<Token, Failure> {
        let duration = format!("--duration={duration}");
        let printed =
            self.run_kubectl(&["create", "token", name, "-n", namespace, &duration], None)?;
        Token::new(&printed)
            .map_err(|error| Failure::local_error(format!("the token of kubectl: {error}")))
    }

    /// Runs kubectl and returns what it prints. Its standard error is ours, so that a person sees a question of a
    /// credential plugin at once; if it is quiet, the failure has it.
    fn run_kubectl(&self, arguments: &[&str], input: Option<&str>) -> Result<String, Failure> {
        let mut command = Command::new("kubectl");
        command.arg(format!("--context={}", self.context)).args(arguments);
        if let Some(kubeconfig) = &self.kubeconfig {
            command.arg("--kubeconfig").arg(kubeconfig);
        }
        command.env_remove("KUBELEASE_TOKEN");
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::inherit() });
        command.stdout(Stdio::piped());
        command.stderr(if self.is_quiet { Stdio::piped() } else { Stdio::inherit() });
        let spawned = command.spawn();
        let mut child = spawned.map_err(|error| Failure::io_error("start kubectl", &error))?;
        if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
            // If kubectl has ended, its own words say why.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output();
        let output = output.map_err(|error| Failure::io_error("run kubectl", &error))?;
        if !output.status.success() {
            let verb = arguments.iter().take(2).copied().collect::<Vec<_>>().join(" ");
            let failure = Failure::local_error(format!("`kubectl {verb}` has failed"));
            let told = String::from_utf8_lossy(&output.stderr);
            let told = replace_control_characters(told.trim());
            return Err(if told.is_empty() { failure } else { failure.with_hint(&told) });
        }
        String::from_utf8(output.stdout)
            .map_err(|_| Failure::local_error("the output of kubectl is not UTF-8"))
    }
}
