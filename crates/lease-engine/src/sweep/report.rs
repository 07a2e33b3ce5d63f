//! What a sweep did, and what is left: for its caller, for the record, and for who asks after its health.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lease_core::TargetName;
use serde::{Deserialize, Serialize};

/// The options of a sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepOptions {
    /// True for a sweep that reports what it would do, and changes nothing.
    pub dry_run: bool,
    /// Every cluster is compared with the records now, whenever that was done last.
    pub reconcile: bool,
}

/// The report of a sweep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepReport {
    /// The count of leases that were due to be ended.
    pub due: usize,
    /// The count of those that are gone.
    pub done: usize,
    /// The count of those that could not be ended, and are tried again.
    pub postponed: usize,
    /// The count of expired leases that are kept, because the operator or a clock that jumped holds
    /// them.
    pub held: usize,
    /// The count of numbers that were given up because their issuer had stopped.
    pub voided: usize,
    /// The count of ended leases that were forgotten after their retention.
    pub forgotten: usize,
    /// The count of secrets that were sealed again under the current master key.
    pub resealed: usize,
    /// The count of objects that were signed again under the current master key.
    pub signatures_renewed: usize,
    /// The age of the oldest overdue end, in seconds; absent if none waits.
    pub oldest_overdue_seconds: Option<u64>,
    /// The reasons of failures, and the count of each.
    #[serde(rename = "failed")]
    pub failures: Vec<TargetFailure>,
    /// The targets that are not asked or not believed for now.
    pub targets: BTreeMap<TargetName, TargetState>,
    /// The objects of ours that were found without a record, and the records without their objects.
    pub reconciled: ReconcileCounts,
    /// The count of requests that it has sent.
    pub calls: u32,
    /// True if it stopped at its budget and left some for the next.
    pub more: bool,
}

/// A reason for which ends failed on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetFailure {
    /// The target.
    pub target: TargetName,
    /// The reason, as an operator is told it.
    pub reason: String,
    /// Of how many leases.
    pub count: usize,
}

/// Why a target is not swept as others are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// The target did not answer, and is not asked for a while.
    Silent,
    /// Another cluster answers than before.
    Changed,
    /// The clock has jumped: nothing expires there until that is believed.
    ClockJumped,
    /// More of it would be deleted without a record than one run may; somebody has to ask for it.
    OrphansParked,
    /// The target did not let us list all that is ours.
    Unlisted,
}

/// The outcome of comparing the clusters with the records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileCounts {
    /// The count of targets that were compared to the end.
    pub targets: usize,
    /// The count of leases without a record of which an object was found.
    pub orphans: usize,
    /// The count of those that were removed: over, or ended before.
    pub removed: usize,
    /// The count of those that were taken back into the store, since they still live.
    pub adopted: usize,
    /// The count of those that are left alone for now: their dynamic secret is not put yet, or too
    /// many would go at once.
    pub parked: usize,
    /// The count of leases that were closed because their objects are gone.
    pub lost: usize,
    /// The count of leases that live longer by their objects than by their records, which were set
    /// right.
    pub extended: usize,
}

/// The last sweep, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSweep {
    /// When it began, by the host's clock.
    pub at: DateTime<Utc>,
    /// The duration in milliseconds.
    pub took_ms: u64,
    /// When the last one ended that left nothing undone, by the host's clock.
    pub last_success: Option<DateTime<Utc>>,
    /// When the clusters were last compared with the records, by the host's clock.
    pub last_reconcile: Option<DateTime<Utc>>,
    /// The report.
    pub report: SweepReport,
}

/// The health of the sweeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepHealth {
    /// The last one; none in a new store.
    pub last: Option<LastSweep>,
    /// True if none has run for three intervals.
    pub overdue: bool,
    /// True if the operator holds what has expired.
    pub hold: bool,
}

impl ReconcileCounts {
    pub(crate) fn add_counts(&mut self, other: &Self) {
        let Self { targets, orphans, removed, adopted, parked, lost, extended } = other;
        self.targets += targets;
        self.orphans += orphans;
        self.removed += removed;
        self.adopted += adopted;
        self.parked += parked;
        self.lost += lost;
        self.extended += extended;
    }
}

impl SweepReport {
    /// Returns true if nothing was left undone.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.postponed == 0 && !self.more && self.failures.is_empty() && self.targets.is_empty()
    }

    pub(crate) fn add_target_failure(&mut self, target: &TargetName, reason: &str) {
        let same =
            |failed: &&mut TargetFailure| failed.target == *target && failed.reason == reason;
        if let Some(failed) = self.failures.iter_mut().find(same) {
            failed.count += 1;
        } else if self.failures.len() < MAX_FAILURES {
            let (target, reason) = (target.clone(), reason.to_owned());
            self.failures.push(TargetFailure { target, reason, count: 1 });
        }
    }

    pub(crate) fn note_overdue(&mut self, seconds: i64) {
        let seconds = u64::try_from(seconds).unwrap_or_default();
        self.oldest_overdue_seconds = self.oldest_overdue_seconds.max(Some(seconds));
    }
}

/// The number of reasons in a report, which is one record.
const MAX_FAILURES: usize = 50;
