//! A kubelease with the least rights for one kind of lease, and the admission policy on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use chrono::DateTime;
use serde_json::{Value, json};
use testbed::control_plane::ControlPlane;
use testbed::deployed_manifests::{self, DeployedObjects, ManifestSubstitutions};
use testbed::harness::TestCase;
use testbed::http::{HttpClient, Reply};
use testbed::kubelease::{Kubelease, Settings};
use testbed::namespace::Namespace;
use testbed::wait::{not_yet, wait_until};

use crate::kind::Kind;

#[path = "broker/lease.rs"]
mod lease;

pub use lease::Lease;

/// kubelease's account in a namespace of its own, and a kubelease with target `local` and one dynamic
/// secret of one kind.
pub struct Broker<'s> {
    pub cluster: &'s ControlPlane,
    pub kind: &'static Kind,
    pub kubelease: Arc<Kubelease<'s>>,
    /// The namespace of leases; the account `deployer` is there, and a role to bind.
    pub place: Arc<Namespace>,
    /// A namespace without leases.
    pub elsewhere: Arc<Namespace>,
    /// The credential that kubelease has in the cluster.
    pub token: String,
    home: Arc<Namespace>,
    roles: Vec<Value>,
    _deployed: [DeployedObjects<'s>; 3],
}

impl<'s> Broker<'s> {
    /// Everything as it should be.
    pub fn new(case: &TestCase<'s>, kind: &'static Kind) -> Result<Self> {
        Self::with(case, kind, case.new_settings()?)
    }

