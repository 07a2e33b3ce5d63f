//! The command line: the real program, a running kubelease and the real API server.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::harness::TestCase;
use testbed::wait::{not_yet, wait_until};

use crate::machine::Machine;

pub fn a_job_runs_a_command_with_a_lease_that_ends_with_it(case: &TestCase) -> Result<()> {
    let machine = Machine::new(case)?;
    let script = "env; stat -c 'mode %a' \"$KUBECONFIG\" $(dirname $KUBECONFIG)/token $(dirname $KUBECONFIG); \
                  for i in 1 2 3 4 5 6 7 8 9; do \"$KUBECTL\" get services && break; sleep 1; done; exit 7";
    let mut run = machine.run(script)?;
    let output = run
        .env("KUBELEASE_TOKEN", &machine.access_token)
        .env("KUBECTL", machine.kubectl())
        .output()?;
    let text = format!("{output:?}");
    ensure!(output.status.code() == Some(7), "{text}");
    let told = String::from_utf8(output.stderr)?;
    ensure!(told.contains("No resources found"), "{text}");
    let printed = String::from_utf8(output.stdout)?;
    let modes: Vec<_> = printed.lines().filter_map(|line| line.strip_prefix("mode ")).collect();
    assert_eq!(modes, ["600", "600", "700"]);
    ensure!(
        !text.contains(&machine.access_token),
        "the environment or a message has the access token"
    );
    let kubeconfig = printed.lines().find_map(|line| line.strip_prefix("KUBECONFIG="));
    let kubeconfig = Path::new(kubeconfig.context("KUBECONFIG")?);
    ensure!(!kubeconfig.parent().context("a directory")?.exists(), "{}", kubeconfig.display());
    let shown = machine.broker.admin()?.get("/api/v1/leases")?.expect_status(200)?;
    assert_eq!(shown["items"][0]["state"], "revoked", "{shown}");
    Ok(())
}

pub fn a_signal_ends_the_command_and_the_lease(case: &TestCase) -> Result<()> {
    let machine = Machine::logged_in(case)?;
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        // A script that dash runs in the background ignores INT: `exec` makes it the one process that is asked.
        let mut child =
            machine.run("echo started; exec sleep 300")?.stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout")?).lines();
        assert_eq!(lines.next().context("a line")??, "started");
        let pid = child.id().to_string();
        let arguments = fs::read(format!("/proc/{pid}/cmdline"))?;
        ensure!(!String::from_utf8_lossy(&arguments).contains("eyJ"), "a token is an argument");
        ensure!(Command::new("kill").args(["-s", signal, &pid]).status()?.success());
        assert_eq!(end(&mut child)?, Some(code), "{signal}");
    }
    let leases = machine.leases()?;
    assert_eq!(leases.len(), 3);
    ensure!(leases.iter().all(|lease| lease["state"] == "revoked"), "{leases:?}");
    Ok(())
}

fn end(child: &mut Child) -> Result<Option<i32>> {
    wait_until("the end of the command", Duration::from_secs(20), || match child.try_wait()? {
        Some(status) => Ok(status.code()),
        None => Err(not_yet("it runs")),
    })
}

pub fn kubectl_leases_by_itself_and_keeps_the_lease(case: &TestCase) -> Result<()> {
    let machine = Machine::logged_in(case)?;
    let ca = machine.home.path().join("ca.crt");
    let cluster = machine.broker.cluster.url();
    let (name, place) = (machine.broker.secret_name(), machine.broker.place.name());
    let printed = machine.print(&[
        "kubeconfig",
        name,
        "-n",
        place,
        "--print",
        "--server",
        cluster,
        "--certificate-authority",
        ca.to_str().context("a path")?,
    ])?;
    ensure!(!printed.contains("eyJ"), "{printed}");
    let kubeconfig = machine.home.path().join("kubeconfig");
    fs::write(&kubeconfig, printed)?;
    let path = [machine.kubelease.parent().context("a directory")?.to_owned()];
    let get = || -> Result<Output> {
        let mut kubectl = Command::new(machine.kubectl());
        kubectl.args(["get", "services"]).env_clear().env("HOME", machine.home.path());
        kubectl.env("KUBECONFIG", &kubeconfig).env("PATH", std::env::join_paths(&path)?);
        Ok(kubectl.output()?)
    };
    wait_until("kubectl's being let in", Duration::from_secs(20), || {
        let output = get()?;
        if output.status.success() { Ok(()) } else { Err(not_yet(format!("{output:?}"))) }
    })?;
    ensure!(get()?.status.success());
    let leases = machine.leases()?;
    assert_eq!(leases.len(), 1, "{leases:?}");
    let kept = machine.kept_leases();
    for entry in fs::read_dir(kept)? {
        let mode = entry?.metadata()?.permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
    }
    Ok(())
}

