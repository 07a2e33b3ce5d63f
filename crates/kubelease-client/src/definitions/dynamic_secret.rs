//! Dynamic secrets, as an operator writes them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DurationText;
use crate::Name;

/// The definition of a dynamic secret: whose token may be leased, where, for how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DynamicSecretSpec {
    /// The name of the target.
    #[schemars(with = "String")]
    pub target: Name,
    /// Whose token is leased.
    pub account: Account,
    /// The namespaces that a lease may name, or `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
    /// The labels of namespaces that a lease may name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<NamespaceSelector>,
    /// If either is enough, or both are needed; said with both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_match: Option<NamespaceMatch>,
    /// The lifetime of a lease that names none; 1h if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_ttl: Option<DurationText>,
    /// The longest lifetime of a lease, with all renewals; 24h if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<DurationText>,
    /// Whom the tokens are for; the API server if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audiences: Option<Audiences>,
    /// The greatest number of leases that may live at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_live_leases: Option<u32>,
    /// The dangers that were weighed and accepted, such as `core/secrets:get`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_dangerous: Option<Vec<String>>,
    /// The template for the names of leased objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_template: Option<String>,
    /// Labels of the leased objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations of the leased objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// A line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Issue and renew nothing; what is out is revoked all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// Deleting needs force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_protection: Option<bool>,
    /// The fate of leases if what is granted is changed; `keep` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_change: Option<OnDefinitionChange>,
}

/// Whose token is leased.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Account {
    /// A `ServiceAccount` that exists in each of the namespaces.
    Existing {
        /// The name of the `ServiceAccount`.
        name: String,
        /// If each token ends with a Secret of its own; true if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revocable: Option<bool>,
    },
    /// A `ServiceAccount` that is made for each lease. It has one of `role`, `rules` and `manifest`.
    Temporary {
        /// The scope of its rights.
        scope: Scope,
        /// A role that exists.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<RoleReference>,
        /// The rules of a role that is made for each lease.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rules: Option<Rules>,
        /// YAML or JSON: one Role or `ClusterRole`, and one binding to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manifest: Option<String>,
    },
}

/// The scope of a temporary account's rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// In the namespace of the lease.
    Namespace,
    /// In the whole cluster.
    Cluster,
}

/// A role that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleReference {
    /// The kind.
    pub kind: RoleKind,
    /// The name.
    pub name: String,
}

/// A kind of role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RoleKind {
    /// Of one namespace.
    Role,
    /// Of the cluster.
    ClusterRole,
}

/// The rules of a role: a list, a list below the key `rules`, or YAML or JSON of either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Rules {
    /// A list.
    List(Vec<PolicyRule>),
    /// A list below a key.
    Wrapped(WrappedRules),
    /// Text of one.
    Text(String),
}

/// A list of rules below a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrappedRules {
    /// The rules.
    pub rules: Vec<PolicyRule>,
}

/// A rule, as Kubernetes has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyRule {
    /// The API groups; the empty text is the core group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_groups: Option<Vec<String>>,
    /// The resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Vec<String>>,
    /// The objects; any if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_names: Option<Vec<String>>,
    /// Paths that are no resources.
    #[serde(default, rename = "nonResourceURLs", skip_serializing_if = "Option::is_none")]
    pub non_resource_urls: Option<Vec<String>>,
    /// The verbs.
    pub verbs: Vec<String>,
}

/// Labels of namespaces, as Kubernetes selects by them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamespaceSelector {
    /// Labels with their values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_expressions: Option<Vec<LabelCondition>>,
}

/// A condition on one label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelCondition {
    /// The label.
    pub key: String,
    /// The operator.
    pub operator: LabelOperator,
    /// The values, for `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
}

/// An operator of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LabelOperator {
    /// The value is in the list.
    In,
    /// None of them.
    NotIn,
    /// Any value.
    Exists,
    /// No such label.
    DoesNotExist,
}

/// If one of two conditions is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NamespaceMatch {
    /// Either is enough.
    Any,
    /// Both are needed.
    All,
}

/// Whom tokens are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Audiences {
    /// Those of a lease that does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Vec<String>>,
    /// Those that a lease may ask for besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<String>>,
}

/// The fate of leases if the definition that they were issued from is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDefinitionChange {
    /// Keeps them as they were issued.
    Keep,
    /// Revokes them.
    Revoke,
}
