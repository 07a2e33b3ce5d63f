//! kubeconfigs that kubelease answers, as the real kubectl uses them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::harness::TestCase;
use testbed::wait::{not_yet, wait_until};

use crate::broker::Broker;
use crate::kind;
use crate::machine::Machine;

/// An identity that may lease has kubectl lease for each command, by `sh` and `curl` alone, with what the server says of
/// the cluster.
pub fn kubectl_leases_by_curl_through_a_kubeconfig_of_the_server(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let admin = broker.admin()?;
    broker.put_ca()?;
    let identity = json!({"auth": [{"type": "token"}], "grants": [{"dynamic_secrets": ["*"],
        "namespaces": ["*"], "actions": ["issue", "read"]}]});
    admin.put("/api/v1/identities/ci", &identity)?.expect_status(201)?;
    let made = admin.post("/api/v1/identities/ci/tokens", &json!({}))?.expect_status(201)?;
    let token = made["access_token"].as_str().context("a token")?;

    let path = format!("{}/kubeconfig?via=curl", broker.secret_path());
    let kubeconfig = admin.with_bearer(token).get(&path)?.expect_status(200)?;
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
    wait_until("kubectl's being let in", Duration::from_secs(20), || {
        let output = kubectl(&known)?;
        if output.status.success() { Ok(()) } else { Err(not_yet(format!("{output:?}"))) }
    })?;
    let leases = admin.get("/api/v1/leases?state=active")?.expect_status(200)?;
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

/// A context is added to a file that `kubectl config` has written, and kubectl reads and writes it as before.
pub fn kubectl_reads_the_context_that_is_added_to_its_file(case: &TestCase) -> Result<()> {
    let Machine { broker, home, access_token, kubelease } = Machine::new(case)?;
    let file = home.path().join(".kube/config");
    let directory = kubelease.parent().context("a directory")?;
    let url = broker.kubelease.url()?;
    let run = |program: &Path, arguments: &[&str]| -> Result<Output> {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("HOME", home.path()).env("PATH", directory);
        command.env("KUBELEASE_URL", &url).env("KUBELEASE_TOKEN", &access_token);
        Ok(command.output()?)
    };
    let kubectl = |arguments: &[&str]| -> Result<String> {
        let output = run(&broker.cluster.assets().kubectl, arguments)?;
        ensure!(output.status.success(), "{arguments:?}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    };
    kubectl(&["config", "set-credentials", "mine", "--username=me", "--password=sesame"])?;
    kubectl(&["config", "set-context", "mine", "--user=mine", "--namespace=a"])?;
    kubectl(&["config", "use-context", "mine"])?;
    let written = fs::read_to_string(&file)?.replacen("users:", "# of people\nusers:", 1);
    fs::write(&file, &written)?;

    let ca = home.path().join("ca.crt");
    fs::write(&ca, broker.cluster.ca_pem())?;
    let cluster = ["--server", broker.cluster.url(), "--certificate-authority"];
    let ca = [ca.to_str().context("a path")?];
    let add =
        [&["kubeconfig", broker.secret_name(), "--context", "leased"][..], &cluster, &ca].concat();
    let added = run(&kubelease, &add)?;
    ensure!(added.status.success(), "{added:?}");
    let text = fs::read_to_string(&file)?;
    ensure!(text.contains("# of people\nusers:") && !text.contains(&access_token), "{text}");
    assert_eq!(kubectl(&["config", "get-contexts", "--output=name"])?, "leased\nmine\n");
    assert_eq!(kubectl(&["config", "current-context"])?, "mine\n");
    let password = "--output=jsonpath={.users[?(@.name=='mine')].user.password}";
    assert_eq!(kubectl(&["config", "view", "--raw", password])?, "sesame");
    wait_until("kubectl's being let in", Duration::from_secs(20), || {
        let place = format!("--namespace={}", broker.place.name());
        kubectl(&["--context=leased", &place, "get", "services", "--output=name"]).map_err(not_yet)
    })?;
    // kubectl writes the file anew, and we find in that what was ours.
    kubectl(&["config", "set-context", "mine", "--namespace=b"])?;
    let added = run(&kubelease, &add)?;
    ensure!(added.status.success(), "{added:?}");
    assert_eq!(kubectl(&["config", "get-contexts", "--output=name"])?, "leased\nmine\n");
    Ok(())
}
