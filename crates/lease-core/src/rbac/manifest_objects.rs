//! The objects of a manifest, and what of them is kept.

use crate::{Namespace, RoleName};

use super::RoleKind;
use super::document_node::DocumentNode;
use super::fields::{Fields, redact_name};
use super::foreign_objects::{CLUSTER_ROLE_BINDING, ROLE_BINDING, foreign_fields};
use super::manifest_error::{FieldProblem, ManifestError};
use super::manifest_object_metadata::{RbacObjectMetadata, read_name};
use super::rules::PolicyRules;

/// A role or a binding.
pub(super) enum RbacObject {
    Role(ManifestRole),
    Binding(ManifestBinding),
}

/// A `Role` or `ClusterRole`.
pub(super) struct ManifestRole {
    pub(super) kind: RoleKind,
    pub(super) metadata: RbacObjectMetadata,
    pub(super) rules: PolicyRules,
}

/// A `RoleBinding` or `ClusterRoleBinding`, without its name and its subjects.
pub(super) struct ManifestBinding {
    pub(super) cluster_wide: bool,
    pub(super) namespace: Option<Namespace>,
    pub(super) left_out: Vec<String>,
    pub(super) role_kind: RoleKind,
    pub(super) role_name: RoleName,
}

impl ManifestBinding {
    pub(super) fn kind(&self) -> &'static str {
        if self.cluster_wide { CLUSTER_ROLE_BINDING } else { ROLE_BINDING }
    }
}

impl RbacObject {
    /// Reads the objects of all documents: one of each, or the items of its list.
    pub(super) fn read_from_documents(
        documents: Vec<DocumentNode>,
    ) -> Result<Vec<Self>, ManifestError> {
        let foreign = foreign_fields(&documents);
        if !foreign.is_empty() {
            return Err(ManifestError::ForeignFields(foreign));
        }
        let mut objects = Vec::new();
        for document in documents.into_iter().filter(|document| !document.is_null()) {
            objects.extend(Self::read_objects(document)?);
        }
        Ok(objects)
    }

    fn read_objects(document: DocumentNode) -> Result<Vec<Self>, ManifestError> {
        let (kind, mut fields) = take_kind(document)?;
        if kind != "List" {
            return Self::read_one(&kind, fields).map(|object| vec![object]);
        }
        check_version("List", &mut fields, "v1", FieldProblem::ListVersion)?;
        if !matches!(fields.take_field("metadata"), DocumentNode::Map(_) | DocumentNode::Null) {
            return Err(ManifestError::for_field("List.metadata", FieldProblem::NotAMap));
        }
        let DocumentNode::List(items) = fields.take_field("items") else {
            return Err(ManifestError::for_field("List.items", FieldProblem::NotAList));
        };
        items.into_iter().map(Self::read_item).collect()
    }

    /// Reads an item of a list, which is no list again.
    fn read_item(item: DocumentNode) -> Result<Self, ManifestError> {
        let (kind, fields) = take_kind(item)?;
        Self::read_one(&kind, fields)
    }

    fn read_one(kind: &str, fields: Fields) -> Result<Self, ManifestError> {
        match kind {
            "Role" => read_role(RoleKind::Role, fields).map(Self::Role),
            "ClusterRole" => read_role(RoleKind::ClusterRole, fields).map(Self::Role),
            ROLE_BINDING => read_binding(false, fields).map(Self::Binding),
            CLUSTER_ROLE_BINDING => read_binding(true, fields).map(Self::Binding),
            other => Err(ManifestError::ForeignKinds(vec![redact_name(other)])),
        }
    }
}

