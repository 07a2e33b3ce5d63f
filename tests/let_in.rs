//! What a revocation does not end: what the API server has let in before.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::process::Supervisor;
use testbed::wait::{not_yet, wait_until};

use crate::broker::{Broker, Lease};
use crate::kind;

pub fn a_watch_goes_on_after_its_lease_is_taken_back(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let lease = broker.lease(&json!({ "ttl": "15m" }))?;
    broker.until_let_in(&lease.token)?;

    let keeper = Supervisor::new()?;
    let (config, seen) = (
        keeper.scratch_directory().join("kubeconfig"),
        keeper.scratch_directory().join("watch.log"),
    );
    fs::write(&config, kubeconfig(&broker, &lease).to_string())?;
    let mut kubectl = Command::new(&broker.cluster.assets().kubectl);
    kubectl
        .arg("--kubeconfig")
        .arg(&config)
        .arg("--cache-dir")
        .arg(keeper.scratch_directory().join("cache"));
    kubectl.args(["get", "pods", "--watch", "--output=name"]);
    let watch = keeper.spawn_process("kubectl", &mut kubectl, &seen)?;
    let pod = |name: &str| {
        let spec = json!({
            "serviceAccountName": "deployer", "containers": [{ "name": "a", "image": "example.com/a" }],
        });
        let pod = json!({ "metadata": { "name": name }, "spec": spec });
        broker.place.create_object("v1", "pods", &pod).map(drop)
    };
    let is_seen = |name: &str| {
        wait_until("the watch's seeing a pod", Duration::from_secs(20), || {
            watch.require_running()?;
            let seen = fs::read_to_string(&seen)?;
            if seen.contains(&format!("pod/{name}")) { Ok(()) } else { Err(not_yet(seen)) }
        })
    };
    pod("before")?;
    is_seen("before")?;

    let ended = broker.revoke(&lease)?.expect_status(200)?;
    assert!(ended["warnings"].to_string().contains("a watch"), "{ended}");
    broker.until_refused(&lease.token, Duration::from_secs(12))?;
    pod("after")?;
    is_seen("after")
}

/// Returns a kubeconfig of the cluster with the lease's token.
fn kubeconfig(broker: &Broker, lease: &Lease) -> Value {
    let ca = BASE64_STANDARD.encode(broker.cluster.ca_pem());
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lease",
        "clusters": [{
            "name": "lease",
            "cluster": { "server": broker.cluster.url(), "certificate-authority-data": ca },
        }],
        "users": [{ "name": "lease", "user": { "token": lease.token } }],
        "contexts": [{
            "name": "lease",
            "context": { "cluster": "lease", "user": "lease", "namespace": broker.place.name() },
        }],
    })
}