    /// The same, told other things than usual.
    pub fn with(case: &TestCase<'s>, kind: &'static Kind, settings: Settings) -> Result<Self> {
        let cluster = case.control_plane();
        let [home, place, elsewhere] =
            [case.new_namespace()?, case.new_namespace()?, case.new_namespace()?];
        home.create_service_account(BROKER)?;
        place.create_service_account("deployer")?;
        let may =
            |lists: &str| json!([{ "apiGroups": [""], "resources": [lists], "verbs": ["list"] }]);
        place.create_role_for_account("deployer", "reader", &may("configmaps"))?;

        // What kubelease does not hold itself, so that it needs the right to bind it.
        let role = format!("{}-role", home.name());
        let role_object = |kind: &str, namespace: Option<&str>| {
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": kind,
                "metadata": { "name": role, "namespace": namespace },
                "rules": may("services"),
            })
        };
        let roles = [role_object("ClusterRole", None), role_object("Role", Some(place.name()))];
        let bound_roles = DeployedObjects::create_objects(cluster, roles.into())?;

        let names = ManifestSubstitutions {
            prefix: home.name(),
            broker_namespace: home.name(),
            broker: BROKER,
            namespace: place.name(),
            account: "deployer",
            role: &role,
        };
        let rbac = DeployedObjects::apply_rbac(cluster, kind.file, &names)?;
        let bound = [format!("ClusterRole/{role}"), format!("Role/{}/{role}", place.name())];
        let account = format!("{}/deployer", place.name());
        let policy = DeployedObjects::apply_policy_with_lists(
            cluster,
            &names,
            &[&account],
            &bound.each_ref().map(String::as_str),
        )?;

        let token = home.create_token_for(BROKER)?;
        let kubelease = case.new_kubelease_with(settings)?;
        let mut it = Self {
            cluster,
            kind,
            kubelease,
            place,
            elsewhere,
            token,
            home,
            roles: rbac
                .objects()
                .iter()
                .filter(|object| object["rules"].is_array())
                .cloned()
                .collect(),
            _deployed: [rbac, policy, bound_roles],
        };
        it.may_bind()?;
        it.admin()?.put("/api/v1/targets/local", &it.target(cluster.url()))?.expect_status(201)?;
        it.admin()?.put(&it.secret_path(), &it.secret())?.expect_status(201)?;
        Ok(it)
    }

    /// `deploy/rbac` gives a `ClusterRole` for example; where a Role is bound instead, it is named so.
    fn may_bind(&mut self) -> Result<()> {
        if self.kind.name != "role" {
            return Ok(());
        }
        let role = self.roles.iter_mut().find(|object| object["kind"] == "Role");
        let role = role.context("a Role")?;
        for rule in role["rules"].as_array_mut().context("rules")? {
            if rule["resources"] == json!(["clusterroles"]) {
                rule["resources"] = json!(["roles"]);
                rule["verbs"] = json!(["get", "bind"]);
            }
        }
        let role = role.clone();
        self.replace(&role)?;
        let bind = role["rules"].as_array().and_then(|rules| rules.last()).context("a rule")?;
        self.until(bind, self.place.name(), None, true)
    }

    /// The roles that say what kubelease may.
    pub fn roles(&self) -> &[Value] {
        &self.roles
    }

    /// The name of the role that is bound, be it a Role or a `ClusterRole`.
    pub fn role(&self) -> String {
        format!("{}-role", self.home.name())
    }

    /// Puts a role in the place of that of its kind and name.
    pub fn replace(&self, role: &Value) -> Result<()> {
        let mut role = role.clone();
        // Whatever it was since.
        role["metadata"].as_object_mut().context("metadata")?.remove("resourceVersion");
        self.cluster
            .admin_client()
            .put(&deployed_manifests::object_path(&role)?, &role)?
            .expect_success()
            .map(drop)
    }

    /// Waits until a verb of a rule is allowed to kubelease, or no longer.
    pub fn until(
        &self,
        rule: &Value,
        place: &str,
        verb: Option<&str>,
        allowed: bool,
    ) -> Result<()> {
        deployed_manifests::wait_until_access_matches(
            self.cluster,
            &self.username(),
            (rule, place, verb),
            allowed,
        )
    }

    /// The user that kubelease is in the cluster.
    pub fn username(&self) -> String {
        format!("system:serviceaccount:{}:{BROKER}", self.home.name())
    }

    /// The namespace of kubelease's own account, `broker`.
    pub fn home_name(&self) -> &str {
        self.home.name()
    }

    /// kubelease's API, as its administrator.
    pub fn admin(&self) -> Result<HttpClient> {
        self.kubelease.admin_client()
    }

    /// The name of the dynamic secret, which no other test has.
    pub fn secret_name(&self) -> &str {
        self.home.name()
    }

    /// The dynamic secret's path.
    pub fn secret_path(&self) -> String {
        format!("/api/v1/dynamic-secrets/{}", self.secret_name())
    }

    /// The definition of a target at `url`, with kubelease's token.
    pub fn target(&self, url: &str) -> Value {
        json!({ "url": url, "auth": { "type": "token", "token": self.token }, "ca": "custom" })
    }

    /// Tells kubelease the CA of the cluster, so that kubeconfigs have it.
    pub fn put_ca(&self) -> Result<()> {
        let mut target = self.target(self.cluster.url());
        target["ca_certificate"] = json!(self.cluster.ca_pem());
        self.admin()?.put("/api/v1/targets/local", &target)?.expect_status(200)?;
        Ok(())
    }

    /// The definition of the dynamic secret.
    pub fn secret(&self) -> Value {
        json!({
            "target": "local",
            "account": (self.kind.account)(&self.role()),
            "namespaces": [self.place.name()],
            "default_ttl": "1h",
            "max_ttl": "24h",
        })
    }

    /// Asks for a lease.
    pub fn issue(&self, request: &Value) -> Result<Reply> {
        self.admin()?.post(&format!("{}/leases", self.secret_path()), request)
    }

    /// Asks for a lease with an `Idempotency-Key`.
    pub fn issue_as(&self, key: &str, request: &Value) -> Result<Reply> {
        self.issue_by(&self.admin()?, key, request)
    }

    /// Has somebody ask for a lease with an `Idempotency-Key`.
    pub fn issue_by(&self, requester: &HttpClient, key: &str, request: &Value) -> Result<Reply> {
        let path = format!("{}/leases", self.secret_path());
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        requester.send_raw("POST", &path, &headers, request.to_string().as_bytes())
    }

    /// A lease.
    pub fn lease(&self, request: &Value) -> Result<Lease> {
        Lease::of(self.issue(request)?.expect_status(201)?)
    }

    /// A lease as it stands.
    pub fn shown(&self, lease: &Lease) -> Result<Value> {
        self.admin()?.get(&lease.path())?.expect_status(200)
    }

    /// Takes a lease back.
    pub fn revoke(&self, lease: &Lease) -> Result<Reply> {
        self.admin()?.delete(&lease.path())
    }

    /// Sweeps once.
    pub fn sweep(&self) -> Result<Value> {
        self.admin()?.post("/api/v1/sweep", &json!({}))?.expect_status(200)
    }

    /// Sweeps until the state of a lease is this.
    pub fn sweep_until(&self, lease: &Lease, state: &str, within: Duration) -> Result<Value> {
        wait_until(&format!("the lease's becoming {state}"), within, || {
            let report = self.sweep()?;
            let shown = self.shown(lease)?;
            if shown["state"] == state {
                Ok(shown)
            } else {
                Err(not_yet(format!("{shown} {report}")))
            }
        })
    }

    /// Returns the API server's status for a request with the token.
    pub fn may(&self, token: &str, path: &str) -> Result<u16> {
        Ok(self.cluster.client_with_token(token).get(path)?.status)
    }

    /// Waits until the token may what it should, and so is let in.
    pub fn until_let_in(&self, token: &str) -> Result<()> {
        wait_until("the token's being let in", PATIENCE, || {
            match self.may(token, &self.place.resources_path("v1", self.kind.lists))? {
                200 => Ok(()),
                other => Err(not_yet(other)),
            }
        })
    }

    /// Waits until the API server does not know the token's bearer any more.
    pub fn until_refused(&self, token: &str, within: Duration) -> Result<()> {
        wait_until("the token's being refused", within, || {
            match self.may(token, &self.place.resources_path("v1", self.kind.lists))? {
                401 => Ok(()),
                other => Err(not_yet(other)),
            }
        })
    }

    /// Lists the objects in the place, and ours in the whole cluster: `KIND/NAME`, and the UID.
    pub fn inventory(&self) -> Result<BTreeMap<String, String>> {
        let mut all = BTreeMap::new();
        for (api, plural, namespaced) in KINDS {
            let path = if namespaced {
                self.place.resources_path(api, plural)
            } else {
                format!("/apis/{api}/{plural}")
            };
            let list = self.cluster.admin_client().get(&path)?.expect_status(200)?;
            for item in list["items"].as_array().context("a list")? {
                let name = item["metadata"]["name"].as_str().context("a name")?;
                if namespaced || self.is_ours(name) {
                    let uid = item["metadata"]["uid"].as_str().context("a UID")?;
                    all.insert(format!("{plural}/{name}"), uid.to_owned());
                }
            }
        }
        Ok(all)
    }

    /// Returns true if a name is like those of objects of the dynamic secret's leases.
    pub fn is_ours(&self, name: &str) -> bool {
        let own = name.strip_prefix(&format!("kubelease-{}-", self.secret_name()));
        own.is_some_and(|random| random.len() == 20)
    }

    /// Returns the path of an object of a lease, as the lease names it.
    pub fn object_path(&self, object: &Value) -> Result<String> {
        let kind = object["kind"].as_str().context("a kind")?;
        let (api, plural, namespaced) = KINDS
            .into_iter()
            .find(|(_, plural, _)| *plural == format!("{}s", kind.to_lowercase()))
            .with_context(|| format!("nothing is known of {kind}"))?;
        let name = object["name"].as_str().context("a name")?;
        ensure!(namespaced == object["namespace"].is_string(), "{object}");
        Ok(if namespaced {
            format!("{}/{name}", self.place.resources_path(api, plural))
        } else {
            format!("/apis/{api}/{plural}/{name}")
        })
    }

    /// An object of a lease, as the administrator sees it.
    pub fn object(&self, object: &Value) -> Result<Value> {
        self.cluster.admin_client().get(&self.object_path(object)?)?.expect_status(200)
    }
}

