//! A role and its binding, as a file for `kubectl apply` has them.

use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::RoleKind;
use super::foreign::foreign_kinds;
use super::node::Typed;
use super::object::{ManifestBinding, ManifestRole, RbacObject};
use super::rules::{Rules, RulesError};
use super::yaml::{ReadDocuments, TextError, read_documents};

/// A role and a binding to it, from a text of YAML or JSON.
///
/// Their names, namespaces, labels, annotations and subjects are dropped: a lease brings its own.
/// The text is kept for display. The text is also what is serialised, and read again as a
/// [`KeptManifest`](super::KeptManifest).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    text: String,
    role_kind: RoleKind,
    rules: Rules,
    cluster_wide: bool,
    warnings: Vec<String>,
}

/// Why a text is not a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The text is not read.
    #[error(transparent)]
    Text(TextError),
    /// Fields that must not be there, such as `ClusterRole.status`; at least one.
    #[error(
        "{}: a manifest must not have {}",
        join_names(.0),
        if .0.len() == 1 { "this field" } else { "these fields" }
    )]
    ForeignFields(Vec<String>),
    /// A field that is wrong.
    #[error("`{at}`: {problem}")]
    Field {
        /// The field, such as `ClusterRole.metadata.name`.
        at: String,
        /// The problem with it.
        problem: FieldProblem,
    },
    /// The rules of the role.
    #[error("{kind}: {problem}")]
    Rules {
        /// The role's kind.
        kind: RoleKind,
        /// The rule at fault, and the reason.
        problem: RulesError,
    },
    /// The kinds of objects that are neither role nor binding; at least one.
    #[error(
        "{} {} not allowed in a manifest: it contains one Role or ClusterRole, and one RoleBinding \
         or ClusterRoleBinding to it",
        join_names(.0),
        if .0.len() == 1 { "is" } else { "are" }
    )]
    ForeignKinds(Vec<String>),
    /// Something that is not an object.
    #[error("a manifest contains objects, each a map with `apiVersion` and `kind`")]
    NotAnObject,
    /// No role, or two.
    #[error("a manifest contains exactly one Role or ClusterRole")]
    RoleCount,
    /// No binding, or two.
    #[error("a manifest contains exactly one RoleBinding or ClusterRoleBinding")]
    BindingCount,
    /// The binding is to another role.
    #[error("`{0}.roleRef` must name the role of the manifest, by kind and name")]
    OtherRole(&'static str),
    /// A role in one namespace, bound everywhere.
    #[error(
        "a ClusterRoleBinding must bind a ClusterRole; a Role gives rights in one namespace only"
    )]
    RoleEverywhere,
    /// Role and binding would not find each other.
    #[error("the RoleBinding and its Role must be in the same namespace")]
    OtherNamespace,
}

/// The problem with a field of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldProblem {
    /// Rules that come from other roles, or go to them.
    #[error(
        "an aggregated role takes its rules from other roles: leave aggregation out, and write the \
         rules in full"
    )]
    Aggregates,
    /// Not a map.
    #[error("this must be a map")]
    NotAMap,
    /// Not a list.
    #[error("this must be a list")]
    NotAList,
    /// Not a name.
    #[error("this must be the name of an object")]
    NotAName,
    /// Not a text.
    #[error(transparent)]
    Typed(Typed),
    /// Another version.
    #[error("this must be `rbac.authorization.k8s.io/v1`")]
    ApiVersion,
    /// Another version, of a list.
    #[error("this must be `v1`")]
    ListVersion,
    /// Another group.
    #[error("this must be `rbac.authorization.k8s.io`")]
    ApiGroup,
    /// Another kind.
    #[error("this must be `Role` or `ClusterRole`")]
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

    /// Returns true if the role is bound in the whole cluster, by a `ClusterRoleBinding`, and not
    /// in one namespace.
    #[must_use]
    pub fn cluster_wide(&self) -> bool {
        self.cluster_wide
    }

    /// Remarks on what leases will not have of it: labels and annotations, by name.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The text as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl ManifestError {
    pub(super) fn for_field(at: &str, problem: FieldProblem) -> Self {
        Self::Field { at: at.to_owned(), problem }
    }
}

impl TryFrom<String> for Manifest {
    type Error = ManifestError;

    fn try_from(text: String) -> Result<Self, ManifestError> {
        let ReadDocuments { documents, error } = read_documents(&text);
        // Before an error, which may well be in an object that does not belong here.
        let foreign = foreign_kinds(&documents);
        if !foreign.is_empty() {
            return Err(ManifestError::ForeignKinds(foreign));
        }
        if let Some(error) = error {
            return Err(ManifestError::Text(error));
        }
        let (mut roles, mut bindings) = (Vec::new(), Vec::new());
        for object in RbacObject::read_all(documents)? {
            match object {
                RbacObject::Role(role) => roles.push(role),
                RbacObject::Binding(binding) => bindings.push(binding),
            }
        }
        let role = take_only(roles).ok_or(ManifestError::RoleCount)?;
        let binding = take_only(bindings).ok_or(ManifestError::BindingCount)?;
        check_binding(&role, &binding)?;
        let ManifestRole { kind, metadata, rules } = role;
        let warnings = [metadata.left_out, binding.left_out].concat();
        let cluster_wide = binding.cluster_wide;
        Ok(Self { text, role_kind: kind, rules, cluster_wide, warnings })
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

fn take_only<T>(mut all: Vec<T>) -> Option<T> {
    let last = all.pop()?;
    all.is_empty().then_some(last)
}

fn check_binding(role: &ManifestRole, binding: &ManifestBinding) -> Result<(), ManifestError> {
    if binding.cluster_wide && (role.kind == RoleKind::Role || binding.role_kind == RoleKind::Role)
    {
        return Err(ManifestError::RoleEverywhere);
    }
    if (role.kind, &role.metadata.name) != (binding.role_kind, &binding.role_name) {
        return Err(ManifestError::OtherRole(binding.kind()));
    }
    // Without a namespace an object goes where kubectl is pointed at, which may be the other's.
    let apart = match (&role.metadata.namespace, &binding.namespace) {
        (Some(of_role), Some(of_binding)) => role.kind == RoleKind::Role && of_role != of_binding,
        _ => false,
    };
    if apart { Err(ManifestError::OtherNamespace) } else { Ok(()) }
}

/// Names in backticks, with commas.
fn join_names(names: &[String]) -> String {
    format!("`{}`", names.join("`, `"))
}

#[cfg(test)]
mod tests;
