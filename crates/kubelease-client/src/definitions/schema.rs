//! JSON Schemas of definitions, for editors, and for the check that says where in a file something is wrong.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::{DefinitionKind, DynamicSecretSpec, IdentitySpec, TargetSpec};

/// The version of the shape of documents.
pub const API_VERSION: &str = "kubelease.dev/v1";

/// Returns the schema of a document with a definition of a kind. It holds no references.
#[must_use]
pub fn document_schema(kind: DefinitionKind) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .into_generator();
    let spec = match kind {
        DefinitionKind::Target => generator.root_schema_for::<TargetSpec>(),
        DefinitionKind::DynamicSecret => generator.root_schema_for::<DynamicSecretSpec>(),
        DefinitionKind::Identity => generator.root_schema_for::<IdentitySpec>(),
    };
    let mut spec = spec.to_value();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("title");
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.as_str(),
        "type": "object",
        "additionalProperties": false,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": kind.as_str()},
            "metadata": {
                "type": "object",
                "additionalProperties": false,
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"},
                },
            },
            "spec": spec,
        },
    })
}
