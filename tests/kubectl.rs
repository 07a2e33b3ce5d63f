//! The real kubectl, and a program on client-go, with the plugin `kubelease exec-credential`.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::command;
use testbed::harness::TestCase;
use testbed::wait::{not_yet, wait_until};

use crate::kind;
use crate::machine::Machine;

/// A machine whose kubeconfig calls the plugin, with leases that may get, list and watch pods.
struct Workplace<'s> {
    machine: Machine<'s>,
    kubeconfig: PathBuf,
}

impl<'s> Workplace<'s> {
    fn new(case: &TestCase<'s>) -> Result<Self> {
        Self::with_ttl(case, "30m")
    }

    /// A workplace whose leases have this lifetime.
    fn with_ttl(case: &TestCase<'s>, ttl: &str) -> Result<Self> {
        let machine = Machine::of_kind(case, &kind::RULES)?;
        machine.log_in()?;
        machine.broker.put_ca()?;
        let secret = machine.broker.secret_name();
        let printed = machine.print(&["kubeconfig", secret, "--ttl", ttl, "--print"])?;
        let kubeconfig = machine.home.path().join("kubeconfig");
        fs::write(&kubeconfig, printed)?;
        // No pod is admitted without the account that a controller would make.
        machine.broker.place.create_service_account("default")?;
        let workplace = Self { machine, kubeconfig };
        workplace.make_pod("first")?;
        wait_until("kubectl's being let in", Duration::from_secs(20), || {
            let output = workplace.run(&["get", "pods", "-o", "name"])?;
            if output.status.success() { Ok(()) } else { Err(not_yet(format!("{output:?}"))) }
        })?;
        Ok(workplace)
    }

    /// kubectl, or another program, with the plugin on its `PATH`.
    fn command(&self, program: &Path) -> Result<Command> {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.machine.home.path()).stdin(Stdio::null());
        command.env("KUBECONFIG", &self.kubeconfig).env("PATH", self.path_with_plugin()?);
        Ok(command)
    }

    fn path_with_plugin(&self) -> Result<OsString> {
        let plugin = self.machine.kubelease.parent().context("a directory")?;
        Ok(std::env::join_paths([plugin])?)
    }

    fn kubectl(&self, arguments: &[&str]) -> Result<Command> {
        let mut kubectl = self.command(self.machine.kubectl())?;
        kubectl.args(arguments);
        Ok(kubectl)
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.kubectl(arguments)?.output()?)
    }

    fn make_pod(&self, name: &str) -> Result<()> {
        let pod = json!({"metadata": {"name": name}, "spec": {"automountServiceAccountToken": false,
            "containers": [{"name": "c", "image": "none"}]}});
        self.machine.broker.place.create_object("v1", "pods", &pod)?;
        Ok(())
    }

    /// The id of the one lease that is active.
    fn active_lease(&self) -> Result<String> {
        let admin = self.machine.broker.admin()?;
        let leases = admin.get("/api/v1/leases?state=active")?.expect_status(200)?;
        let items = leases["items"].as_array().context("a list")?;
        let [lease] = items.as_slice() else { anyhow::bail!("one lease, not {leases}") };
        Ok(lease["lease_id"].as_str().context("an id")?.to_owned())
    }

    fn revoke(&self, lease: &str) -> Result<()> {
        let path = format!("/api/v1/leases/{lease}");
        self.machine.broker.admin()?.delete(&path)?.expect_status(200)?;
        Ok(())
    }

    /// Makes the plugin believe that it looked at its lease a while ago.
    fn forget_looking(&self) -> Result<()> {
        for entry in fs::read_dir(self.machine.kept_leases())? {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == "json") {
                let mut kept: Value = serde_json::from_slice(&fs::read(&file)?)?;
                kept["seen_at"] = json!("2026-01-01T00:00:00Z");
                fs::write(&file, kept.to_string())?;
            }
        }
        Ok(())
    }
}

pub fn a_lease_that_was_revoked_elsewhere_costs_no_command_once_it_was_looked_at(
    case: &TestCase,
) -> Result<()> {
    let workplace = Workplace::new(case)?;
    let first = workplace.active_lease()?;
    workplace.revoke(&first)?;
    // Within the half minute in which the lease is believed to live, the API server refuses it: kubectl fails, and says so.
    // For a few seconds the API server may still know the token, whose role is gone.
    let refused = workplace.run(&["get", "pods"])?;
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(!refused.status.success(), "{refused:?}");
    let is_told =
        ["logged in", "Unauthorized", "Forbidden"].iter().any(|word| error.contains(word));
    ensure!(is_told, "{error}");
    workplace.forget_looking()?;
    wait_until("another lease's being let in", Duration::from_secs(20), || {
        let output = workplace.run(&["get", "pods", "-o", "name"])?;
        if output.status.success() { Ok(()) } else { Err(not_yet(format!("{output:?}"))) }
    })?;
    let second = workplace.active_lease()?;
    ensure!(second != first, "another lease");

    // Many at once, after that, share it.
    let children: Vec<Child> = (0..50)
        .map(|_| Ok(workplace.kubectl(&["get", "pods"])?.stdout(Stdio::null()).spawn()?))
        .collect::<Result<_>>()?;
    for mut child in children {
        ensure!(child.wait()?.success(), "kubectl has failed");
    }
    assert_eq!(workplace.active_lease()?, second);
    Ok(())
}

