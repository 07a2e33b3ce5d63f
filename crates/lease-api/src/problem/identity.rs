//! Why an identity is not put or deleted, or no access token of it made or revoked.

use lease_core::{AccessorError, IdentityDefinitionError, ReviewerError, TtlError};
use lease_engine::{IdentityError, TokenRenewalError};

use super::{Code, Problem, issue};

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Unknown(name) => {
                Self::new(Code::UnknownIdentity, format!("there is no identity `{name}`"))
            }
            IdentityError::Definition(error) => definition_problem(error),
            IdentityError::Administrators => Self::new(
                Code::AdministratorsProtected,
                "only `admin_token` or an identity with `manage_administrators` may put or delete \
                 administrators, or create tokens for them",
            ),
            IdentityError::AudienceLeased { audience, secret } => Self::new(
                Code::AudienceOfAdministrators,
                format!(
                    "dynamic secret `{secret}` leases tokens for `{audience}`, so anybody with \
                     such a lease could be this administrator; use an audience of its own for the \
                     login of administrators"
                ),
            ),
            IdentityError::Disabled(name) => {
                Self::new(Code::Disabled, format!("identity `{name}` is disabled"))
            }
            IdentityError::NoTokens(name) => Self::new(
                Code::TokensNotAllowed,
                format!(
                    "administrators cannot create tokens for identity `{name}`; add \
                     `{{\"type\":\"token\"}}` to its `auth`"
                ),
            ),
            IdentityError::TtlTooLong { asked, max } => {
                issue::ttl_problem(&TtlError::TooLong { asked, max }, "")
            }
            IdentityError::Store(error) => error.into(),
        }
    }
}

impl From<TokenRenewalError> for Problem {
    fn from(error: TokenRenewalError) -> Self {
        match error {
            TokenRenewalError::AtMaximum => Self::new(
                Code::AccessTokenAtMaximum,
                "the access token has reached its maximum lifetime; log in again",
            ),
            TokenRenewalError::Store(error) => error.into(),
        }
    }
}

impl From<AccessorError> for Problem {
    fn from(error: AccessorError) -> Self {
        Self::new(Code::InvalidName, error.to_string())
    }
}

fn definition_problem(error: IdentityDefinitionError) -> Problem {
    let text = error.to_string();
    match error {
        IdentityDefinitionError::AuthCount
        | IdentityDefinitionError::TokenTwice
        | IdentityDefinitionError::ManagerByKubernetes => {
            Problem::for_field("/auth".to_owned(), text)
        }
        IdentityDefinitionError::GrantCount => Problem::for_field("/grants".to_owned(), text),
        IdentityDefinitionError::NoAdministrator => {
            Problem::for_field("/manage_administrators".to_owned(), text)
        }
        IdentityDefinitionError::UnknownTarget(_) => Problem::new(Code::UnknownTarget, text),
        IdentityDefinitionError::Reviewer { index, source: ReviewerError::TokenRequired } => {
            let detail = ReviewerError::TokenRequired.to_string();
            Problem::for_field(format!("/auth/{index}/reviewer"), detail)
        }
        IdentityDefinitionError::Reviewer {
            source: source @ ReviewerError::Unopened(_), ..
        } => Problem::new(
            Code::CredentialUnreadable,
            "the reviewer's token cannot be opened with the configured master keys; put the \
                 identity again, with the token",
        )
        .with_cause(source),
    }
}
