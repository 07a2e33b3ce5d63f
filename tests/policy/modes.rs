//! All that is asked of the API server for a lease, from the first read to the last deletion.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::broker::{Broker, DEPLOYER, RBAC};
use crate::lease::Lease;

type Mode = fn(&Broker, &Lease) -> Result<()>;

/// Each file of `deploy/rbac`, and what it is for.
pub const MODES: [(&str, Mode); 5] = [
    ("existing", existing),
    ("existing-plain", existing_plain),
    ("temporary-role", temporary_role),
    ("temporary-rules", temporary_rules),
    ("temporary-cluster", temporary_cluster),
];

fn existing(broker: &Broker, lease: &Lease) -> Result<()> {
    identity(broker)?;
    let account = uid(&broker.http.get(&account_path(broker, DEPLOYER))?.expect_status(200)?)?;
    let secrets = broker.place.resources_path("v1", "secrets");
    let secret = uid(&broker.http.post(&secrets, &lease.secret())?.expect_status(201)?)?;
    let leases = Objects::new(
        broker,
        &broker.place.resources_path("coordination.k8s.io/v1", "leases"),
        lease,
    );
    leases.create(&lease.lease())?;
    let bound = json!({ "kind": "Secret", "apiVersion": "v1", "name": lease.name, "uid": secret });
    let request = json!({ "metadata": { "uid": account }, "spec": { "boundObjectRef": bound } });
    token(broker, DEPLOYER, &request)?;
    leases.find()?;
    leases.renew()?;

    // Was it created, and by us? Reading it is not ours.
    let path = format!("{secrets}/{}", lease.name);
    let look = json!({ "dryRun": ["All"], "propagationPolicy": "Orphan" });
    let seen = broker.http.send_json("DELETE", &path, &look)?.expect_status(200)?;
    assert_eq!(seen["metadata"]["uid"], secret, "{seen}");
    assert_eq!(seen["metadata"]["labels"], lease.labels(), "{seen}");
    // It was only a question.
    let end = json!({ "preconditions": { "uid": secret } });
    broker.http.send_json("DELETE", &path, &end)?.expect_status(200)?;
    leases.delete()
}

fn existing_plain(broker: &Broker, _: &Lease) -> Result<()> {
    identity(broker)?;
    let account = uid(&broker.http.get(&account_path(broker, DEPLOYER))?.expect_status(200)?)?;
    token(broker, DEPLOYER, &json!({ "metadata": { "uid": account }, "spec": {} }))
}

fn temporary_role(broker: &Broker, lease: &Lease) -> Result<()> {
    look_at_role(broker)?;
    let binding = lease.binding(broker.place.name(), "ClusterRole", &broker.role);
    temporary(broker, lease, &in_place(broker, "rolebindings"), &binding)
}

fn temporary_rules(broker: &Broker, lease: &Lease) -> Result<()> {
    let roles = Objects::new(broker, &in_place(broker, "roles"), lease);
    roles.create(&lease.role())?;
    let binding = lease.binding(broker.place.name(), "Role", &lease.name);
    temporary(broker, lease, &in_place(broker, "rolebindings"), &binding)?;
    roles.find()?;
    roles.delete()
}

/// Of a role that is there, then of one made from rules.
fn temporary_cluster(broker: &Broker, lease: &Lease) -> Result<()> {
    look_at_role(broker)?;
    let bindings = format!("{RBAC}/clusterrolebindings");
    let binding = lease.binding(broker.place.name(), "ClusterRole", &broker.role);
    temporary(broker, lease, &bindings, &binding)?;

    let roles = Objects::new(broker, &format!("{RBAC}/clusterroles"), lease);
    roles.create(&lease.role())?;
    let binding = lease.binding(broker.place.name(), "ClusterRole", &lease.name);
    temporary(broker, lease, &bindings, &binding)?;
    roles.find()?;
    roles.delete()
}