pub fn the_lock_of_a_plugin_that_was_killed_delays_nobody(case: &TestCase) -> Result<()> {
    let workplace = Workplace::new(case)?;
    let kept = workplace.machine.kept_leases();
    let find = |extension: &str| -> Result<PathBuf> {
        let files = fs::read_dir(&kept)?.collect::<Result<Vec<_>, _>>()?;
        let file = files
            .iter()
            .map(fs::DirEntry::path)
            .find(|file| file.extension().is_some_and(|found| found == extension));
        file.with_context(|| format!("no file .{extension}"))
    };
    // Whoever holds the lock, a plugin that has to ask the server waits for it.
    let mut holder =
        Command::new("flock").arg(find("lock")?).args(["sleep", "600"]).process_group(0).spawn()?;
    fs::remove_file(find("json")?)?;
    thread::sleep(Duration::from_millis(500));
    let mut waiting = workplace.kubectl(&["get", "pods"])?.stdout(Stdio::null()).spawn()?;
    thread::sleep(Duration::from_secs(2));
    ensure!(waiting.try_wait()?.is_none(), "it waits for the lock");
    let group = format!("-{}", holder.id());
    ensure!(Command::new("kill").args(["-s", "KILL", "--", &group]).status()?.success());
    holder.wait()?;
    ensure!(waiting.wait()?.success(), "it goes on at once");
    Ok(())
}

pub fn what_keeps_kubectl_from_the_plugin_is_told(case: &TestCase) -> Result<()> {
    let workplace = Workplace::new(case)?;
    let told = |mut kubectl: Command| -> Result<(bool, String)> {
        let output = kubectl.output()?;
        Ok((output.status.success(), String::from_utf8(output.stderr)?))
    };
    // Not installed: kubectl shows the hint of the kubeconfig, since the command is a bare name.
    let mut kubectl = workplace.kubectl(&["get", "pods"])?;
    kubectl.env("PATH", workplace.machine.home.path());
    let (is_good, error) = told(kubectl)?;
    ensure!(!is_good && error.contains("put it on the PATH"), "{error}");

    // Forbidden, and allowed, by the preferences of the user.
    let kuberc = workplace.machine.home.path().join("kuberc");
    for (allowed, is_expected) in [("other", false), ("kubelease", true)] {
        let text = format!(
            "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ncredentialPluginPolicy: Allowlist\n\
             credentialPluginAllowlist:\n- command: {allowed}\n"
        );
        fs::write(&kuberc, text)?;
        let mut kubectl = workplace.kubectl(&["get", "pods"])?;
        kubectl.env("KUBERC", &kuberc);
        let (is_good, error) = told(kubectl)?;
        assert_eq!(is_good, is_expected, "{allowed}: {error}");
        ensure!(is_good || error.contains("kubelease"), "{error}");
    }

    // Logged out, kubectl hands on what the plugin says.
    workplace.machine.print(&["logout"])?;
    fs::remove_dir_all(workplace.machine.home.path().join(".cache"))?;
    let (is_good, error) = told(workplace.kubectl(&["get", "pods"])?)?;
    ensure!(!is_good && error.contains("kubelease login"), "{error}");
    Ok(())
}

pub fn kubectl_works_as_ever_with_the_plugin(case: &TestCase) -> Result<()> {
    let workplace = Workplace::new(case)?;
    // A watch, in which a new pod is seen.
    let mut watching = workplace.kubectl(&["get", "pods", "--watch", "-o", "name"])?;
    let (mut watching, lines) = lines_of(watching.stdout(Stdio::piped()))?;
    expect_line(&lines, "pod/first")?;
    // The watch goes on after its lease was revoked: the API server looks at a token when a request begins.
    workplace.revoke(&workplace.active_lease()?)?;
    workplace.make_pod("second")?;
    expect_line(&lines, "pod/second")?;
    watching.kill()?;
    watching.wait()?;
    workplace.forget_looking()?;

    // A kustomization.
    let kustomization = workplace.machine.home.path().join("kustomization");
    fs::create_dir(&kustomization)?;
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: first\n";
    fs::write(kustomization.join("pod.yaml"), pod)?;
    fs::write(kustomization.join("kustomization.yaml"), "resources:\n- pod.yaml\n")?;
    let directory = kustomization.to_str().context("a path")?;
    wait_until("the new lease's being let in", Duration::from_secs(20), || {
        let output = workplace.run(&["get", "-k", directory, "-o", "name"])?;
        if output.stdout == b"pod/first\n" { Ok(()) } else { Err(not_yet(format!("{output:?}"))) }
    })?;

    // Installed as `kubectl-lease` the program is a plugin of kubectl.
    let bin = workplace.machine.home.path().join("bin");
    fs::create_dir(&bin)?;
    symlink(&workplace.machine.kubelease, bin.join("kubectl-lease"))?;
    let mut kubectl = workplace.kubectl(&["lease", "whoami", "-o", "json"])?;
    kubectl.env("PATH", std::env::join_paths([&bin])?);
    let output =
        kubectl.env("KUBELEASE_URL", workplace.machine.broker.kubelease.url()?).output()?;
    ensure!(output.status.success(), "{output:?}");
    let caller: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(caller["identity"], "ci", "{caller}");
    Ok(())
}

