//! What a sweep did, and what is left: for its caller, for the record, and for who asks after its health.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lease_core::TargetName;
use serde::{Deserialize, Serialize};

/// How a sweep is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepOptions {
    /// It tells what it would do, and changes nothing.
    pub dry_run: bool,
    /// Every cluster is compared with the records now, whenever that was done last.
    pub reconcile: bool,
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepReport {
    /// How many leases were due to be ended.
    pub due: usize,
    /// How many of them are gone.
    pub done: usize,
    /// How many could not be ended, and are tried again.
    pub postponed: usize,
    /// How many have expired and are left alone, since the operator or a clock that jumped holds them.
    pub held: usize,
    /// How many numbers were given up whose issuer had stopped.
    pub voided: usize,
    /// How many ended leases it forgot, their retention having passed.
    pub forgotten: usize,
    /// How many secrets it sealed anew under the current master key.
    pub resealed: usize,
    /// How many objects it signed anew under the current master key.
    pub resigned: usize,
    /// How long the one that has waited longest for its end has waited, in seconds; none if none waits.
    pub oldest_overdue_seconds: Option<u64>,
    /// What stood in the way, and how often.
    pub failed: Vec<Failed>,
    /// The targets that are not asked or not believed for now.
    pub targets: BTreeMap<TargetName, TargetState>,
    /// What was found of ours in the clusters without a record, and what records without their objects.
    pub reconciled: Reconciled,
    /// How many requests it has sent.
    pub calls: u32,
    /// Whether it stopped at its budget and left some for the next.
    pub more: bool,
}

/// What stood in the way of some ends on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The target.
    pub target: TargetName,
    /// What stood in the way, as an operator is told it.
    pub reason: String,
    /// Of how many leases.
    pub count: usize,
}

/// Why a target is not swept as others are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// It did not answer, and is not asked for a while.
    Silent,
    /// Another cluster answers than before.
    Changed,
    /// Its clock has jumped: nothing expires there until that is believed.
    ClockJumped,
    /// More of it would be deleted without a record than one run may; somebody has to ask for it.
    OrphansParked,
    /// It did not let us list all that is ours.
    Unlisted,
}

/// What came of comparing the clusters with the records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciled {
    /// How many targets were compared to the end.
    pub targets: usize,
    /// How many leases without a record were found of which something is left.
    pub orphans: usize,
    /// How many of these were removed: over, or ended before.
    pub removed: usize,
    /// How many were taken back into the store, since they still live.
    pub adopted: usize,
    /// How many are left alone for now: their dynamic secret is not put yet, or too many would go at once.
    pub parked: usize,
    /// How many leases were closed since what they were made of is gone.
    pub lost: usize,
    /// How many leases live longer by what their objects say than by their records, which was set right.
    pub extended: usize,
}

/// The last sweep, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// When it began, by the host's clock.
    pub at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// When the last one ended that left nothing undone, by the host's clock.
    pub last_success: Option<DateTime<Utc>>,
    /// When the clusters were last compared with the records, by the host's clock.
    pub last_reconcile: Option<DateTime<Utc>>,
    /// What it did.
    pub report: SweepReport,
}

/// Whether sweeps run as they should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepHealth {
    /// The last one; none in a new store.
    pub last: Option<Swept>,
    /// Whether none has run for three intervals.
    pub overdue: bool,
    /// Whether the operator holds what has expired.
    pub hold: bool,
}

impl Reconciled {
    pub(crate) fn add(&mut self, other: &Self) {
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
    /// Whether nothing was left undone.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.postponed == 0 && !self.more && self.failed.is_empty() && self.targets.is_empty()
    }

    pub(crate) fn failed(&mut self, target: &TargetName, reason: &str) {
        let same = |failed: &&mut Failed| failed.target == *target && failed.reason == reason;
        if let Some(failed) = self.failed.iter_mut().find(same) {
            failed.count += 1;
        } else if self.failed.len() < REASONS {
            let (target, reason) = (target.clone(), reason.to_owned());
            self.failed.push(Failed { target, reason, count: 1 });
        }
    }

    pub(crate) fn overdue(&mut self, seconds: i64) {
        let seconds = u64::try_from(seconds).unwrap_or_default();
        self.oldest_overdue_seconds = self.oldest_overdue_seconds.max(Some(seconds));
    }
}

/// How many reasons a report tells: it is one record.
const REASONS: usize = 50;
