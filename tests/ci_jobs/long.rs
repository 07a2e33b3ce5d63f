//! Commands that outlive a lease, and those that are killed.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use testbed::harness::TestCase;
use testbed::wait::{not_yet, wait_until};

use super::{Job, log_of, until_there};
use crate::ci_tokens::gitlab;

/// `run` of a script in a GitLab job, with leases of so long.
fn run(job: &Job<'_>, ttl: &str, script: &str) -> Result<Command> {
    let (name, server) = (job.broker.secret_name(), job.broker.cluster.url());
    let ca = job.path("ca.crt").display().to_string();
    let options = ["run", name, "--ttl", ttl, "--server", server, "--certificate-authority", &ca];
    let arguments = [&options[..], &["--", "sh", "-c", script]].concat();
    let mut run = job.command("kubelease", &arguments)?;
    run.env("GITLAB_CI", "true").env("KUBELEASE_ID_TOKEN", job.id_token()?);
    run.env("KUBELEASE_URL", job.broker.kubelease.url()?);
    Ok(run)
}

/// Three times as long as its lease, and twice as long as its login: without renewals, kubectl would be refused from the
/// first end on, and nobody could revoke the lease.
pub fn a_lease_is_renewed_while_its_command_runs(case: &TestCase) -> Result<()> {
    let job = Job::new(case, "GitLab CI", gitlab())?;
    job.change_identity(|it| it["access_token"] = json!({"ttl": "20s", "max_ttl": "1h"}))?;
    let script = r#"
        token=$(dirname "$KUBECONFIG")/token
        for i in 1 2 3 4 5 6 7 8 9; do kubectl get services && break; sleep 1; done
        for i in $(seq 45); do
            kubectl get services || exit 9
            md5sum <"$token" >>tokens
            sleep 1
        done
    "#;
    std::thread::scope(|scope| {
        let (sweeps, done) = std::sync::mpsc::channel::<()>();
        let broker = &job.broker;
        // What is over ends by the sweep, as it does wherever one runs by itself.
        scope.spawn(move || {
            while done
                .recv_timeout(Duration::from_secs(1))
                .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                broker.sweep().expect("a sweep");
            }
        });
        let log = log_of(&mut run(&job, "15s", script)?, 0);
        drop(sweeps);
        log
    })?;
    let tokens = job.read("tokens")?;
    let mut tokens: Vec<_> = tokens.lines().collect();
    tokens.dedup();
    ensure!(tokens.len() >= 3, "{tokens:?}");
    job.assert_revoked(1)
}

/// Nobody can revoke the lease of a `run` that was killed: it ends in its time.
pub fn a_run_that_is_killed_has_a_lease_that_ends_in_its_time(case: &TestCase) -> Result<()> {
    let job = Job::new(case, "GitLab CI", gitlab())?;
    let mut child = run(&job, "10s", "touch started; exec sleep 60")?
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    until_there(&job.path("started"))?;
    // With all that it has started, as the end of a container does.
    super::signal("KILL", &child, true)?;
    child.wait()?;
    assert_eq!(job.states()?, ["active"]);
    wait_until("the end of the lease", Duration::from_secs(20), || {
        job.broker.sweep()?;
        let states = job.states()?;
        if states == ["expired"] { Ok(()) } else { Err(not_yet(format!("{states:?}"))) }
    })
}
