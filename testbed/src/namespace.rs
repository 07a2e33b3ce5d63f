//! A namespace per test, and what tests put into it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::http::HttpClient;
use crate::random;

/// A namespace of a random name, deleted when dropped.
///
/// After a crash `kubectl delete namespace --selector kubelease.dev/testbed` finds what is left.
pub struct Namespace {
    name: String,
    admin: HttpClient,
}

impl Namespace {
    /// Makes one in `cluster`.
    pub fn create_in(cluster: &ControlPlane) -> Result<Self> {
        let admin = cluster.admin_client().clone();
        let name = format!("test-{}", random::random_suffix()?);
        Self::create_namespace(&admin, &name)?;
        Ok(Self { name, admin })
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the path of a kind's objects: `resources` is the plural, `api` is `v1` or
    /// `GROUP/VERSION`.
    #[must_use]
    pub fn resources_path(&self, api: &str, resources: &str) -> String {
        let root = if api.contains('/') { "apis" } else { "api" };
        format!("/{root}/{api}/namespaces/{}/{resources}", self.name)
    }

    /// Creates an object as the administrator.
    pub fn create_object(&self, api: &str, resources: &str, object: &Value) -> Result<Value> {
        self.admin.post(&self.resources_path(api, resources), object)?.expect_status(201)
    }

    /// Creates a service account.
    pub fn create_service_account(&self, name: &str) -> Result<Value> {
        self.create_object("v1", "serviceaccounts", &json!({ "metadata": { "name": name } }))
    }

    /// Creates a role that allows what `rules` say, and binds it to a service account of this namespace.
    pub fn create_role_for_account(&self, account: &str, role: &str, rules: &Value) -> Result<()> {
        self.create_object(
            RBAC_API_VERSION,
            "roles",
            &json!({ "metadata": { "name": role }, "rules": rules }),
        )?;
        let binding = json!({
            "metadata": { "name": format!("{role}-{account}") },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role },
            "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": self.name }],
        });
        self.create_object(RBAC_API_VERSION, "rolebindings", &binding)?;
        Ok(())
    }

    /// A token of a service account, asked for by the administrator.
    pub fn create_token_for(&self, account: &str) -> Result<String> {
        let path = format!("{}/{account}/token", self.resources_path("v1", "serviceaccounts"));
        let answer = self
            .admin
            .post(&path, &json!({ "spec": { "expirationSeconds": 3600 } }))?
            .expect_status(201)?;
        let token = answer["status"]["token"].as_str().context("a TokenRequest without a token")?;
        Ok(token.to_owned())
    }

    /// Asks for its end. Nothing ends it, since no controller runs: it stays `Terminating`.
    pub fn start_termination(&self) -> Result<()> {
        let terminating = self.admin.delete(&self.own_path())?.expect_success()?;
        ensure!(terminating["status"]["phase"] == "Terminating", "{terminating}");
        Ok(())
    }

    /// Does what a controller does with a namespace that is `Terminating`, and makes it again, empty.
    pub fn finalize_and_recreate(&self) -> Result<()> {
        for (api, resources) in NAMESPACE_RESOURCES {
            for name in self.object_names(api, resources)? {
                self.admin
                    .delete(&format!("{}/{name}", self.resources_path(api, resources)))?
                    .expect_success()?;
            }
        }
        let done = json!({ "metadata": { "name": self.name }, "spec": { "finalizers": [] } });
        self.admin.put(&format!("{}/finalize", self.own_path()), &done)?.expect_success()?;
        Self::create_namespace(&self.admin, &self.name)
    }

    fn own_path(&self) -> String {
        format!("/api/v1/namespaces/{}", self.name)
    }

    fn create_namespace(admin: &HttpClient, name: &str) -> Result<()> {
        let namespace =
            json!({ "metadata": { "name": name, "labels": { TESTBED_LABEL: "true" } } });
        admin.post("/api/v1/namespaces", &namespace)?.expect_status(201).map(drop)
    }

    /// The names of all objects of a kind.
    fn object_names(&self, api: &str, resources: &str) -> Result<Vec<String>> {
        let list = self.admin.get(&self.resources_path(api, resources))?.expect_success()?;
        let items = list["items"].as_array().context("a list without items")?;
        Ok(items.iter().map(|item| to_text(&item["metadata"]["name"]).to_owned()).collect())
    }

    /// The names of what is in it and of who asked for what, for the report of a failure.
    pub fn dump_state(&self, cluster: &ControlPlane) -> Result<String> {
        let mut report = vec![format!("namespace {}:", self.name)];
        for (api, resources) in NAMESPACE_RESOURCES {
            for name in self.object_names(api, resources)? {
                report.push(format!("  {resources}/{name}"));
            }
        }
        for event in cluster.audit_events_in_namespace(&self.name)? {
            let [who, verb] = [&event["user"]["username"], &event["verb"]].map(to_text);
            let code = &event["responseStatus"]["code"];
            report.push(format!("  {code} {who} {verb} {}", to_text(&event["requestURI"])));
        }
        Ok(report.join("\n"))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let deleted = self.admin.delete(&self.own_path());
        if let Err(error) = deleted.and_then(|reply| reply.expect_success()) {
            eprintln!("could not delete namespace {}: {error:#}", self.name);
        }
    }
}

fn to_text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Marks what a test has made.
pub const TESTBED_LABEL: &str = "kubelease.dev/testbed";

const RBAC_API_VERSION: &str = "rbac.authorization.k8s.io/v1";

/// The objects of tests and leases in a namespace.
const NAMESPACE_RESOURCES: [(&str, &str); 5] = [
    ("v1", "serviceaccounts"),
    ("v1", "secrets"),
    ("coordination.k8s.io/v1", "leases"),
    (RBAC_API_VERSION, "roles"),
    (RBAC_API_VERSION, "rolebindings"),
];
