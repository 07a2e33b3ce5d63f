//! The objects of a lease, in the shapes that kubelease gives them.

use anyhow::Result;
use serde_json::{Value, json};
use testbed::random;

use crate::broker::{Broker, RBAC, RBAC_GROUP};

/// The names that all objects of a lease share.
pub struct Lease {
    /// 32 hexadecimal digits.
    pub id: String,
    /// The name of each object; it ends in 20 random hexadecimal digits.
    pub name: String,
}

impl Lease {
    pub fn new() -> Result<Self> {
        let digits =
            [random::random_suffix()?, random::random_suffix()?, random::random_suffix()?].concat();
        Ok(Self { id: digits[..32].to_owned(), name: format!("ci-{}", &digits[12..32]) })
    }

    pub fn labels(&self) -> Value {
        json!({ "app.kubernetes.io/managed-by": "kubelease", "kubelease.dev/lease": self.id })
    }

    fn metadata(&self) -> Value {
        json!({
            "name": self.name,
            "labels": self.labels(),
            "annotations": { "kubelease.dev/mac": "bWFj", "example.com/team": "a" },
        })
    }

    pub fn account(&self) -> Value {
        json!({ "metadata": self.metadata() })
    }

    pub fn secret(&self) -> Value {
        json!({ "metadata": self.metadata(), "type": "kubelease.dev/lease" })
    }

    pub fn lease(&self) -> Value {
        let spec = json!({ "holderIdentity": "ci", "leaseDurationSeconds": 900 });
        json!({ "metadata": self.metadata(), "spec": spec })
    }

    /// A role that allows what `deploy/rbac` gives for example.
    pub fn role(&self) -> Value {
        let verbs = ["get", "list", "watch"];
        let rules = json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": verbs }]);
        json!({ "metadata": self.metadata(), "rules": rules })
    }

    /// A binding of a role to the lease's account in `namespace`.
    pub fn binding(&self, namespace: &str, kind: &str, role: &str) -> Value {
        json!({
            "metadata": self.metadata(),
            "roleRef": { "apiGroup": RBAC_GROUP, "kind": kind, "name": role },
            "subjects": [{ "kind": "ServiceAccount", "name": self.name, "namespace": namespace }],
        })
    }

    /// Creates an object of each kind.
    pub fn create_all(&self, broker: &Broker) -> Result<()> {
        let place = broker.place.name();
        for (path, object) in [
            (broker.place.resources_path("v1", "serviceaccounts"), self.account()),
            (broker.place.resources_path("v1", "secrets"), self.secret()),
            (broker.place.resources_path("coordination.k8s.io/v1", "leases"), self.lease()),
            (format!("{RBAC}/namespaces/{place}/roles"), self.role()),
            (format!("{RBAC}/clusterroles"), self.role()),
            (
                format!("{RBAC}/namespaces/{place}/rolebindings"),
                self.binding(place, "Role", &self.name),
            ),
            (format!("{RBAC}/clusterrolebindings"), self.binding(place, "ClusterRole", &self.name)),
        ] {
            broker.http.post(&path, &object)?.expect_status(201)?;
        }
        Ok(())
    }
}
