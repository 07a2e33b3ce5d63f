//! `CircleCI`, as it runs the steps of an orb's commands: with bash, after what `BASH_ENV` has.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::wait::{not_yet, wait_until};

use super::{Job, LIST, deployed, log_of, signal, template, until_there};
use crate::ci_tokens::circleci;

/// A job whose steps are commands of the orb, and its own.
struct Steps<'s> {
    job: Job<'s>,
    commands: Value,
}

impl<'s> Steps<'s> {
    fn new(case: &TestCase<'s>) -> Result<Self> {
        let job = Job::new(case, "CircleCI", circleci())?;
        job.write("jwt", &job.id_token()?)?;
        job.install("circleci", CIRCLECI)?;
        job.write("bash-env", "")?;
        let mut orb = template::read(&deployed("circleci.yml"))?;
        Ok(Self { job, commands: orb["orbs"]["kubelease"]["commands"].take() })
    }

    /// A step of the pipeline's own.
    fn step(&self, script: &str) -> Result<Command> {
        let mut step = self.job.command("bash", &["-eo", "pipefail", "-c", script])?;
        step.env("CIRCLECI", "true").env("CIRCLE_WORKFLOW_JOB_ID", self.job.broker.secret_name());
        step.env("BASH_ENV", self.job.path("bash-env"))
            .env("CIRCLE_OIDC_TOKEN_V2", "for.somebody.else");
        step.env("KUBELEASE_URL", self.job.broker.kubelease.url()?);
        step.env("TEST_HOME", self.job.home.path());
        Ok(step)
    }

    /// The one step of a command of the orb.
    fn command(&self, name: &str, given: &[(&str, String)]) -> Result<Command> {
        let command = &self.commands[name];
        let run = &command["steps"][0]["run"];
        let fill = |text: &Value| -> Result<String> {
            let mut text = text.as_str().context("a text")?.to_owned();
            for (parameter, declared) in command["parameters"].as_object().into_iter().flatten() {
                let value = given.iter().find(|(name, _)| name == parameter).map(|(_, it)| &**it);
                let value = value.or(declared["default"].as_str()).context("a parameter")?;
                text = text.replace(&format!("<< parameters.{parameter} >>"), value);
            }
            Ok(text)
        };
        let mut step = self.step(&fill(&run["command"])?)?;
        for (name, value) in run["environment"].as_object().into_iter().flatten() {
            step.env(name, fill(value)?);
        }
        Ok(step)
    }

    fn lease(&self, ttl: &str) -> Result<String> {
        let mut given = self.job.settings()?.to_vec();
        given.push(("ttl", ttl.to_owned()));
        log_of(&mut self.command("lease", &given)?, 0)
    }
}

pub fn the_orb_leases_for_the_steps_and_revokes_after_them(case: &TestCase) -> Result<()> {
    let steps = Steps::new(case)?;
    let log = steps.lease("1h")?;
    assert!(log.contains("Logging in by the ID token of CircleCI's agent."), "{log}");
    assert!(!log.contains("eyJ"), "{log}");
    let log = log_of(&mut steps.step(&format!("{LIST}; kubectl get nodes"))?, 1)?;
    assert!(log.contains("No resources found") && log.contains("Forbidden"), "{log}");
    assert_eq!(steps.commands["revoke"]["steps"][0]["run"]["when"], "always", "the job has failed");
    let log = log_of(&mut steps.command("revoke", &[])?, 0)?;
    assert!(log.contains("revoked"), "{log}");
    steps.job.assert_revoked(1)
}

/// No step comes after a job that is cancelled: its lease ends in its time.
pub fn a_job_that_is_cancelled_has_a_lease_that_ends_in_its_time(case: &TestCase) -> Result<()> {
    let steps = Steps::new(case)?;
    steps.lease("15s")?;
    let mut step = steps.step("touch started; sleep 300")?;
    let mut child = step.stdout(Stdio::null()).spawn()?;
    until_there(&steps.job.path("started"))?;
    signal("KILL", &child, true)?;
    child.wait()?;
    assert_eq!(steps.job.states()?, ["active"]);
    wait_until("the end of the lease", Duration::from_secs(25), || {
        steps.job.broker.sweep()?;
        let states = steps.job.states()?;
        if states == ["expired"] { Ok(()) } else { Err(not_yet(format!("{states:?}"))) }
    })?;
    // A temporary directory of the machine is not the job's.
    log_of(&mut steps.command("revoke", &[])?, 0).map(drop)
}

/// Without the agent there is a token for the organization, which an identity may let in too.
pub fn without_its_agent_a_job_has_the_token_of_its_variable(case: &TestCase) -> Result<()> {
    let mut claims = circleci();
    let organization = "5e8a0000-74a5-4c0f-9d1e-000000000001";
    claims["aud"] = json!(organization);
    let job = Job::new(case, "CircleCI", claims)?;
    job.change_identity(|it| it["auth"][0]["audiences"] = json!([organization]))?;
    let mut login = job.command("kubelease", &["login"])?;
    login.env("CIRCLECI", "true").env("CIRCLE_OIDC_TOKEN_V2", job.id_token()?);
    let log = log_of(login.env("KUBELEASE_URL", job.broker.kubelease.url()?), 0)?;
    ensure!(log.contains("`CIRCLE_OIDC_TOKEN_V2`") && log.contains("as `ci`"), "{log}");
    Ok(())
}

/// The agent, as far as a job asks it.
const CIRCLECI: &str = r#"#!/bin/sh
set -eu
test "$*" = 'run oidc get --claims {"aud":"kubelease"}'
cat "$TEST_HOME/jwt"
"#;
