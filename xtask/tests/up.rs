//! `cargo xtask up` does its job, does it again after a crash, and leaves nothing running.
//!
//! Nothing is compiled from here: `cargo xtask test` has built what `up` runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use testbed::command;
use testbed::control_plane::Assets;
use testbed::host::{HOST_VARIABLE, SPIN_VARIABLE};
use testbed::http::HttpClient;
use testbed::process::{Process, Supervisor};
use testbed::store_file::{self, JournalMode};
use testbed::wait::{not_yet, wait_until};

#[test]
fn it_serves_and_after_a_crash_it_serves_the_same_leases() -> Result<()> {
    let keeper = Supervisor::new()?;
    let (up, ready) = start_with_json(&keeper)?;
    assert_eq!(ready["target"], "local");
    let kubelease = administrator(&ready)?;
    let leases = "/api/v1/dynamic-secrets/deployer/leases";
    let lease = kubelease.post(leases, &json!({ "ttl": "20m" }))?.expect_status(201)?;
    whoami(&ready)?;
    let file = store_file::store_path(&state_dir(&keeper).join("host"));
    assert_eq!(store_file::read_journal_mode(&file)?, Some(JournalMode::Wal));
    put_what_cannot_be_issued(&kubelease)?;
    for secret in ["admin_token", "sweep_token"] {
        let secret = text(&ready[secret])?;
        assert!(secret.len() >= 32);
        assert!(!command_lines()?.contains(secret), "a secret is visible to everybody");
    }

    let pid = Pid::from_raw(up.pid().cast_signed()).context("a process has an id")?;
    kill_process(pid, Signal::KILL)?;
    let (up, again) = start_with_json(&keeper)?;
    assert_eq!(again["admin_token"], ready["admin_token"]);
    let path = format!("/api/v1/leases/{}", text(&lease["lease_id"])?);
    let found = administrator(&again)?.get(&path)?.expect_status(200)?;
    assert_eq!(found["jti"], lease["jti"]);
    whoami(&again)?;

    interrupt(&up)?;
    let state = state_dir(&keeper).display().to_string();
    assert!(!command_lines()?.contains(&state), "something still runs in {state}");
    Ok(())
}

#[test]
fn every_command_that_it_prints_works_when_it_is_pasted() -> Result<()> {
    let keeper = Supervisor::new()?;
    // Not on the usual port, which the other test may have.
    let (up, printed) = start(&keeper, "--listen 127.0.0.1:0", "Ctrl-C ends it all.\n")?;
    let commands: Vec<_> = printed.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let answers = command::run_for_output(Command::new("sh").args(["-ec", &commands.join("\n")]))
        .with_context(|| printed.clone())?;
    for account in ["kubelease-demo:deployer", "playground:deployer"] {
        assert!(answers.contains(&format!("system:serviceaccount:{account}")), "{answers}");
    }

    let token = fs::read_to_string(state_dir(&keeper).join("admin_token"))?;
    let url = printed.split_whitespace().find(|word| word.starts_with("http://"));
    let url = url.context("no address")?.trim_end_matches('.');
    let leases = HttpClient::without_tls(url).with_bearer(&token);
    let leases =
        leases.get("/api/v1/leases?namespace=playground&state=active")?.expect_status(200)?;
    let items = leases["items"].as_array().context("a page")?;
    let modes: Vec<_> =
        items.iter().map(|lease| (&lease["dynamic_secret"], &lease["mode"])).collect();
    let expected = [
        ("cluster-role", "temporary_in_cluster"),
        ("cluster-rules", "temporary_in_cluster"),
        ("existing", "existing"),
        ("manifest", "temporary_in_namespace"),
        ("plain", "plain"),
        ("role", "temporary_in_namespace"),
        ("rules", "temporary_in_namespace"),
    ];
    assert_eq!(modes.len(), expected.len(), "{modes:?}");
    for (name, mode) in expected {
        assert!(modes.iter().any(|it| *it.0 == name && *it.1 == mode), "{name}: {modes:?}");
    }
    interrupt(&up)
}

