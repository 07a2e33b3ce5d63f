//! The modes of leases that are measured, each with an account of kubelease that has the least rights for it.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::control_plane::ControlPlane;
use testbed::deployed_manifests::{DeployedObjects, ManifestSubstitutions};
use testbed::http::HttpClient;
use testbed::namespace::Namespace;

/// A mode of leases.
pub struct Mode {
    /// The name in tables, and that of its target and of its dynamic secret.
    pub name: &'static str,
    /// True if its leases can be revoked.
    pub revocable: bool,
    /// The file of `deploy/rbac` that is enough for it.
    file: &'static str,
    /// The `account` of its dynamic secret, in JSON.
    account: &'static str,
}

/// All of them, the cheapest first.
pub const MODES: [Mode; 4] = [
    Mode {
        name: "plain",
        revocable: false,
        file: "existing-plain",
        account: r#"{"type":"existing","name":"deployer","revocable":false}"#,
    },
    Mode {
        name: "existing",
        revocable: true,
        file: "existing",
        account: r#"{"type":"existing","name":"deployer"}"#,
    },
    Mode {
        name: "role",
        revocable: true,
        file: "temporary-role",
        account: r#"{"type":"temporary","scope":"namespace","role":{"kind":"ClusterRole","name":"view"}}"#,
    },
    Mode {
        name: "rules",
        revocable: true,
        file: "temporary-rules",
        account: r#"{"type":"temporary","scope":"namespace",
            "rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]}]}"#,
    },
];

/// A mode in the cluster: the namespace of its leases, and kubelease's account for them.
pub struct ModeSetup<'c> {
    pub mode: &'static Mode,
    /// The credential of kubelease's account.
    pub token: String,
    namespace: Namespace,
    // Gone with this value.
    _home: Namespace,
    _deployed: [DeployedObjects<'c>; 2],
}

impl<'c> ModeSetup<'c> {
    /// Creates the accounts, the RBAC of `deploy/` and the admission policy.
    pub fn prepare_cluster_objects(cluster: &'c ControlPlane, mode: &'static Mode) -> Result<Self> {
        let [home, namespace] = [Namespace::create_in(cluster)?, Namespace::create_in(cluster)?];
        home.create_service_account(KUBELEASE_ACCOUNT)?;
        namespace.create_service_account(LEASED_ACCOUNT)?;
        let names = ManifestSubstitutions {
            prefix: home.name(),
            broker_namespace: home.name(),
            broker: KUBELEASE_ACCOUNT,
            namespace: namespace.name(),
            account: LEASED_ACCOUNT,
            role: "view",
        };
        let deployed = [
            DeployedObjects::apply_rbac(cluster, mode.file, &names)?,
            DeployedObjects::apply_policy_for_namespace(cluster, &names)?,
        ];
        let token = home.create_token_for(KUBELEASE_ACCOUNT)?;
        Ok(Self { mode, token, namespace, _home: home, _deployed: deployed })
    }

    /// Puts its target, at this address, and its dynamic secret.
    pub fn put_definitions(&self, admin: &HttpClient, url: &str) -> Result<()> {
        let name = self.mode.name;
        let target = json!({ "url": url, "auth": { "type": "token", "token": self.token } });
        admin.put(&format!("/api/v1/targets/{name}"), &target)?.expect_success()?;
        let account: Value = serde_json::from_str(self.mode.account).context("an account")?;
        let secret =
            json!({ "target": name, "namespaces": [self.namespace.name()], "account": account });
        admin.put(&format!("/api/v1/dynamic-secrets/{name}"), &secret)?.expect_success()?;
        Ok(())
    }
}

/// kubelease's account in the cluster.
const KUBELEASE_ACCOUNT: &str = "kubelease";

/// The account whose tokens are leased, if that is there before.
const LEASED_ACCOUNT: &str = "deployer";
