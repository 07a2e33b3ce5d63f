//! The objects of a manifest, and what of them is kept.

use crate::{Namespace, RoleName};

use super::RoleKind;
use super::fields::{Fields, shown};
use super::manifest::{FieldProblem, ManifestError};
use super::node::Node;
use super::rules::Rules;

/// A role or a binding.
pub(super) enum Object {
    Role(Role),
    Binding(Binding),
}

/// A `Role` or `ClusterRole`.
pub(super) struct Role {
    pub(super) kind: RoleKind,
    pub(super) name: RoleName,
    pub(super) namespace: Option<Namespace>,
    pub(super) rules: Rules,
}

/// A `RoleBinding` or `ClusterRoleBinding`, without its name and its subjects.
pub(super) struct Binding {
    pub(super) cluster_wide: bool,
    pub(super) namespace: Option<Namespace>,
    pub(super) role_kind: RoleKind,
    pub(super) role_name: RoleName,
}

impl Binding {
    pub(super) fn kind(&self) -> &'static str {
        if self.cluster_wide { CLUSTER_ROLE_BINDING } else { ROLE_BINDING }
    }
}

impl Object {
    /// The objects of a document: one, or the items of a list.
    pub(super) fn read(document: Node) -> Result<Vec<Self>, ManifestError> {
        let (kind, mut fields) = kind_of(document)?;
        if kind != "List" {
            return Self::read_one(&kind, fields).map(|object| vec![object]);
        }
        version("List", &mut fields, "v1", FieldProblem::ListVersion)?;
        list_metadata(fields.take("metadata"))?;
        let Node::List(items) = fields.take("items") else {
            return Err(field("List.items", FieldProblem::NotAList));
        };
        nothing_else("List", &fields)?;
        items.into_iter().map(Self::item).collect()
    }

    /// An item is no list again.
    fn item(item: Node) -> Result<Self, ManifestError> {
        let (kind, fields) = kind_of(item)?;
        Self::read_one(&kind, fields)
    }

    fn read_one(kind: &str, fields: Fields) -> Result<Self, ManifestError> {
        match kind {
            "Role" => role(RoleKind::Role, fields).map(Self::Role),
            "ClusterRole" => role(RoleKind::ClusterRole, fields).map(Self::Role),
            ROLE_BINDING => binding(false, fields).map(Self::Binding),
            CLUSTER_ROLE_BINDING => binding(true, fields).map(Self::Binding),
            other => Err(ManifestError::Kind(shown(other))),
        }
    }
}

fn role(kind: RoleKind, mut fields: Fields) -> Result<Role, ManifestError> {
    version(kind.as_str(), &mut fields, API_VERSION, FieldProblem::ApiVersion)?;
    let (name, namespace) = metadata(kind.as_str(), fields.take("metadata"))?;
    let rules = match fields.take("rules") {
        Node::Null => Node::List(Vec::new()),
        rules @ Node::List(_) => rules,
        _ => return Err(field(&format!("{kind}.rules"), FieldProblem::NotAList)),
    };
    nothing_else(kind.as_str(), &fields)?;
    let of_role = |problem| ManifestError::Rules { kind, problem };
    let rules = Rules::from_node(rules).map_err(of_role)?;
    rules.fit(kind).map_err(of_role)?;
    Ok(Role { kind, name, namespace, rules })
}

fn binding(cluster_wide: bool, mut fields: Fields) -> Result<Binding, ManifestError> {
    let kind = if cluster_wide { CLUSTER_ROLE_BINDING } else { ROLE_BINDING };
    version(kind, &mut fields, API_VERSION, FieldProblem::ApiVersion)?;
    let (_, namespace) = metadata(kind, fields.take("metadata"))?;
    let (role_kind, role_name) = role_ref(kind, fields.take("roleRef"))?;
    match fields.take("subjects") {
        Node::List(_) | Node::Null => {}
        _ => return Err(field(&format!("{kind}.subjects"), FieldProblem::NotAList)),
    }
    nothing_else(kind, &fields)?;
    Ok(Binding { cluster_wide, namespace, role_kind, role_name })
}

