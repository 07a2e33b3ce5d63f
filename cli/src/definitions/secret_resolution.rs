//! Secrets of definitions, had from where they are. They go into one request, and nowhere else.

use std::fs;
use std::path::Path;

use kubelease_client::{DefinitionSpec, SecretReference};
use serde_json::Value;

use super::Document;
use crate::environment::Environment;
use crate::failure::Failure;

/// Returns the specification as it is sent: with its secrets.
pub fn resolve_spec_secrets(
    document: &Document,
    environment: &Environment,
) -> Result<Value, Failure> {
    let spec = &document.definition.spec;
    let mut body = to_json(spec)?;
    for (pointer, reference) in spec.secret_references() {
        let secret = read_referenced_secret(reference, &document.file, environment)
            .map_err(|failure| failure.about_subject(&document.format_spec_position(&pointer)))?;
        if let Some(place) = body.pointer_mut(&pointer) {
            *place = Value::String(secret);
        }
    }
    Ok(body)
}

fn to_json(spec: &DefinitionSpec) -> Result<Value, Failure> {
    serde_json::to_value(spec).map_err(|error| Failure::local_error(error.to_string()))
}

/// Returns a secret without the line feed that a file ends with. A relative path is seen from the definition's file.
fn read_referenced_secret(
    reference: &SecretReference,
    definition: &Path,
    environment: &Environment,
) -> Result<String, Failure> {
    let secret = match reference {
        SecretReference::Variable(name) => {
            environment.get(name).map(str::to_owned).ok_or_else(|| {
                Failure::local_error(format!("the environment variable `{name}` is not set"))
            })?
        }
        SecretReference::File(path) => {
            let path = definition.parent().unwrap_or(Path::new("")).join(path);
            fs::read_to_string(&path)
                .map_err(|error| Failure::io_error(format!("read {}", path.display()), &error))?
        }
    };
    let secret = secret.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(Failure::local_error("the secret is empty"));
    }
    Ok(secret.to_owned())
}
