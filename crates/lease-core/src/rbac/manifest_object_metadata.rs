//! The metadata of a role or a binding.

use crate::{Namespace, RoleName};

use super::document_node::DocumentNode;
use super::fields::{Fields, redact_name};
use super::manifest_error::{FieldProblem, ManifestError};

/// The part of an object's metadata that is kept.
pub(super) struct RbacObjectMetadata {
    pub(super) name: RoleName,
    pub(super) namespace: Option<Namespace>,
    /// Remarks on what is not kept: labels and annotations.
    pub(super) left_out: Vec<String>,
}

impl RbacObjectMetadata {
    pub(super) fn from_node(kind: &str, node: DocumentNode) -> Result<Self, ManifestError> {
        let at = format!("{kind}.metadata");
        let not_a_map = || ManifestError::for_field(&at, FieldProblem::NotAMap);
        let mut fields = Fields::from_node(node).ok_or_else(not_a_map)?;
        let name = read_name(&at, "name", fields.take_field("name"))?;
        let namespace = match fields.take_field("namespace") {
            node if node.is_empty_value() => None,
            node => Some(read_name(&at, "namespace", node)?),
        };
        let mut left_out = Vec::new();
        for name in ["labels", "annotations"] {
            left_out.extend(left_out_remark(&at, name, fields.take_field(name))?);
        }
        Ok(Self { name, namespace, left_out })
    }
}

/// Reads a field that is the name of an object.
pub(super) fn read_name<T: TryFrom<String>>(
    at: &str,
    field: &str,
    node: DocumentNode,
) -> Result<T, ManifestError> {
    let problem = match node {
        DocumentNode::Typed(typed) => FieldProblem::Typed(typed),
        DocumentNode::Text(text) => match T::try_from(text) {
            Ok(name) => return Ok(name),
            Err(_) => FieldProblem::NotAName,
        },
        _ => FieldProblem::NotAName,
    };
    Err(ManifestError::for_field(&format!("{at}.{field}"), problem))
}

/// Returns a remark that names the labels or annotations, if there are any.
///
/// They would give the leased objects a meaning to others: to controllers, to policies, to clouds. Labels that
/// aggregate are refused: without them the role is not what its author meant.
fn left_out_remark(
    at: &str,
    field: &str,
    node: DocumentNode,
) -> Result<Option<String>, ManifestError> {
    let at = format!("{at}.{field}");
    let map = match node {
        DocumentNode::Null => return Ok(None),
        DocumentNode::Map(map) if map.is_empty() => return Ok(None),
        DocumentNode::Map(map) => map,
        _ => return Err(ManifestError::for_field(&at, FieldProblem::NotAMap)),
    };
    let aggregates = |key: &&String| field == "labels" && key.starts_with(AGGREGATION_LABEL_PREFIX);
    let mut keys = map.iter().map(|(key, _)| key);
    if let Some(key) = keys.clone().find(aggregates) {
        let at = format!("{at}.{}", redact_name(key));
        return Err(ManifestError::for_field(&at, FieldProblem::Aggregates));
    }
    let first = keys.next().map(|key| format!("`{}`", redact_name(key))).unwrap_or_default();
    let names = keys.fold(first, |names, key| format!("{names}, `{}`", redact_name(key)));
    Ok(Some(format!(
        "`{at}` of the manifest are ignored ({names}): leased objects get the {field} of the \
         dynamic secret"
    )))
}

/// The beginning of the labels by which the roles `admin`, `edit` and `view` take up the rules of others.
const AGGREGATION_LABEL_PREFIX: &str = "rbac.authorization.k8s.io/aggregate-to-";
