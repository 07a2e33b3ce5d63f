//! The `CronJob` of `deploy/`, which calls the sweep from a cluster.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::kubelease::{Kubelease, SWEEP_TOKEN_VARIABLE, manifest_path};

pub fn its_pods_are_such_as_a_restricted_namespace_takes(case: &TestCase) -> Result<()> {
    let (cluster, place) = (case.control_plane(), case.new_namespace()?);
    let own = format!("/api/v1/namespaces/{}", place.name());
    let labels = json!({ "pod-security.kubernetes.io/enforce": "restricted" });
    cluster
        .admin_client()
        .patch(&own, &json!({ "metadata": { "labels": labels } }))?
        .expect_success()?;
    place.create_service_account("default")?;
    let mut job = cronjob(case)?;
    job["metadata"]["namespace"] = json!(place.name());
    let jobs = format!("{}?fieldValidation=Strict", place.resources_path("batch/v1", "cronjobs"));
    cluster.admin_client().post(&jobs, &job)?.expect_status(201)?;
    // Without a scheduler and a kubelet it goes no further than this.
    let mut pod = job["spec"]["jobTemplate"]["spec"]["template"].take();
    pod["metadata"]["name"] = json!("sweep");
    let pods = place.resources_path("v1", "pods");
    cluster.admin_client().post(&pods, &pod)?.expect_status(201)?;
    pod["metadata"]["name"] = json!("root");
    pod["spec"]["securityContext"]["runAsNonRoot"] = json!(false);
    cluster.admin_client().post(&pods, &pod)?.expect_status(403)?;
    Ok(())
}

pub fn its_script_sweeps_and_fails_where_it_cannot(case: &TestCase) -> Result<()> {
    let kubelease = case.new_kubelease()?;
    let job = cronjob(case)?;
    let settings = kubelease.settings();
    let token = settings.variable(SWEEP_TOKEN_VARIABLE);
    let swept = run(&kubelease, &job, token)?;
    let told = String::from_utf8_lossy(&swept.stdout);
    assert!(swept.status.success(), "{swept:?}");
    let reports = told.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?;
    assert!(reports.len() >= 2 && reports.iter().all(|report| report["due"] == 0), "{told}");

    let wrong = "0123456789abcdef0123456789abcdef";
    let refused = run(&kubelease, &job, wrong)?;
    let told =
        [refused.stdout, refused.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert_eq!((refused.status.code(), refused.status.signal()), (Some(1), None), "{told:?}");
    assert!(told[0].contains("invalid_token"), "{told:?}");
    assert!(!told.concat().contains(wrong), "{told:?}");
    Ok(())
}

fn cronjob(case: &TestCase) -> Result<Value> {
    let text =
        fs::read_to_string(manifest_path().with_file_name("deploy").join("sweep-cronjob.yaml"))?;
    let objects = case.control_plane().parse_manifest_by_kubectl(&text)?;
    let [job] = &objects[..] else { anyhow::bail!("one object, not {}", objects.len()) };
    Ok(job.clone())
}

/// Runs what its container runs, for two seconds and with this token.
fn run(kubelease: &Kubelease<'_>, job: &Value, token: &str) -> Result<Output> {
    let container = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    let words = |list: &Value| -> Option<Vec<String>> {
        list.as_array()?.iter().map(|word| Some(word.as_str()?.to_owned())).collect()
    };
    let command = words(&container["command"]).context("a command")?;
    let file = kubelease.state_dir().join("token");
    fs::write(&file, token)?;
    let url = kubelease.url()?;
    let values = [
        ("KUBELEASE_URL", Path::new(&url)),
        ("TOKEN_FILE", &file),
        ("INTERVAL_SECONDS", Path::new("1")),
        ("RUN_SECONDS", Path::new("2")),
    ];
    for variable in container["env"].as_array().context("variables")? {
        let known = values.iter().any(|(name, _)| variable["name"] == *name);
        anyhow::ensure!(known, "{variable} is not set here");
    }
    let mut script = Command::new(&command[0]);
    script.args(&command[1..]).args(words(&container["args"]).context("a script")?);
    Ok(script.envs(values).output()?)
}
