//! A person's machine with the command `kubelease` on it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::harness::TestCase;

use crate::broker::Broker;
use crate::kind::{self, Kind};

/// A person's machine: a home directory, and a login of an identity that may lease.
pub struct Machine<'s> {
    pub broker: Broker<'s>,
    pub home: tempfile::TempDir,
    pub access_token: String,
    pub kubelease: PathBuf,
}

impl<'s> Machine<'s> {
    /// A machine on which nobody has logged in, for leases of a kind.
    pub fn of_kind(case: &TestCase<'s>, kind: &'static Kind) -> Result<Self> {
        let broker = Broker::new(case, kind)?;
        let identity = json!({"auth": [{"type": "token"}], "grants": [{"dynamic_secrets": ["*"],
            "namespaces": ["*"], "actions": ["issue", "read", "renew", "revoke"]}]});
        let admin = broker.admin()?;
        admin.put("/api/v1/identities/ci", &identity)?.expect_status(201)?;
        let made = admin.post("/api/v1/identities/ci/tokens", &json!({}))?.expect_status(201)?;
        let access_token = made["access_token"].as_str().context("a token")?.to_owned();
        let own = std::env::current_exe()?;
        let directory = own.ancestors().skip(1).find(|path| !path.ends_with("deps"));
        let kubelease = directory.context("a directory")?.join("kubelease");
        ensure!(kubelease.is_file(), "`cargo xtask test` builds {}", kubelease.display());
        let machine = Self { broker, home: tempfile::tempdir()?, access_token, kubelease };
        fs::write(machine.home.path().join("ca.crt"), machine.broker.cluster.ca_pem())?;
        Ok(machine)
    }

    /// A machine on which nobody has logged in.
    pub fn new(case: &TestCase<'s>) -> Result<Self> {
        Self::of_kind(case, &kind::CLUSTER_ROLE_HERE)
    }

    /// A machine on which the identity has logged in.
    pub fn logged_in(case: &TestCase<'s>) -> Result<Self> {
        let machine = Self::new(case)?;
        machine.log_in()?;
        Ok(machine)
    }

    /// Logs in by the access token, which is read from standard input.
    pub fn log_in(&self) -> Result<()> {
        let mut login = self.command(&["login", "--token", "--token-file", "-"])?;
        let mut child = login.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        writeln!(child.stdin.take().context("stdin")?, "{}", self.access_token)?;
        let output = child.wait_with_output()?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success() && told.contains("as `ci`"), "{told}");
        Ok(())
    }

    /// The program with an environment of its own.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(&self.kubelease);
        command.args(arguments).env_clear().stdin(Stdio::null());
        command.env("HOME", self.home.path()).env("KUBELEASE_URL", self.broker.kubelease.url()?);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        Ok(command)
    }

    /// Runs the program to its end.
    pub fn output(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(arguments)?.output()?)
    }

    /// Returns the output of a command that succeeds.
    pub fn print(&self, arguments: &[&str]) -> Result<String> {
        let output = self.output(arguments)?;
        ensure!(output.status.success(), "{arguments:?}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// `run` of a shell script.
    pub fn run(&self, script: &str) -> Result<Command> {
        let ca = self.home.path().join("ca.crt");
        let ca = ca.to_str().context("a path")?;
        let (name, server) = (self.broker.secret_name(), self.broker.cluster.url());
        let cluster = ["--server", server, "--certificate-authority", ca];
        let run = [&["run", name][..], &cluster, &["--", "sh", "-c", script]].concat();
        self.command(&run)
    }

    /// Returns all leases that the identity sees.
    pub fn leases(&self) -> Result<Vec<Value>> {
        let leases: Value = serde_json::from_str(&self.print(&["leases", "--all", "-o", "json"])?)?;
        Ok(leases.as_array().context("a list")?.clone())
    }

    /// Returns the directory in which leases are kept for kubectl.
    pub fn kept_leases(&self) -> PathBuf {
        self.home.path().join(".cache/kubelease/leases/default")
    }

    /// Returns where kubectl is.
    pub fn kubectl(&self) -> &Path {
        &self.broker.cluster.assets().kubectl
    }
}
