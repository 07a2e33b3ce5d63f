//! A recorded session: from a cluster that has never heard of kubelease to a job's lease that is gone.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jwt_auth::testing::TestKey;
use serde_json::{Value, json};
use testbed::control_plane::ControlPlane;
use testbed::harness::TestCase;
use testbed::issuer_server::{Answer, ISSUER_HOST, IssuerServer, keys_path};
use testbed::kubelease::{ADMIN_TOKEN_VARIABLE, Kubelease, manifest_path};
use testbed::namespace::Namespace;
use testbed::wait::{not_yet, wait_until};

use crate::broker::now;
use crate::ci_tokens::github;

/// Everybody's part: a cluster, a kubelease without anything, and the CI service.
struct Session<'s> {
    cluster: &'s ControlPlane,
    kubelease: Arc<Kubelease<'s>>,
    issuer: IssuerServer,
    /// The namespace of applications.
    apps: Arc<Namespace>,
    /// The namespace of kubelease's account.
    own: Arc<Namespace>,
    home: tempfile::TempDir,
}

impl<'s> Session<'s> {
    fn new(case: &TestCase<'s>) -> Result<Self> {
        let issuer = IssuerServer::start_server()?;
        issuer.add_issuer("/ci", &[TestKey::Rsa.jwk("key-1")]);
        let settings = case.new_settings()?.with_ca(ISSUER_HOST, issuer.ca_pem());
        let session = Self {
            cluster: case.control_plane(),
            kubelease: case.new_kubelease_with(settings)?,
            issuer,
            apps: case.new_namespace()?,
            own: case.new_namespace()?,
            home: tempfile::tempdir()?,
        };
        session.apps.create_service_account("deployer")?;
        let rules = json!([{"apiGroups": [""], "resources": ["services"], "verbs": ["list"]}]);
        session.apps.create_role_for_account("deployer", "reader", &rules)?;
        let own = std::env::current_exe()?;
        let directory = own.ancestors().skip(1).find(|path| !path.ends_with("deps"));
        fs::create_dir(session.path("bin"))?;
        symlink(
            directory.context("a directory")?.join("kubelease"),
            session.path("bin/kubelease"),
        )?;
        symlink(&session.cluster.assets().kubectl, session.path("bin/kubectl"))?;
        fs::write(session.path("issuer.crt"), session.issuer.ca_pem())?;
        Ok(session)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(self.path("bin/kubelease"));
        command.args(arguments).env_clear().stdin(Stdio::null()).current_dir(self.home.path());
        command.env("HOME", self.home.path()).env("KUBELEASE_URL", self.kubelease.url()?);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(
            [self.path("bin")].into_iter().chain(std::env::split_paths(&path)),
        )?;
        command.env("PATH", path);
        Ok(command)
    }

    /// Runs a command of the administrator.
    fn administrate(&self, arguments: &[&str]) -> Result<Output> {
        let token = self.kubelease.settings().variable(ADMIN_TOKEN_VARIABLE).to_owned();
        let output = self.command(arguments)?.env("KUBELEASE_TOKEN", &token).output()?;
        ensure!(!format!("{output:?}").contains(&token), "{arguments:?} shows a token");
        Ok(output)
    }