/// Asks an administrator of a cluster to let an account review tokens, as `system:auth-delegator` may.
pub fn let_review(cluster: &HttpClient, namespace: &str, account: &str) -> Result<Reply> {
    let binding = json!({
        "metadata": {"name": format!("review-{namespace}-{account}")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "system:auth-delegator"},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    });
    cluster.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding)
}

/// A time of the API, in seconds since 1970.
pub fn seconds(time: &Value) -> Result<i64> {
    let time = time.as_str().context("a time")?;
    let time = DateTime::parse_from_rfc3339(time).ok().context("RFC 3339")?;
    Ok(time.timestamp())
}

/// Now, in the same.
pub fn now() -> Result<i64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().try_into()?)
}

/// The name of kubelease's own account.
pub const BROKER: &str = "broker";

/// The kinds of objects of leases: the API, the plural, and true if it is in a namespace.
pub const KINDS: [(&str, &str, bool); 7] = [
    ("v1", "serviceaccounts", true),
    ("v1", "secrets", true),
    ("coordination.k8s.io/v1", "leases", true),
    (RBAC, "roles", true),
    (RBAC, "rolebindings", true),
    (RBAC, "clusterroles", false),
    (RBAC, "clusterrolebindings", false),
];

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// Rights take effect within some tenths of a second; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);
