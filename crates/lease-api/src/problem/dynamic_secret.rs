//! What is wrong with a dynamic secret.

use lease_core::{DefinitionError, DynamicSecretName};
use lease_engine::{DynamicSecretError, TargetError};

use super::target::own_account;
use super::{Code, Problem};

impl From<DynamicSecretError> for Problem {
    fn from(error: DynamicSecretError) -> Self {
        match error {
            DynamicSecretError::Unknown(name) => unknown(&name),
            DynamicSecretError::UnknownTarget(name) => Self::field(
                "/target".to_owned(),
                format!("there is no target `{name}`; put it first, or say all of it here"),
            ),
            DynamicSecretError::TargetNameTaken(name) => Self::new(
                Code::TargetNameTaken,
                format!(
                    "there is a target `{name}` that did not come with this dynamic secret; name it in \
                     `target`, or give the dynamic secret another name"
                ),
            ),
            DynamicSecretError::OwnAccount(target) => own_account(&target),
            DynamicSecretError::AdministratorAudience(audience) => Self::new(
                Code::AudienceOfAdministrators,
                format!(
                    "administrators log in by tokens for `{audience}`, and whoever leases one could be an \
                     administrator; lease tokens for another audience"
                ),
            ),
            DynamicSecretError::Role(source) | DynamicSecretError::Elections(source) => {
                source.into()
            }
            DynamicSecretError::MaxTooLong { max } => Self::field(
                "/max_ttl".to_owned(),
                format!("at most {max}, the maximum of this installation"),
            ),
            DynamicSecretError::Protected(name) => Self::new(
                Code::DeleteProtected,
                format!(
                    "dynamic secret `{name}` is protected; `?force=true` deletes it all the same"
                ),
            ),
            DynamicSecretError::LiveLeases(name) => Self::new(
                Code::LiveLeases,
                format!("leases of dynamic secret `{name}` live; `?revoke=true` takes them back"),
            ),
            // That the store failed is not the target's fault.
            DynamicSecretError::Target(TargetError::Store(error))
            | DynamicSecretError::Store(error) => error.into(),
            DynamicSecretError::Target(error) => Self::from(error).within("/target"),
        }
    }
}

impl From<DefinitionError> for Problem {
    fn from(error: DefinitionError) -> Self {
        let code = match error {
            DefinitionError::Manifest(source) => {
                return Self::field("/account".to_owned(), source.to_string());
            }
            DefinitionError::Dangerous(_) => Code::DangerousRules,
            DefinitionError::Namespaces(_)
            | DefinitionError::Lifetimes(_)
            | DefinitionError::ExistingAnywhere => Code::InvalidTerms,
        };
        Self::new(code, error.to_string())
    }
}

/// There is none of this name.
pub(super) fn unknown(name: &DynamicSecretName) -> Problem {
    Problem::new(Code::UnknownDynamicSecret, format!("there is no dynamic secret `{name}`"))
}