    /// Runs a command of the administrator that succeeds, and returns what it prints.
    fn print(&self, arguments: &[&str]) -> Result<String> {
        let output = self.administrate(arguments)?;
        ensure!(output.status.success(), "{arguments:?}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }

    fn add_target(&self, more: &[&str]) -> Result<Output> {
        let kubeconfig = self.cluster.kubeconfig_path().to_str().context("a path")?;
        let account = format!("{}/kubelease", self.own.name());
        let arguments = [
            &["target", "add-from-kubeconfig", "kubelease", "prod", "--kubeconfig", kubeconfig][..],
            &["--modes", "existing,temporary-role", "-n", self.apps.name()],
            &["--account", "deployer", "--role", "view", "--service-account", &account],
            more,
        ];
        self.administrate(&arguments.concat())
    }

    /// Has the API server decode a manifest, which refuses an unknown, a duplicate or a null field.
    fn validate_strictly(&self, manifest: &str) -> Result<()> {
        let file = self.path("manifest.yaml");
        fs::write(&file, manifest)?;
        let mut kubectl = Command::new(self.path("bin/kubectl"));
        kubectl.arg("--kubeconfig").arg(self.cluster.kubeconfig_path());
        kubectl.args(["apply", "--dry-run=server", "--validate=strict", "-f"]).arg(&file);
        let output = kubectl.output()?;
        ensure!(output.status.success(), "{output:?}");
        Ok(())
    }

    /// Copies the examples, with the names of this session in the place of theirs.
    fn copy_examples(&self) -> Result<()> {
        let examples = manifest_path().parent().context("a directory")?.join("examples");
        fs::create_dir(self.path("examples"))?;
        for entry in fs::read_dir(examples)? {
            let file = entry?.path();
            let text = fs::read_to_string(&file)?;
            let text =
                text.replace("namespaces: [apps]", &format!("namespaces: [{}]", self.apps.name()));
            let keys = format!("      jwks_url: {}\n", self.issuer.url(&keys_path("/ci")));
            let text = text.replace("      audiences:", &(keys + "      audiences:"));
            let name = file.file_name().context("a name")?;
            fs::write(self.path("examples").join(name), text)?;
        }
        Ok(())
    }

    /// A command of a job of GitHub Actions.
    fn job(&self, arguments: &[&str]) -> Result<Command> {
        let mut claims = github();
        let now = now()?;
        (claims["iat"], claims["exp"]) = (json!(now), json!(now + 300));
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": "key-1"});
        let token = TestKey::Rsa.sign(TestKey::Rsa.algorithm(), &header, &claims);
        let answer = Answer::For(
            "request".to_owned(),
            Box::new(Answer::from_json(&json!({"value": token}))),
        );
        self.issuer.set_answer("/token?job=1&audience=kubelease", answer);
        let mut command = self.command(arguments)?;
        command.env("GITHUB_ACTIONS", "true").env("SSL_CERT_FILE", self.path("issuer.crt"));
        command.env("ACTIONS_ID_TOKEN_REQUEST_URL", self.issuer.url("/token?job=1"));
        command.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request");
        Ok(command)
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        for kind in ["clusterrolebindings", "clusterroles"] {
            for name in ["kubelease-existing", "kubelease-temporary-role"] {
                let path = format!("/apis/rbac.authorization.k8s.io/v1/{kind}/{name}");
                if let Err(error) = self.cluster.admin_client().delete(&path) {
                    eprintln!("could not delete {name}: {error:#}");
                }
            }
        }
    }
}

pub fn from_nothing_to_a_lease_of_a_job_that_is_gone_after_it(case: &TestCase) -> Result<()> {
    let session = Session::new(case)?;
    // Nothing is done that was not agreed to.
    let printed = session.add_target(&["--print"])?;
    let printed = String::from_utf8(printed.stdout)?;
    ensure!(printed.contains("serviceaccounts/token") && !printed.contains("eyJ"), "{printed}");
    session.validate_strictly(&printed)?;
    assert_eq!(session.add_target(&[])?.status.code(), Some(2));
    let account = format!("{}/kubelease", session.own.resources_path("v1", "serviceaccounts"));
    assert_eq!(session.cluster.admin_client().get(&account)?.status, 404);

    let added = session.add_target(&["--yes"])?;
    let shown = format!("{added:?}");
    ensure!(added.status.success() && shown.contains("target/prod created"), "{shown}");
    ensure!(shown.contains(&format!("{}:kubelease", session.own.name())), "{shown}");
    ensure!(!shown.contains("eyJ") && !shown.contains("PRIVATE"), "a secret is shown: {shown}");

    session.copy_examples()?;
    let target = session.print(&["export", "target", "prod"])?;
    ensure!(target.contains("BEGIN CERTIFICATE") && !target.contains("eyJ"), "{target}");
    fs::write(session.path("examples/target.yaml"), target)?;
    let applied = session.print(&["apply", "-f", "examples", "--set", "examples", "--prune"])?;
    let lines: Vec<_> = applied.lines().collect();
    // The mark is new, and all else of the target as it was.
    assert_eq!(
        lines,
        [
            "target/prod configured",
            "dynamic-secret/deploy created",
            "dynamic-secret/look created",
            "identity/release created",
            "identity/on-call created",
        ]
    );
    let again = session.print(&["apply", "-f", "examples", "--set", "examples", "--prune"])?;
    ensure!(again.lines().all(|line| line.ends_with(" unchanged")), "{again}");
    let check = session.print(&["check", "prod"])?;
    for name in ["deploy", "look"] {
        let line = format!("{name}: can be issued, can be revoked");
        ensure!(check.contains(&line), "{check}");
    }

    run_job(&session)?;
    look_back(&session)
}

/// A job logs in by its own token, and runs kubectl with a lease.
fn run_job(session: &Session<'_>) -> Result<()> {
    let script = "cat \"$(dirname \"$KUBECONFIG\")/token\" > token; \
                  for i in 1 2 3 4 5 6 7 8 9; do kubectl get services && exit; sleep 1; done; exit 1";
    let output = session.job(&["run", "deploy", "--", "sh", "-c", script])?.output()?;
    let told = String::from_utf8(output.stderr)?;
    ensure!(output.status.success() && told.contains("No resources found"), "{told}");
    ensure!(told.contains("Logging in by the ID token of GitHub Actions."), "{told}");
    let leases = session.kubelease.admin_client()?.get("/api/v1/leases")?.expect_status(200)?;
    let lease = &leases["items"][0];
    assert_eq!(
        (&lease["state"], &lease["requester"]),
        (&json!("revoked"), &json!("identity:release"))
    );
    let token = fs::read_to_string(session.path("token"))?;
    let path = session.apps.resources_path("v1", "services");
    wait_until("the end of the token", Duration::from_secs(30), || {
        match session.cluster.client_with_token(token.trim()).get(&path)?.status {
            401 => Ok(()),
            status => Err(not_yet(format!("status {status}"))),
        }
    })
}

/// The administrator looks at what was done, and why another branch would be refused.
fn look_back(session: &Session<'_>) -> Result<()> {
    let audit = session.print(&["audit", "--identity", "release"])?;
    for event in ["login", "issue", "revocation"] {
        ensure!(audit.lines().any(|line| line.contains(&format!(" {event} "))), "{event}: {audit}");
    }
    let events = session.print(&["audit", "--type", "issue", "-o", "json"])?;
    let events: Value = serde_json::from_str(&events)?;
    assert_eq!(events[0]["identity"], "release");
    let verified = session.print(&["audit", "--verify"])?;
    ensure!(verified.contains("unchanged since they were recorded"), "{verified}");

    let mut claims = github();
    claims["exp"] = json!(now()? + 600);
    let good = claims.to_string();
    claims["ref"] = json!("refs/heads/fix");
    fs::write(session.path("claims.json"), claims.to_string())?;
    let arguments = ["explain", "release", "deploy", "--claims", "claims.json"];
    let refused = session.administrate(&arguments)?;
    let shown = String::from_utf8(refused.stdout)?;
    ensure!(refused.status.code() == Some(3), "{shown}");
    let rule = shown.lines().find(|line| line.contains("claims.ref")).context(shown.clone())?;
    ensure!(rule.contains("NO") && rule.contains("refs/heads/main"), "{shown}");
    fs::write(session.path("claims.json"), good)?;
    let allowed = session.print(&arguments)?;
    ensure!(allowed.starts_with("It would be allowed."), "{allowed}");
    followed(session)
}

/// An audit that is followed tells what comes, and each event once.
fn followed(session: &Session<'_>) -> Result<()> {
    let log = session.path("followed");
    let token = session.kubelease.settings().variable(ADMIN_TOKEN_VARIABLE).to_owned();
    let mut follow = session.command(&["audit", "-f", "--type", "identity_put"])?;
    follow.env("KUBELEASE_TOKEN", token).stdout(fs::File::create(&log)?);
    let mut child = follow.spawn()?;
    let lines = |name: &str| -> Result<usize> {
        let text = fs::read_to_string(&log)?;
        Ok(text.lines().filter(|line| line.contains(name)).count())
    };
    let until = |name: &str| {
        wait_until("an event", Duration::from_secs(20), || match lines(name)? {
            0 => Err(not_yet(format!("{name} is not told"))),
            _ => Ok(()),
        })
    };
    let told = until("on-call").and_then(|()| {
        session
            .kubelease
            .admin_client()?
            .put("/api/v1/identities/late", &json!({}))?
            .expect_status(201)?;
        until("late")
    });
    child.kill()?;
    child.wait()?;
    told?;
    assert_eq!((lines("on-call")?, lines("late")?), (1, 1), "an event is told twice");
    Ok(())
}
