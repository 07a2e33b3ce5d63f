//! What the API server's refusals name: kubelease believes them only of what they name.

use anyhow::Result;
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::http::Reply;
use testbed::namespace::Namespace;

/// Each resource of what leases are made of: its API, the resource, its kind, and whether it is in a namespace.
const RESOURCES: [(&str, &str, &str, bool); 7] = [
    ("v1", "serviceaccounts", "ServiceAccount", true),
    ("v1", "secrets", "Secret", true),
    ("coordination.k8s.io/v1", "leases", "Lease", true),
    ("rbac.authorization.k8s.io/v1", "roles", "Role", true),
    ("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", false),
    ("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding", true),
    ("rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", false),
];

pub fn each_refusal_names_resource_group_and_name(case: &TestCase) -> Result<()> {
    let (cluster, namespace) = (case.control_plane(), case.new_namespace()?);
    namespace.create_service_account("nobody")?;
    let (admin, nobody) =
        (cluster.admin_client(), cluster.client_with_token(&namespace.create_token_for("nobody")?));
    for (api, resource, kind, is_namespaced) in RESOURCES {
        let all = collection(&namespace, api, resource, is_namespaced);
        // Unique in the cluster, for what is in no namespace.
        let name = format!("{}-{resource}", namespace.name());
        let one = format!("{all}/{name}");
        let group = api.split_once('/').map(|(group, _)| group);
        let named = details(group, resource, Some(&name));

        let dry = json!({ "dryRun": ["All"], "propagationPolicy": "Orphan" });
        let uid = json!({ "preconditions": { "uid": "8d3f6a55-6a5c-4a3c-9a53-0f9f6b7a1c11" } });
        for missing in [
            admin.get(&one)?,
            admin.delete(&one)?,
            admin.send_json("DELETE", &one, &uid)?,
            admin.send_json("DELETE", &one, &dry)?,
            admin.patch(&one, &json!({ "metadata": { "annotations": { "a": "b" } } }))?,
        ] {
            assert_eq!(refused(&missing, 404, "NotFound")?, named, "{missing:?}");
        }

        let object = object(kind, &name);
        admin.post(&all, &object)?.expect_status(201)?;
        assert_eq!(refused(&admin.post(&all, &object)?, 409, "AlreadyExists")?, named);
        // Of a UID it names the kind, and nowhere else.
        let conflict = admin.send_json("DELETE", &one, &uid)?;
        assert_eq!(refused(&conflict, 409, "Conflict")?, details(group, kind, Some(&name)));
        let stale = json!({ "metadata": { "resourceVersion": "1", "annotations": { "a": "b" } } });
        assert_eq!(refused(&admin.patch(&one, &stale)?, 409, "Conflict")?, named);

        for forbidden in [nobody.get(&one)?, nobody.delete(&one)?] {
            assert_eq!(refused(&forbidden, 403, "Forbidden")?, named, "{forbidden:?}");
        }
        let unnamed = details(group, resource, None);
        for forbidden in [nobody.get(&all)?, nobody.post(&all, &object)?] {
            assert_eq!(refused(&forbidden, 403, "Forbidden")?, unnamed, "{forbidden:?}");
        }
        admin.delete(&one)?.expect_success()?;
    }
    Ok(())
}

pub fn a_resource_that_is_not_served_is_not_found_without_a_name(case: &TestCase) -> Result<()> {
    let (admin, namespace) = (case.control_plane().admin_client(), case.new_namespace()?);
    let own = namespace.name();
    for (method, path) in [
        ("GET", format!("/api/v1/namespaces/{own}/nothings/a")),
        ("DELETE", format!("/api/v1/namespaces/{own}/nothings/a")),
        ("DELETE", format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{own}/nothings/a")),
        ("DELETE", format!("/apis/coordination.k8s.io/v1/namespaces/{own}/nothings/a")),
        ("POST", "/apis/authentication.k8s.io/v1/nothings".to_owned()),
    ] {
        let reply = admin.send_json(method, &path, &json!({}))?;
        assert_eq!(refused(&reply, 404, "NotFound")?, json!({}), "{reply:?}");
    }
    Ok(())
}

pub fn what_else_a_request_needs_is_named_by_its_own_name(case: &TestCase) -> Result<()> {
    let (admin, namespace) = (case.control_plane().admin_client(), case.new_namespace()?);
    let nowhere = format!("{}-nowhere", namespace.name());
    for (api, resource, kind, is_namespaced) in RESOURCES {
        if is_namespaced {
            let root = if api == "v1" { "api" } else { "apis" };
            let path = format!("/{root}/{api}/namespaces/{nowhere}/{resource}");
            let reply = admin.post(&path, &object(kind, "a"))?;
            let named = details(None, "namespaces", Some(&nowhere));
            assert_eq!(refused(&reply, 404, "NotFound")?, named, "{reply:?}");
        }
    }

    namespace.create_service_account("deployer")?;
    let secret = object("Secret", "bound");
    admin.post(&namespace.resources_path("v1", "secrets"), &secret)?.expect_status(201)?;
    let other = "8d3f6a55-6a5c-4a3c-9a53-0f9f6b7a1c11";
    let bound = |name: &str, uid: Option<&str>| {
        let object = json!({ "kind": "Secret", "apiVersion": "v1", "name": name, "uid": uid });
        json!({ "spec": { "boundObjectRef": object } })
    };
    let tokens = "authentication.k8s.io";
    for (account, request, code, reason, named) in [
        ("none", json!({}), 404, "NotFound", details(None, "serviceaccounts", Some("none"))),
        (
            "deployer",
            json!({ "metadata": { "uid": other } }),
            409,
            "Conflict",
            details(Some(tokens), "TokenRequest", Some("deployer")),
        ),
        ("deployer", bound("none", None), 404, "NotFound", details(None, "secrets", Some("none"))),
        (
            "deployer",
            bound("bound", Some(other)),
            409,
            "Conflict",
            details(None, "Secret", Some("bound")),
        ),
    ] {
        let path = format!("{}/{account}/token", namespace.resources_path("v1", "serviceaccounts"));
        let reply = admin.post(&path, &request)?;
        assert_eq!(refused(&reply, code, reason)?, named, "{reply:?}");
    }
    Ok(())
}

/// The details of a refusal with this status and reason.
fn refused(reply: &Reply, code: u16, reason: &str) -> Result<Value> {
    let mut status = reply.expect_status(code)?;
    assert_eq!(
        (&status["kind"], &status["reason"]),
        (&json!("Status"), &json!(reason)),
        "{status}"
    );
    Ok(status["details"].take())
}

fn details(group: Option<&str>, kind: &str, name: Option<&str>) -> Value {
    let mut details = json!({ "kind": kind });
    for (key, value) in [("group", group), ("name", name)] {
        if let Some(value) = value {
            details[key] = json!(value);
        }
    }
    details
}

fn collection(namespace: &Namespace, api: &str, resource: &str, is_namespaced: bool) -> String {
    if is_namespaced {
        namespace.resources_path(api, resource)
    } else {
        format!("/apis/{api}/{resource}")
    }
}

/// An object of a kind that grants nothing to anybody.
fn object(kind: &str, name: &str) -> Value {
    let mut object = json!({ "metadata": { "name": name } });
    if kind.ends_with("Binding") {
        let group = "rbac.authorization.k8s.io";
        object["roleRef"] = json!({ "apiGroup": group, "kind": "ClusterRole", "name": "none" });
    }
    object
}
