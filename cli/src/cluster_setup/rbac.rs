//! What kubelease's account needs in a cluster: the files of `deploy/rbac`, for whom and what they are meant.

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::definitions;
use crate::failure::Failure;

/// A kind of lease, by the name of its file in `deploy/rbac`.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseMode {
    /// Revocable tokens of an existing account.
    Existing,
    /// Tokens of an existing account that cannot be revoked.
    ExistingPlain,
    /// An account for each lease, with a role of the cluster that is there, in one namespace.
    TemporaryRole,
    /// An account for each lease, with a role made from rules or a manifest, in one namespace.
    TemporaryRules,
    /// An account for each lease, with a role of the cluster, in all of it.
    TemporaryCluster,
}

/// Whom and what the files are meant for.
#[derive(Debug)]
pub struct RbacParameters<'a> {
    pub modes: &'a [LeaseMode],
    /// The namespaces of leases.
    pub namespaces: &'a [String],
    /// The existing `ServiceAccount`s that are leased.
    pub accounts: &'a [String],
    /// The `ClusterRole`s that are bound.
    pub roles: &'a [String],
    /// The permissions that rules of dynamic secrets may give.
    pub rules: &'a [Value],
    /// The namespace and name of kubelease's own account.
    pub own: (&'a str, &'a str),
}

/// Returns the objects: kubelease's account with its namespace, and its rights.
pub fn rbac_objects(grants: &RbacParameters<'_>) -> Result<Vec<Value>, Failure> {
    grants.check_mode_parameters()?;
    let (namespace, name) = grants.own;
    let labels = json!({"app.kubernetes.io/name": "kubelease"});
    let mut objects = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": namespace, "labels": labels}}),
    ];
    for mode in grants.modes {
        for object in definitions::parse_yaml_values(mode.manifest_template())? {
            objects.extend(grants.adapt_and_expand_object(object));
        }
    }
    Ok(objects)
}

impl RbacParameters<'_> {
    /// Refuses a mode without what it is about.
    fn check_mode_parameters(&self) -> Result<(), Failure> {
        let missing = |mode: &LeaseMode| match mode {
            LeaseMode::Existing | LeaseMode::ExistingPlain if self.accounts.is_empty() => {
                Some("--account")
            }
            LeaseMode::TemporaryRole if self.roles.is_empty() => Some("--role"),
            LeaseMode::TemporaryRules if self.rules.is_empty() => Some("--rules"),
            LeaseMode::TemporaryCluster if self.roles.is_empty() && self.rules.is_empty() => {
                Some("--role` or `--rules")
            }
            _ => None,
        };
        match self.modes.iter().find_map(|mode| Some((mode, missing(mode)?))) {
            Some((mode, flag)) => {
                let mode = mode.to_possible_value();
                let mode = mode.as_ref().map_or("", |mode| mode.get_name());
                Err(Failure::usage_error(format!("the mode `{mode}` needs `{flag}`")))
            }
            None => Ok(()),
        }
    }

    /// Returns an object of a file as it is meant: once, or once for each namespace of leases.
    fn adapt_and_expand_object(&self, mut object: Value) -> Vec<Value> {
        let is_for_rules = object["metadata"]["name"] == CLUSTER_RULES_OBJECT_NAME;
        if is_for_rules && self.rules.is_empty() {
            return vec![];
        }
        let (namespace, name) = self.own;
        // By `get_mut`, since an index would insert a null, which is no field of a Role.
        let subjects = object.get_mut("subjects").and_then(Value::as_array_mut);
        for subject in subjects.into_iter().flatten() {
            (subject["name"], subject["namespace"]) = (json!(name), json!(namespace));
        }
        if let Some(rules) = object.get_mut("rules").and_then(Value::as_array_mut) {
            if rules.last().is_some_and(is_placeholder_rule) {
                rules.pop();
                rules.extend(self.rules.iter().cloned());
            }
            for rule in rules.iter_mut() {
                if rule["resourceNames"] == json!(["deployer"]) {
                    rule["resourceNames"] = json!(self.accounts);
                } else if rule["resourceNames"] == json!(["view"]) {
                    rule["resourceNames"] = json!(self.roles);
                }
            }
            // Without a name, the rule would be about every role.
            rules.retain(|rule| rule["resourceNames"] != json!([]));
        }
        if object["metadata"]["namespace"].is_null() {
            return vec![object];
        }
        let at = |namespace: &String| {
            let mut object = object.clone();
            object["metadata"]["namespace"] = json!(namespace);
            object
        };
        self.namespaces.iter().map(at).collect()
    }
}

