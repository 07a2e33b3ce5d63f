//! What most tests begin with: a namespace with an account to lease, and a kubelease that may.

use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};
use testbed::deployed_manifests::{DeployedObjects, ManifestSubstitutions};
use testbed::harness::TestCase;
use testbed::http::{HttpClient, Reply};
use testbed::kubelease::{Kubelease, Settings};
use testbed::namespace::Namespace;

/// A kubelease with target `local` and dynamic secret `ci`: the account `deployer` of one namespace.
pub struct Leasing<'s> {
    pub namespace: Arc<Namespace>,
    pub kubelease: Arc<Kubelease<'s>>,
    /// The credential that kubelease has in the cluster.
    pub broker_token: String,
    /// The rights of its account there.
    pub rbac: DeployedObjects<'s>,
}

/// The path of the leases of `ci`.
pub const LEASES: &str = "/api/v1/dynamic-secrets/ci/leases";

impl<'s> Leasing<'s> {
    /// Everything as it should be.
    pub fn set_up(case: &TestCase<'s>) -> Result<Self> {
        Self::set_up_with(case, case.new_settings()?)
    }

    /// The same, told other things than usual.
    pub fn set_up_with(case: &TestCase<'s>, settings: Settings) -> Result<Self> {
        let namespace = case.new_namespace()?;
        namespace.create_service_account("deployer")?;
        namespace.create_service_account("broker")?;
        let name = namespace.name();
        let names = ManifestSubstitutions {
            prefix: name,
            broker_namespace: name,
            broker: "broker",
            namespace: name,
            account: "deployer",
            role: "none",
        };
        let rbac = DeployedObjects::apply_rbac(case.control_plane(), "existing-plain", &names)?;
        let broker_token = namespace.create_token_for("broker")?;
        let kubelease = case.new_kubelease_with(settings)?;
        let leasing = Self { namespace, kubelease, broker_token, rbac };
        let url = case.control_plane().url();
        leasing.admin()?.put("/api/v1/targets/local", &leasing.target(url))?.expect_status(201)?;
        leasing
            .admin()?
            .put("/api/v1/dynamic-secrets/ci", &leasing.secret())?
            .expect_status(201)?;
        Ok(leasing)
    }

    /// kubelease's API, as its administrator.
    pub fn admin(&self) -> Result<HttpClient> {
        self.kubelease.admin_client()
    }

    /// A lease of `ci`.
    pub fn issue(&self, request: &Value) -> Result<Reply> {
        self.admin()?.post(LEASES, request)
    }

    /// The definition of a target at `url`, with the broker's token.
    pub fn target(&self, url: &str) -> Value {
        json!({ "url": url, "auth": { "type": "token", "token": self.broker_token } })
    }

    /// The definition of `ci`.
    pub fn secret(&self) -> Value {
        json!({
            "target": "local",
            "account": { "type": "existing", "name": "deployer", "revocable": false },
            "namespaces": [self.namespace.name()],
            "default_ttl": "1h",
            "max_ttl": "24h",
        })
    }
}
