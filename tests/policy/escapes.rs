//! What somebody would try who has kubelease's credential.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::http::HttpClient;

use crate::broker::{BROKER, Broker, DEPLOYER, RBAC, RBAC_GROUP};
use crate::lease::Lease;

/// A request that must be refused.
pub struct Escape {
    pub name: &'static str,
    pub method: &'static str,
    pub path: String,
    pub body: Value,
}

impl Escape {
    /// Path and body of the same request without effect.
    pub fn dry_run(&self) -> (String, Value) {
        let mut body = self.body.clone();
        if self.method == "DELETE" {
            body["dryRun"] = json!(["All"]);
            return (self.path.clone(), body);
        }
        (format!("{}?dryRun=All", self.path), body)
    }
}

/// Objects in the namespaces that are none of kubelease's business.
pub struct Strangers {
    admin: HttpClient,
    lists: Vec<String>,
}

impl Strangers {
    pub fn new(broker: &Broker) -> Result<Self> {
        let place = &broker.place;
        place.create_service_account("stranger")?;
        let data = json!({ "a": "c2VjcmV0" });
        for (name, labels) in [("plain", json!({})), ("labelled", Lease::new()?.labels())] {
            let secret = json!({ "metadata": { "name": name, "labels": labels }, "data": data });
            place.create_object("v1", "secrets", &secret)?;
        }
        let lease = json!({ "metadata": { "name": "stranger" }, "spec": {} });
        place.create_object(COORDINATION, "leases", &lease)?;
        let rules = json!([{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] }]);
        place.create_role_for_account("stranger", "strangers-role", &rules)?;
        let admin = broker.cluster.admin_client().clone();
        // Nobody makes it where no controllers are.
        let account = json!({ "metadata": { "name": "default" } });
        admin.post("/api/v1/namespaces/kube-system/serviceaccounts", &account)?;

        let kinds = [("v1", "serviceaccounts"), ("v1", "secrets"), (COORDINATION, "leases")];
        let rights = [("roles", RBAC_VERSION), ("rolebindings", RBAC_VERSION)];
        let all = kinds.into_iter().chain(rights.map(|(kind, version)| (version, kind)));
        let lists = all
            .flat_map(|(api, kind)| {
                [&broker.place, &broker.home].map(|n| n.resources_path(api, kind))
            })
            .collect();
        Ok(Self { admin, lists })
    }

    /// All of it, as it is now.
    pub fn seen(&self) -> Result<Vec<Value>> {
        let list = |path: &String| Ok(self.admin.get(path)?.expect_status(200)?["items"].take());
        self.lists.iter().map(list).collect()
    }
}

/// Each differs in one thing from what kubelease may do, and `ours` is there to be changed.
pub fn all(broker: &Broker, ours: &Lease) -> Result<Vec<Escape>> {
    let mut all = tokens(broker);
    all.extend(objects(broker)?);
    all.extend(bindings(broker, ours)?);
    all.extend(roles(broker)?);
    all.extend(changes(broker, ours)?);
    all.extend(deletions(broker));
    Ok(all)
}

fn tokens(broker: &Broker) -> Vec<Escape> {
    let [here, home] =
        [&broker.place, &broker.home].map(|n| n.resources_path("v1", "serviceaccounts"));
    let system = "/api/v1/namespaces/kube-system/serviceaccounts";
    let bound = |kind: &str, name: &str| json!({ "boundObjectRef": { "kind": kind, "apiVersion": "v1", "name": name } });
    [
        ("a token of a stranger", format!("{here}/stranger/token"), json!({})),
        ("a token of kubelease's own account", format!("{home}/{BROKER}/token"), json!({})),
        ("a token of a system's account", format!("{system}/default/token"), json!({})),
        (
            "a token bound to a stranger's Secret",
            format!("{here}/{DEPLOYER}/token"),
            bound("Secret", "plain"),
        ),
    ]
    .map(|(name, path, spec)| post(name, &path, json!({ "spec": spec })))
    .into()
}

