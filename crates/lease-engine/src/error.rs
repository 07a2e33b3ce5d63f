//! Why an operation was not done. The cause is the `source`; it is for the log, not for the caller.

mod issue;
mod lease;

use kube_rest::{DeniedBy, TransportError};
use lease_core::rbac::ExistingRole;
use lease_core::{
    Audience, DynamicSecretDefinitionError, DynamicSecretName, IdentityDefinitionError,
    IdentityName, Namespace, OpenError, TargetAuthError, TargetName, TokenVariableName,
};
use lease_store::StoreError;

pub use self::issue::IssueError;
pub use self::lease::{LeaseReadError, RenewError, RevokeError};
use crate::ApiAction;

/// Why a cluster could not be asked, or said no.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The target's credential does not open.
    #[error("the credential of target `{target}` cannot be opened")]
    Unopened {
        /// The target.
        target: TargetName,
        /// Why.
        source: OpenError,
    },
    /// The target's variable is of no use.
    #[error("the variable `{variable}` of target `{target}` {what}")]
    Variable {
        /// The target.
        target: TargetName,
        /// The variable.
        variable: TokenVariableName,
        /// The problem with it.
        what: &'static str,
    },
    /// The API server refused or failed; the reason is the source.
    #[error("could not {doing} on target `{target}`")]
    Kubernetes {
        /// The target.
        target: TargetName,
        /// The action that failed.
        doing: Box<ApiAction>,
        /// Why.
        source: kube_rest::Error,
    },
    /// The authorizers allow it, and something behind them denies it.
    #[error("could not {doing} on target `{target}`, although RBAC allows it")]
    Denied {
        /// The target.
        target: TargetName,
        /// The action that was denied.
        doing: Box<ApiAction>,
        /// The component that denies it, if the API server said so.
        by: Option<DeniedBy>,
        /// The refusal.
        source: kube_rest::Error,
    },
    /// The namespace does not exist.
    #[error("target `{target}` has no namespace `{namespace}`")]
    NoNamespace {
        /// The target.
        target: TargetName,
        /// The namespace.
        namespace: Namespace,
    },
    /// The role that is to be bound does not exist.
    #[error(
        "target `{target}` has no {} `{}`{}", .role.kind, .role.name, in_namespace(.namespace.as_ref())
    )]
    NoRole {
        /// The target.
        target: TargetName,
        /// The role.
        role: ExistingRole,
        /// The namespace of a Role.
        namespace: Option<Namespace>,
    },
    /// Another cluster answers than before.
    #[error("target `{target}` leads to a different cluster than before")]
    Changed {
        /// The target.
        target: TargetName,
    },
    /// The answer is not what was asked for. Nothing of it is delivered.
    #[error("target `{target}` gave an unexpected answer: {what}")]
    WrongAnswer {
        /// The target.
        target: TargetName,
        /// The problem with it.
        what: &'static str,
    },
    /// The token would be for an audience by which an administrator logs in.
    #[error(
        "the token of target `{target}` would be for an audience by which administrators log in"
    )]
    AdministratorAudience {
        /// The target.
        target: TargetName,
    },
    /// A name that belongs to the lease alone is somebody else's.
    #[error("the names of the lease's objects are already taken on target `{target}`")]
    Taken {
        /// The target.
        target: TargetName,
    },
    /// The cluster's clock was set while it created something.
    #[error("the clock of target `{target}` has jumped")]
    Clock {
        /// The target.
        target: TargetName,
    },
    /// The store failed.
    #[error("could not read or write the store")]
    Store(#[from] StoreError),
}

impl ClusterError {
    pub(crate) fn from_kubernetes(
        target: &lease_core::Target,
        doing: ApiAction,
        source: kube_rest::Error,
    ) -> Self {
        Self::Kubernetes { target: target.name.clone(), doing: doing.into(), source }
    }

    /// Returns the message for an operator: nothing of what a server wrote.
    #[must_use]
    pub fn public_message(&self) -> String {
        match self {
            Self::Kubernetes { target, doing, source } => match source.status() {
                _ if source.is_not_kubernetes() => {
                    format!("target `{target}` does not answer as a Kubernetes API")
                }
                Some(status) if status.is_forbidden() => {
                    format!("kubelease may not {doing} on target `{target}`")
                }
                Some(status) if status.is_unauthorized() => {
                    format!("target `{target}` does not accept the credential of kubelease")
                }
                Some(status) => format!("target `{target}` refused to {doing}: {status}"),
                None => transport_message(target, source),
            },
            Self::Denied { target, doing, by: Some(DeniedBy::Escalation), .. } => format!(
                "kubelease may not {doing} on target `{target}`: it must itself have every permission that it \
                 grants"
            ),
            Self::Denied { target, doing, by, .. } => {
                format!(
                    "target `{target}` refused to {doing}: RBAC allows it, but {}",
                    denier_phrase(*by)
                )
            }
            Self::Store(_) => "the store failed".to_owned(),
            other => other.to_string(),
        }
    }
}

/// Returns the message for an operator about a call that nobody has refused.
fn transport_message(target: &TargetName, source: &kube_rest::Error) -> String {
    match source {
        kube_rest::Error::Transport(TransportError::Tls(failure)) => {
            format!("the TLS handshake with target `{target}` failed: {failure}")
        }
        kube_rest::Error::Unreadable(_) | kube_rest::Error::Token(_) => {
            format!("target `{target}` gave an unexpected answer")
        }
        _ => format!("target `{target}` cannot be reached"),
    }
}

