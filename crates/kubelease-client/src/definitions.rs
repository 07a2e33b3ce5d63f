//! Definitions: targets, dynamic secrets and identities, as an operator writes them.
//!
//! The types are the shapes of the API, and the schemas for editors are made from them. They check what an editor can
//! check; bounds, and what goes together, are the server's to say.

mod dynamic_secret;
mod identity;
mod requests;
mod schema;
mod secret_reference;
mod target;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::dynamic_secret::{
    Account, DynamicSecretSpec, NamespaceSelector, PolicyRule, RoleReference, Rules,
};
pub use self::identity::{AuthMethod, ClaimValue, IdentityGrant, IdentitySpec, Reviewer};
pub use self::requests::{DefinitionDeletion, DeletionOptions, PutAnswer, PutMode};
pub use self::schema::{API_VERSION, document_schema};
pub use self::secret_reference::{InvalidSecretReference, SecretReference};
pub use self::target::{GatewayHeader, TargetAuth, TargetSpec, TrustedCa};
use crate::Name;

/// The kind of a definition. The order is that of need: what comes later may name what comes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum DefinitionKind {
    /// A cluster.
    Target,
    /// Something to lease.
    DynamicSecret,
    /// Somebody who may.
    Identity,
}

/// Text that is no kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a kind is `target`, `dynamic-secret` or `identity`")]
pub struct InvalidDefinitionKind;

/// A definition as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The name.
    pub name: Name,
    /// All that is said of it.
    pub spec: DefinitionSpec,
}

/// All that is said of a definition.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DefinitionSpec {
    /// Of a target.
    Target(Box<TargetSpec>),
    /// Of a dynamic secret.
    DynamicSecret(Box<DynamicSecretSpec>),
    /// Of an identity.
    Identity(Box<IdentitySpec>),
}

/// A duration: `90s`, `15m`, `1h30m`, `2d`, or whole seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum DurationText {
    /// With units.
    Text(String),
    /// In seconds.
    Seconds(u64),
}

impl DefinitionKind {
    /// All kinds, in the order of need.
    pub const ALL: [Self; 3] = [Self::Target, Self::DynamicSecret, Self::Identity];

    /// Returns the kind as documents have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Target => "Target",
            Self::DynamicSecret => "DynamicSecret",
            Self::Identity => "Identity",
        }
    }

    /// Returns the kind as a command line and tables have it.
    #[must_use]
    pub fn singular(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::DynamicSecret => "dynamic-secret",
            Self::Identity => "identity",
        }
    }

    /// Returns the kind as paths have it.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Target => "targets",
            Self::DynamicSecret => "dynamic-secrets",
            Self::Identity => "identities",
        }
    }
}

impl DefinitionSpec {
    /// Reads what is said of a definition of a kind.
    ///
    /// # Errors
    /// Fails if a field is unknown, missing or of another type.
    pub fn from_json(kind: DefinitionKind, spec: Value) -> Result<Self, serde_json::Error> {
        Ok(match kind {
            DefinitionKind::Target => Self::Target(serde_json::from_value(spec)?),
            DefinitionKind::DynamicSecret => Self::DynamicSecret(serde_json::from_value(spec)?),
            DefinitionKind::Identity => Self::Identity(serde_json::from_value(spec)?),
        })
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> DefinitionKind {
        match self {
            Self::Target(_) => DefinitionKind::Target,
            Self::DynamicSecret(_) => DefinitionKind::DynamicSecret,
            Self::Identity(_) => DefinitionKind::Identity,
        }
    }

    /// Returns the secrets that stand elsewhere, each with its place as a JSON pointer.
    #[must_use]
    pub fn secret_references(&self) -> Vec<(String, &SecretReference)> {
        match self {
            Self::Target(spec) => spec.auth.secret_references(),
            Self::DynamicSecret(_) => vec![],
            Self::Identity(spec) => spec.secret_references(),
        }
    }

    /// Returns the targets that have to be there before.
    #[must_use]
    pub fn referenced_targets(&self) -> Vec<&Name> {
        match self {
            Self::Target(_) => vec![],
            Self::DynamicSecret(spec) => vec![&spec.target],
            Self::Identity(spec) => spec.referenced_targets(),
        }
    }
}

impl FromStr for DefinitionKind {
    type Err = InvalidDefinitionKind;

    fn from_str(text: &str) -> Result<Self, InvalidDefinitionKind> {
        let means = |kind: &Self| {
            [kind.as_str(), kind.singular(), kind.plural()].contains(&text)
                || *kind == Self::DynamicSecret && text == "ds"
        };
        Self::ALL.into_iter().find(means).ok_or(InvalidDefinitionKind)
    }
}

impl fmt::Display for DefinitionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.singular())
    }
}

#[cfg(test)]
mod tests;