/// A program on client-go goes on when its lease was revoked: refused, it asks the plugin, which has another lease once
/// it has looked.
pub fn an_informer_outlives_its_lease(case: &TestCase) -> Result<()> {
    let program = build_informer()?;
    let workplace = Workplace::new(case)?;
    let mut informer = workplace.command(&program)?;
    informer.args([workplace.machine.broker.place.name(), "5s"]).stdout(Stdio::piped());
    let (mut informer, lines) = lines_of(&mut informer)?;
    expect_line(&lines, "first")?;
    let first = workplace.active_lease()?;
    workplace.revoke(&first)?;
    workplace.forget_looking()?;
    // Each watch ends after five seconds, so that the next one begins with a token that is refused.
    thread::sleep(Duration::from_secs(7));
    workplace.make_pod("second")?;
    expect_line(&lines, "second")?;
    informer.kill()?;
    informer.wait()?;
    ensure!(workplace.active_lease()? != first, "another lease");
    Ok(())
}

/// Nothing is revoked here and no file is touched: each lease ends by its time, and the sweep ends it in the cluster.
pub fn a_watch_and_an_informer_go_on_when_the_time_of_their_lease_is_over(
    case: &TestCase,
) -> Result<()> {
    let program = build_informer()?;
    let workplace = Workplace::with_ttl(case, "20s")?;
    let broker = &workplace.machine.broker;
    let mut watching = workplace.kubectl(&["get", "pods", "--watch", "-o", "name"])?;
    let (mut watching, seen_by_kubectl) = lines_of(watching.stdout(Stdio::piped()))?;
    expect_line(&seen_by_kubectl, "pod/first")?;
    let mut informer = workplace.command(&program)?;
    informer.args([broker.place.name(), "5s"]).stdout(Stdio::piped());
    let (mut informer, seen_by_informer) = lines_of(&mut informer)?;
    expect_line(&seen_by_informer, "first")?;
    // Twice the time of a lease, and a sweep after each: the informer's next watch begins with another lease or one that
    // was renewed.
    for name in ["second", "third"] {
        thread::sleep(Duration::from_secs(22));
        broker.sweep()?;
        workplace.make_pod(name)?;
        expect_line(&seen_by_informer, name)?;
    }
    // The one watch of kubectl has both, though its token is over since the first of them.
    expect_line(&seen_by_kubectl, "pod/third")?;
    for child in [&mut watching, &mut informer] {
        child.kill()?;
        child.wait()?;
    }
    let admin = broker.admin()?;
    let ended = admin.get("/api/v1/leases?state=expired")?.expect_status(200)?;
    ensure!(ended["items"].as_array().is_some_and(|leases| !leases.is_empty()), "{ended}");
    // The next command finds its lease over, by the clock alone.
    let output = workplace.run(&["get", "pods", "-o", "name"])?;
    ensure!(output.status.success(), "{output:?}");
    Ok(())
}

/// Starts a program whose lines are read beside it.
fn lines_of(command: &mut Command) -> Result<(Child, Receiver<String>)> {
    let mut child = command.spawn()?;
    let output = BufReader::new(child.stdout.take().context("its output")?);
    let (tell, lines) = channel();
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                break;
            }
        }
    });
    Ok((child, lines))
}

/// Waits for a line; others before it do not matter.
fn expect_line(lines: &Receiver<String>, expected: &str) -> Result<()> {
    loop {
        let line = lines.recv_timeout(Duration::from_mins(1));
        if line.with_context(|| format!("`{expected}` was not printed"))? == expected {
            return Ok(());
        }
    }
}

/// Builds the informer from its Go modules; Go's cache makes this short but for the first time.
fn build_informer() -> Result<PathBuf> {
    let informer = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pod-informer");
    let mut go = Command::new("go");
    go.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/pod-informer"));
    go.env("GOWORK", "off").args(["build", "-trimpath", "-o"]).arg(&informer).arg(".");
    command::run_with_progress("building an informer on client-go", &mut go)?;
    Ok(informer)
}
