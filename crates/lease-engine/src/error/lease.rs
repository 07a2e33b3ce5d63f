//! Reasons why a lease is not shown, taken back or renewed.

use lease_core::{LeaseId, TargetName};
use lease_store::StoreError;

use super::ClusterError;

/// The reason why a lease is not shown.
#[derive(Debug, thiserror::Error)]
pub enum LeaseReadError {
    /// There is none of this id.
    #[error("there is no lease `{0}`")]
    Unknown(LeaseId),
    /// The requester may not know of it: it is told that there is none.
    #[error("lease `{0}` belongs to another requester")]
    Hidden(LeaseId),
    /// The lease is the requester's own, and no grant lets it look at it.
    #[error("no grant of the requester allows it to read lease `{0}`")]
    Denied(LeaseId),
    /// The store failed.
    #[error("could not read or write the store")]
    Store(#[from] StoreError),
}

/// Why a lease was not taken back.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// There is none of this id.
    #[error("there is no lease `{0}`")]
    Unknown(LeaseId),
    /// The requester may not know of it: it is told that there is none.
    #[error("lease `{0}` belongs to another requester")]
    Hidden(LeaseId),
    /// No grant of the requester lets it take this one back, though it may see it.
    #[error("no grant of the requester allows it to revoke lease `{0}`")]
    Denied(LeaseId),
    /// The token is bound to nothing.
    #[error("lease `{0}` is a plain token")]
    Plain(LeaseId),
    /// Somebody was faster; trying again tells what stands now.
    #[error("lease `{0}` is being changed")]
    Busy(LeaseId),
    /// The store failed.
    #[error("could not read or write the store")]
    Store(#[from] StoreError),
}

/// Why a lease was not renewed.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// There is none of this id.
    #[error("there is no lease `{0}`")]
    Unknown(LeaseId),
    /// The requester may not know of it: it is told that there is none.
    #[error("lease `{0}` belongs to another requester")]
    Hidden(LeaseId),
    /// No grant of the requester lets it renew this one, though it may know of it.
    #[error("no grant of the requester allows it to renew lease `{0}`")]
    Denied(LeaseId),
    /// The access token of the requester was revoked, or its identity deleted or disabled, while it was under way.
    #[error("the access token is no longer valid")]
    NotAdmitted,
    /// The token is bound to nothing.
    #[error("lease `{0}` is a plain token")]
    Plain(LeaseId),
    /// The lease has ended, is ending, or is not answered yet.
    #[error("lease `{0}` is not active")]
    NotActive(LeaseId),
    /// The renewal took longer than it may. The lease ends no sooner than before.
    #[error("the renewal took too long")]
    TooLate,
    /// The lease lives as long as it may.
    #[error("lease `{0}` has reached its maximum lifetime")]
    AtLatestEnd(LeaseId),
    /// More was asked for than may be.
    #[error("a ttl of {asked} is more than the maximum of {max}")]
    TooLong {
        /// The lifetime that was asked for.
        asked: lease_core::Ttl,
        /// The most that would be granted.
        max: lease_core::Ttl,
    },
    /// Less was asked for than a lease may live.
    #[error(transparent)]
    TooShort(lease_core::TtlError),
    /// The target or dynamic secret is disabled.
    #[error("the dynamic secret or target of lease `{0}` is disabled")]
    Disabled(LeaseId),
    /// The target is gone.
    #[error("target `{0}` does not exist")]
    UnknownTarget(TargetName),
    /// The cluster could not be asked, said no, or answered with something else.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The store failed.
    #[error("could not read or write the store")]
    Store(#[from] StoreError),
}