fn objects(broker: &Broker) -> Result<Vec<Escape>> {
    let lease = Lease::new()?;
    let [accounts, secrets] =
        ["serviceaccounts", "secrets"].map(|k| broker.place.resources_path("v1", k));
    let leases = broker.place.resources_path(COORDINATION, "leases");
    let home = broker.home.resources_path("v1", "serviceaccounts");
    let system = "/api/v1/namespaces/kube-system/secrets";
    let data = json!({ "a": "c2VjcmV0" });
    let legacy = "kubernetes.io/service-account-token";
    let of_stranger = json!({ "kubernetes.io/service-account.name": "stranger" });
    let at_provider = json!({ "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/a" });
    let reference = json!([{ "name": "plain" }]);
    let [account, secret] = [lease.account(), lease.secret()];
    let label = "/metadata/labels/kubelease.dev~1lease";
    let manager = "/metadata/labels/app.kubernetes.io~1managed-by";
    Ok(vec![
        post("a plain Secret", &secrets, with(&secret, "/type", json!("Opaque"))?),
        post("a Secret with data", &secrets, with(&secret, "/data", data)?),
        post("a Secret with text", &secrets, with(&secret, "/stringData", json!({ "a": "b" }))?),
        post(
            "a legacy token of a stranger",
            &secrets,
            with(&with(&secret, "/type", json!(legacy))?, "/metadata/annotations", of_stranger)?,
        ),
        post("a Secret in kube-system", system, secret.clone()),
        post(
            "an account without labels",
            &accounts,
            with(&account, "/metadata/labels", json!({}))?,
        ),
        post("an account of no lease", &accounts, with(&account, label, json!("abc"))?),
        post("an account of others", &accounts, with(&account, manager, json!("helm"))?),
        post("an account of any name", &accounts, with(&account, "/metadata/name", json!("any"))?),
        post("an account beside kubelease's", &home, account.clone()),
        post("an account with a Secret", &accounts, with(&account, "/secrets", reference.clone())?),
        post(
            "an account with a Secret for images",
            &accounts,
            with(&account, "/imagePullSecrets", reference)?,
        ),
        post(
            "an account with rights at a provider",
            &accounts,
            with(&account, "/metadata/annotations", at_provider)?,
        ),
        post("a Lease of any name", &leases, with(&lease.lease(), "/metadata/name", json!("any"))?),
        post("a ConfigMap", &broker.place.resources_path("v1", "configmaps"), account.clone()),
        post("a namespace", "/api/v1/namespaces", account),
    ])
}

fn bindings(broker: &Broker, ours: &Lease) -> Result<Vec<Escape>> {
    let lease = Lease::new()?;
    let here = broker.place.name();
    let local = format!("{RBAC}/namespaces/{here}/rolebindings");
    let system = format!("{RBAC}/namespaces/kube-system/rolebindings");
    let wide = format!("{RBAC}/clusterrolebindings");
    let good = lease.binding(here, "ClusterRole", &broker.role);
    let user = json!({ "kind": "User", "name": "mallory", "apiGroup": RBAC_GROUP });
    let group = json!({ "kind": "Group", "name": "system:authenticated", "apiGroup": RBAC_GROUP });
    let stranger = json!({ "kind": "ServiceAccount", "name": "stranger", "namespace": here });
    let own = json!({ "kind": "ServiceAccount", "name": BROKER, "namespace": broker.home.name() });
    let both = json!([good["subjects"][0], stranger]);
    let subject = |value: &Value| with(&good, "/subjects", json!([value]));
    let role = |kind: &str, name: &str| lease.binding(here, kind, name);
    let at_home = |namespace: &str| with(&good, "/subjects/0/namespace", json!(namespace));
    Ok(vec![
        post("a binding to a user", &local, subject(&user)?),
        post("a binding to a group", &local, subject(&group)?),
        post("a binding to a stranger", &local, subject(&stranger)?),
        post("a binding to kubelease", &local, subject(&own)?),
        post(
            "a binding to another lease",
            &local,
            with(&good, "/subjects/0/name", json!(ours.name))?,
        ),
        post("a binding to an account elsewhere", &local, at_home(broker.home.name())?),
        post("a binding to two", &local, with(&good, "/subjects", both)?),
        post("a binding to nobody", &local, with(&good, "/subjects", json!([]))?),
        post("a binding in kube-system", &system, at_home("kube-system")?),
        post("a binding without labels", &local, with(&good, "/metadata/labels", json!({}))?),
        post("a binding of admin", &local, role("ClusterRole", "admin")),
        post("a binding of a system's role", &local, role("ClusterRole", "system:node")),
        post("a binding of a stranger's role", &local, role("Role", "strangers-role")),
        post("a binding of a role of the same name", &local, role("Role", &broker.role)),
        post("a binding of another lease's role", &local, role("Role", &ours.name)),
        post("a cluster-wide binding to a user", &wide, subject(&user)?),
        post("a cluster-wide binding to a stranger", &wide, subject(&stranger)?),
        post("a cluster-wide binding for kube-system", &wide, at_home("kube-system")?),
        post("a cluster-wide binding of all", &wide, role("ClusterRole", "cluster-admin")),
    ])
}

fn roles(broker: &Broker) -> Result<Vec<Escape>> {
    let lease = Lease::new()?;
    let local = format!("{RBAC}/namespaces/{}/roles", broker.place.name());
    let wide = format!("{RBAC}/clusterroles");
    let good = lease.role();
    let aggregated = "/metadata/labels/rbac.authorization.k8s.io~1aggregate-to-view";
    let gathers = json!({ "clusterRoleSelectors": [{ "matchLabels": { "a": "b" } }] });
    let mut all = vec![
        post("a role that view gathers", &wide, with(&good, aggregated, json!("true"))?),
        post("a role that gathers", &wide, with(&good, "/aggregationRule", gathers)?),
    ];
    for (name, group, resource, verb) in [
        ("a role with all verbs", "", "pods", "*"),
        ("a role with all resources", "", "*", "get"),
        ("a role with all tokens", "", "*/token", "create"),
        ("a role with all groups", "*", "pods", "get"),
        ("a role that asks for tokens", "", "serviceaccounts/token", "create"),
        ("a role that makes accounts", "", "serviceaccounts", "create"),
        ("a role that deletes Secrets", "", "secrets", "delete"),
        ("a role that binds", RBAC_GROUP, "rolebindings", "create"),
        ("a role that may bind any", RBAC_GROUP, "clusterroles", "bind"),
        ("a role that may exceed itself", RBAC_GROUP, "roles", "escalate"),
        ("a role that impersonates", "", "users", "impersonate"),
    ] {
        let rule = json!({ "apiGroups": [group], "resources": [resource], "verbs": [verb] });
        // Not the first of its rules.
        let rules = json!([good["rules"][0], rule]);
        all.push(post(name, &local, with(&good, "/rules", rules.clone())?));
        all.push(post(name, &wide, with(&good, "/rules", rules)?));
    }
    Ok(all)
}

