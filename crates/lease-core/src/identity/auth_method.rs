//! Ways to log in as an identity.

use serde::{Deserialize, Serialize};

use super::kubernetes_auth::{KubernetesAuth, Reviewer, ReviewerInput};
use super::oidc_auth::OidcAuth;

/// A way to log in as an identity. `R` is the reviewer of [`KubernetesAuth`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AuthMethod<R = Reviewer> {
    /// By a token of a Kubernetes `ServiceAccount`, which the cluster reviews.
    Kubernetes(KubernetesAuth<R>),
    /// By an ID token of an `OpenID` Connect issuer, such as a CI service.
    Oidc(OidcAuth),
    /// By an access token that an administrator has made.
    Token(TokenAuth),
}

/// A way to log in, as an administrator gives it.
pub type AuthMethodInput = AuthMethod<ReviewerInput>;

/// Login by an access token that an administrator has made: there is nothing to say of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with nothing but `type`")]
pub struct TokenAuth {}

/// The kind of a way to log in, as access tokens and the audit log name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethodKind {
    /// A token of a `ServiceAccount`.
    Kubernetes,
    /// An ID token.
    Oidc,
    /// An access token that an administrator has made.
    Token,
}

impl<R> AuthMethod<R> {
    /// The kind of it.
    #[must_use]
    pub fn kind(&self) -> AuthMethodKind {
        match self {
            AuthMethod::Kubernetes(_) => AuthMethodKind::Kubernetes,
            AuthMethod::Oidc(_) => AuthMethodKind::Oidc,
            AuthMethod::Token(_) => AuthMethodKind::Token,
        }
    }
}

impl AuthMethodKind {
    /// The kind of this name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Kubernetes, Self::Oidc, Self::Token].into_iter().find(|kind| kind.as_str() == name)
    }

    /// The kind as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AuthMethodKind::Kubernetes => "kubernetes",
            AuthMethodKind::Oidc => "oidc",
            AuthMethodKind::Token => "token",
        }
    }
}
