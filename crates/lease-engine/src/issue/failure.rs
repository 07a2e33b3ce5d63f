//! Why a lease could not be made.

use crate::{ClusterError, IssueError};

/// Why it could not be made, and whether something of it may still come to be.
pub(super) struct IssueFailure {
    pub(super) error: IssueError,
    pub(super) unsettled: bool,
}

impl IssueFailure {
    /// One after which nothing of what was sent can still land.
    pub(super) fn settled(error: IssueError) -> Self {
        Self { error, unsettled: false }
    }

    /// Returns true if another name, or another look at the clock, may help.
    pub(super) fn may_retry(&self) -> bool {
        let anew = matches!(
            self.error,
            IssueError::Cluster(ClusterError::Taken { .. } | ClusterError::Clock { .. })
        );
        // With an unknown outcome the first objects may still come into being, and the record must keep
        // their names.
        anew && !self.unsettled
    }
}
