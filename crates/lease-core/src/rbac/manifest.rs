//! A role and its binding, as a file for `kubectl apply` has them.

use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::RoleKind;
use super::foreign_objects::foreign_kinds;
use super::manifest_error::ManifestError;
use super::manifest_objects::{ManifestBinding, ManifestRole, RbacObject};
use super::rules::PolicyRules;
use super::yaml::{ReadDocuments, read_documents_until_error};

/// A role and a binding to it, from a text of YAML or JSON.
///
/// Their names, namespaces, labels, annotations and subjects are dropped: a lease brings its own.
/// The text is kept for display. The text is also what is serialised, and read again as a
/// [`StoredManifest`](super::StoredManifest).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    text: String,
    role_kind: RoleKind,
    rules: PolicyRules,
    cluster_wide: bool,
    warnings: Vec<String>,
}

impl Manifest {
    /// The kind of the role.
    #[must_use]
    pub fn role_kind(&self) -> RoleKind {
        self.role_kind
    }

    /// The rules of the role; they fit its kind.
    #[must_use]
    pub fn rules(&self) -> &PolicyRules {
        &self.rules
    }

    /// Returns true if the role is bound in the whole cluster, by a `ClusterRoleBinding`, and not
    /// in one namespace.
    #[must_use]
    pub fn is_bound_cluster_wide(&self) -> bool {
        self.cluster_wide
    }

    /// Remarks on what leases will not have of it: labels and annotations, by name.
    #[must_use]
    pub fn ignored_metadata_warnings(&self) -> &[String] {
        &self.warnings
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
        let ReadDocuments { documents, error } = read_documents_until_error(&text);
        // Before an error, which may well be in an object that does not belong here.
        let foreign = foreign_kinds(&documents);
        if !foreign.is_empty() {
            return Err(ManifestError::ForeignKinds(foreign));
        }
        if let Some(error) = error {
            return Err(ManifestError::Text(error));
        }
        let (mut roles, mut bindings) = (Vec::new(), Vec::new());
        for object in RbacObject::read_from_documents(documents)? {
            match object {
                RbacObject::Role(role) => roles.push(role),
                RbacObject::Binding(binding) => bindings.push(binding),
            }
        }
        let role = take_single_object(roles).ok_or(ManifestError::RoleCount)?;
        let binding = take_single_object(bindings).ok_or(ManifestError::BindingCount)?;
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

fn take_single_object<T>(mut all: Vec<T>) -> Option<T> {
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

#[cfg(test)]
mod tests;