fn read_role(kind: RoleKind, mut fields: Fields) -> Result<ManifestRole, ManifestError> {
    check_version(kind.as_str(), &mut fields, API_VERSION, FieldProblem::ApiVersion)?;
    // Even an empty one says something: the role then has no rules but those of others.
    if !fields.take_field("aggregationRule").is_null() {
        let at = format!("{kind}.aggregationRule");
        return Err(ManifestError::for_field(&at, FieldProblem::Aggregates));
    }
    let metadata = RbacObjectMetadata::from_node(kind.as_str(), fields.take_field("metadata"))?;
    let rules = match fields.take_field("rules") {
        DocumentNode::Null => DocumentNode::List(Vec::new()),
        rules @ DocumentNode::List(_) => rules,
        _ => {
            return Err(ManifestError::for_field(&format!("{kind}.rules"), FieldProblem::NotAList));
        }
    };
    let of_role = |problem| ManifestError::Rules { kind, problem };
    let rules = PolicyRules::from_node(rules).map_err(of_role)?;
    rules.check_fit_role_kind(kind).map_err(of_role)?;
    Ok(ManifestRole { kind, metadata, rules })
}

fn read_binding(cluster_wide: bool, mut fields: Fields) -> Result<ManifestBinding, ManifestError> {
    let kind = if cluster_wide { CLUSTER_ROLE_BINDING } else { ROLE_BINDING };
    check_version(kind, &mut fields, API_VERSION, FieldProblem::ApiVersion)?;
    let RbacObjectMetadata { namespace, left_out, .. } =
        RbacObjectMetadata::from_node(kind, fields.take_field("metadata"))?;
    let (role_kind, role_name) = read_role_ref(kind, fields.take_field("roleRef"))?;
    match fields.take_field("subjects") {
        DocumentNode::List(_) | DocumentNode::Null => {}
        _ => {
            return Err(ManifestError::for_field(
                &format!("{kind}.subjects"),
                FieldProblem::NotAList,
            ));
        }
    }
    Ok(ManifestBinding { cluster_wide, namespace, left_out, role_kind, role_name })
}

fn read_role_ref(kind: &str, node: DocumentNode) -> Result<(RoleKind, RoleName), ManifestError> {
    let at = format!("{kind}.roleRef");
    let not_a_map = || ManifestError::for_field(&at, FieldProblem::NotAMap);
    let mut fields = Fields::from_node(node).ok_or_else(not_a_map)?;
    match fields.take_field("apiGroup") {
        // Kubernetes puts its group in (`SetDefaults_RoleBinding`).
        DocumentNode::Null => {}
        DocumentNode::Text(group) if group.is_empty() || group == API_GROUP => {}
        _ => {
            let at = format!("{at}.apiGroup");
            return Err(ManifestError::for_field(&at, FieldProblem::ApiGroup));
        }
    }
    let role_kind = match fields.take_field("kind") {
        DocumentNode::Text(kind) if kind == "Role" => RoleKind::Role,
        DocumentNode::Text(kind) if kind == "ClusterRole" => RoleKind::ClusterRole,
        _ => return Err(ManifestError::for_field(&format!("{at}.kind"), FieldProblem::RoleKind)),
    };
    let name = read_name(&at, "name", fields.take_field("name"))?;
    Ok((role_kind, name))
}

fn take_kind(node: DocumentNode) -> Result<(String, Fields), ManifestError> {
    let mut fields = Fields::from_node(node).ok_or(ManifestError::NotAnObject)?;
    match fields.take_field("kind") {
        DocumentNode::Text(kind) => Ok((kind, fields)),
        _ => Err(ManifestError::NotAnObject),
    }
}

fn check_version(
    kind: &str,
    fields: &mut Fields,
    wanted: &str,
    problem: FieldProblem,
) -> Result<(), ManifestError> {
    match fields.take_field("apiVersion") {
        DocumentNode::Text(text) if text == wanted => Ok(()),
        _ => Err(ManifestError::for_field(&format!("{kind}.apiVersion"), problem)),
    }
}

const API_GROUP: &str = "rbac.authorization.k8s.io";
const API_VERSION: &str = "rbac.authorization.k8s.io/v1";
