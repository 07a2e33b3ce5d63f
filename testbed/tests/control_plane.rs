//! The control plane is a real one: accounts, rights, tokens and deletions are as in any cluster.

use std::env;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use testbed::command;
use testbed::control_plane::{ControlPlane, Release};
use testbed::namespace::Namespace;
use testbed::wait::{AttemptError, not_yet, wait_until};

#[test]
fn a_token_is_its_account_and_no_more() -> Result<()> {
    let cluster = cluster()?;
    let namespace = Namespace::create_in(cluster)?;
    namespace.create_service_account("reader")?;
    let rules = json!([{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["list"] }]);
    namespace.create_role_for_account("reader", "secret-reader", &rules)?;
    let token = namespace.create_token_for("reader")?;
    let account = format!("system:serviceaccount:{}:reader", namespace.name());

    assert_eq!(cluster.fetch_token_user(&token)?["username"], account);
    let review = cluster.review_token(&token)?;
    assert_eq!(review["authenticated"], true, "{review}");
    assert_eq!(review["user"]["username"], account, "{review}");

    let reader = cluster.client_with_token(&token);
    let secrets = namespace.resources_path("v1", "secrets");
    wait_until("the right to list", PATIENCE, || match reader.get(&secrets)?.status {
        200 => Ok(()),
        other => Err(not_yet(other)),
    })?;
    reader.get(&namespace.resources_path("v1", "pods"))?.expect_status(403)?;
    reader.without_credentials().get(&secrets)?.expect_status(403)?;
    cluster.client_with_token("nonsense").get(&secrets)?.expect_status(401)?;
    Ok(())
}

#[test]
fn it_is_of_the_release_that_was_asked_for() -> Result<()> {
    let cluster = cluster()?;
    let seen = cluster.admin_client().get("/version")?.expect_success()?["gitVersion"].take();
    let release = match Release::from_env()? {
        None if env::var_os("KUBEBUILDER_ASSETS").is_some() => return Ok(()),
        asked => asked.unwrap_or_else(Release::newest),
    };
    assert_eq!(seen, release.kubernetes_version()?);
    Ok(())
}

#[test]
fn a_namespace_is_really_deleted() -> Result<()> {
    let cluster = cluster()?;
    let namespace = Namespace::create_in(cluster)?;
    namespace.create_service_account("somebody")?;
    let path = format!("/api/v1/namespaces/{}", namespace.name());
    drop(namespace);
    wait_until("the end of a namespace", PATIENCE, || {
        match cluster.admin_client().get(&path)?.status {
            404 => Ok(()),
            _ => Err(not_yet("it is still there")) as Result<(), AttemptError>,
        }
    })
}

#[test]
fn nothing_collects_garbage() -> Result<()> {
    let cluster = cluster()?;
    let namespace = Namespace::create_in(cluster)?;
    let owner = namespace.create_service_account("owner")?;
    let [owner_name, uid] = ["name", "uid"].map(|field| owner["metadata"][field].clone());
    let reference =
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "name": owner_name, "uid": uid });
    let dependent = json!({ "metadata": { "name": "owned", "ownerReferences": [reference] } });
    namespace.create_object("v1", "secrets", &dependent)?;
    let paths = [
        namespace.resources_path("v1", "serviceaccounts") + "/owner",
        namespace.resources_path("v1", "secrets") + "/owned",
    ];
    cluster.admin_client().delete(&paths[0])?.expect_success()?;
    cluster.admin_client().get(&paths[0])?.expect_status(404)?;

    // The controllers are seen to have been at work since.
    let bystander = Namespace::create_in(cluster)?;
    let path = format!("/api/v1/namespaces/{}", bystander.name());
    drop(bystander);
    wait_until("the end of a namespace", PATIENCE, || {
        match cluster.admin_client().get(&path)?.status {
            404 => Ok(()),
            _ => Err(not_yet("it is still there")) as Result<(), AttemptError>,
        }
    })?;
    cluster.admin_client().get(&paths[1])?.expect_status(200)?;
    Ok(())
}

#[test]
fn every_request_is_audited_and_no_token_with_it() -> Result<()> {
    let cluster = cluster()?;
    let namespace = Namespace::create_in(cluster)?;
    namespace.create_service_account("somebody")?;
    let token = namespace.create_token_for("somebody")?;
    let events = wait_until("the audit event", PATIENCE, || {
        let events = cluster.audit_events_in_namespace(namespace.name())?;
        let issued = |event: &Value| event["objectRef"]["subresource"] == "token";
        if events.iter().any(issued) { Ok(events) } else { Err(not_yet(format!("{events:?}"))) }
    })?;
    assert!(!format!("{events:?}").contains(&token));
    let dump = namespace.dump_state(cluster)?;
    assert!(dump.contains("  serviceaccounts/somebody\n"), "{dump}");
    assert!(dump.contains("  201 kubelease-admin create "), "{dump}");
    Ok(())
}

