//! A pod with a projected token, as the kubelet writes it.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::json;
use testbed::harness::TestCase;

use super::{Job, LIST, log_of};
use crate::ci_tokens::github;
use crate::login;

pub fn it_logs_in_by_its_token_and_runs_with_a_lease(case: &TestCase) -> Result<()> {
    // The entry for GitHub stays unused.
    let job = Job::new(case, "GitHub Actions", github())?;
    let (admin, namespace) = (job.broker.admin()?, case.new_namespace()?);
    let pod = login::Job { cluster: case.control_plane().admin_client(), namespace: &namespace };
    namespace.create_service_account("ci-job")?;
    pod.let_broker_review(&job.broker)?;
    login::put_identity(&admin, &namespace, &json!("target"))?;
    let token = pod.token("ci-job", &["kubelease"])?;
    login::until_let_in(&admin, &token)?;

    fs::create_dir(job.path("kubelease"))?;
    job.write("kubelease/token", &token)?;
    let (name, server) = (job.broker.secret_name(), job.broker.cluster.url());
    let ca = job.path("ca.crt").display().to_string();
    let mut run = job.command(
        "kubelease",
        &["run", name, "--server", server, "--certificate-authority", &ca, "--", "sh", "-c", LIST],
    )?;
    run.env("KUBELEASE_POD_TOKEN_FILE", job.path("kubelease/token"));
    let log = log_of(run.env("KUBELEASE_URL", job.broker.kubelease.url()?), 0)?;
    ensure!(log.contains("the ServiceAccount token of this pod"), "{log}");
    ensure!(log.contains("No resources found") && !log.contains("eyJ"), "{log}");
    Ok(())
}