/// An account, its binding and its token, found again, renewed and ended.
fn temporary(broker: &Broker, lease: &Lease, bindings: &str, binding: &Value) -> Result<()> {
    identity(broker)?;
    // The labels of the namespace, for a selector.
    let namespace = format!("/api/v1/namespaces/{}", broker.place.name());
    broker.http.get(&namespace)?.expect_status(200)?;
    let accounts =
        Objects::new(broker, &broker.place.resources_path("v1", "serviceaccounts"), lease);
    let bindings = Objects::new(broker, bindings, lease);
    let account = accounts.create(&lease.account())?;
    bindings.create(binding)?;
    token(broker, &lease.name, &json!({ "metadata": { "uid": account }, "spec": {} }))?;
    for objects in [&accounts, &bindings] {
        objects.find()?;
    }
    accounts.renew()?;
    bindings.delete()?;
    accounts.delete()
}

/// Reads the role that is bound: whether it is there, and what it grants.
fn look_at_role(broker: &Broker) -> Result<()> {
    broker.http.get(&format!("{RBAC}/clusterroles/{}", broker.role))?.expect_status(200).map(drop)
}

fn identity(broker: &Broker) -> Result<()> {
    broker.http.get("/api/v1/namespaces/kube-system")?.expect_status(200).map(drop)
}

fn token(broker: &Broker, account: &str, request: &Value) -> Result<()> {
    let path = format!("{}/token", account_path(broker, account));
    let answer = broker.http.post(&path, request)?.expect_status(201)?;
    answer["status"]["token"].as_str().context("no token").map(drop)
}

fn account_path(broker: &Broker, account: &str) -> String {
    format!("{}/{account}", broker.place.resources_path("v1", "serviceaccounts"))
}

fn in_place(broker: &Broker, resources: &str) -> String {
    format!("{RBAC}/namespaces/{}/{resources}", broker.place.name())
}

fn uid(object: &Value) -> Result<String> {
    Ok(object["metadata"]["uid"].as_str().context("no UID")?.to_owned())
}

/// Objects of one kind, one of which is the lease's.
struct Objects<'b> {
    broker: &'b Broker,
    path: String,
    lease: &'b Lease,
}

impl<'b> Objects<'b> {
    fn new(broker: &'b Broker, path: &str, lease: &'b Lease) -> Self {
        Self { broker, path: path.to_owned(), lease }
    }

    fn one(&self) -> String {
        format!("{}/{}", self.path, self.lease.name)
    }

    /// The UID of the object made.
    fn create(&self, object: &Value) -> Result<String> {
        uid(&self.broker.http.post(&self.path, object)?.expect_status(201)?)
    }

    /// By name, as after a lost answer, and by label, as a sweep does.
    fn find(&self) -> Result<()> {
        self.broker.http.get(&self.one())?.expect_status(200)?;
        let selector =
            format!("{}?labelSelector=kubelease.dev%2Flease%3D{}", self.path, self.lease.id);
        let list = self.broker.http.get(&selector)?.expect_status(200)?;
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
        Ok(())
    }

    fn renew(&self) -> Result<()> {
        let now = self.broker.http.get(&self.one())?.expect_status(200)?;
        let version = &now["metadata"]["resourceVersion"];
        let change = json!({ "metadata": {
            "uid": uid(&now)?,
            "resourceVersion": version,
            "annotations": { "kubelease.dev/deadline": "2030-01-01T00:00:00Z" },
        }});
        self.broker.http.patch(&self.one(), &change)?.expect_status(200).map(drop)
    }

    fn delete(&self) -> Result<()> {
        let known = uid(&self.broker.http.get(&self.one())?.expect_status(200)?)?;
        let end = json!({ "preconditions": { "uid": known } });
        self.broker.http.send_json("DELETE", &self.one(), &end)?.expect_status(200)?;
        self.broker.http.get(&self.one())?.expect_status(404).map(drop)
    }
}