#[test]
fn kubectl_is_the_administrator_with_the_kubeconfig() -> Result<()> {
    let cluster = cluster()?;
    let mut kubectl = Command::new(&cluster.assets().kubectl);
    kubectl
        .arg("--kubeconfig")
        .arg(cluster.kubeconfig_path())
        .args(["auth", "whoami", "-o", "json"]);
    let answer: Value = serde_json::from_str(&command::run_for_output(&mut kubectl)?)?;
    assert_eq!(answer["status"]["userInfo"]["username"], "kubelease-admin");
    Ok(())
}

#[test]
fn a_certificate_is_whom_it_names_and_no_more() -> Result<()> {
    let cluster = cluster()?;
    let client = cluster.issue_client_certificate("somebody", Some("some-group"))?;
    let api = cluster.client_with_certificate(&client)?;
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let answer = api.post(path, &json!({}))?.expect_status(201)?;
    let user = &answer["status"]["userInfo"];
    assert_eq!(user["username"], "somebody", "{user}");
    assert!(user["groups"].to_string().contains("some-group"), "{user}");
    api.get("/api/v1/namespaces")?.expect_status(403)?;
    // A certificate on the connection outranks what the request bears.
    let namespace = Namespace::create_in(cluster)?;
    namespace.create_service_account("other")?;
    let both = api.with_bearer(&namespace.create_token_for("other")?);
    let answer = both.post(path, &json!({}))?.expect_status(201)?;
    assert_eq!(answer["status"]["userInfo"]["username"], "somebody", "{answer}");
    Ok(())
}

#[test]
fn a_proxy_adds_its_own_account() -> Result<()> {
    let cluster = cluster()?;
    let namespace = Namespace::create_in(cluster)?;
    namespace.create_service_account("gateway")?;
    let proxy = cluster.start_kubectl_proxy(&namespace.create_token_for("gateway")?)?;
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let answer = proxy.http_client().post(path, &json!({}))?.expect_status(201)?;
    let account = format!("system:serviceaccount:{}:gateway", namespace.name());
    assert_eq!(answer["status"]["userInfo"]["username"], account, "{answer}");
    let http = proxy.http_client();
    drop(proxy);
    assert!(http.get("/version").is_err(), "the proxy goes on");
    Ok(())
}

#[test]
fn a_second_cluster_has_nothing_in_common_with_the_first() -> Result<()> {
    let [first, second] = [cluster()?, &ControlPlane::start_without_controllers()?];
    assert_ne!(first.url(), second.url());
    assert_ne!(first.ca_pem(), second.ca_pem());
    let path = "/api/v1/namespaces/kube-system";
    let [a, b] = [first, second]
        .map(|it| it.admin_client().get(path).and_then(|answer| answer.expect_success()));
    let [a, b] = [a?, b?].map(|it| it["metadata"]["uid"].clone());
    assert!(a.is_string() && b.is_string() && a != b, "{a} {b}");
    let namespace = Namespace::create_in(first)?;
    namespace.create_service_account("somebody")?;
    let token = namespace.create_token_for("somebody")?;
    first.client_with_token(&token).get("/version")?.expect_status(200)?;
    second.client_with_token(&token).get("/version")?.expect_status(401)?;
    Ok(())
}

#[test]
fn a_manifest_is_read_applied_and_deleted() -> Result<()> {
    let cluster = cluster()?;
    let namespace = Namespace::create_in(cluster)?;
    let account = |name: &str| {
        format!(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {name}\n  namespace: {}\n",
            namespace.name()
        )
    };
    let manifest = [account("a"), account("b")].join("---\n");
    let path = namespace.resources_path("v1", "serviceaccounts");
    let names = |list: &[Value]| -> Vec<String> {
        list.iter().map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let listed = || -> Result<Vec<String>> {
        let list = cluster.admin_client().get(&path)?.expect_success()?;
        Ok(names(list["items"].as_array().unwrap()))
    };

    assert_eq!(names(&cluster.parse_manifest_by_kubectl(&manifest)?), ["a", "b"]);
    assert_eq!(listed()?, [""; 0]);
    cluster.apply_manifest(&manifest)?;
    cluster.apply_manifest(&manifest)?;
    assert_eq!(listed()?, ["a", "b"]);
    cluster.delete_manifest(&manifest)?;
    cluster.delete_manifest(&manifest)?;
    assert_eq!(listed()?, [""; 0]);
    assert!(cluster.apply_manifest("kind: Nonsense").is_err());
    Ok(())
}

/// Returns the one control plane of all tests. Nothing drops it: its keeper ends it all the same.
fn cluster() -> Result<&'static ControlPlane> {
    static CLUSTER: OnceLock<Result<ControlPlane, String>> = OnceLock::new();
    let cluster =
        CLUSTER.get_or_init(|| ControlPlane::start_empty().map_err(|error| format!("{error:?}")));
    cluster.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

const PATIENCE: Duration = Duration::from_secs(20);
