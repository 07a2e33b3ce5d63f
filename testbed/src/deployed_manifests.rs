//! The files of `deploy/`, applied to a cluster with a test's own names in place of the examples.
//!
//! They are read as an administrator would read them; that they are those the code needs is for others
//! to test.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::wait::{not_yet, wait_until};

/// Whom and what the examples stand for.
#[derive(Clone, Copy, Debug)]
pub struct ManifestSubstitutions<'a> {
    /// Begins the names of all that is applied, so that tests do not meet in what belongs to the cluster.
    pub prefix: &'a str,
    /// The namespace of kubelease's account.
    pub broker_namespace: &'a str,
    /// kubelease's account.
    pub broker: &'a str,
    /// The namespace of leases.
    pub namespace: &'a str,
    /// The existing account that may be leased, where the file is about one.
    pub account: &'a str,
    /// The `ClusterRole` that may be bound, where the file is about one.
    pub role: &'a str,
}

impl ManifestSubstitutions<'_> {
    /// The user that kubelease is to the cluster.
    #[must_use]
    pub fn username(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.broker_namespace, self.broker)
    }
}

/// Objects in a cluster that are deleted with this value.
pub struct DeployedObjects<'c> {
    cluster: &'c ControlPlane,
    manifest: String,
    objects: Vec<Value>,
}

impl<'c> DeployedObjects<'c> {
    /// Applies `deploy/rbac/{file}.yaml`, and waits until it counts; once more with another namespace adds
    /// that.
    pub fn apply_rbac(
        cluster: &'c ControlPlane,
        file: &str,
        names: &ManifestSubstitutions<'_>,
    ) -> Result<Self> {
        let it = Self::apply_manifest(cluster, rbac_manifest(file, names)?)?;
        for role in it.objects.iter().filter(|object| object["rules"].is_array()) {
            // A role and its binding are seen whole, or not at all.
            let place = role["metadata"]["namespace"].as_str().unwrap_or(PROBED_NAMESPACE);
            wait_until_access_matches(
                cluster,
                &names.username(),
                (&role["rules"][0], place, None),
                true,
            )?;
        }
        Ok(it)
    }

    /// Applies the admission policy for leases in one namespace, and waits until it is in force.
    pub fn apply_policy_for_namespace(
        cluster: &'c ControlPlane,
        names: &ManifestSubstitutions<'_>,
    ) -> Result<Self> {
        let account = format!("{}/{}", names.namespace, names.account);
        let role = format!("ClusterRole/{}", names.role);
        Self::apply_policy_with_lists(cluster, names, &[&account], &[&role])
    }

    /// The same with the whole lists: `NAMESPACE/NAME`; `ClusterRole/NAME` or `Role/NAMESPACE/NAME`.
    pub fn apply_policy_with_lists(
        cluster: &'c ControlPlane,
        names: &ManifestSubstitutions<'_>,
        accounts: &[&str],
        roles: &[&str],
    ) -> Result<Self> {
        let it = Self::apply_manifest(cluster, policy_manifest(names, accounts, roles)?)?;
        let enforced = || {
            let answer = dry_run_forbidden_request(cluster, &names.username())?;
            match answer.status {
                403 => Ok(()),
                _ => Err(not_yet(format!("{answer:?}"))),
            }
        };
        wait_until("the admission policy's coming into force", EFFECT_TIMEOUT, enforced)?;
        Ok(it)
    }

    /// Creates objects of a test's own: roles and their bindings.
    pub fn create_objects(cluster: &'c ControlPlane, objects: Vec<Value>) -> Result<Self> {
        // What was created goes should the next fail.
        let mut it = Self { cluster, manifest: String::new(), objects: vec![] };
        for object in objects {
            let path = object_path(&object)?;
            let (collection, _) = path.rsplit_once('/').context("a path")?;
            it.objects.push(object.clone());
            cluster.admin_client().post(collection, &object)?.expect_status(201)?;
        }
        Ok(it)
    }

    fn apply_manifest(cluster: &'c ControlPlane, manifest: String) -> Result<Self> {
        let objects = cluster.apply_manifest(&manifest)?;
        Ok(Self { cluster, manifest, objects })
    }

    /// Returns the manifest that was applied; empty for objects that were created.
    #[must_use]
    pub fn manifest(&self) -> &str {
        &self.manifest
    }

    /// The objects that it has made.
    #[must_use]
    pub fn objects(&self) -> &[Value] {
        &self.objects
    }
}

impl Drop for DeployedObjects<'_> {
    fn drop(&mut self) {
        for object in &self.objects {
            let deleted =
                object_path(object).and_then(|path| self.cluster.admin_client().delete(&path));
            match deleted {
                // The test may have deleted it, or its namespace.
                Ok(reply) if matches!(reply.status, 200 | 202 | 404) => {}
                Ok(reply) => eprintln!("could not delete what was deployed: {reply:?}"),
                Err(error) => eprintln!("could not delete what was deployed: {error:#}"),
            }
        }
    }
}