fn changes(broker: &Broker, ours: &Lease) -> Result<Vec<Escape>> {
    let here = broker.place.name();
    let [accounts, secrets] =
        ["serviceaccounts", "secrets"].map(|k| broker.place.resources_path("v1", k));
    let leases = broker.place.resources_path(COORDINATION, "leases");
    let account = format!("{accounts}/{}", ours.name);
    let labels = |labels: Value| json!({ "metadata": { "labels": labels } });
    let annotated = json!({ "metadata": { "annotations": { "a": "b" } } });
    let at_provider =
        json!({ "metadata": { "annotations": { "iam.gke.io/gcp-service-account": "a@b" } } });
    let other = Lease::new()?.labels();
    let all = [
        ("labelling away", account.clone(), labels(json!({ "kubelease.dev/lease": null }))),
        ("labelling as another's", account.clone(), labels(other.clone())),
        ("giving ours a Secret", account.clone(), json!({ "secrets": [{ "name": "plain" }] })),
        ("giving ours rights at a provider", account, at_provider),
        ("changing a stranger's account", format!("{accounts}/stranger"), annotated.clone()),
        ("labelling a stranger's as ours", format!("{accounts}/stranger"), labels(other)),
        ("changing a stranger's Lease", format!("{leases}/stranger"), annotated.clone()),
        ("changing our Secret", format!("{secrets}/{}", ours.name), annotated.clone()),
        (
            "changing our binding",
            format!("{RBAC}/namespaces/{here}/rolebindings/{}", ours.name),
            annotated.clone(),
        ),
        (
            "changing our role",
            format!("{RBAC}/namespaces/{here}/roles/{}", ours.name),
            json!({ "rules": [] }),
        ),
        ("changing a namespace", format!("/api/v1/namespaces/{here}"), annotated),
    ];
    Ok(all.map(|(name, path, body)| Escape { name, method: "PATCH", path, body }).into())
}

fn deletions(broker: &Broker) -> Vec<Escape> {
    let here = broker.place.name();
    let [accounts, secrets] =
        ["serviceaccounts", "secrets"].map(|k| broker.place.resources_path("v1", k));
    let leases = broker.place.resources_path(COORDINATION, "leases");
    let of_ours = "labelSelector=kubelease.dev%2Flease";
    let reading = |policy: &str| json!({ "dryRun": ["All"], "propagationPolicy": policy });
    let all = [
        ("deleting a stranger's account", format!("{accounts}/stranger"), json!({})),
        ("deleting a stranger's Secret", format!("{secrets}/plain"), json!({})),
        ("reading a stranger's Secret", format!("{secrets}/plain"), reading("Orphan")),
        ("reading it in another way", format!("{secrets}/plain"), reading("Foreground")),
        ("reading a Secret labelled as ours", format!("{secrets}/labelled"), reading("Orphan")),
        ("deleting a stranger's Lease", format!("{leases}/stranger"), json!({})),
        (
            "deleting a stranger's role",
            format!("{RBAC}/namespaces/{here}/roles/strangers-role"),
            json!({}),
        ),
        (
            "deleting a stranger's binding",
            format!("{RBAC}/namespaces/{here}/rolebindings/strangers-role-stranger"),
            json!({}),
        ),
        (
            "deleting a stranger's cluster role",
            format!("{RBAC}/clusterroles/{}", broker.role),
            json!({}),
        ),
        ("deleting all accounts", accounts.clone(), json!({})),
        ("deleting all of ours at once", format!("{accounts}?{of_ours}"), json!({})),
        ("deleting a namespace", format!("/api/v1/namespaces/{here}"), json!({})),
    ];
    all.map(|(name, path, body)| Escape { name, method: "DELETE", path, body }).into()
}

fn post(name: &'static str, path: &str, body: Value) -> Escape {
    Escape { name, method: "POST", path: path.to_owned(), body }
}

/// A copy with one field set; the field is named as in a JSON pointer.
fn with(object: &Value, pointer: &str, value: Value) -> Result<Value> {
    let mut object = object.clone();
    let (parent, field) = pointer.rsplit_once('/').context("not a pointer")?;
    let parent = object.pointer_mut(parent).context("no such parent")?;
    parent[field.replace("~1", "/").as_str()] = value;
    Ok(object)
}

const COORDINATION: &str = "coordination.k8s.io/v1";

const RBAC_VERSION: &str = "rbac.authorization.k8s.io/v1";
