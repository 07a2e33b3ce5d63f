//! Why an operation was not done. The cause is the `source`; it is for the log, not for the caller.

use lease_core::{
    ApiServerUrl, DynamicSecretName, Namespace, NamespaceError, OpenError, ServiceAccountName,
    TargetName, TtlError,
};
use lease_store::StoreError;

/// Why a target was not put, deleted or checked.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// There is none of this name.
    #[error("there is no target `{0}`")]
    Unknown(TargetName),
    /// No credential was given, and none is known for this address.
    #[error("target `{target}` needs a credential for `{url}`")]
    CredentialRequired {
        /// The target.
        target: TargetName,
        /// Its new address.
        url: ApiServerUrl,
    },
    /// Dynamic secrets are for it.
    #[error("target `{target}` is used by {} dynamic secrets", .by.len())]
    InUse {
        /// The target.
        target: TargetName,
        /// They.
        by: Vec<DynamicSecretName>,
    },
    /// Its credential does not open.
    #[error("the credential of target `{target}` cannot be opened")]
    Unopened {
        /// The target.
        target: TargetName,
        /// Why.
        source: OpenError,
    },
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
    /// The store failed.
    #[error("could not read or write the store")]
    Store(#[from] StoreError),
}

/// Why no lease was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// There is no such dynamic secret.
    #[error("there is no dynamic secret `{0}`")]
    UnknownSecret(DynamicSecretName),
    /// It is for a target that is gone.
    #[error("dynamic secret `{secret}` is for target `{target}`, which does not exist")]
    UnknownTarget {
        /// The dynamic secret.
        secret: DynamicSecretName,
        /// The target.
        target: TargetName,
    },
    /// It does not cover the namespace, or a choice is left open.
    #[error("dynamic secret `{secret}` gives no lease there")]
    Namespace {
        /// The dynamic secret.
        secret: DynamicSecretName,
        /// What it does cover.
        allowed: Vec<Namespace>,
        /// Why.
        source: NamespaceError,
    },
    /// It does not grant the time.
    #[error("dynamic secret `{secret}` gives no such lease")]
    Ttl {
        /// The dynamic secret.
        secret: DynamicSecretName,
        /// Why.
        source: TtlError,
    },
    /// The target's credential does not open.
    #[error("the credential of target `{target}` cannot be opened")]
    Unopened {
        /// The target.
        target: TargetName,
        /// Why.
        source: OpenError,
    },
    /// The API server refused or failed; the reason is the source.
    #[error("could not create a token of `{namespace}/{service_account}` on target `{target}`")]
    Kubernetes {
        /// The target.
        target: TargetName,
        /// Where the account is.
        namespace: Namespace,
        /// The account.
        service_account: ServiceAccountName,
        /// Why.
        source: kube_rest::Error,
    },
    /// The API server gave a token that is not what was asked for. It is not delivered.
    #[error("target `{target}` answered with a token that was not asked for: {what}")]
    WrongToken {
        /// The target.
        target: TargetName,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The store failed. If a token was made, it is not delivered, and ends by itself.
    #[error("could not read or write the store")]
    Store(#[from] StoreError),
}