/// Returns the path of an object that the files of `deploy/` may hold.
pub fn object_path(object: &Value) -> Result<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned).context("not a text");
    let (api, kind) = (text(&object["apiVersion"])?, text(&object["kind"])?);
    let plural = match kind.as_str() {
        "Role" => "roles",
        "RoleBinding" => "rolebindings",
        "ClusterRole" => "clusterroles",
        "ClusterRoleBinding" => "clusterrolebindings",
        "ValidatingAdmissionPolicy" => "validatingadmissionpolicies",
        "ValidatingAdmissionPolicyBinding" => "validatingadmissionpolicybindings",
        "MutatingAdmissionPolicy" => "mutatingadmissionpolicies",
        "MutatingAdmissionPolicyBinding" => "mutatingadmissionpolicybindings",
        _ => bail!("`deploy/` has no {kind}"),
    };
    let name = text(&object["metadata"]["name"])?;
    Ok(match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("/apis/{api}/namespaces/{namespace}/{plural}/{name}"),
        None => format!("/apis/{api}/{plural}/{name}"),
    })
}

/// Waits until a verb of a rule, its first if none is named, is allowed to a user in a namespace, or no
/// longer.
pub fn wait_until_access_matches(
    cluster: &ControlPlane,
    username: &str,
    (rule, namespace, verb): (&Value, &str, Option<&str>),
    allowed: bool,
) -> Result<()> {
    let resource = rule["resources"][0].as_str().context("a rule without resources")?;
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let attributes = json!({
        "verb": verb.or(rule["verbs"][0].as_str()).context("a rule without verbs")?,
        "group": rule["apiGroups"][0],
        "resource": resource,
        "subresource": subresource,
        "name": rule["resourceNames"][0].as_str().unwrap_or_default(),
        "namespace": namespace,
    });
    let review = json!({ "spec": { "user": username, "resourceAttributes": attributes } });
    wait_until("a change of rights", EFFECT_TIMEOUT, || {
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        let answer = cluster.admin_client().post(path, &review)?.expect_status(201)?;
        if answer["status"]["allowed"] == allowed { Ok(()) } else { Err(not_yet(answer)) }
    })
}

/// `deploy/rbac/{file}.yaml` with these names.
pub fn rbac_manifest(file: &str, names: &ManifestSubstitutions<'_>) -> Result<String> {
    let text = read_deploy_file(&format!("rbac/{file}.yaml"))?;
    let text = replace_all_or_fail(
        &text,
        &[
            ("  name: kubelease-", &format!("  name: {}-", names.prefix)),
            ("  name: kubelease\n", &format!("  name: {}\n", names.broker)),
            ("  namespace: kubelease\n", &format!("  namespace: {}\n", names.broker_namespace)),
            ("  namespace: apps\n", &format!("  namespace: {}\n", names.namespace)),
        ],
    )?;
    // Not every file is about both.
    Ok(text
        .replace("[\"deployer\"]", &format!("[\"{}\"]", names.account))
        .replace("[\"view\"]", &format!("[\"{}\"]", names.role)))
}

/// `deploy/admission-policy.yaml` with these names and lists.
pub fn policy_manifest(
    names: &ManifestSubstitutions<'_>,
    accounts: &[&str],
    roles: &[&str],
) -> Result<String> {
    replace_all_or_fail(
        &read_deploy_file("admission-policy.yaml")?,
        &[
            ("system:serviceaccount:kubelease:kubelease", &names.username()),
            ("['apps/deployer']", &yaml_list(accounts)),
            ("['ClusterRole/view']", &yaml_list(roles)),
            (", 'kubelease']", &format!(", '{}']", names.broker_namespace)),
            ("  name: kubelease\n", &format!("  name: {}\n", names.prefix)),
            ("policyName: kubelease\n", &format!("policyName: {}\n", names.prefix)),
        ],
    )
}

fn yaml_list(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    format!("[{}]", words.join(", "))
}

/// A file that no longer says what we look for would be applied with the example's names.
fn replace_all_or_fail(text: &str, pairs: &[(&str, &str)]) -> Result<String> {
    pairs.iter().try_fold(text.to_owned(), |text, (from, to)| {
        ensure!(text.contains(from), "`{from}` is nowhere in the file");
        Ok(text.replace(from, to))
    })
}

/// A dry run of what no lease needs, by that user and with every right.
fn dry_run_forbidden_request(cluster: &ControlPlane, username: &str) -> Result<crate::http::Reply> {
    let headers = [
        ("content-type", "application/json"),
        ("impersonate-user", username),
        ("impersonate-group", "system:masters"),
    ];
    let path = "/api/v1/namespaces/default/configmaps?dryRun=All";
    cluster.admin_client().send_raw("POST", path, &headers, br#"{"metadata":{"name":"probe"}}"#)
}

fn read_deploy_file(name: &str) -> Result<String> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = package.parent().unwrap_or(package).join("deploy").join(name);
    fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))
}

/// The namespace in which all is read: a right in the whole cluster is a right in each namespace.
const PROBED_NAMESPACE: &str = "kube-system";

/// A policy takes effect within about a second, rights within some hundredths of one.
const EFFECT_TIMEOUT: Duration = Duration::from_secs(30);