/// Once the target has its CA, nobody has to say where the cluster is.
pub fn the_cluster_is_known_from_the_server(case: &TestCase) -> Result<()> {
    let machine = Machine::logged_in(case)?;
    let name = machine.broker.secret_name();
    machine.broker.put_ca()?;
    let file = machine.home.path().join("kubeconfig");
    let path = std::env::join_paths([machine.kubelease.parent().context("a directory")?])?;
    let get = || -> Result<Output> {
        let mut kubectl = Command::new(machine.kubectl());
        kubectl.args(["get", "services"]).env_clear().env("HOME", machine.home.path());
        Ok(kubectl.env("KUBECONFIG", &file).env("PATH", &path).output()?)
    };
    for arguments in [&["lease", name, "-o", "kubeconfig"][..], &["kubeconfig", name, "--print"]] {
        fs::write(&file, machine.print(arguments)?)?;
        wait_until("kubectl's being let in", Duration::from_secs(20), || {
            let output = get()?;
            if output.status.success() { Ok(()) } else { Err(not_yet(format!("{output:?}"))) }
        })?;
    }
    let script =
        "for i in 1 2 3 4 5 6 7 8 9; do \"$KUBECTL\" get services && exit; sleep 1; done; exit 7";
    let mut run = machine.command(&["run", name, "--", "sh", "-c", script])?;
    let output = run.env("KUBECTL", machine.kubectl()).output()?;
    ensure!(output.status.success(), "{output:?}");

    let info = |version: &str| {
        format!(r#"{{"apiVersion":"client.authentication.k8s.io/{version}","spec":{{}}}}"#)
    };
    for (version, good) in [("v1", true), ("v1beta1", true), ("v2", false)] {
        let mut plugin = machine.command(&["exec-credential", name])?;
        let output = plugin.env("KUBERNETES_EXEC_INFO", info(version)).output()?;
        assert_eq!(output.status.success(), good, "{version}: {output:?}");
        if good {
            let answer: Value = serde_json::from_slice(&output.stdout)?;
            assert_eq!(answer["apiVersion"], format!("client.authentication.k8s.io/{version}"));
        }
    }
    Ok(())
}

pub fn fifty_at_once_make_one_lease(case: &TestCase) -> Result<()> {
    let machine = Machine::logged_in(case)?;
    let name = machine.broker.secret_name();
    let children: Vec<_> = (0..50)
        .map(|_| Ok(machine.command(&["exec-credential", name])?.stdout(Stdio::piped()).spawn()?))
        .collect::<Result<_>>()?;
    let mut tokens = vec![];
    for mut child in children {
        let mut printed = String::new();
        child.stdout.take().context("stdout")?.read_to_string(&mut printed)?;
        ensure!(child.wait()?.success());
        let credential: Value = serde_json::from_str(&printed)?;
        assert_eq!(credential["kind"], "ExecCredential");
        tokens.push(credential["status"]["token"].clone());
    }
    tokens.dedup();
    assert_eq!((tokens.len(), machine.leases()?.len()), (1, 1));
    Ok(())
}

pub fn leases_are_listed_renewed_and_revoked(case: &TestCase) -> Result<()> {
    let machine = Machine::logged_in(case)?;
    let name = machine.broker.secret_name();
    let whoami = machine.print(&["whoami"])?;
    ensure!(whoami.contains("ci") && whoami.contains(name), "{whoami}");
    let lease: Value =
        serde_json::from_str(&machine.print(&["lease", name, "--ttl", "15m", "-o", "json"])?)?;
    let id = lease["lease_id"].as_str().context("an id")?;
    let token = machine.print(&["renew", id])?;
    machine.broker.until_let_in(token.trim())?;
    let table = machine.print(&["leases", "--dynamic-secret", name])?;
    let rows: Vec<_> = table.lines().collect();
    ensure!(rows.len() == 2 && rows[0].starts_with("LEASE"), "{table}");
    // By the second that it is listed in.
    let ends = rows[1].contains("in 15m") || rows[1].contains("in 14m");
    ensure!(rows[1].starts_with(id) && rows[1].contains("active") && ends, "{table}");
    assert_eq!(machine.print(&["revoke", id])?, format!("lease {id} revoked\n"));
    machine.broker.until_refused(token.trim(), Duration::from_secs(30))?;
    for _ in 0..2 {
        machine.print(&["lease", name])?;
    }
    let output = machine.output(&["revoke", "--all", "--dynamic-secret", name])?;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let revoked = machine.print(&["revoke", "--all", "--dynamic-secret", name, "--yes"])?;
    assert_eq!(revoked, "2 revoked, 0 being revoked, 0 not revocable\n");

    let login = machine.home.path().join(".local/state/kubelease/logins/default.json");
    assert_eq!(fs::metadata(&login)?.permissions().mode() & 0o777, 0o600);
    machine.print(&["logout"])?;
    ensure!(!login.exists());
    let bot = machine.broker.admin()?.without_credentials().with_bearer(&machine.access_token);
    bot.get("/api/v1/auth/token")?.expect_status(401)?;
    Ok(())
}

pub fn a_refusal_says_what_to_do_and_has_its_exit_code(case: &TestCase) -> Result<()> {
    let machine = Machine::new(case)?;
    let name = machine.broker.secret_name();
    let (wrong, near) = (format!("{name}x"), format!("Did you mean `{name}`?"));
    let id = "0".repeat(32);
    for (arguments, token, code, told) in [
        (&["lease", &wrong][..], Some(machine.access_token.as_str()), 3, near.as_str()),
        (&["lease", "../x"], None, 2, "a name is 1 to 63"),
        (&["lease", name], None, 3, "Log in with `kubelease login`"),
        (&["lease", name], Some("a.b.c"), 3, "Log in with `kubelease login`"),
        (&["revoke", &id], Some(&machine.access_token), 3, "`kubelease leases` shows"),
        (&["--url", "http://127.0.0.1:1", "whoami"], Some("a.b.c"), 4, "cannot be reached"),
        (&["--url", "http://10.0.0.1", "whoami"], Some("a.b.c"), 2, "`https://`"),
    ] {
        let mut command = machine.command(arguments)?;
        if let Some(token) = token {
            command.env("KUBELEASE_TOKEN", token);
        }
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        ensure!(text.contains(told), "{arguments:?}: {text}");
        ensure!(!text.contains(&machine.access_token) && !text.contains("a.b.c"), "{text}");
    }
    Ok(())
}
