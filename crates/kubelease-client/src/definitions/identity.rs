//! Identities, as an operator writes them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{DurationText, SecretReference};
use crate::Name;

/// Somebody who may ask for leases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentitySpec {
    /// A line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Nobody gets in as it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// The ways to log in as it; none lets nobody in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Vec<AuthMethod>>,
    /// The rights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Vec<IdentityGrant>>,
    /// True for an administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
    /// An administrator that may put and delete administrators too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manage_administrators: Option<bool>,
    /// The terms of its access tokens: how long, how often and from where they are good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<AccessTokenTerms>,
    /// The greatest number of its leases that may live at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_live_leases: Option<u32>,
    /// The greatest number of leases that it may ask for in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_issues_per_minute: Option<u32>,
}

/// A way to log in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum AuthMethod {
    /// By an access token that an administrator made.
    Token {},
    /// By a token of a `ServiceAccount`.
    Kubernetes {
        /// The cluster of the `ServiceAccount`.
        #[schemars(with = "String")]
        target: Name,
        /// With whose credential the cluster is asked.
        reviewer: Reviewer,
        /// The names of the `ServiceAccount`s, or patterns of them.
        allowed_names: Vec<String>,
        /// Their namespaces, or patterns of them.
        allowed_namespaces: Vec<String>,
        /// The audience that the token is for.
        allowed_audience: String,
    },
    /// By an ID token of an issuer, such as a CI service.
    Oidc {
        /// The issuer, as it is written in the token.
        issuer: String,
        /// The URL of its keys, if that is not discovered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jwks_url: Option<String>,
        /// The keys, if they are not fetched.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jwks: Option<Map<String, Value>>,
        /// The audiences of which a token names one.
        audiences: Vec<String>,
        /// The algorithms that are accepted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        algorithms: Option<Vec<String>>,
        /// The subject of the token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        /// The claims, each with the values of which it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        claims: Option<BTreeMap<String, Vec<ClaimValue>>>,
        /// If values are compared as they are, or as patterns.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        claims_match: Option<ClaimsMatch>,
        /// The age from which a token is too old.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_token_age: Option<DurationText>,
        /// A token logs in once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        single_use: Option<bool>,
    },
}

/// With whose credential a cluster is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reviewer {
    /// With that of the target.
    Target,
    /// With the token that is shown.
    Client,
    /// With this token; with `null` the one that is kept.
    Token(Option<SecretReference>),
    /// With the token in a variable of the host: `target_NAME`.
    Variable(String),
}

/// A value of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ClaimValue {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// A boolean.
    Flag(bool),
}

/// The comparison of the values of claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimsMatch {
    /// As they are.
    Exact,
    /// As patterns.
    Glob,
}

/// Something that an identity may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityGrant {
    /// The dynamic secrets, by name or pattern.
    pub dynamic_secrets: Vec<String>,
    /// The namespaces of the leases, by name or pattern.
    pub namespaces: Vec<String>,
    /// The actions that are allowed on leases.
    pub actions: Vec<Action>,
    /// The longest life of a lease, with all renewals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<DurationText>,
    /// Whose leases may be read, renewed and revoked; its own if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<LeaseOwner>,
}

/// Something that is done with leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Ask for one.
    Issue,
    /// Look at one.
    Read,
    /// Extend one.
    Renew,
    /// Revoke one.
    Revoke,
}

/// Whose leases a grant is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeaseOwner {
    /// Those that the identity asked for.
    Own,
    /// Those of everybody.
    All,
}

/// The terms of access tokens: how long, how often and from where they are good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessTokenTerms {
    /// The lifetime of one; 1h if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<DurationText>,
    /// The longest lifetime, with all renewals; 24h if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<DurationText>,
    /// The number of uses of one; 0 for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_uses: Option<u32>,
    /// The networks from which they are accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_ips: Option<Vec<String>>,
}

impl IdentitySpec {
    /// Returns the secrets that stand elsewhere, each with its place in the definition.
    pub(super) fn secret_references(&self) -> Vec<(String, &SecretReference)> {
        let mut secrets = vec![];
        for (index, method) in self.auth.iter().flatten().enumerate() {
            if let AuthMethod::Kubernetes { reviewer: Reviewer::Token(Some(token)), .. } = method {
                secrets.push((format!("/auth/{index}/reviewer/token"), token));
            }
        }
        secrets
    }

    /// Returns the targets that logins name.
    pub(super) fn referenced_targets(&self) -> Vec<&Name> {
        let mut targets = vec![];
        for method in self.auth.iter().flatten() {
            if let AuthMethod::Kubernetes { target, .. } = method {
                targets.push(target);
            }
        }
        targets
    }
}