/// The way of a new user: a cluster that nobody has prepared, the examples, and a job that logs in by what its pod has.
#[test]
fn a_session_from_nothing_ends_with_a_lease_that_is_gone() -> Result<()> {
    let keeper = Supervisor::new()?;
    let (up, ready) = start_with_json(&keeper)?;
    let session = Session { home: keeper.scratch_directory().join("home"), ready };
    session.prepare_namespace()?;
    let kubeconfig = text(&session.ready["kubeconfig"])?.to_owned();
    let add = ["target", "add-from-kubeconfig", "kubelease", "prod", "--kubeconfig", &kubeconfig];
    let terms = ["--modes", "existing,temporary-role", "-n", "apps", "--role", "view", "--yes"];
    let account = ["--account", "deployer", "--service-account", "kubelease-prod/kubelease"];
    let added = session.administrate(&[&add[..], &terms, &account].concat())?;
    assert!(added.contains("target/prod created"), "{added}");
    fs::write(session.home.join("prod.yaml"), session.administrate(&["export", "target/prod"])?)?;
    let applied = session.administrate(&[
        "apply",
        "-f",
        "prod.yaml",
        "-f",
        "dynamic-secrets.yaml",
        "-f",
        "identities.yaml",
        "-f",
        "job.yaml",
    ])?;
    let lines: Vec<_> = applied.lines().collect();
    let expected = [
        "target/prod unchanged",
        "dynamic-secret/deploy created",
        "dynamic-secret/look created",
        "identity/release created",
        "identity/on-call created",
        "identity/job created",
    ];
    assert_eq!(lines, expected);

    let script = "cat \"$(dirname \"$KUBECONFIG\")/token\" > leased; \
        for i in 1 2 3 4 5 6 7 8 9; do kubectl auth whoami -o json && exit; sleep 1; done; exit 1";
    let mut job = session.kubelease(&["run", "deploy", "--", "sh", "-c", script])?;
    job.env("KUBELEASE_POD_TOKEN_FILE", session.home.join("pod-token"));
    let shown = command::run_for_output(&mut job)?;
    assert!(shown.contains("system:serviceaccount:apps:deployer"), "{shown}");

    let leases =
        session.administrate(&["leases", "--all", "--dynamic-secret=deploy", "-o=json"])?;
    let leases: Value = serde_json::from_str(&leases)?;
    let [lease] = &leases.as_array().context("a list")?[..] else { bail!("one lease: {leases}") };
    assert_eq!((&lease["state"], &lease["requester"]), (&json!("revoked"), &json!("identity:job")));
    let token = fs::read_to_string(session.home.join("leased"))?;
    wait_until("the end of the token", PATIENCE, || {
        match session.status_by_token(token.trim())? {
            401 => Ok(()),
            status => Err(not_yet(format!("status {status}"))),
        }
    })?;
    interrupt(&up)
}

/// Puts what a newcomer's first tries leave behind: a dynamic secret for which permissions are missing.
fn put_what_cannot_be_issued(kubelease: &HttpClient) -> Result<()> {
    let account = json!({ "type": "existing", "name": "deployer" });
    let secret = json!({ "target": "local", "account": account, "namespaces": ["elsewhere"] });
    kubelease.put("/api/v1/dynamic-secrets/elsewhere", &secret)?.expect_status(201)?;
    let check = kubelease.post("/api/v1/targets/local/check", &json!({}))?.expect_status(200)?;
    assert_eq!(check["ok"], false, "{check}");
    Ok(())
}

/// Presses Ctrl-C, and waits for the end.
fn interrupt(up: &Process) -> Result<()> {
    let pid = Pid::from_raw(up.pid().cast_signed()).context("a process has an id")?;
    kill_process(pid, Signal::INT)?;
    let how = wait_until("the end", PATIENCE, || match up.require_running() {
        Ok(()) => Err(not_yet("it still runs")),
        Err(ended) => Ok(ended.to_string()),
    })?;
    assert!(how.starts_with("up exited with status 0"), "{how}");
    Ok(())
}

/// Starts it and waits for the one line that it prints.
fn start_with_json(keeper: &Supervisor) -> Result<(Process, Value)> {
    let (up, line) = start(keeper, "--json", "\n")?;
    assert_eq!(line.lines().count(), 1, "{line}");
    Ok((up, serde_json::from_str(&line)?))
}

/// Starts it with more options and waits until what it prints ends in `last_words`.
fn start(keeper: &Supervisor, options: &str, last_words: &str) -> Result<(Process, String)> {
    let output = tempfile::Builder::new().tempfile_in(keeper.scratch_directory())?.into_temp_path();
    let mut up = Command::new("sh");
    up.args(["-c", "exec \"$0\" up $5 --state-dir \"$1\" --host \"$2\" --spin \"$3\" > \"$4\""]);
    up.arg(env!("CARGO_BIN_EXE_xtask")).arg(state_dir(keeper));
    up.arg(std::env::var_os(HOST_VARIABLE).unwrap_or_else(|| "dev-host".into()));
    up.arg(std::env::var_os(SPIN_VARIABLE).unwrap_or_else(|| "spin".into()));
    // A backtrace would push the error itself out of the last lines, which are what is shown of it.
    up.arg(output.as_os_str()).arg(options).env("CARGO", "true").env("RUST_BACKTRACE", "0");
    let up = keeper.spawn_process("up", &mut up, &keeper.scratch_directory().join("log"))?;
    let printed = wait_until("the last words", PATIENCE, || {
        up.require_running()?;
        let printed = fs::read_to_string(&output).unwrap_or_default();
        if printed.ends_with(last_words) { Ok(printed) } else { Err(not_yet(printed)) }
    })?;
    Ok((up, printed))
}

