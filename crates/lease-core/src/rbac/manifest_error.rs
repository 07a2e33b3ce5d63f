//! The reasons for which a text is not a manifest.

use super::RoleKind;
use super::document_node::NonTextScalar;
use super::rules::RulesError;
use super::yaml::TextError;

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
    Typed(NonTextScalar),
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

impl ManifestError {
    pub(super) fn for_field(at: &str, problem: FieldProblem) -> Self {
        Self::Field { at: at.to_owned(), problem }
    }
}

/// Names in backticks, with commas.
fn join_names(names: &[String]) -> String {
    format!("`{}`", names.join("`, `"))
}
