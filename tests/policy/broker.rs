//! kubelease's account in a cluster, and what an administrator has prepared for it.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use testbed::control_plane::ControlPlane;
use testbed::deployed_manifests::{DeployedObjects, ManifestSubstitutions};
use testbed::http::HttpClient;
use testbed::namespace::Namespace;
use testbed::random;
use testbed::wait::{not_yet, wait_until};

/// An account in a namespace of its own, and a namespace to lease in.
pub struct Broker {
    pub cluster: &'static ControlPlane,
    /// The API as this account.
    pub http: HttpClient,
    /// The namespace of its account.
    pub home: Namespace,
    /// The namespace of leases; the account `deployer` is there.
    pub place: Namespace,
    /// A `ClusterRole` that may be bound.
    pub role: String,
}

impl Broker {
    pub fn new() -> Result<Self> {
        let cluster = cluster()?;
        let [home, place] = [Namespace::create_in(cluster)?, Namespace::create_in(cluster)?];
        home.create_service_account(BROKER)?;
        place.create_service_account(DEPLOYER)?;
        // What kubelease does not hold itself, so that it needs the right to bind it.
        let role = format!("{}-role", home.name());
        let rules = [json!({ "apiGroups": [""], "resources": ["services"], "verbs": ["list"] })];
        let object = json!({ "metadata": { "name": role }, "rules": rules });
        cluster
            .admin_client()
            .post(&format!("{RBAC}/clusterroles"), &object)?
            .expect_status(201)?;
        let http = cluster.client_with_token(&home.create_token_for(BROKER)?);
        Ok(Self { cluster, http, home, place, role })
    }

    fn names(&self) -> ManifestSubstitutions<'_> {
        ManifestSubstitutions {
            prefix: self.home.name(),
            broker_namespace: self.home.name(),
            broker: BROKER,
            namespace: self.place.name(),
            account: DEPLOYER,
            role: &self.role,
        }
    }

    /// Applies a file of `deploy/rbac`, and waits until it counts.
    pub fn with_rbac(&self, file: &str) -> Result<DeployedObjects<'static>> {
        let rbac = DeployedObjects::apply_rbac(self.cluster, file, &self.names())?;
        for role in self.cluster.parse_manifest_by_kubectl(rbac.manifest())? {
            for rule in role["rules"].as_array().map_or(&[][..], Vec::as_slice) {
                let verb = rule["verbs"][0].as_str().context("a rule without verbs")?;
                self.until(rule, verb, true)?;
            }
        }
        Ok(rbac)
    }

    /// Applies the admission policy.
    pub fn with_policy(&self) -> Result<DeployedObjects<'static>> {
        DeployedObjects::apply_policy_for_namespace(self.cluster, &self.names())
    }

    /// Leaves nothing to RBAC.
    pub fn with_every_right(&self) -> Result<()> {
        let binding = json!({
            "metadata": { "name": format!("{}-admin", self.home.name()) },
            "roleRef": { "apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "kind": "ServiceAccount", "name": BROKER, "namespace": self.home.name() }],
        });
        let path = format!("{RBAC}/clusterrolebindings");
        self.cluster.admin_client().post(&path, &binding)?.expect_status(201)?;
        self.until(&json!({ "apiGroups": ["*"], "resources": ["*"] }), "*", true)
    }

    /// Puts a role in the place of that of the same kind and name.
    pub fn replace_role(&self, role: &Value) -> Result<()> {
        let name = role["metadata"]["name"].as_str().context("no name")?;
        let path = match role["metadata"]["namespace"].as_str() {
            Some(namespace) => format!("{RBAC}/namespaces/{namespace}/roles/{name}"),
            None => format!("{RBAC}/clusterroles/{name}"),
        };
        self.cluster.admin_client().put(&path, role)?.expect_success()?;
        Ok(())
    }

    /// Puts a policy in the place of that of the same name, and waits until it is in force.
    ///
    /// Its first validation is one of ours, by whose word the new policy is known.
    pub fn replace_policy(&self, policy: &Value) -> Result<()> {
        let mut policy = policy.clone();
        let word = format!("word-{}", random::random_suffix()?);
        let expression =
            format!("object == null || object.?metadata.?name.orValue('') != '{word}'");
        let validations = policy["spec"]["validations"].as_array_mut().context("no validations")?;
        validations.insert(0, json!({ "expression": expression, "message": word }));
        let name = policy["metadata"]["name"].as_str().context("no name")?;
        let path = format!("{POLICIES}/{name}");
        self.cluster
            .admin_client()
            .patch(&path, &json!({ "spec": policy["spec"] }))?
            .expect_success()?;

        let path = format!("{}?dryRun=All", self.place.resources_path("v1", "configmaps"));
        let probe = json!({ "metadata": { "name": word } });
        wait_until("a change of the policy", PATIENCE, || {
            let answer = self.http.post(&path, &probe)?;
            let said = answer.to_json()?["message"].to_string();
            if said.contains(&format!("denied request: {word}")) {
                Ok(())
            } else {
                Err(not_yet(said))
            }
        })
    }

    /// Waits until a verb of a rule is allowed to us, or no longer.
    pub fn until(&self, rule: &Value, verb: &str, allowed: bool) -> Result<()> {
        let resource = rule["resources"][0].as_str().context("a rule without resources")?;
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let name = rule["resourceNames"][0].as_str().unwrap_or_default();
        // What is allowed in the whole cluster is allowed in each namespace.
        let namespace = if name == KUBE_SYSTEM { KUBE_SYSTEM } else { self.place.name() };
        let attributes = json!({
            "verb": verb,
            "group": rule["apiGroups"][0],
            "resource": resource,
            "subresource": subresource,
            "name": name,
            "namespace": namespace,
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let review = json!({ "spec": { "resourceAttributes": attributes } });
        wait_until("a change of rights", PATIENCE, || {
            let answer = self.http.post(path, &review)?.expect_status(201)?;
            if answer["status"]["allowed"] == allowed { Ok(()) } else { Err(not_yet(answer)) }
        })
    }
}

/// Returns the one control plane of all tests.
fn cluster() -> Result<&'static ControlPlane> {
    static CLUSTER: OnceLock<Result<ControlPlane, String>> = OnceLock::new();
    let start = || ControlPlane::start_without_controllers().map_err(|error| format!("{error:?}"));
    CLUSTER.get_or_init(start).as_ref().map_err(|error| anyhow!("{error}"))
}

const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";

pub const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

pub const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

pub const BROKER: &str = "broker";

pub const DEPLOYER: &str = "deployer";

const KUBE_SYSTEM: &str = "kube-system";

/// Rights take effect within some hundredths of a second.
const PATIENCE: Duration = Duration::from_secs(20);
