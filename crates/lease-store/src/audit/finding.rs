//! What a verification finds.

use lease_core::AuditPlace;
use serde::Serialize;

/// Something in the audit events that nobody who has the keys has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum AuditFinding {
    /// An event whose MAC is not good: it was edited, moved from another place, or made up; or it was signed under a master
    /// key that is not configured any more.
    Altered {
        /// The event.
        id: AuditPlace,
    },
    /// An event that is missing, though others of the same lease, or the lease itself, say that there was one.
    Missing {
        /// The event.
        id: AuditPlace,
    },
    /// Numbers of a log that have no event and are neither void nor forgotten.
    MissingNumbers {
        /// The log: `audit`, or the number of a dynamic secret.
        log: String,
        /// The first of them.
        from: u64,
        /// The last of them.
        to: u64,
    },
    /// A log whose counter is less than a number that was given in it: what is beyond is not seen.
    CounterSetBack {
        /// The log.
        log: String,
        /// The number that the counter says.
        last: u64,
        /// The number that was given.
        known: u64,
    },
    /// A mark on many numbers of a log at once that is not as it was written.
    MarkAltered {
        /// The key of it in the store.
        key: String,
    },
}
