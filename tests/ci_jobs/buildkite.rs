//! Buildkite, as its agent runs the hooks of a plugin around a command: what a hook exports is handed on.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use testbed::harness::TestCase;

use super::{Job, LIST, deployed, log_of, signal, template, until_there};
use crate::ci_tokens::buildkite;

/// An agent with one job.
struct Agent<'s> {
    job: Job<'s>,
    exported: BTreeMap<String, String>,
}

impl<'s> Agent<'s> {
    fn new(case: &TestCase<'s>) -> Result<Self> {
        let job = Job::new(case, "Buildkite", buildkite())?;
        job.write("jwt", &job.id_token()?)?;
        job.install("buildkite-agent", BUILDKITE_AGENT)?;
        let plugin = template::read(&deployed("buildkite/plugin.yml"))?;
        let mut exported = BTreeMap::new();
        for (name, value) in job.settings()? {
            ensure!(plugin["configuration"]["properties"][name].is_object(), "no `{name}`");
            let name = name.to_uppercase().replace('-', "_");
            exported.insert(format!("BUILDKITE_PLUGIN_KUBELEASE_{name}"), value);
        }
        Ok(Self { job, exported })
    }

    fn command(&self, script: &str) -> Result<Command> {
        let mut command = self.job.command("bash", &["-c", script])?;
        command.env("BUILDKITE", "true").env("BUILDKITE_BRANCH", "main");
        command.env("BUILDKITE_JOB_ID", self.job.broker.secret_name());
        command
            .env("BUILDKITE_AGENT_ACCESS_TOKEN", AGENT_TOKEN)
            .env("TMPDIR", self.job.home.path());
        command.env("TEST_HOME", self.job.home.path());
        command.envs(&self.exported);
        Ok(command)
    }

    /// Runs a hook, and keeps what it has exported.
    fn run_hook(&mut self, name: &str) -> Result<String> {
        let hook = deployed("buildkite/hooks").join(name);
        let script = format!("source {}; env -0 >\"$TEST_HOME/exported\"", hook.display());
        let log = log_of(&mut self.command(&script)?, 0)?;
        for variable in self.job.read("exported")?.split('\0').filter(|text| !text.is_empty()) {
            let (name, value) = variable.split_once('=').context("a variable")?;
            self.exported.insert(name.to_owned(), value.to_owned());
        }
        Ok(log)
    }
}

pub fn the_plugin_leases_for_the_command_and_revokes_after_it(case: &TestCase) -> Result<()> {
    let mut agent = Agent::new(case)?;
    let log = agent.run_hook("pre-command")?;
    assert!(log.contains("Logging in by the ID token of Buildkite's agent."), "{log}");
    assert!(!log.contains("eyJ"), "{log}");
    let directory = agent.exported["KUBELEASE_DIRECTORY"].clone();
    assert_eq!(agent.job.read("redacted")?, fs::read_to_string(format!("{directory}/token"))?);
    let log = log_of(&mut agent.command(&format!("{LIST}; kubectl get nodes"))?, 1)?;
    assert!(log.contains("No resources found") && log.contains("Forbidden"), "{log}");
    assert_eq!(agent.job.states()?, ["active"]);
    let log = agent.run_hook("pre-exit")?;
    assert!(log.contains("revoked"), "{log}");
    ensure!(!fs::exists(&directory)?, "{directory}");
    agent.job.assert_revoked(1)
}

/// The agent ends the command of a job that is cancelled, and runs `pre-exit` all the same.
pub fn a_job_that_is_cancelled_has_no_lease_after_it(case: &TestCase) -> Result<()> {
    let mut agent = Agent::new(case)?;
    agent.run_hook("pre-command")?;
    let mut command = agent.command("touch started; sleep 300")?;
    let mut child = command.stdout(Stdio::null()).spawn()?;
    until_there(&agent.job.path("started"))?;
    assert_eq!(agent.job.states()?, ["active"]);
    signal("TERM", &child, true)?;
    child.wait()?;
    agent.run_hook("pre-exit")?;
    agent.job.assert_revoked(1)?;
    // Of a pre-command that was killed, nothing is exported.
    agent.exported.retain(|name, _| name.starts_with("BUILDKITE_"));
    let log = agent.run_hook("pre-exit")?;
    assert!(log.contains("There is no lease"), "{log}");
    Ok(())
}

const AGENT_TOKEN: &str = "the-agent-s-token";

/// The agent, as far as a job asks it.
const BUILDKITE_AGENT: &str = r#"#!/bin/sh
set -eu
test "$BUILDKITE_AGENT_ACCESS_TOKEN" = the-agent-s-token
case "$*" in
  "oidc request-token --audience kubelease --claim organization_id,pipeline_id") cat "$TEST_HOME/jwt" ;;
  "redactor add") cat >"$TEST_HOME/redacted" ;;
  *) echo "not asked for: $*" >&2; exit 1 ;;
esac
"#;
