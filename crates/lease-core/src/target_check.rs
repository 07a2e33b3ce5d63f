//! What a check of a target saw.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{DynamicSecretName, Namespace};

/// The result of the last check of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetCheck {
    /// When it was made.
    pub checked_at: DateTime<Utc>,
    /// True if the API server answered, even by a refusal.
    pub reachable: bool,
    /// The failure, for an operator; absent if there was none.
    pub problem: Option<String>,
    /// The API server's version, as `v1.36.3`.
    pub version: Option<String>,
    /// The user that the API server takes kubelease for.
    pub username: Option<String>,
    /// The groups it counts us in.
    pub groups: Vec<String>,
    /// The UID by which the cluster is known again.
    pub cluster: Option<String>,
    /// The permissions that kubelease needs there and lacks, for all dynamic secrets together.
    pub missing_permissions: Vec<MissingPermission>,
    /// The result for each dynamic secret of the target.
    pub dynamic_secrets: Vec<DynamicSecretCheck>,
    /// Refusals that do no harm, for an operator.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// The result of a check for one dynamic secret: could it be leased and revoked now?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DynamicSecretCheck {
    /// The dynamic secret.
    pub dynamic_secret: DynamicSecretName,
    /// True if a lease could be issued.
    pub issue: bool,
    /// True if a lease could be revoked.
    pub revoke: bool,
    /// The permissions that are missing for either.
    pub missing_permissions: Vec<MissingPermission>,
    /// Another obstacle, for an operator.
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
    /// The namespace in which it is needed; absent if it is needed in all.
    pub namespace: Option<Namespace>,
}
