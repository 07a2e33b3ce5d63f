//! Bad input of each field: each row changes one of something good.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::harness::TestCase;

use crate::setup::{LEASES, Leasing};

pub fn no_target_takes_it(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let (admin, before) = (leasing.admin()?, everything(&leasing)?);
    let target = leasing.target("https://a.example");
    for (field, value) in [
        ("auth", json!({ "type": "basic" })),
        ("auth", json!({ "type": "token", "token": "" })),
        ("auth", json!({ "type": "token", "token": "two words" })),
        ("auth", json!({ "type": "token", "token": "t", "variable": "target_a" })),
        ("auth", json!({ "type": "token", "variable": "admin_token" })),
        ("auth", json!({ "type": "token", "x": 1 })),
        ("auth", json!({ "type": "gateway", "header": { "name": "authorization: x" } })),
        ("auth", json!({ "type": "gateway", "header": { "name": "host", "value": "v" } })),
        ("auth", json!({ "type": "gateway", "header": { "name": "x-a" } })),
        ("auth", json!({ "type": "client_certificate", "key": "k" })),
        ("ca", json!("none")),
        ("description", json!("two\nlines")),
        ("description", json!(1)),
        ("disabled", json!("yes")),
        ("insecure_skip_tls_verify", json!(true)),
        ("url", json!("https://a.example/../b")),
        ("url", json!("https://a.example:0")),
        ("url", json!("https://a.example#x")),
    ] {
        let mut body = target.clone();
        body[field] = value;
        let told = admin.put("/api/v1/targets/new", &body)?.expect_status(422)?;
        assert!(told["detail"].is_string(), "{body}: {told}");
    }
    assert_eq!(everything(&leasing)?, before, "nothing has changed");
    Ok(())
}

pub fn no_dynamic_secret_takes_it(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let (admin, before) = (leasing.admin()?, everything(&leasing)?);
    let role = |kind: &str, name: &str| json!({ "kind": kind, "name": name });
    let temporary = |scope: &str, what: &str, it: Value| {
        let mut account = json!({ "type": "temporary", "scope": scope });
        account[what] = it;
        account
    };
    let rules = |group: &str, resource: &str, verb: &str| json!([{ "apiGroups": [group], "resources": [resource], "verbs": [verb] }]);
    for (field, value) in [
        ("account", json!({ "type": "existing" })),
        ("account", json!({ "type": "existing", "name": "../x" })),
        ("account", json!({ "type": "existing", "name": "d", "revocable": 1 })),
        ("account", json!({ "type": "temporary", "scope": "namespace" })),
        ("account", temporary("pod", "role", role("Role", "r"))),
        ("account", temporary("cluster", "role", role("Role", "r"))),
        ("account", temporary("namespace", "role", role("Group", "r"))),
        ("account", temporary("namespace", "role", role("ClusterRole", "cluster-admin"))),
        ("account", temporary("namespace", "role", role("ClusterRole", "system:node"))),
        ("account", temporary("namespace", "rules", json!([]))),
        ("account", temporary("namespace", "rules", json!("rules: [}"))),
        ("account", temporary("namespace", "rules", rules("", "secrets", "get"))),
        ("account", temporary("namespace", "rules", rules("*", "pods", "get"))),
        ("account", temporary("namespace", "rules", rules("", "pods", "create"))),
        ("account", temporary("namespace", "rules", rules("", "serviceaccounts/token", "create"))),
        ("account", temporary("namespace", "manifest", json!("kind: Pod"))),
        ("account", temporary("namespace", "manifest", json!(""))),
        ("namespaces", json!([])),
        ("namespaces", json!(["A"])),
        ("namespaces", json!(["*"])),
        ("namespace_selector", json!({ "matchLabels": { "a": "b" } })),
        ("namespace_match", json!("any")),
        ("default_ttl", json!("25h")),
        ("default_ttl", json!("9m")),
        ("max_ttl", json!("33d")),
        ("max_ttl", json!(-1)),
        ("audiences", json!({ "default": [""] })),
        ("audiences", json!(["a"])),
        ("max_live_leases", json!(0)),
        ("max_live_leases", json!(1.5)),
        ("allow_dangerous", json!(["everything"])),
        ("name_template", json!("{{unknown}}")),
        ("name_template", json!("{{time")),
        ("labels", json!({ "kubelease.dev/lease": "a" })),
        ("labels", json!({ "app.kubernetes.io/managed-by": "a" })),
        ("labels", json!({ "a": "two words" })),
        ("annotations", json!({ "eks.amazonaws.com/role-arn": "arn" })),
        ("annotations", json!({ "iam.gke.io/gcp-service-account": "a" })),
        ("tags", json!(["two words\n"])),
        ("on_change", json!("forget")),
        ("delete_protection", json!("yes")),
        ("target", json!({ "url": "https://a.example" })),
        ("target", json!("nowhere")),
        ("unknown", json!(1)),
    ] {
        let mut body = leasing.secret();
        body[field] = value;
        let told = admin.put("/api/v1/dynamic-secrets/new", &body)?;
        let told = told.expect_status(422).with_context(|| body.to_string())?;
        assert!(told["detail"].is_string(), "{body}: {told}");
    }
    assert_eq!(everything(&leasing)?, before, "nothing has changed");
    Ok(())
}

pub fn nothing_else_takes_it(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let admin = leasing.admin()?;
    let lease = leasing.issue(&json!({}))?.expect_status(201)?;
    let lease = format!("/api/v1/leases/{}", lease["lease_id"].as_str().context("an id")?);
    let before = everything(&leasing)?;
    for (path, body) in [
        (LEASES, json!({ "audiences": "a" })),
        (LEASES, json!({ "audiences": ["not-allowed"] })),
        (LEASES, json!({ "ttl": "" })),
        (LEASES, json!({ "namespace": "" })),
        (&*format!("{lease}/renew"), json!({ "ttl": "x" })),
        (&*format!("{lease}/renew"), json!({ "namespace": "a" })),
        ("/api/v1/leases/revoke", json!({})),
        ("/api/v1/leases/revoke", json!({ "target": "local", "limit": 0 })),
        ("/api/v1/leases/revoke", json!({ "target": "local", "cursor": "x" })),
        ("/api/v1/leases/revoke", json!({ "targets": "local" })),
        ("/api/v1/targets/local/write-off", json!({})),
        ("/api/v1/targets/local/write-off", json!({ "reason": "" })),
        ("/api/v1/targets/local/cluster", json!({ "uid": 1 })),
        ("/api/v1/targets/local/check", json!({ "x": 1 })),
        ("/api/v1/sweep", json!({ "x": 1 })),
    ] {
        admin.post(path, &body)?.expect_status(422).with_context(|| body.to_string())?;
    }
    for path in [
        "/api/v1/dynamic-secrets/ci?force=yes",
        "/api/v1/dynamic-secrets/ci?revoke=1",
        "/api/v1/targets/local?force=true",
        &*format!("{lease}?force=true"),
    ] {
        assert_eq!(admin.delete(path)?.expect_status(422)?["code"], "invalid_query", "{path}");
    }
    assert_eq!(everything(&leasing)?, before, "nothing has changed");
    Ok(())
}

/// All that can be listed.
fn everything(leasing: &Leasing) -> Result<Vec<Value>> {
    let admin = leasing.admin()?;
    let paths = ["/api/v1/targets", "/api/v1/dynamic-secrets", "/api/v1/leases"];
    paths.map(|path| admin.get(path)?.expect_status(200)).into_iter().collect()
}
