//! What is told where RBAC allows what something else denies: quotas, and policies of admission.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::deployed_manifests::DeployedObjects;
use testbed::harness::TestCase;
use testbed::wait::{not_yet, wait_until};

use crate::broker::Broker;
use crate::kind;

pub fn a_quota_is_told_from_a_missing_permission(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::EXISTING)?;
    let before = broker.inventory()?;
    let quotas = broker.place.resources_path("v1", "resourcequotas");
    let quota =
        json!({ "metadata": { "name": "no-secrets" }, "spec": { "hard": { "secrets": "0" } } });
    let mut quota = broker.cluster.admin_client().post(&quotas, &quota)?.expect_status(201)?;
    // What a controller does in a cluster that has one.
    quota["status"] = json!({ "hard": { "secrets": "0" }, "used": { "secrets": "0" } });
    let path = format!("{quotas}/no-secrets");
    broker.cluster.admin_client().put(&format!("{path}/status"), &quota)?.expect_success()?;

    let place = broker.place.name();
    problem(
        &broker,
        &format!(
            "resource quota `no-secrets` refuses to `create` `secrets` in namespace `{place}`"
        ),
    )?;
    refused(&broker, "a resource quota denies it", "no-secrets")?;
    assert_eq!(broker.inventory()?, before);
    broker.cluster.admin_client().delete(&path)?.expect_success()?;
    is_well(&broker)
}

pub fn a_policy_that_denies_tokens_is_named_by_the_check(case: &TestCase) -> Result<()> {
    for kind in [&kind::PLAIN, &kind::EXISTING] {
        let broker = Broker::new(case, kind)?;
        let before = broker.inventory()?;
        let name = format!("{}-no-tokens", broker.home_name());
        let policy = validating(&broker, &name, ("serviceaccounts/token", "CREATE"))?;
        let place = broker.place.name();
        problem(
            &broker,
            &format!(
                "admission policy `{name}` refuses to `create` `serviceaccounts/token` of `deployer` in \
             namespace `{place}`"
            ),
        )?;
        refused(&broker, "an admission policy denies it", &name)?;
        broker.sweep()?;
        assert_eq!(broker.inventory()?, before);
        drop(policy);
        is_well(&broker)?;
    }
    Ok(())
}

pub fn a_policy_that_denies_deletions_is_told_by_the_revocation(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let before = broker.inventory()?;
    let lease = broker.lease(&json!({ "ttl": "15m" }))?;
    let name = format!("{}-no-deletions", broker.home_name());
    let policy = validating(&broker, &name, ("serviceaccounts", "DELETE"))?;
    let account = format!(
        "{}/{}?dryRun=All",
        broker.place.resources_path("v1", "serviceaccounts"),
        lease.account()
    );
    wait_until("the policy's coming into force", PATIENCE, || {
        match broker.cluster.client_with_token(&broker.token).delete(&account)?.status {
            200 => Err(not_yet("it is deleted")),
            _ => Ok(()),
        }
    })?;
    let shown = broker.revoke(&lease)?.expect_status(202)?;
    let reason = shown["closing"]["reason"].as_str().context("a reason")?;
    for part in ["refused to `delete` `serviceaccounts`", "RBAC allows it", "an admission policy"] {
        ensure!(reason.contains(part), "{part:?} is not in {reason:?}");
    }
    ensure!(!reason.contains(&name), "{reason}");
    drop(policy);
    broker.sweep_until(&lease, "revoked", Duration::from_secs(40))?;
    assert_eq!(broker.inventory()?, before);
    Ok(())
}

pub fn a_policy_that_changes_what_is_made_is_seen_by_the_check(case: &TestCase) -> Result<()> {
    let api = "/apis/admissionregistration.k8s.io/v1";
    let served = case.control_plane().admin_client().get(api)?.expect_success()?;
    if !served.to_string().contains("mutatingadmissionpolicies") {
        // Served by default from 1.36 on.
        let version = case.control_plane().admin_client().get("/version")?.expect_success()?;
        let minor: u32 = version["minor"].as_str().context("a version")?.parse()?;
        ensure!(minor < 36, "no mutating policies are served: {version}");
        return Ok(());
    }
    for (kind, resource, told) in [
        (&kind::EXISTING, "secrets", "Secret"),
        (&kind::RULES, "serviceaccounts", "ServiceAccount"),
    ] {
        let broker = Broker::new(case, kind)?;
        let before = broker.inventory()?;
        let policy = mutating(&broker, resource)?;
        problem(&broker, &format!("changes `metadata.labels` of each created {told}"))?;
        let answer = broker.issue(&json!({ "ttl": "15m" }))?.expect_status(502)?;
        assert_eq!(answer["code"], "target_bad_answer", "{answer}");
        broker.sweep()?;
        assert_eq!(broker.inventory()?, before);
        drop(policy);
        is_well(&broker)?;
    }
    Ok(())
}