fn role_ref(kind: &str, node: Node) -> Result<(RoleKind, RoleName), ManifestError> {
    let at = format!("{kind}.roleRef");
    let mut fields = Fields::of(node).ok_or_else(|| field(&at, FieldProblem::NotAMap))?;
    version_of(&at, "apiGroup", &mut fields, API_GROUP, FieldProblem::ApiGroup)?;
    let role_kind = match fields.take("kind") {
        Node::Text(kind) if kind == "Role" => RoleKind::Role,
        Node::Text(kind) if kind == "ClusterRole" => RoleKind::ClusterRole,
        _ => return Err(field(&format!("{at}.kind"), FieldProblem::RoleKind)),
    };
    let name = named(&at, "name", fields.take("name"))?;
    nothing_else(&at, &fields)?;
    Ok((role_kind, name))
}

/// Name and namespace. What would give the lease's objects a meaning to others is not allowed.
fn metadata(kind: &str, node: Node) -> Result<(RoleName, Option<Namespace>), ManifestError> {
    let at = format!("{kind}.metadata");
    let mut fields = Fields::of(node).ok_or_else(|| field(&at, FieldProblem::NotAMap))?;
    let name = named(&at, "name", fields.take("name"))?;
    let namespace = match fields.take("namespace") {
        Node::Null => None,
        node => Some(named(&at, "namespace", node)?),
    };
    // `kubectl create role --dry-run=client -o yaml` writes `creationTimestamp: null`.
    let null_created = fields.take("creationTimestamp").is_null();
    if !null_created {
        return Err(field(&format!("{at}.creationTimestamp"), FieldProblem::NotAllowed));
    }
    nothing_else(&at, &fields)?;
    Ok((name, namespace))
}

/// `kubectl get -o yaml` writes `resourceVersion: ""`.
fn list_metadata(node: Node) -> Result<(), ManifestError> {
    if node.is_null() {
        return Ok(());
    }
    let at = "List.metadata";
    let mut fields = Fields::of(node).ok_or_else(|| field(at, FieldProblem::NotAMap))?;
    match fields.take("resourceVersion") {
        Node::Null => {}
        Node::Text(version) if version.is_empty() => {}
        _ => return Err(field("List.metadata.resourceVersion", FieldProblem::NotAllowed)),
    }
    nothing_else(at, &fields)
}

fn kind_of(node: Node) -> Result<(String, Fields), ManifestError> {
    let mut fields = Fields::of(node).ok_or(ManifestError::NotAnObject)?;
    match fields.take("kind") {
        Node::Text(kind) => Ok((kind, fields)),
        _ => Err(ManifestError::NotAnObject),
    }
}

fn version(
    kind: &str,
    fields: &mut Fields,
    wanted: &str,
    problem: FieldProblem,
) -> Result<(), ManifestError> {
    version_of(kind, "apiVersion", fields, wanted, problem)
}

fn version_of(
    at: &str,
    name: &str,
    fields: &mut Fields,
    wanted: &str,
    problem: FieldProblem,
) -> Result<(), ManifestError> {
    match fields.take(name) {
        Node::Text(text) if text == wanted => Ok(()),
        _ => Err(field(&format!("{at}.{name}"), problem)),
    }
}

fn named<T: TryFrom<String>>(at: &str, name: &str, node: Node) -> Result<T, ManifestError> {
    let text = match node {
        Node::Text(text) => T::try_from(text).ok(),
        _ => None,
    };
    text.ok_or_else(|| field(&format!("{at}.{name}"), FieldProblem::NotAName))
}

fn nothing_else(at: &str, fields: &Fields) -> Result<(), ManifestError> {
    match fields.unknown() {
        Some(name) => Err(field(&format!("{at}.{name}"), FieldProblem::NotAllowed)),
        None => Ok(()),
    }
}

fn field(at: &str, problem: FieldProblem) -> ManifestError {
    ManifestError::Field { at: at.to_owned(), problem }
}

const API_GROUP: &str = "rbac.authorization.k8s.io";
const API_VERSION: &str = "rbac.authorization.k8s.io/v1";
const ROLE_BINDING: &str = "RoleBinding";
const CLUSTER_ROLE_BINDING: &str = "ClusterRoleBinding";
