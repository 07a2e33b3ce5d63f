//! A cluster in which nobody may ask what Kubernetes lets everybody ask by default.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::control_plane::ControlPlane;
use testbed::deployed_manifests::{DeployedObjects, ManifestSubstitutions};
use testbed::harness::TestCase;
use testbed::namespace::Namespace;
use testbed::wait::{not_yet, wait_until};

pub fn what_is_not_open_to_all_is_done_without(case: &TestCase) -> Result<()> {
    let cluster = ControlPlane::start_without_controllers()?;
    for role in ["system:discovery", "system:public-info-viewer", "system:basic-user"] {
        let path = format!("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{role}");
        cluster.admin_client().delete(&path)?.expect_success()?;
    }
    let place = Namespace::create_in(&cluster)?;
    for account in ["broker", "deployer"] {
        place.create_service_account(account)?;
    }
    let name = place.name();
    let names = ManifestSubstitutions {
        prefix: name,
        broker_namespace: name,
        broker: "broker",
        namespace: name,
        account: "deployer",
        role: "none",
    };
    let rbac = DeployedObjects::apply_rbac(&cluster, "existing", &names)?;
    let token = place.create_token_for("broker")?;
    let may = |method: &str, path: &str, body: &Value| {
        Ok::<_, anyhow::Error>(
            cluster.client_with_token(&token).send_json(method, path, body)?.status,
        )
    };
    wait_until("the hardening's coming into force", Duration::from_secs(10), || {
        match may("GET", "/version", &json!({}))? {
            403 => Ok(()),
            other => Err(not_yet(other)),
        }
    })?;

    let mut settings = case.new_settings()?;
    settings.ca = Some(cluster.ca_pem().to_owned());
    let kubelease = case.new_kubelease_with(settings)?;
    let admin = kubelease.admin_client()?;
    let target = json!({ "url": cluster.url(), "auth": { "type": "token", "token": token } });
    let secret = json!({
        "target": "local", "account": { "type": "existing", "name": "deployer" }, "namespaces": [name],
    });
    admin.put("/api/v1/targets/local", &target)?.expect_status(201)?;
    admin.put("/api/v1/dynamic-secrets/ci", &secret)?.expect_status(201)?;
    let check = || admin.post("/api/v1/targets/local/check", &json!({}))?.expect_status(200);

    // With what `deploy/rbac` gives, only the version stays unknown.
    let seen = check()?;
    assert_eq!(seen["ok"], true, "{seen}");
    assert_eq!(seen["version"], Value::Null, "{seen}");
    assert_eq!(seen["username"], format!("system:serviceaccount:{name}:broker"));
    assert_eq!(seen["warnings"].as_array().map(Vec::len), Some(1), "{seen}");
    assert!(seen["warnings"][0].to_string().contains("/version"), "{seen}");

    // Without it kubelease is told nothing of itself, and reads in its own token who it is.
    let mut role = rbac.objects().iter().find(|object| object["kind"] == "ClusterRole").cloned();
    let role = role.as_mut().context("a ClusterRole")?;
    let rules = role["rules"].as_array_mut().context("rules")?;
    rules.retain(|rule| !rule["resources"][0].to_string().contains("selfsubject"));
    role["metadata"].as_object_mut().context("metadata")?.remove("resourceVersion");
    cluster
        .admin_client()
        .put(&testbed::deployed_manifests::object_path(role)?, role)?
        .expect_success()?;
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    wait_until("the reviews' being forbidden", Duration::from_secs(10), || {
        match may("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", &review)? {
            403 => Ok(()),
            other => Err(not_yet(other)),
        }
    })?;
    // Put anew, it is met anew.
    admin.put("/api/v1/targets/local", &target)?.expect_status(200)?;
    let lease = admin.post("/api/v1/dynamic-secrets/ci/leases", &json!({}))?.expect_status(201)?;
    let status = cluster.review_token(lease["token"].as_str().context("a token")?)?;
    assert_eq!(status["authenticated"], true, "{status}");
    let seen = check()?;
    assert_eq!(seen["username"], format!("system:serviceaccount:{name}:broker"), "{seen}");
    assert_eq!(seen["warnings"].as_array().map(Vec::len), Some(2), "{seen}");
    let problem = seen["dynamic_secrets"][0]["problem"].to_string();
    assert!(problem.contains("selfsubjectaccessreviews"), "{seen}");
    assert_eq!(seen["problem"], Value::Null, "{seen}");

    // Its own account is known by that, and not leased.
    let mut own = secret;
    own["account"]["name"] = json!("broker");
    let told = admin.put("/api/v1/dynamic-secrets/own", &own)?.expect_status(403)?;
    assert_eq!(told["code"], "own_account", "{told}");
    let id = lease["lease_id"].as_str().context("an id")?;
    admin.delete(&format!("/api/v1/leases/{id}"))?.expect_status(200).map(drop)
}
