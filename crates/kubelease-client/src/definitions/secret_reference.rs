//! Secrets of definitions: a definition says where one is, and never which.

use std::borrow::Cow;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The place of a secret.
///
/// The secret itself is refused: a definition is kept in git.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SecretReference {
    /// A variable of the environment: `${NAME}`.
    Variable(String),
    /// A file: `file:PATH`.
    File(PathBuf),
}

/// Text that names no place of a secret. It is not repeated: it may be the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret must not be in a file of definitions: write `${{NAME}}` for an environment variable, \
     or `file:PATH`"
)]
pub struct InvalidSecretReference;

impl TryFrom<String> for SecretReference {
    type Error = InvalidSecretReference;

    fn try_from(text: String) -> Result<Self, InvalidSecretReference> {
        let is_name = |name: &str| {
            !name.starts_with(|first: char| first.is_ascii_digit())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let variable = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        let file = text.strip_prefix("file:").filter(|path| !path.is_empty());
        match (variable.filter(|name| !name.is_empty() && is_name(name)), file) {
            (Some(name), _) => Ok(Self::Variable(name.to_owned())),
            (None, Some(path)) => Ok(Self::File(path.into())),
            (None, None) => Err(InvalidSecretReference),
        }
    }
}

impl From<SecretReference> for String {
    fn from(reference: SecretReference) -> Self {
        match reference {
            SecretReference::Variable(name) => format!("${{{name}}}"),
            SecretReference::File(path) => format!("file:{}", path.display()),
        }
    }
}

impl JsonSchema for SecretReference {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SecretReference".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^(\$\{[A-Za-z_][A-Za-z0-9_]*\}|file:.+)$",
            "description": "`${NAME}`, an environment variable, or `file:PATH`",
        })
    }
}
