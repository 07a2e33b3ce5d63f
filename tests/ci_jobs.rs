//! Jobs of CI services: the environment as each sets it, the templates of `deploy/ci`, and the real parts behind them.

pub mod buildkite;
pub mod circleci;
pub mod github;
pub mod gitlab;
pub mod long;
pub mod manual;
pub mod pod;
mod template;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jwt_auth::testing::TestKey;
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::issuer_server::{ISSUER_HOST, IssuerServer, keys_path};
use testbed::kubelease::manifest_path;
use testbed::wait::{not_yet, wait_until};

use crate::broker::{Broker, now};
use crate::ci_tokens::documented;
use crate::kind;

/// A job, before it runs: its service's keys, an identity that lets it in by the entry of docs/ci-logins.md, and a machine.
struct Job<'s> {
    broker: Broker<'s>,
    issuer: IssuerServer,
    home: tempfile::TempDir,
    claims: Value,
}

impl<'s> Job<'s> {
    /// A job of the service that has this heading in docs/ci-logins.md.
    fn new(case: &TestCase<'s>, heading: &str, claims: Value) -> Result<Self> {
        let issuer = IssuerServer::start_server()?;
        issuer.add_issuer("/ci", &[TestKey::Rsa.jwk("key-1")]);
        let mut entry = documented(heading)?;
        // The service's own keys are away from here.
        entry["jwks_url"] = json!(issuer.url(&keys_path("/ci")));
        let settings = case.new_settings()?.with_ca(ISSUER_HOST, issuer.ca_pem());
        let broker = Broker::with(case, &kind::CLUSTER_ROLE_HERE, settings)?;
        let job = Self { broker, issuer, home: tempfile::tempdir()?, claims };
        job.put_identity(&entry)?;
        job.write("ca.crt", job.broker.cluster.ca_pem())?;
        job.write("issuer.crt", job.issuer.ca_pem())?;
        fs::create_dir(job.path("bin"))?;
        symlink(program()?, job.path("bin/kubelease"))?;
        symlink(&job.broker.cluster.assets().kubectl, job.path("bin/kubectl"))?;
        Ok(job)
    }

    fn put_identity(&self, auth: &Value) -> Result<()> {
        let identity = json!({"auth": [auth], "grants": [{"dynamic_secrets": ["*"], "namespaces": ["*"],
            "actions": ["issue", "read", "renew", "revoke"]}]});
        self.broker.admin()?.put("/api/v1/identities/ci", &identity)?.expect_status(201).map(drop)
    }

    /// Puts the identity once more, with what `change` makes of it.
    fn change_identity(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        let mut identity = self.identity()?;
        change(&mut identity);
        let admin = self.broker.admin()?;
        admin.put("/api/v1/identities/ci", &identity)?.expect_success().map(drop)
    }

    /// The definition of the identity.
    fn identity(&self) -> Result<Value> {
        let shown = self.broker.admin()?.get("/api/v1/identities/ci")?.expect_status(200)?;
        Ok(json!({"auth": shown["auth"], "grants": shown["grants"]}))
    }

    /// The ID token that the service gives the job.
    fn id_token(&self) -> Result<String> {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": "key-1"});
        Ok(TestKey::Rsa.sign(TestKey::Rsa.algorithm(), &header, &self.fresh_claims()?))
    }

    /// The claims of an ID token that is issued now.
    fn fresh_claims(&self) -> Result<Value> {
        let mut claims = self.claims.clone();
        let now = now()?;
        (claims["iat"], claims["exp"]) = (json!(now), json!(now + 300));
        Ok(claims)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.path(name), text).with_context(|| format!("could not write {name}"))
    }

    fn read(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.path(name)).with_context(|| format!("could not read {name}"))
    }

    /// Puts a program on the `PATH` of the job.
    fn install(&self, name: &str, script: &str) -> Result<()> {
        let file = self.path("bin").join(name);
        fs::write(&file, script)?;
        fs::set_permissions(&file, Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// A program of the job, in a process group of its own, with nothing in its environment but what every machine has.
    fn command(&self, program: &str, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().current_dir(self.home.path()).process_group(0);
        let path = std::env::var("PATH")?;
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        command.env("HOME", self.home.path()).env("CI", "true").stdin(Stdio::null());
        Ok(command)
    }

    /// The settings that every template takes.
    fn settings(&self) -> Result<[(&'static str, String); 4]> {
        Ok([
            ("url", self.broker.kubelease.url()?),
            ("dynamic-secret", self.broker.secret_name().to_owned()),
            ("server", self.broker.cluster.url().to_owned()),
            ("certificate-authority", self.path("ca.crt").display().to_string()),
        ])
    }

    /// The leases that the job has asked for, as the administrator sees them.
    fn leases(&self) -> Result<Vec<Value>> {
        let leases = self.broker.admin()?.get("/api/v1/leases")?.expect_status(200)?;
        Ok(leases["items"].as_array().context("a list")?.clone())
    }

    /// The states of the leases, sorted.
    fn states(&self) -> Result<Vec<String>> {
        let leases = self.leases()?;
        let states = leases.iter().filter_map(|lease| Some(lease["state"].as_str()?.to_owned()));
        let mut states: Vec<_> = states.collect();
        states.sort();
        Ok(states)
    }

    /// Asserts that all leases were the identity's, and that none is left.
    fn assert_revoked(&self, how_many: usize) -> Result<()> {
        let leases = self.leases()?;
        assert_eq!(leases.len(), how_many, "{leases:?}");
        for lease in leases {
            assert_eq!(lease["state"], "revoked", "{lease}");
            assert_eq!(lease["requester"], "identity:ci", "{lease}");
        }
        Ok(())
    }
}

/// The command line, which is built beside this program.
fn program() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let directory = own.ancestors().skip(1).find(|path| !path.ends_with("deps"));
    let program = directory.context("a directory")?.join("kubelease");
    ensure!(program.is_file(), "`cargo xtask test` builds {}", program.display());
    Ok(program)
}

/// A file of `deploy/ci`.
fn deployed(name: &str) -> PathBuf {
    manifest_path().with_file_name("deploy").join("ci").join(name)
}

/// Both outputs as a log has them; fails if the exit code is another.
fn log_of(command: &mut Command, code: i32) -> Result<String> {
    let Output { status, stdout, stderr } = command.output()?;
    let log = String::from_utf8([stdout, stderr].concat())?;
    ensure!(status.code() == Some(code), "{status}: {log}");
    Ok(log)
}

/// Sends a signal to a whole process group, or to one process.
fn signal(signal: &str, child: &Child, is_group: bool) -> Result<()> {
    let pid = if is_group { format!("-{}", child.id()) } else { child.id().to_string() };
    ensure!(Command::new("kill").args(["-s", signal, "--", &pid]).status()?.success());
    Ok(())
}

/// Waits until a file is there.
fn until_there(file: &Path) -> Result<()> {
    wait_until("a file", Duration::from_secs(20), || {
        if file.exists() { Ok(()) } else { Err(not_yet(file.display())) }
    })
}

/// The script of a job: kubectl until its lease is let in, which takes some tenths of a second.
const LIST: &str = "for i in 1 2 3 4 5 6 7 8 9; do kubectl get services && break; sleep 1; done";
