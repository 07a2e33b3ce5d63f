//! By which clock something is judged.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use lease_core::TargetName;

/// Durations of what no request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepGracePeriods {
    /// The longest duration of an issue.
    pub issue: TimeDelta,
    /// The time after an issue was given up in which its requests may still take effect.
    pub landing: TimeDelta,
    /// The retention: the time for which an ended lease can still be seen.
    pub retention: TimeDelta,
}

/// One moment by several clocks.
///
/// A lease expires by the clock of its target. The numbers of a ledger are ordered by the clock of the
/// dynamic secret's target, because the host's clock may be set to any other time while they wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clocks {
    host: DateTime<Utc>,
    ledger: TimeDelta,
    /// By how much the clocks of targets are ahead of the host's; one that is not named is not.
    targets: BTreeMap<TargetName, TimeDelta>,
}

impl Clocks {
    /// The moment at which the host's clock says `host`, where all clocks say the same.
    #[must_use]
    pub fn new(host: DateTime<Utc>) -> Self {
        Self { host, ledger: TimeDelta::zero(), targets: BTreeMap::new() }
    }

    /// The same, where these targets' clocks are ahead by this much.
    #[must_use]
    pub fn with_targets(self, targets: BTreeMap<TargetName, TimeDelta>) -> Self {
        Self { targets, ..self }
    }

    /// The same, for a ledger that is ordered by the clock of `target`.
    #[must_use]
    pub fn with_target_as_ledger_clock(self, target: &TargetName) -> Self {
        Self { ledger: self.target_offset(target), ..self }
    }

    /// By the host's clock.
    #[must_use]
    pub fn host_time(&self) -> DateTime<Utc> {
        self.host
    }

    /// By the clock of a target.
    #[must_use]
    pub fn target_time(&self, target: &TargetName) -> DateTime<Utc> {
        self.host + self.target_offset(target)
    }

    /// By the clock that orders the ledger.
    pub(crate) fn ledger_time(&self) -> DateTime<Utc> {
        self.host + self.ledger
    }

    /// Converts a time of the host's clock to the clock that orders the ledger.
    pub(crate) fn host_to_ledger_time(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        at + self.ledger
    }

    /// Converts a time of `target`'s clock to the clock that orders the ledger.
    pub(crate) fn target_to_ledger_time(
        &self,
        target: &TargetName,
        at: DateTime<Utc>,
    ) -> DateTime<Utc> {
        // The index of a ledger orders by one clock. A time by the clock of another target is first made a
        // time of the host.
        at - self.target_offset(target) + self.ledger
    }

    fn target_offset(&self, target: &TargetName) -> TimeDelta {
        // A target whose clock was never read goes by the host's.
        self.targets.get(target).copied().unwrap_or_default()
    }
}

impl From<DateTime<Utc>> for Clocks {
    fn from(host: DateTime<Utc>) -> Self {
        Self::new(host)
    }
}
