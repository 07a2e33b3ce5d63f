//! The commands of docs/cli.md, docs/kubectl.md and docs/definitions.md, each as it stands there, but for the names of what exists here.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::harness::TestCase;
use testbed::kubelease::ADMIN_TOKEN_VARIABLE;
use testbed::wait::{not_yet, wait_until};

use super::{Job, log_of};
use crate::ci_tokens::gitlab;

pub fn each_command_of_cli_md_works(case: &TestCase) -> Result<()> {
    follow_document(case, include_str!("../../docs/cli.md"), 22)
}

pub fn each_command_of_kubectl_md_works(case: &TestCase) -> Result<()> {
    follow_document(case, include_str!("../../docs/kubectl.md"), 12)
}

pub fn each_command_of_definitions_md_works(case: &TestCase) -> Result<()> {
    follow_document(case, include_str!("../../docs/definitions.md"), 10)
}

/// Runs each line of the console blocks of a document, which has at least so many.
fn follow_document(case: &TestCase, document: &str, least: usize) -> Result<()> {
    let job = Job::new(case, "GitLab CI", gitlab())?;
    job.broker.put_ca()?;
    let jwt = job.id_token()?;
    job.write("id-token.jwt", &jwt)?;
    let anyone = job.broker.admin()?.without_credentials();
    let made = anyone
        .post("/api/v1/auth/oidc/login", &json!({"identity": "ci", "jwt": jwt}))?
        .expect_status(200)?;
    job.write("access-token", made["access_token"].as_str().context("a token")?)?;
    write_definitions(&job)?;
    let mut count = 0;
    for (heading, lines) in list_blocks(document)? {
        // The block before may have logged out.
        log_of(&mut shell(&job, "kubelease login --oidc --token-file id-token.jwt")?, 0)?;
        if heading == "Looking" {
            // The block before has deleted it.
            perform(&job, &heading, "kubelease apply -f definitions")?;
        }
        for line in lines {
            perform(&job, &heading, &line)?;
            count += 1;
        }
    }
    ensure!(count >= least, "only {count} commands are found");
    Ok(())
}

/// Writes the directory that the manual applies: an identity that does not exist yet, and claims that it lets in.
fn write_definitions(job: &Job<'_>) -> Result<()> {
    fs::create_dir(job.path("definitions"))?;
    let identity = json!({"apiVersion": "kubelease.dev/v1", "kind": "Identity",
        "metadata": {"name": "release"}, "spec": job.identity()?});
    job.write("definitions/release.yaml", &identity.to_string())?;
    job.write("claims.yaml", &job.fresh_claims()?.to_string())
}

/// Returns the commands of each console block, under its heading.
fn list_blocks(document: &str) -> Result<Vec<(String, Vec<String>)>> {
    let mut blocks = vec![];
    for section in document.split("\n## ").skip(1) {
        let heading = section.lines().next().context("a heading")?;
        for block in section.split("```console\n").skip(1) {
            let block = block.split("```").next().context("an end")?;
            let commands = block.lines().filter_map(|line| line.strip_prefix("$ "));
            blocks.push((heading.to_owned(), commands.map(str::to_owned).collect()));
        }
    }
    Ok(blocks)
}

/// Runs a command until it succeeds: rights take some tenths of a second to be known to the cluster.
fn perform(job: &Job<'_>, heading: &str, line: &str) -> Result<()> {
    let concrete = make_concrete(job, line)?;
    // What follows the audit goes on until it is stopped, which is no failure.
    let expected = match line {
        line if line.contains("audit --since 90m -f") => 124,
        // Nothing is applied yet.
        line if line.contains("kubelease diff") => 1,
        _ => 0,
    };
    wait_until(&format!("`{line}`"), Duration::from_secs(20), || {
        let mut command = shell(job, &concrete)?;
        if ["Administrators", "Commands", "A cluster of yours", "Looking"].contains(&heading) {
            command.env(
                "KUBELEASE_TOKEN",
                job.broker.kubelease.settings().variable(ADMIN_TOKEN_VARIABLE),
            );
        }
        if heading == "Without the command" {
            command.env("KUBELEASE_TOKEN", job.read("access-token")?);
        }
        let output = command.output()?;
        if output.status.code() == Some(expected) {
            Ok(())
        } else {
            Err(not_yet(format!("{concrete}: {output:?}")))
        }
    })
}

/// Returns the command with the names of what exists here in place of those in the manual.
fn make_concrete(job: &Job<'_>, line: &str) -> Result<String> {
    let secret = job.broker.secret_name();
    let mut text = line
        .replace("https://kubelease.example", &job.broker.kubelease.url()?)
        .replace("-n apps", &format!("-n {}", job.broker.place.name()))
        .replace("namespace=apps", &format!("namespace={}", job.broker.place.name()))
        .replace("--dynamic-secret ci", &format!("--dynamic-secret {secret}"))
        .replace("dynamic-secrets/ci/", &format!("dynamic-secrets/{secret}/"))
        .replace("explain release ci", &format!("explain release {secret}"))
        .replace("--context kubelease-ci", &format!("--context kubelease-{secret}"))
        .replace("get pods", "get services")
        .replace("check prod", "check local")
        .replace("dynamic-secret ci", &format!("dynamic-secret {secret}"))
        .replace("kubelease audit --since 90m -f", "timeout 2 kubelease audit --since 90m -f");
    for command in ["lease", "run", "kubeconfig"] {
        text = text
            .replace(&format!("kubelease {command} ci"), &format!("kubelease {command} {secret}"));
    }
    if text.contains("add-from-kubeconfig") {
        let kubeconfig = job.broker.cluster.kubeconfig_path().display();
        // The account of the manual would be that of all tests.
        let account = format!("{}/of-the-manual", job.broker.home_name());
        text = text.replace("CONTEXT", "kubelease");
        text = format!("{text} --kubeconfig {kubeconfig} --service-account {account} --yes");
    }
    if text.contains("login --token ") {
        // As if somebody had piped one in.
        text = format!("printf %s \"$(cat access-token)\" | {text}");
    }
    if text.contains(" LEASE") {
        log_of(&mut shell(job, &format!("kubelease lease {secret}"))?, 0)?;
        let leases = job.leases()?;
        let active = leases.iter().find(|lease| lease["state"] == "active").context("a lease")?;
        let id = active["lease_id"].as_str().context("an id")?;
        text = text.replace(" LEASE…", &format!(" {id}")).replace(" LEASE", &format!(" {id}"));
    }
    Ok(text)
}

/// Returns a shell on the machine of a GitLab job, where a login finds a token by itself.
fn shell(job: &Job<'_>, line: &str) -> Result<Command> {
    let mut shell = job.command("bash", &["-eo", "pipefail", "-c", line])?;
    shell.env("GITLAB_CI", "true").env("KUBELEASE_ID_TOKEN", job.id_token()?);
    // An identity that the manual applies is let in by the same token.
    shell.env("KUBELEASE_IDENTITY", "ci");
    shell.env("KUBELEASE_URL", job.broker.kubelease.url()?);
    let path = std::env::var("PATH")?;
    let (own, bin) = (job.path(".local/bin"), job.path("bin"));
    shell.env("PATH", format!("{}:{}:{path}", own.display(), bin.display()));
    Ok(shell)
}
