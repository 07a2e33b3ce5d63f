//! GitLab CI, as its runner makes scripts of a job: one of `before_script` and `script`, and one of `after_script`.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::harness::TestCase;

use super::{Job, LIST, deployed, log_of, signal, template, until_there};
use crate::ci_tokens::gitlab;

/// A runner with one job that extends the template.
struct Runner<'s> {
    job: Job<'s>,
    template: Value,
    id: String,
    id_token: String,
}

impl<'s> Runner<'s> {
    fn new(case: &TestCase<'s>) -> Result<Self> {
        let job = Job::new(case, "GitLab CI", gitlab())?;
        let template = template::read(&deployed("gitlab.yml"))?[".kubelease"].take();
        assert_eq!(template["id_tokens"]["KUBELEASE_ID_TOKEN"]["aud"], "kubelease");
        // Each job has an id of its own.
        let id = std::process::id().to_string() + &job.broker.secret_name().replace('-', "");
        let id_token = job.id_token()?;
        Ok(Self { job, template, id, id_token })
    }

    /// A script of the job, of lines of the template and others.
    fn script(&self, lines: &[String]) -> Result<Command> {
        let job = &self.job;
        let mut script = job.command("bash", &["-eo", "pipefail", "-c", &lines.join("\n")])?;
        script.env("GITLAB_CI", "true").env("CI_JOB_ID", &self.id);
        script.env("CI_PROJECT_DIR", job.home.path()).env("KUBELEASE_ID_TOKEN", &self.id_token);
        for (name, value) in self.template["variables"].as_object().context("variables")? {
            let value = value.as_str().context("a text")?.replace("$CI_JOB_ID", &self.id);
            script.env(name, value);
        }
        script.env("KUBELEASE_URL", job.broker.kubelease.url()?);
        script.env("KUBELEASE_DYNAMIC_SECRET", job.broker.secret_name());
        script.env("KUBELEASE_SERVER", job.broker.cluster.url());
        // A variable of type file.
        script.env("KUBELEASE_SERVER_CA", job.path("ca.crt"));
        Ok(script)
    }

    fn main_script(&self, own: &str) -> Result<Command> {
        let mut lines = template::texts(&self.template["before_script"])?;
        lines.push(own.to_owned());
        self.script(&lines)
    }

    fn after_script(&self) -> Result<Command> {
        self.script(&template::texts(&self.template["after_script"])?)
    }

    fn directory(&self) -> String {
        format!("/tmp/kubelease-{}", self.id)
    }
}

pub fn the_template_leases_for_the_script_and_revokes_after_it(case: &TestCase) -> Result<()> {
    let runner = Runner::new(case)?;
    let script = format!("{LIST}; cat \"$KUBECONFIG\"; kubectl get nodes");
    // The last command is refused, so that the job fails.
    let log = log_of(&mut runner.main_script(&script)?, 1)?;
    for told in ["ID token of GitLab", "Logged in to", "No resources found", "Forbidden"] {
        assert!(log.contains(told), "{told}: {log}");
    }
    assert!(!log.contains("eyJ"), "{log}");
    assert_eq!(runner.job.states()?, ["active"]);
    let log = log_of(&mut runner.after_script()?, 0)?;
    assert!(log.contains("revoked") && log.contains("Logged out"), "{log}");
    ensure!(!fs::exists(runner.directory())?, "{}", runner.directory());
    runner.job.assert_revoked(1)
}

/// The runner kills the script of a job that is cancelled, and runs `after_script` all the same.
pub fn a_job_that_is_cancelled_has_no_lease_after_it(case: &TestCase) -> Result<()> {
    let runner = Runner::new(case)?;
    let mut script = runner.main_script("touch started; sleep 300")?;
    let mut child = script.stdout(Stdio::null()).spawn()?;
    until_there(&runner.job.path("started"))?;
    assert_eq!(runner.job.states()?, ["active"]);
    signal("KILL", &child, true)?;
    child.wait()?;
    log_of(&mut runner.after_script()?, 0)?;
    runner.job.assert_revoked(1)?;
    // What a job has never had cannot be revoked, and is no failure either.
    log_of(&mut runner.after_script()?, 0).map(drop)
}
