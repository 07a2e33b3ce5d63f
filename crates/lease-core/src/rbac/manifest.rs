//! A role and its binding, as a file for `kubectl apply` has them.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::RoleKind;
use super::node::Node;
use super::object::{Binding, Object, Role};
use super::rules::{Rules, RulesError};
use super::yaml::{TextError, documents};

/// One role and one binding to it, out of a text of YAML or JSON.
///
/// Their names, namespaces and subjects are not kept: a lease brings its own. The text is kept, to be
/// shown; it is what is serialised, and read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    text: String,
    role_kind: RoleKind,
    rules: Rules,
    cluster_wide: bool,
}

/// Why a text is not a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The text is not read.
    #[error(transparent)]
    Text(TextError),
    /// A field that is wrong, or that must not be there.
    #[error("`{at}`: {problem}")]
    Field {
        /// Where, such as `ClusterRole.metadata.labels`.
        at: String,
        /// What is wrong there.
        problem: FieldProblem,
    },
    /// The rules of the role.
    #[error("{kind}: {problem}")]
    Rules {
        /// The role's kind.
        kind: RoleKind,
        /// Which is wrong, and why.
        problem: RulesError,
    },
    /// An object that is neither role nor binding.
    #[error(
        "`{0}` is no part of a manifest: it holds one Role or ClusterRole, and one RoleBinding or \
         ClusterRoleBinding to it"
    )]
    Kind(String),
    /// Something that is not an object.
    #[error("a manifest holds objects, each a map with `apiVersion` and `kind`")]
    NotAnObject,
    /// No role, or two.
    #[error("a manifest holds exactly one Role or ClusterRole")]
    RoleCount,
    /// No binding, or two.
    #[error("a manifest holds exactly one RoleBinding or ClusterRoleBinding")]
    BindingCount,
    /// The binding is to another role.
    #[error("`{0}.roleRef` names the role of the manifest, by kind and name")]
    OtherRole(&'static str),
    /// A role in one namespace, bound everywhere.
    #[error("a ClusterRoleBinding binds a ClusterRole, never a Role")]
    RoleEverywhere,
    /// Role and binding would not find each other.
    #[error("the RoleBinding and its Role are in the same namespace")]
    OtherNamespace,
}

/// What is wrong with a field of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldProblem {
    /// Not known, or not allowed.
    #[error("a manifest must not have this field")]
    NotAllowed,
    /// Not a map.
    #[error("this is a map")]
    NotAMap,
    /// Not a list.
    #[error("this is a list")]
    NotAList,
    /// Not a name.
    #[error("this is the name of an object")]
    NotAName,
    /// Another version.
    #[error("this is `rbac.authorization.k8s.io/v1`")]
    ApiVersion,
    /// Another version, of a list.
    #[error("this is `v1`")]
    ListVersion,
    /// Another group.
    #[error("this is `rbac.authorization.k8s.io`")]
    ApiGroup,
    /// Another kind.
    #[error("this is `Role` or `ClusterRole`")]
    RoleKind,
}

impl Manifest {
    /// The kind of the role.
    #[must_use]
    pub fn role_kind(&self) -> RoleKind {
        self.role_kind
    }

    /// The rules of the role; they fit its kind.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether the role is bound in the whole cluster, by a `ClusterRoleBinding`, or in one namespace.
    #[must_use]
    pub fn cluster_wide(&self) -> bool {
        self.cluster_wide
    }

    /// The text as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl TryFrom<String> for Manifest {
    type Error = ManifestError;

    fn try_from(text: String) -> Result<Self, ManifestError> {
        let documents = documents(&text).map_err(ManifestError::Text)?;
        let (mut roles, mut bindings) = (Vec::new(), Vec::new());
        for document in documents.into_iter().filter(|document| !document.is_null()) {
            for object in Object::read(document)? {
                match object {
                    Object::Role(role) => roles.push(role),
                    Object::Binding(binding) => bindings.push(binding),
                }
            }
        }
        let role = only(roles).ok_or(ManifestError::RoleCount)?;
        let binding = only(bindings).ok_or(ManifestError::BindingCount)?;
        check_binding(&role, &binding)?;
        let Role { kind, rules, .. } = role;
        Ok(Self { text, role_kind: kind, rules, cluster_wide: binding.cluster_wide })
    }
}

impl FromStr for Manifest {
    type Err = ManifestError;

    fn from_str(text: &str) -> Result<Self, ManifestError> {
        Self::try_from(text.to_owned())
    }
}

impl Serialize for Manifest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Manifest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A node rather than a `String`: a manifest written as an object is told what is meant.
        match Node::deserialize(deserializer)? {
            Node::Text(text) => Self::try_from(text).map_err(serde::de::Error::custom),
            _ => Err(serde::de::Error::custom("a manifest is a text of YAML or JSON")),
        }
    }
}

fn only<T>(mut all: Vec<T>) -> Option<T> {
    let last = all.pop()?;
    all.is_empty().then_some(last)
}

fn check_binding(role: &Role, binding: &Binding) -> Result<(), ManifestError> {
    if binding.cluster_wide && (role.kind == RoleKind::Role || binding.role_kind == RoleKind::Role)
    {
        return Err(ManifestError::RoleEverywhere);
    }
    if (role.kind, &role.name) != (binding.role_kind, &binding.role_name) {
        return Err(ManifestError::OtherRole(binding.kind()));
    }
    let apart = role.kind == RoleKind::Role && role.namespace != binding.namespace;
    if apart { Err(ManifestError::OtherNamespace) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
