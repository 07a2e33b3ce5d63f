//! Why a lease is not shown, taken back or renewed.

use lease_core::{LeaseId, LeaseIdError, TtlError};
use lease_engine::{LeaseReadError, RenewError, RevokeError};

use super::{Code, Problem, RETRY_SOON_SECONDS, issue};

impl Problem {
    /// There is no lease of this id, or no more: one that is forgotten cannot be told from one that never was.
    pub(crate) fn unknown_lease(id: LeaseId) -> Self {
        Self::new(Code::UnknownLease, format!("there is no lease `{id}`, or no longer"))
    }

    /// There is one, and the caller may not know of it: the same answer, and another event.
    pub(crate) fn hidden_lease(id: LeaseId) -> Self {
        Self::unknown_lease(id).with_audit_cause("the lease belongs to another requester")
    }
}

impl From<LeaseIdError> for Problem {
    fn from(error: LeaseIdError) -> Self {
        Self::new(Code::UnknownLease, format!("no such lease: {error}"))
    }
}

impl From<LeaseReadError> for Problem {
    fn from(error: LeaseReadError) -> Self {
        match error {
            LeaseReadError::Unknown(id) => Self::unknown_lease(id),
            LeaseReadError::Hidden(id) => Self::hidden_lease(id),
            LeaseReadError::Denied(_) => Self::not_granted("read", "this lease"),
            LeaseReadError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeError> for Problem {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::Unknown(id) => Self::unknown_lease(id),
            RevokeError::Hidden(id) => Self::hidden_lease(id),
            RevokeError::Denied(_) => Self::not_granted("revoke", "this lease"),
            RevokeError::Plain(id) => Self::new(
                Code::NotRevocable,
                format!(
                    "lease `{id}` is a plain token (`\"revocable\":false`): only deleting its \
                     account can end it before it expires"
                ),
            ),
            RevokeError::Busy(_) => {
                Self::new(Code::LeaseBusy, "the lease is being changed; try again")
                    .with_retry_after(RETRY_SOON_SECONDS)
            }
            RevokeError::Store(error) => error.into(),
        }
    }
}

impl From<RenewError> for Problem {
    fn from(error: RenewError) -> Self {
        match error {
            RenewError::Unknown(id) => Self::unknown_lease(id),
            RenewError::Hidden(id) => Self::hidden_lease(id),
            RenewError::Denied(_) => Self::not_granted("renew", "this lease"),
            RenewError::NotAdmitted => Self::token_revoked_meanwhile(),
            RenewError::Plain(id) => Self::new(
                Code::NotRenewable,
                format!(
                    "lease `{id}` is a plain token (`\"revocable\":false`), which cannot be \
                     renewed; issue a new lease"
                ),
            ),
            RenewError::NotActive(id) => Self::new(
                Code::LeaseNotActive,
                format!(
                    "lease `{id}` is not active: it has ended, is ending, or is not issued yet"
                ),
            ),
            RenewError::TooLate => Self::new(
                Code::IssueTooSlow,
                "the lease could not be renewed in time, and no token of it was returned",
            )
            .with_retry_after(RETRY_SOON_SECONDS),
            RenewError::AtLatestEnd(id) => Self::new(
                Code::LeaseAtMaximum,
                format!(
                    "lease `{id}` has reached its maximum lifetime: `max_ttl` counts from its \
                     first issue"
                ),
            ),
            RenewError::TooLong { asked, max } => {
                issue::ttl_problem(&TtlError::TooLong { asked, max }, "")
            }
            RenewError::TooShort(source) => issue::ttl_problem(&source, ""),
            RenewError::Disabled(id) => Self::new(
                Code::Disabled,
                format!("the dynamic secret or target of lease `{id}` is disabled or deleted"),
            ),
            RenewError::UnknownTarget(name) => {
                Self::new(Code::TargetMissing, format!("there is no target `{name}`"))
            }
            RenewError::Cluster(error) => error.into(),
            RenewError::Store(error) => error.into(),
        }
    }
}
