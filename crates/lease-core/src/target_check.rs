//! What a check of a target saw.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{DynamicSecretName, Namespace};

/// What the last check of a target saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetCheck {
    /// When it was made.
    pub checked_at: DateTime<Utc>,
    /// Whether the API server answered at all, be it with a refusal.
    pub reachable: bool,
    /// What went wrong, for an operator; absent where nothing did.
    pub problem: Option<String>,
    /// The API server's version, as `v1.36.3`.
    pub version: Option<String>,
    /// Who we are there, as the API server says.
    pub username: Option<String>,
    /// The groups it counts us in.
    pub groups: Vec<String>,
    /// The UID by which the cluster is known again.
    pub cluster: Option<String>,
    /// What we would need and may not do, for all dynamic secrets together.
    pub missing_permissions: Vec<MissingPermission>,
    /// What each dynamic secret of the target could do now.
    pub dynamic_secrets: Vec<SecretCheck>,
    /// What was refused and is not needed, for an operator.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// Whether one dynamic secret could be issued and taken back now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretCheck {
    /// The dynamic secret.
    pub dynamic_secret: DynamicSecretName,
    /// Whether a lease could be issued.
    pub issue: bool,
    /// Whether it could be taken back.
    pub take_back: bool,
    /// What is missing for either.
    pub missing_permissions: Vec<MissingPermission>,
    /// What else stands in the way, for an operator.
    pub problem: Option<String>,
}

/// One thing that a dynamic secret needs and that the target's credential may not do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MissingPermission {
    /// The verb, as RBAC writes it.
    pub verb: String,
    /// The API group; empty for the core group.
    #[serde(default)]
    pub group: String,
    /// The resource, as RBAC writes it: `serviceaccounts/token`.
    pub resource: String,
    /// The one object it is needed for; absent where it is needed for any.
    pub name: Option<String>,
    /// Where it is needed; absent where it is needed everywhere.
    pub namespace: Option<Namespace>,
}
