//! Why no lease is issued.

use lease_core::rbac::{ExistingRole, UnwaivedDangers};
use lease_core::{
    DynamicSecretName, LeaseId, Namespace, NotGrantedReason, ServiceAccountName, TargetName,
};
use lease_store::StoreError;

use super::ClusterError;

/// Why no lease was issued, or issued again.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// No grant of the requester allows it.
    #[error("no grant of the requester allows this lease of dynamic secret `{secret}`")]
    Denied {
        /// The dynamic secret, which may not even exist.
        secret: DynamicSecretName,
        /// The namespace, if leases in others are granted.
        namespace: Option<Namespace>,
    },
    /// The access token of the requester was revoked, or its identity deleted or disabled, while it was under way.
    #[error("the access token is no longer valid")]
    NotAdmitted,
    /// The identity has asked for as many leases in this minute as it may.
    #[error("the requester has asked for {limit} leases in this minute, its maximum")]
    TooMany {
        /// The greatest number that it may ask for.
        limit: u32,
        /// The number of seconds after which it may ask again.
        retry_after: u32,
    },
    /// There is no such dynamic secret.
    #[error("there is no dynamic secret `{0}`")]
    UnknownSecret(DynamicSecretName),
    /// The target of the dynamic secret is gone.
    #[error("dynamic secret `{secret}` is for target `{target}`, which does not exist")]
    UnknownTarget {
        /// The dynamic secret.
        secret: DynamicSecretName,
        /// The target.
        target: TargetName,
    },
    /// Nothing is issued on the target.
    #[error("target `{0}` is disabled")]
    TargetDisabled(TargetName),
    /// The dynamic secret does not grant what was asked for.
    #[error("dynamic secret `{secret}` does not allow this lease")]
    NotGranted {
        /// The dynamic secret.
        secret: DynamicSecretName,
        /// The namespaces that it would give.
        namespaces: String,
        /// Why.
        source: NotGrantedReason,
    },
    /// The dynamic secret would lease kubelease's own account.
    #[error("the account is kubelease's own on target `{0}`")]
    OwnAccount(TargetName),
    /// As many leases live as may.
    #[error("dynamic secret `{secret}` has reached its maximum of {cap} live leases")]
    Full {
        /// The dynamic secret.
        secret: DynamicSecretName,
        /// The greatest number of leases that may live.
        cap: u32,
    },
    /// As many leases of the requester live as may.
    #[error("the requester has reached its maximum of {cap} live leases")]
    IdentityFull {
        /// The greatest number of leases that may live.
        cap: u32,
    },
    /// The leases on the target are not known yet.
    #[error("target `{0}` is being compared with the records")]
    Reconciling(TargetName),
    /// The account does not exist.
    #[error("target `{target}` has no ServiceAccount `{account}` in namespace `{namespace}`")]
    NoAccount {
        /// The target.
        target: TargetName,
        /// The namespace.
        namespace: Namespace,
        /// The account.
        account: ServiceAccountName,
    },
    /// The rules of the dynamic secret are dangerous by now, and nobody has waived that.
    #[error("dynamic secret `{secret}` has grants that count as dangerous now")]
    DangerousRules {
        /// The dynamic secret.
        secret: DynamicSecretName,
        /// The dangers.
        source: UnwaivedDangers,
    },
    /// The role that it binds grants by now what nobody has weighed.
    #[error("{} `{}` has dangerous grants now", .role.kind, .role.name)]
    DangerousRole {
        /// The dynamic secret.
        secret: DynamicSecretName,
        /// The role.
        role: ExistingRole,
        /// The dangers.
        source: UnwaivedDangers,
    },
    /// Not all that the role holds can be looked through.
    #[error("the rules of {} `{}` cannot all be checked: {why}", .role.kind, .role.name)]
    UnclearRole {
        /// The dynamic secret.
        secret: DynamicSecretName,
        /// The role.
        role: ExistingRole,
        /// The reason.
        why: &'static str,
    },
    /// The same request is under way.
    #[error("a request with this `Idempotency-Key` is in progress")]
    InProgress,
    /// The key was used for another request.
    #[error("this `Idempotency-Key` was used for another request")]
    KeyReused,
    /// The lease of this key has ended.
    #[error("lease `{0}` of this `Idempotency-Key` has ended")]
    Ended(LeaseId),
    /// The lease of this key lives too short for another token.
    #[error("lease `{0}` of this `Idempotency-Key` ends too soon for another token")]
    EndsTooSoon(LeaseId),
    /// The issue took longer than it may. Its objects are deleted.
    #[error("the issue took too long")]
    TooLate,
    /// The cluster could not be asked, said no, or answered with something else.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The store failed. If a token was made, it is not delivered.
    #[error("could not read or write the store")]
    Store(#[from] StoreError),
}
