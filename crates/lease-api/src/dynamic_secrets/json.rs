//! The shapes of dynamic secrets.

use lease_core::{DynamicSecret, DynamicSecretDefinition, DynamicSecretName, DynamicSecretSpec};
use lease_engine::{DynamicSecretInput, PutOutcome};
use serde::Serialize;
use serde_json::Value;

use crate::problem::Problem;
use crate::respond::{ChangeJson, format_time};
use crate::targets::json::TargetBody;
use crate::{Body, input};

/// A dynamic secret as it is shown.
#[derive(Serialize)]
pub(crate) struct DynamicSecretJson {
    name: DynamicSecretName,
    #[serde(flatten)]
    parts: DynamicSecretSpec,
    inline_target: bool,
    created_at: String,
    updated_at: String,
    /// The warnings for an administrator; only in the answer to a PUT.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(flatten)]
    change: Option<ChangeJson>,
}

/// Reads what an administrator says of the dynamic secret of this name.
///
/// `target` is the name of one, or a whole one, which is then put under the dynamic secret's own name.
///
/// # Errors
/// 400 for what is no JSON, 422 naming the field that does not fit.
pub(crate) async fn read_dynamic_secret_body(
    name: DynamicSecretName,
    body: impl Body,
) -> Result<DynamicSecretInput, Problem> {
    let mut json: Value = input::read_json(body).await?;
    let target = match json.get_mut("target") {
        Some(inline @ Value::Object(_)) => {
            let target: TargetBody = input::parse_json_value(inline.take())
                .map_err(|problem| problem.with_pointer_prefix("/target"))?;
            target
                .check_token_and_kubeconfig()
                .map_err(|problem| problem.with_pointer_prefix("/target"))?;
            *inline = Value::String(name.to_string());
            // Unwrap safety: both are RFC 1123 labels.
            Some(target.into_input(name.as_str().parse().unwrap()))
        }
        _ => None,
    };
    let parts: DynamicSecretSpec = input::parse_json_value(json)?;
    let definition = DynamicSecretDefinition::new(parts).map_err(Problem::from)?;
    Ok(DynamicSecretInput { name, definition, target })
}

impl DynamicSecretJson {
    pub(crate) fn from_dynamic_secret(secret: DynamicSecret, warnings: Vec<String>) -> Self {
        Self {
            name: secret.name,
            parts: secret.definition.into(),
            inline_target: secret.inline_target,
            created_at: format_time(secret.created_at),
            updated_at: format_time(secret.updated_at),
            warnings,
            change: None,
        }
    }

    pub(crate) fn from_put_outcome(put: PutOutcome<DynamicSecret>, warnings: Vec<String>) -> Self {
        Self {
            change: Some(put.change.into()),
            ..Self::from_dynamic_secret(put.definition, warnings)
        }
    }
}