/// Returns true for the rule that stands in a file for those of dynamic secrets.
fn is_placeholder_rule(rule: &Value) -> bool {
    rule["resources"] == json!(["pods"])
}

impl LeaseMode {
    fn manifest_template(self) -> &'static str {
        match self {
            Self::Existing => include_str!("../../../deploy/rbac/existing.yaml"),
            Self::ExistingPlain => include_str!("../../../deploy/rbac/existing-plain.yaml"),
            Self::TemporaryRole => include_str!("../../../deploy/rbac/temporary-role.yaml"),
            Self::TemporaryRules => include_str!("../../../deploy/rbac/temporary-rules.yaml"),
            Self::TemporaryCluster => include_str!("../../../deploy/rbac/temporary-cluster.yaml"),
        }
    }
}

/// The file that is needed only if the `ClusterRole` of a lease is made from rules.
const CLUSTER_RULES_OBJECT_NAME: &str = "kubelease-temporary-cluster-rules";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_examples_is_left() {
        let text = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let (namespaces, accounts) = (text(&["one", "two"]), text(&["robot"]));
        let rules = [json!({"apiGroups": ["x"], "resources": ["y"], "verbs": ["get"]})];
        for mode in LeaseMode::value_variants() {
            let grants = RbacParameters {
                modes: &[*mode],
                namespaces: &namespaces,
                accounts: &accounts,
                roles: &text(&["reader"]),
                rules: &rules,
                own: ("home", "me"),
            };
            let objects = rbac_objects(&grants).expect("objects");
            let all = Value::from(objects.clone()).to_string();
            for example in
                ["\"apps\"", "deployer", "\"view\"", "\"pods\"", "\"namespace\":\"kubelease\""]
            {
                assert!(!all.contains(example), "{mode:?}: {example}: {all}");
            }
            let found = objects.iter().filter(|it| it["kind"] == "Role");
            let places: Vec<_> = found.map(|it| &it["metadata"]["namespace"]).collect();
            assert_eq!(places, ["one", "two"], "{mode:?}");
            for binding in objects.iter().filter(|it| it["subjects"].is_array()) {
                let own = json!([{"kind": "ServiceAccount", "name": "me", "namespace": "home"}]);
                assert_eq!(binding["subjects"], own, "{mode:?}");
            }
        }
    }

    #[test]
    fn a_right_without_a_name_is_left_out_and_not_given_for_all() {
        let grants = RbacParameters {
            modes: &[LeaseMode::TemporaryCluster],
            namespaces: &["one".to_owned()],
            accounts: &[],
            roles: &["reader".to_owned()],
            rules: &[],
            own: ("home", "me"),
        };
        let all = Value::from(rbac_objects(&grants).expect("objects")).to_string();
        assert!(!all.contains(CLUSTER_RULES_OBJECT_NAME), "{all}");
        let rules = [json!({"apiGroups": ["x"], "resources": ["y"], "verbs": ["get"]})];
        let made = RbacParameters { roles: &[], rules: &rules, ..grants };
        let objects = rbac_objects(&made).expect("objects");
        let cluster = &objects[2]["rules"];
        assert!(!cluster.to_string().contains("bind\""), "{cluster}");
        for (modes, flag) in [
            (&[LeaseMode::Existing][..], "--account"),
            (&[LeaseMode::TemporaryRole], "--role"),
            (&[LeaseMode::ExistingPlain, LeaseMode::TemporaryRules], "--account"),
        ] {
            let none = RbacParameters { modes, accounts: &[], roles: &[], ..made };
            let failure = super::rbac_objects(&none).expect_err(flag).to_string();
            assert!(failure.contains(flag), "{failure}");
        }
    }
}
