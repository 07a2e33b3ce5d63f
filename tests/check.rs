//! What a check of a target tells.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::deployed_manifests;
use testbed::harness::TestCase;
use testbed::wait::{not_yet, wait_until};

use crate::fake::{Deed, Fake};
use crate::setup::Leasing;

pub fn a_check_names_who_we_are_and_what_is_missing(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let admin = leasing.admin()?;
    let namespace = leasing.namespace.name();
    let check = || admin.post("/api/v1/targets/local/check", &json!({}))?.expect_status(200);

    let seen = check()?;
    assert_eq!(seen["ok"], true, "{seen}");
    assert_eq!(seen["reachable"], true);
    assert_eq!(seen["problem"], Value::Null);
    assert_eq!(seen["username"], format!("system:serviceaccount:{namespace}:broker"));
    let version = case.control_plane().admin_client().get("/version")?.expect_success()?;
    assert_eq!(seen["version"], version["gitVersion"]);
    assert_eq!(seen["missing_permissions"], json!([]));
    let shown = admin.get("/api/v1/targets/local")?.expect_status(200)?;
    assert_eq!(shown["last_check"], seen, "it is kept, and shown");

    // The rights are taken away, and the check says which, and where.
    let binding = leasing.rbac.objects().iter().find(|object| object["kind"] == "RoleBinding");
    let binding = deployed_manifests::object_path(binding.context("a binding")?)?;
    case.control_plane().admin_client().delete(&binding)?.expect_success()?;
    let missing = [("create", "serviceaccounts/token"), ("get", "serviceaccounts")];
    let missing = missing.map(|(verb, resource)| {
        let name = "deployer";
        json!({ "verb": verb, "group": "", "resource": resource, "name": name, "namespace": namespace })
    });
    let missing = json!(missing);
    wait_until("seeing that the rights are gone", Duration::from_secs(10), || {
        let seen = check()?;
        let secret = &seen["dynamic_secrets"][0];
        assert_eq!(secret["dynamic_secret"], "ci", "{seen}");
        let told = seen["ok"] == false && secret["issue"] == false;
        if told && seen["missing_permissions"] == missing { Ok(()) } else { Err(not_yet(seen)) }
    })
}

pub fn a_check_of_a_cluster_that_does_not_answer_says_why(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let admin = leasing.admin()?;
    let mut wrong = leasing.target(case.control_plane().url());
    wrong["auth"]["token"] = json!("wrong-canary");
    let closed = testbed::closed_port::ClosedPort::take_port()?;
    let away = format!("http://{}", closed.address()?);
    let unknown_ca = case.control_plane().url().replace("127.0.0.1", "localhost");
    for (target, reachable, problem) in [
        (wrong, true, "does not accept the target's credential"),
        (leasing.target(&away), false, "nothing answered at the address"),
        (leasing.target(&unknown_ca), false, "the TLS handshake failed"),
        (leasing.target(&Fake::blunt(Deed::Close)?.url()), false, "the connection broke"),
        (
            leasing.target(&Fake::answering(200, "canary")?.url()),
            true,
            "does not come from a Kubernetes API",
        ),
        (leasing.target(&Fake::answering(502, "canary")?.url()), true, "502"),
    ] {
        admin.put("/api/v1/targets/local", &target)?.expect_status(200)?;
        let seen = admin.post("/api/v1/targets/local/check", &json!({}))?.expect_status(200)?;
        assert_eq!((&seen["ok"], &seen["reachable"]), (&json!(false), &json!(reachable)), "{seen}");
        let told = seen["problem"].as_str().unwrap_or_default();
        assert!(
            told.contains(problem) && !told.contains("canary"),
            "{told:?} should tell {problem:?}"
        );
    }
    admin.post("/api/v1/targets/nowhere/check", &json!({}))?.expect_status(404)?;
    Ok(())
}
