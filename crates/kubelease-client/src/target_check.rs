//! Targets: clusters, as far as this client looks at them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ureq::http::Method;

use crate::client::Call;
use crate::{Client, Error, Name};

/// The result of the check of a target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TargetCheck {
    /// If nothing is missing for any dynamic secret.
    pub ok: bool,
    /// If the cluster answered.
    pub reachable: bool,
    /// The obstacle to any lease.
    pub problem: Option<String>,
    /// The version of Kubernetes.
    pub version: Option<String>,
    /// The user that kubelease is there.
    pub username: Option<String>,
    /// The results for each dynamic secret.
    #[serde(default)]
    pub dynamic_secrets: Vec<DynamicSecretCheck>,
    /// Permissions that were refused and are not needed.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// All other fields of the answer.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The result of a check for one dynamic secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DynamicSecretCheck {
    /// The dynamic secret.
    pub dynamic_secret: Name,
    /// If a lease could be issued now.
    pub issue: bool,
    /// If it could be revoked.
    pub revoke: bool,
    /// The permissions that kubelease lacks.
    #[serde(default)]
    pub missing_permissions: Vec<MissingPermission>,
    /// Another obstacle.
    pub problem: Option<String>,
    /// All other fields of the answer.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The configuration that the host needs for a target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuntimeConfig {
    /// The runtime configuration.
    pub runtime_config: String,
    /// Remarks for people.
    #[serde(default)]
    pub notes: Vec<String>,
    /// All other fields of the answer.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A permission that kubelease lacks in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingPermission {
    /// The verb.
    pub verb: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The resource.
    pub resource: String,
    /// The name of the object, or any.
    pub name: Option<String>,
    /// The namespace, or everywhere.
    pub namespace: Option<String>,
}

impl Client {
    /// Has a target checked.
    ///
    /// # Errors
    /// Fails if there is no such target, or the server cannot be reached. A target in a bad state is no error.
    pub fn check_target(&self, name: &Name) -> Result<TargetCheck, Error> {
        let path = format!("/api/v1/targets/{name}/check");
        self.send_with_retries(&Call::new(Method::POST, path))?.parse_json()
    }

    /// Returns what the host has to be told of a target.
    ///
    /// # Errors
    /// Fails if there is no such target, or the server cannot be reached.
    pub fn get_runtime_config(&self, name: &Name) -> Result<RuntimeConfig, Error> {
        self.send_with_retries(&Call::get(format!("/api/v1/targets/{name}/runtime-config")))?
            .parse_json()
    }
}
