//! The real `kubectl proxy`, as a gateway in front of an API server.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::ControlPlane;
use crate::http::HttpClient;
use crate::process::{Process, log_tail};
use crate::random;
use crate::wait::{not_yet, wait_until};

/// A running `kubectl proxy` on a loopback port; it ends with this value, or with our process.
#[derive(Debug)]
pub struct KubectlProxy {
    url: String,
    // Kept for its end.
    _process: Process,
}

impl KubectlProxy {
    pub(super) fn start_proxy(cluster: &ControlPlane, token: &str) -> Result<Self> {
        let directory = cluster
            .launch
            .keeper
            .scratch_directory()
            .join(format!("proxy-{}", random::random_suffix()?));
        fs::create_dir(&directory)?;
        let kubeconfig = directory.join("kubeconfig");
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "clusters": [{
                "name": "proxy",
                "cluster": {
                    "server": cluster.url,
                    "certificate-authority": cluster.launch.pki.file_path(super::CA_CERTIFICATE_FILE),
                },
            }],
            "users": [{ "name": "proxy", "user": { "token": token } }],
            "contexts": [{ "name": "proxy", "context": { "cluster": "proxy", "user": "proxy" } }],
        });
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&kubeconfig)?
            .write_all(config.to_string().as_bytes())?;

        let mut kubectl = Command::new(&cluster.launch.assets.kubectl);
        kubectl.arg("--kubeconfig").arg(&kubeconfig).args(["proxy", "--port=0"]);
        let log = directory.join("log");
        let process = cluster.launch.keeper.spawn_process("kubectl proxy", &mut kubectl, &log)?;
        let address = wait_until("starting kubectl proxy", START_TIMEOUT, || {
            let said = fs::read_to_string(&log)?;
            let line = said.split_inclusive('\n').find_map(|line| {
                line.strip_prefix("Starting to serve on ")?.strip_suffix('\n').map(str::to_owned)
            });
            if let Some(address) = line {
                return Ok(address);
            }
            process.require_running()?;
            Err(not_yet(format!("its last words:\n{}", log_tail(&log))))
        })?;
        Ok(Self { url: format!("http://{address}"), _process: process })
    }

    /// Returns the URL on which it listens, without a path or a final slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns a client of the server behind it, with the rights of anybody who can reach it.
    #[must_use]
    pub fn http_client(&self) -> HttpClient {
        HttpClient::without_tls(&self.url)
    }
}

/// The longest time for a start, which is a matter of milliseconds.
const START_TIMEOUT: Duration = Duration::from_secs(30);