/// Names the component that denies a request which RBAC allows, with a verb.
pub(crate) fn denier_phrase(by: Option<DeniedBy>) -> &'static str {
    match by {
        Some(DeniedBy::Quota) => "a resource quota denies it",
        Some(DeniedBy::Policy) => "an admission policy denies it",
        Some(DeniedBy::Webhook) => "an admission webhook denies it",
        Some(DeniedBy::Escalation) => "its protection against escalation denies it",
        None => "a quota, an admission policy or a webhook denies it",
    }
}

fn in_namespace(namespace: Option<&Namespace>) -> String {
    namespace.map(|namespace| format!(" in namespace `{namespace}`")).unwrap_or_default()
}

/// Why a target was not put, deleted or checked.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// There is none of this name.
    #[error("there is no target `{0}`")]
    Unknown(TargetName),
    /// The authentication of the target does not hold together.
    #[error("the definition of target `{target}` is not valid")]
    Auth {
        /// The target.
        target: TargetName,
        /// Why.
        source: TargetAuthError,
    },
    /// Another target of the same origin is reached in another way.
    #[error("target `{other}` has the same origin and a different `auth`")]
    OriginShared {
        /// The other.
        other: TargetName,
    },
    /// Dynamic secrets are for it.
    #[error("target `{target}` is used by {} dynamic secrets", .by.len())]
    InUse {
        /// The target.
        target: TargetName,
        /// The dynamic secrets that use the target.
        by: Vec<DynamicSecretName>,
    },
    /// Leases of it live.
    #[error("target `{0}` has live leases")]
    LiveLeases(TargetName),
    /// The cluster has not changed, or not to the one that was named.
    #[error("this cluster was not found at target `{0}`")]
    NotSeen(TargetName),
    /// The cluster could not be asked.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The store failed.
    #[error("could not read or write the store")]
    Store(#[from] StoreError),
}

/// Why a dynamic secret was not put or deleted.
#[derive(Debug, thiserror::Error)]
pub enum DynamicSecretError {
    /// There is none of this name.
    #[error("there is no dynamic secret `{0}`")]
    Unknown(DynamicSecretName),
    /// The target it is for does not exist.
    #[error("there is no target `{0}`")]
    UnknownTarget(TargetName),
    /// A target of its name is there that did not come with it.
    #[error("target `{0}` exists, and was not created with the dynamic secret")]
    TargetNameTaken(TargetName),
    /// The dynamic secret would lease kubelease's own account.
    #[error("the account is kubelease's own on target `{0}`")]
    OwnAccount(TargetName),
    /// The dynamic secret would lease tokens by which an administrator logs in.
    #[error("administrators log in by tokens for audience `{0}`")]
    AdministratorAudience(Audience),
    /// The role that it binds grants what nobody has weighed.
    #[error("the role has dangerous grants")]
    Role(#[source] DynamicSecretDefinitionError),
    /// The accounts of the dynamic secret may write the coordination Leases that show leases of
    /// existing accounts.
    #[error("the accounts of the dynamic secret may write coordination Leases of other leases")]
    Elections(#[source] DynamicSecretDefinitionError),
    /// The lifetimes are over the installation's own maximum.
    #[error("`max_ttl` is at most {max}, the maximum of this installation")]
    MaxTooLong {
        /// The installation's maximum.
        max: lease_core::Ttl,
    },
    /// The dynamic secret is protected, and its deletion was not forced.
    #[error("dynamic secret `{0}` is protected")]
    Protected(DynamicSecretName),
    /// Leases of it live, and are not to be taken back.
    #[error("dynamic secret `{0}` has live leases")]
    LiveLeases(DynamicSecretName),
    /// The inline target could not be put.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The store failed.
    #[error("could not read or write the store")]
    Store(#[from] StoreError),
}

/// The reason why an identity was not put or deleted, or no access token of it made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is none of this name.
    #[error("there is no identity `{0}`")]
    Unknown(IdentityName),
    /// The definition of the identity does not hold together.
    #[error(transparent)]
    Definition(#[from] IdentityDefinitionError),
    /// The identity is, or is to be, an administrator, and the requester may not manage those.
    #[error("the requester may not manage administrators")]
    Administrators,
    /// The identity is to be an administrator, and to log in by tokens that are leased to others.
    #[error("dynamic secret `{secret}` leases tokens for audience `{audience}`")]
    AudienceLeased {
        /// The audience of its login.
        audience: Audience,
        /// The dynamic secret.
        secret: DynamicSecretName,
    },
    /// The identity is disabled.
    #[error("identity `{0}` is disabled")]
    Disabled(IdentityName),
    /// The identity has no login of type `token`.
    #[error("administrators cannot create access tokens for identity `{0}`")]
    NoTokens(IdentityName),
    /// A token was to live longer than it may.
    #[error("a ttl of {asked} is more than the maximum of {max}")]
    TtlTooLong {
        /// The lifetime that was asked for.
        asked: lease_core::Ttl,
        /// The most that would be granted.
        max: lease_core::Ttl,
    },
    /// The store failed.
    #[error("could not read or write the store")]
    Store(#[from] StoreError),
}
