//! Objects and fields that do not belong in a manifest.
//!
//! They are looked for before anything else is checked: who sends a whole application needs to hear that first, and
//! not how to quote its numbers.

use super::document_node::DocumentNode;
use super::fields::redact_name;

/// Returns the kinds of the objects that are neither role nor binding, each once.
///
/// What has no kind is passed over: it is no object, and is refused as that.
pub(super) fn foreign_kinds(documents: &[DocumentNode]) -> Vec<String> {
    let mut foreign = Vec::new();
    for DocumentObject { kind, is_item, .. } in list_objects(documents) {
        let belongs = if kind == LIST { !is_item } else { field_names(kind).is_some() };
        if !belongs {
            push_once(&mut foreign, redact_name(kind));
        }
    }
    foreign
}

/// Returns the places of the fields that roles, bindings and lists of them do not have, each once.
///
/// The fields of rules are left to those who read them.
pub(super) fn foreign_fields(documents: &[DocumentNode]) -> Vec<String> {
    let mut foreign = Vec::new();
    for DocumentObject { kind, fields, .. } in list_objects(documents) {
        let Some(names) = field_names(kind) else { continue };
        let mut note = |at: &str, fields: &[(String, DocumentNode)], names: FieldNames| {
            for (name, _) in fields.iter().filter(|(name, value)| !names.allows_field(name, value))
            {
                push_once(&mut foreign, format!("{at}.{}", redact_name(name)));
            }
        };
        note(kind, fields, names);
        for (name, value) in fields {
            let names = match name.as_str() {
                "metadata" if kind == LIST => LIST_METADATA,
                "metadata" => OBJECT_META_FIELDS,
                "roleRef" => ROLE_REF,
                _ => continue,
            };
            note(&format!("{kind}.{name}"), map_entries(value), names);
        }
    }
    foreign
}

/// An object of a document, or an item of its list.
struct DocumentObject<'a> {
    kind: &'a str,
    fields: &'a [(String, DocumentNode)],
    is_item: bool,
}

impl<'a> DocumentObject<'a> {
    fn from_node(node: &'a DocumentNode, is_item: bool) -> Option<Self> {
        let fields = map_entries(node);
        match field_value(fields, "kind") {
            Some(DocumentNode::Text(kind)) => Some(Self { kind, fields, is_item }),
            _ => None,
        }
    }
}

fn list_objects(documents: &[DocumentNode]) -> impl Iterator<Item = DocumentObject<'_>> {
    documents.iter().filter_map(|document| DocumentObject::from_node(document, false)).flat_map(
        |object| {
            let items = match field_value(object.fields, "items") {
                Some(DocumentNode::List(items)) if object.kind == LIST => items.as_slice(),
                _ => &[],
            };
            let items = items.iter().filter_map(|item| DocumentObject::from_node(item, true));
            [object].into_iter().chain(items)
        },
    )
}

fn map_entries(node: &DocumentNode) -> &[(String, DocumentNode)] {
    match node {
        DocumentNode::Map(map) => map,
        _ => &[],
    }
}

fn field_value<'a>(fields: &'a [(String, DocumentNode)], name: &str) -> Option<&'a DocumentNode> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn push_once(all: &mut Vec<String>, name: String) {
    if !all.contains(&name) {
        all.push(name);
    }
}

/// The fields that a map may have.
#[derive(Clone, Copy)]
struct FieldNames {
    /// Those that are read.
    read: &'static [&'static str],
    /// Those that may be there if they say nothing, as tools write them.
    empty: &'static [&'static str],
}

impl FieldNames {
    fn allows_field(self, name: &str, value: &DocumentNode) -> bool {
        self.read.contains(&name) || (self.empty.contains(&name) && value.is_empty_value())
    }
}

/// Returns the fields of an object of this kind; `None` if the kind does not belong in a manifest.
fn field_names(kind: &str) -> Option<FieldNames> {
    let read: &[&str] = match kind {
        "Role" => &["apiVersion", "kind", "metadata", "rules"],
        "ClusterRole" => &["apiVersion", "kind", "metadata", "rules", "aggregationRule"],
        ROLE_BINDING | CLUSTER_ROLE_BINDING => {
            &["apiVersion", "kind", "metadata", "roleRef", "subjects"]
        }
        LIST => &["apiVersion", "kind", "metadata", "items"],
        _ => return None,
    };
    Some(FieldNames { read, empty: &[] })
}

/// The metadata of an object (`ObjectMeta`): most of it is for the API server to write.
const OBJECT_META_FIELDS: FieldNames = FieldNames {
    read: &["name", "namespace", "labels", "annotations"],
    empty: &[
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    ],
};

/// The metadata of a list (`ListMeta`).
const LIST_METADATA: FieldNames = FieldNames {
    read: &[],
    empty: &["continue", "remainingItemCount", "resourceVersion", "selfLink"],
};

const ROLE_REF: FieldNames = FieldNames { read: &["apiGroup", "kind", "name"], empty: &[] };

const LIST: &str = "List";

/// The kind of a binding in one namespace.
pub(super) const ROLE_BINDING: &str = "RoleBinding";

/// The kind of a binding in the whole cluster.
pub(super) const CLUSTER_ROLE_BINDING: &str = "ClusterRoleBinding";