pub fn a_namespace_that_is_not_there_is_told_in_every_mode(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let nowhere = format!("{}-nowhere", broker.home_name());
    // In a namespace that is not there nobody has a role, so that all this is allowed everywhere.
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": nowhere },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "kind": "ServiceAccount", "name": "broker", "namespace": broker.home_name() }],
    });
    let _everything = DeployedObjects::create_objects(broker.cluster, vec![binding])?;
    for kind in [&kind::PLAIN, &kind::EXISTING, &kind::RULES, &kind::CLUSTER_ROLE_HERE] {
        let mut secret = broker.secret();
        secret["account"] = (kind.account)(&broker.role());
        secret["namespaces"] = json!([nowhere]);
        broker.admin()?.put(&broker.secret_path(), &secret)?.expect_status(200)?;
        wait_until("the rights' coming into force", PATIENCE, || {
            let told = broker.issue(&json!({}))?.expect_status(502)?;
            if told["code"] == "target_forbidden" {
                return Err(not_yet(told));
            }
            assert_eq!(told["code"], "namespace_not_found", "{}: {told}", kind.name);
            assert!(told["detail"].to_string().contains(&nowhere), "{told}");
            Ok(())
        })?;
        problem(&broker, &format!("there is no namespace `{nowhere}`"))?;
    }
    Ok(())
}

/// Waits until the check says of the dynamic secret that this stands in its way.
fn problem(broker: &Broker, want: &str) -> Result<()> {
    wait_until("the check's telling the problem", PATIENCE, || {
        let seen = check(broker)?;
        let secret = &seen["dynamic_secrets"][0];
        let told = secret["problem"].as_str().unwrap_or_default();
        if told.contains(want) {
            assert_eq!((&secret["issue"], &seen["ok"]), (&json!(false), &json!(false)), "{seen}");
            return Ok(());
        }
        Err(not_yet(seen))
    })
}

/// Waits until nothing stands in its way any more, and issues.
fn is_well(broker: &Broker) -> Result<()> {
    wait_until("the check's finding all well", PATIENCE, || {
        let seen = check(broker)?;
        if seen["ok"] == true { Ok(()) } else { Err(not_yet(seen)) }
    })?;
    broker.issue(&json!({ "ttl": "10m" }))?.expect_status(201).map(drop)
}

fn check(broker: &Broker) -> Result<Value> {
    broker.admin()?.post("/api/v1/targets/local/check", &json!({}))?.expect_status(200)
}

/// An issue is refused by what is not RBAC, and that is not named to whoever asks.
fn refused(broker: &Broker, by: &str, name: &str) -> Result<()> {
    let answer = broker.issue(&json!({ "ttl": "10m" }))?.expect_status(502)?;
    assert_eq!(answer["code"], "target_refused", "{answer}");
    let detail = answer["detail"].as_str().context("a detail")?;
    ensure!(detail.contains(by) && !detail.contains(name), "{detail}");
    Ok(())
}

/// Denies an operation in the place, for the reason that is the default (`Invalid`, and so a 422).
fn validating<'c>(
    broker: &Broker<'c>,
    name: &str,
    (resource, operation): (&str, &str),
) -> Result<DeployedObjects<'c>> {
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": name },
        "spec": {
            "matchConstraints": matches(broker, resource, operation),
            "validations": [{ "expression": "false", "message": "canary" }],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": name },
        "spec": { "policyName": name, "validationActions": ["Deny"] },
    });
    DeployedObjects::create_objects(broker.cluster, vec![policy, binding])
}

/// Overwrites a label of what is created in the place.
fn mutating<'c>(broker: &Broker<'c>, resource: &str) -> Result<DeployedObjects<'c>> {
    let name = format!("{}-overwrites", broker.home_name());
    let expression =
        r#"Object{metadata: Object.metadata{labels: {"kubelease.dev/target": "overwritten"}}}"#;
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": { "name": name },
        "spec": {
            "matchConstraints": matches(broker, resource, "CREATE"),
            "reinvocationPolicy": "Never",
            "mutations": [{
                "patchType": "ApplyConfiguration",
                "applyConfiguration": { "expression": expression },
            }],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": { "name": name },
        "spec": { "policyName": name },
    });
    DeployedObjects::create_objects(broker.cluster, vec![policy, binding])
}

fn matches(broker: &Broker, resource: &str, operation: &str) -> Value {
    json!({
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": broker.place.name() } },
        "resourceRules": [{
            "apiGroups": [""], "apiVersions": ["v1"], "operations": [operation], "resources": [resource],
        }],
    })
}

/// A policy comes into force within some seconds; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);
