//! GitHub Actions, as its runner starts an action: inputs, state and environment in variables and files.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::harness::TestCase;
use testbed::issuer_server::Answer;

use super::{Job, LIST, deployed, log_of, signal, template};
use crate::ci_tokens::github;

/// A runner with one job.
struct Runner<'s> {
    job: Job<'s>,
}

impl<'s> Runner<'s> {
    fn new(case: &TestCase<'s>) -> Result<Self> {
        let runner = Self { job: Job::new(case, "GitHub Actions", github())? };
        let value = json!({"value": runner.job.id_token()?});
        let answer = Answer::For(REQUEST_TOKEN.to_owned(), Box::new(Answer::from_json(&value)));
        runner.job.issuer.set_answer(&format!("{REQUEST_PATH}&audience=kubelease"), answer);
        for file in ["env", "state"] {
            runner.job.write(file, "")?;
        }
        Ok(runner)
    }

    /// A step of the job, with the variables that earlier steps have set.
    fn step(&self, program: &str, arguments: &[&str]) -> Result<Command> {
        let job = &self.job;
        let mut step = job.command(program, arguments)?;
        step.env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_NAME", "push");
        step.env("GITHUB_REPOSITORY", "octo-org/octo-repo").env("GITHUB_REF", "refs/heads/main");
        step.env("RUNNER_TEMP", job.home.path()).env("GITHUB_WORKSPACE", job.home.path());
        step.env("GITHUB_ENV", job.path("env")).env("GITHUB_STATE", job.path("state"));
        step.env("ACTIONS_ID_TOKEN_REQUEST_URL", job.issuer.url(REQUEST_PATH));
        step.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN);
        step.env("SSL_CERT_FILE", job.path("issuer.crt"));
        step.envs(variables(&job.read("env")?));
        Ok(step)
    }

    /// The action at one of its ends, `main` or `post`.
    fn action(&self, end: &str) -> Result<Command> {
        let action = template::read(&deployed("github/action.yml"))?;
        assert_eq!(action["runs"]["using"], "node24");
        let script = deployed("github").join(action["runs"][end].as_str().context("a script")?);
        let mut step = self.step("node", &[script.to_str().context("a path")?])?;
        for (name, value) in self.job.settings()? {
            ensure!(action["inputs"][name].is_object(), "there is no input `{name}`");
            step.env(format!("INPUT_{}", name.to_uppercase()), value);
        }
        for (name, value) in variables(&self.job.read("state")?) {
            step.env(format!("STATE_{name}"), value);
        }
        Ok(step)
    }
}

/// The lines `NAME=VALUE` of a file.
fn variables(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub fn the_action_leases_for_the_steps_and_revokes_after_them(case: &TestCase) -> Result<()> {
    let runner = Runner::new(case)?;
    let log = log_of(&mut runner.action("main")?, 0)?;
    assert!(log.contains("Logging in by the ID token of GitHub Actions."), "{log}");
    let directory = variables(&runner.job.read("state")?).pop().context("the state")?.1;
    let token = fs::read_to_string(format!("{directory}/token"))?;
    // From this line on, the runner replaces the token by stars.
    let shown: Vec<_> = log.lines().filter(|line| line.contains("eyJ")).collect();
    assert_eq!(shown, [format!("::add-mask::{token}")]);

    let step = log_of(&mut runner.step("sh", &["-c", LIST])?, 0)?;
    assert!(step.contains("No resources found"), "{step}");
    assert_eq!(runner.job.states()?, ["active"]);
    // A step that fails: the runner goes on with `post`.
    log_of(&mut runner.step("sh", &["-c", "kubectl get nodes"])?, 1)?;
    let log = log_of(&mut runner.action("post")?, 0)?;
    assert!(log.contains("revoked") && !log.contains("eyJ"), "{log}");
    assert!(!fs::exists(&directory)?, "{directory}");
    runner.job.assert_revoked(1)?;
    runner.job.broker.until_refused(&token, Duration::from_secs(30))
}

/// The runner sends INT to the action, waits for it, and starts `post`.
pub fn a_job_that_is_cancelled_while_it_leases_has_no_lease(case: &TestCase) -> Result<()> {
    let runner = Runner::new(case)?;
    for milliseconds in [0, 30, 60, 90, 120, 180, 240, 400] {
        runner.job.write("state", "")?;
        runner.job.write("env", "")?;
        let mut main = runner.action("main")?.spawn()?;
        thread::sleep(Duration::from_millis(milliseconds));
        signal("INT", &main, false)?;
        main.wait()?;
        log_of(&mut runner.action("post")?, 0)?;
        let states = runner.job.states()?;
        assert!(states.iter().all(|state| state == "revoked"), "{milliseconds} ms: {states:?}");
    }
    ensure!(!runner.job.states()?.is_empty(), "no lease was made at all");
    Ok(())
}

const REQUEST_PATH: &str = "/idtoken/7/8?api-version=2.0";
const REQUEST_TOKEN: &str = "the.request.token";
