//! What is wrong with a dynamic secret.

use lease_core::{DynamicSecretDefinitionError, DynamicSecretName};
use lease_engine::{DynamicSecretError, TargetError};

use super::target::own_account_problem;
use super::{Code, Problem};

impl From<DynamicSecretError> for Problem {
    fn from(error: DynamicSecretError) -> Self {
        match error {
            DynamicSecretError::Unknown(name) => unknown_dynamic_secret(&name),
            DynamicSecretError::UnknownTarget(name) => Self::for_field(
                "/target".to_owned(),
                format!("there is no target `{name}`; put it first, or define it here"),
            ),
            DynamicSecretError::TargetNameTaken(name) => Self::new(
                Code::TargetNameTaken,
                format!(
                    "target `{name}` exists, and was not created with this dynamic secret; name it \
                     in `target`, or give the dynamic secret another name"
                ),
            ),
            DynamicSecretError::OwnAccount(target) => own_account_problem(&target),
            DynamicSecretError::AdministratorAudience(audience) => Self::new(
                Code::AudienceOfAdministrators,
                format!(
                    "administrators log in by tokens for `{audience}`, so anybody with such a \
                     lease could be an administrator; lease tokens for another audience"
                ),
            ),
            DynamicSecretError::Role(source) | DynamicSecretError::Elections(source) => {
                source.into()
            }
            DynamicSecretError::MaxTooLong { max } => Self::for_field(
                "/max_ttl".to_owned(),
                format!("at most {max}, the maximum of this installation"),
            ),
            DynamicSecretError::Protected(name) => Self::new(
                Code::DeleteProtected,
                format!("dynamic secret `{name}` is protected; `?force=true` deletes it anyway"),
            ),
            DynamicSecretError::LiveLeases(name) => Self::new(
                Code::LiveLeases,
                format!("dynamic secret `{name}` has live leases; `?revoke=true` revokes them"),
            ),
            // That the store failed is not the target's fault.
            DynamicSecretError::Target(TargetError::Store(error))
            | DynamicSecretError::Store(error) => error.into(),
            DynamicSecretError::Target(error) => Self::from(error).with_pointer_prefix("/target"),
        }
    }
}

impl From<DynamicSecretDefinitionError> for Problem {
    fn from(error: DynamicSecretDefinitionError) -> Self {
        let code = match error {
            DynamicSecretDefinitionError::Manifest(source) => {
                return Self::for_field("/account".to_owned(), source.to_string());
            }
            DynamicSecretDefinitionError::Dangerous(_) => Code::DangerousRules,
            DynamicSecretDefinitionError::Namespaces(_)
            | DynamicSecretDefinitionError::Lifetimes(_)
            | DynamicSecretDefinitionError::ExistingAnywhere => Code::InvalidTerms,
        };
        Self::new(code, error.to_string())
    }
}

/// There is none of this name.
pub(super) fn unknown_dynamic_secret(name: &DynamicSecretName) -> Problem {
    Problem::new(Code::UnknownDynamicSecret, format!("there is no dynamic secret `{name}`"))
}