fn administrator(ready: &Value) -> Result<HttpClient> {
    Ok(HttpClient::without_tls(text(&ready["url"])?).with_bearer(text(&ready["admin_token"])?))
}

fn whoami(ready: &Value) -> Result<()> {
    let mut kubectl = Command::new(Assets::prepare_kubectl()?);
    kubectl.arg("--kubeconfig").arg(text(&ready["kubeconfig"])?).args(["auth", "whoami"]);
    let answer = command::run_for_output(&mut kubectl)?;
    assert!(answer.contains("kubelease-admin"), "{answer}");
    Ok(())
}

/// Of all processes that we may see.
fn command_lines() -> Result<String> {
    let mut lines = String::new();
    for process in fs::read_dir("/proc")? {
        // A process may end while it is looked at.
        let line = fs::read(process?.path().join("cmdline")).unwrap_or_default();
        lines.push_str(&String::from_utf8_lossy(&line).replace('\0', " "));
        lines.push('\n');
    }
    Ok(lines)
}

fn state_dir(keeper: &Supervisor) -> PathBuf {
    keeper.scratch_directory().join("state")
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("not a string")
}

/// The machine of a new user: a home directory, with `kubelease` and `kubectl` on the `PATH`.
struct Session {
    home: PathBuf,
    ready: Value,
}

impl Session {
    /// Makes what the examples speak of, and the token of a pod whose account is `ci`.
    fn prepare_namespace(&self) -> Result<()> {
        fs::create_dir_all(self.home.join("bin"))?;
        symlink(Assets::prepare_kubectl()?, self.home.join("bin/kubectl"))?;
        let own = Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("kubelease");
        symlink(own, self.home.join("bin/kubelease"))?;
        for file in ["dynamic-secrets.yaml", "identities.yaml"] {
            let examples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"));
            fs::copy(examples.join(file), self.home.join(file))?;
        }
        fs::write(self.home.join("job.yaml"), JOB)?;
        self.kubectl(&["create", "namespace", "apps"])?;
        for account in ["deployer", "ci"] {
            self.kubectl(&["create", "serviceaccount", account, "-n", "apps"])?;
        }
        // kubelease asks the cluster who a pod is.
        let delegator =
            ["create", "clusterrolebinding", "reviewer", "--clusterrole=system:auth-delegator"];
        self.kubectl(&[&delegator[..], &["--serviceaccount=kubelease-prod:kubelease"]].concat())?;
        let token = ["create", "token", "ci", "-n", "apps", "--audience=kubelease"];
        let token = self.kubectl(&token)?;
        fs::write(self.home.join("pod-token"), token)?;
        Ok(())
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(self.home.join("bin").join(program));
        command.args(arguments).env_clear().current_dir(&self.home).env("HOME", &self.home);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let own = [self.home.join("bin")];
        command.env(
            "PATH",
            std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path)))?,
        );
        Ok(command)
    }

    fn kubelease(&self, arguments: &[&str]) -> Result<Command> {
        let mut kubelease = self.command("kubelease", arguments)?;
        kubelease.env("KUBELEASE_URL", text(&self.ready["url"])?);
        Ok(kubelease)
    }

    fn administrate(&self, arguments: &[&str]) -> Result<String> {
        let token = text(&self.ready["admin_token"])?;
        command::run_for_output(self.kubelease(arguments)?.env("KUBELEASE_TOKEN", token))
    }

    fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let mut kubectl = self.command("kubectl", arguments)?;
        command::run_for_output(kubectl.arg("--kubeconfig").arg(text(&self.ready["kubeconfig"])?))
    }

    /// The status of the API server's answer to whoever shows a token.
    fn status_by_token(&self, token: &str) -> Result<u16> {
        let target = self.administrate(&["export", "target/prod", "-o", "json"])?;
        let target: Value = serde_json::from_str(&target)?;
        let spec = &target[0]["spec"];
        let server = HttpClient::with_ca(text(&spec["url"])?, text(&spec["ca_certificate"])?)?;
        Ok(server.with_bearer(token).get("/apis")?.status)
    }
}

/// Jobs in the cluster itself, by the token of their pod.
const JOB: &str = "\
apiVersion: kubelease.dev/v1
kind: Identity
metadata: {name: job}
spec:
  auth:
    - {type: kubernetes, target: prod, reviewer: target, allowed_names: [ci], allowed_namespaces: [apps], allowed_audience: kubelease}
  grants:
    - {dynamic_secrets: [deploy], namespaces: [apps], actions: [issue, read, renew, revoke]}
";

const PATIENCE: Duration = Duration::from_mins(2);
