//! A namespace of the local cluster in which every kind of lease works, and an example of each.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::deployed_manifests::{self, ManifestSubstitutions};

use super::cluster::Cluster;
use super::demo::{
    self, DEMO_TARGET_NAME, DEPLOYER_SECRET_AND_ACCOUNT, KUBELEASE_ACCOUNT, VIEW_ROLE,
};
use super::state::StateDirectory;
use crate::deploy_manifests::rbac_file_names;

/// A dynamic secret of the playground, for a newcomer to put, to lease and to change.
pub struct ExampleDynamicSecret {
    /// The name, and that of its file.
    name: &'static str,
    /// The kind of lease, in a few words.
    about: &'static str,
    /// The arguments of kubectl with a lease of it.
    kubectl: &'static str,
    /// The `account`, in JSON.
    account: &'static str,
}

/// An example of each kind of lease.
pub const EXAMPLES: [ExampleDynamicSecret; 7] = [
    ExampleDynamicSecret {
        name: "existing",
        about: "a token of an account that is there",
        kubectl: "auth whoami",
        account: r#"{"type":"existing","name":"deployer"}"#,
    },
    ExampleDynamicSecret {
        name: "plain",
        about: "the same, but nothing can end it early",
        kubectl: "auth whoami",
        account: r#"{"type":"existing","name":"deployer","revocable":false}"#,
    },
    ExampleDynamicSecret {
        name: "role",
        about: "an account of its own, with a role that is there",
        kubectl: "get configmaps",
        account: r#"{"type":"temporary","scope":"namespace","role":{"kind":"ClusterRole","name":"view"}}"#,
    },
    ExampleDynamicSecret {
        name: "rules",
        about: "an account of its own, with a role of these rules",
        kubectl: "get pods",
        account: r#"{"type":"temporary","scope":"namespace",
            "rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]}]}"#,
    },
    ExampleDynamicSecret {
        name: "manifest",
        about: "the same from a manifest",
        kubectl: "get pods",
        account: r#"{"type":"temporary","scope":"namespace",
            "manifest":"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: reader}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [list]\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: reader}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}\nsubjects: []\n"}"#,
    },
    ExampleDynamicSecret {
        name: "cluster-role",
        about: "a role that is there, in the whole cluster",
        kubectl: "get configmaps --all-namespaces",
        account: r#"{"type":"temporary","scope":"cluster","role":{"kind":"ClusterRole","name":"view"}}"#,
    },
    ExampleDynamicSecret {
        name: "cluster-rules",
        about: "a role of these rules, in the whole cluster",
        kubectl: "get pods --all-namespaces",
        account: r#"{"type":"temporary","scope":"cluster",
            "rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]}]}"#,
    },
];

/// Creates the namespace, with the RBAC of each file of `deploy/rbac` and with the admission policy.
pub fn prepare_namespace(cluster: &Cluster, scratch: &Path) -> Result<()> {
    cluster.apply_manifest("playground.yaml", &playground_manifest()?, scratch)
}

/// Writes the files of the examples; one that is there may have been changed by the user, and stays.
pub fn write_examples(state: &StateDirectory) -> Result<()> {
    for example in &EXAMPLES {
        if !state.file_path(&example.file_name()).exists() {
            state
                .write_file(&example.file_name(), &format!("{:#}\n", example.dynamic_secret()?))?;
        }
    }
    Ok(())
}

impl ExampleDynamicSecret {
    /// Returns what it is about, and below that the command that tries it.
    pub fn command_text(&self) -> String {
        let Self { name, about, kubectl, .. } = self;
        format!(
            "{about}\n  ./api PUT /api/v1/dynamic-secrets/{name} @{} && ./leased {name} {kubectl}\n",
            self.file_name()
        )
    }

    /// Returns its file in the state directory.
    fn file_name(&self) -> String {
        format!("examples/{}.json", self.name)
    }

    fn dynamic_secret(&self) -> Result<Value> {
        let account: Value = serde_json::from_str(self.account)
            .with_context(|| format!("the account of the example `{}`", self.name))?;
        Ok(
            json!({ "target": DEMO_TARGET_NAME, "namespaces": [PLAYGROUND_NAMESPACE], "account": account }),
        )
    }
}

fn playground_manifest() -> Result<String> {
    let names = ManifestSubstitutions {
        prefix: "kubelease",
        broker_namespace: demo::DEMO_NAMESPACE,
        broker: KUBELEASE_ACCOUNT,
        namespace: PLAYGROUND_NAMESPACE,
        account: DEPLOYER_SECRET_AND_ACCOUNT,
        role: VIEW_ROLE,
    };
    let objects = json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": PLAYGROUND_NAMESPACE } },
        demo::service_account(DEPLOYER_SECRET_AND_ACCOUNT, PLAYGROUND_NAMESPACE),
        demo::role_binding(DEPLOYER_SECRET_AND_ACCOUNT, PLAYGROUND_NAMESPACE, "ClusterRole", "edit"),
    ]});
    let mut documents = vec![objects.to_string()];
    for file in rbac_file_names() {
        documents.push(deployed_manifests::rbac_manifest(file, &names)?);
    }
    documents.push(playground_policy(&names)?);
    Ok(documents.join("\n---\n"))
}

/// The admission policy for the playground and for the two examples of [`demo`].
fn playground_policy(names: &ManifestSubstitutions<'_>) -> Result<String> {
    let accounts = [demo::DEMO_NAMESPACE, PLAYGROUND_NAMESPACE]
        .map(|place| format!("{place}/{DEPLOYER_SECRET_AND_ACCOUNT}"));
    let accounts = accounts.each_ref().map(String::as_str);
    let policy = deployed_manifests::policy_manifest(
        names,
        &accounts,
        &[&format!("ClusterRole/{VIEW_ROLE}")],
    )?;
    // The policy keeps leases out of the broker's own namespace, unless a dynamic secret names it: ours do.
    let kept_out = format!(", '{}']", demo::DEMO_NAMESPACE);
    let (before, after) =
        policy.split_once(&kept_out).context("the policy does not keep out our namespace")?;
    Ok(format!("{before}]{after}"))
}

/// The namespace.
pub const PLAYGROUND_NAMESPACE: &str = "playground";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_a_dynamic_secret() {
        for example in &EXAMPLES {
            let secret = example.dynamic_secret().unwrap();
            assert!(secret["account"]["type"].is_string(), "{}: {secret}", example.name);
        }
    }
}
