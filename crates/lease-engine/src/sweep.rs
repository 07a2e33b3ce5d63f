//! The sweep: one run of the cleanup. It ends leases exactly as a revocation does.
//!
//! Targets are swept side by side, each with its own ledgers, so that one that does not answer delays no other.

mod batch;
mod dry_run;
pub(crate) mod health;
mod key_rotation;
mod reconcile;
pub(crate) mod report;
mod target;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, stream};
use lease_core::{Target, TargetName};
use lease_store::LedgerRecord;

use crate::leases::MAX_CONCURRENT_REVOCATIONS;
use crate::{Engine, LastSweep, LeaseFilter, Ports, StoreError, SweepOptions, SweepReport};

/// A sweep that is under way.
struct SweepRun {
    options: SweepOptions,
    /// When it ends, whatever is left.
    stop: DateTime<Utc>,
    /// At which count of requests it ends.
    last_call: u32,
    /// The number of leases that are decided on in one write.
    batch: usize,
    /// True if nobody knows how much time has passed since the last sweep: all clocks are read
    /// again.
    is_lost_in_time: bool,
    /// The random id of this sweep.
    me: u64,
    targets: BTreeMap<TargetName, Target>,
    /// The targets that were looked at, each with what keeps it from being asked, if anything does.
    looked: RefCell<BTreeMap<TargetName, Option<String>>>,
    /// Whose leases are this one's to work on.
    locked_targets: RefCell<BTreeSet<Option<TargetName>>>,
    report: RefCell<SweepReport>,
}

/// The leases that are swept one after the other: those of one target, or those of none any more.
struct TargetLedgers {
    target: Option<TargetName>,
    ledgers: Vec<(u64, LedgerRecord)>,
}

impl<P: Ports> Engine<P> {
    /// Ends what is due, goes on with what could not be ended before, compares clusters with records where
    /// that is due, and forgets what ended long ago, within a budget.
    ///
    /// Two sweeps at once do no harm: each end is decided by fences, and carried out by UID.
    ///
    /// # Errors
    /// Fails if the store does not answer; what was done stays so, and the next sweep goes on. A record
    /// that cannot be read is logged and left, and holds up its own ledger alone.
    pub async fn run_sweep(&self, options: SweepOptions) -> Result<SweepReport, StoreError> {
        let began = self.ports.now();
        let last = self.last_sweep()?;
        let sweep = self.begin_sweep(options, last.as_ref(), FULL_BUDGET)?;
        let groups = self.group_ledgers_by_target(&sweep)?;
        if options.dry_run {
            self.count_due(&sweep, &groups)?;
            for name in groups.iter().filter_map(|group| group.target.as_ref()) {
                self.reconcile_in_sweep(&sweep, name).await?;
            }
        } else {
            self.sweep_groups(&sweep, groups).await?;
            // After the leases: only now may the last lease of such a target have ended.
            self.drop_retired_targets()?;
            let resealed = self.reseal_target_credentials()?;
            let signatures_renewed = self.renew_signatures_part(sweep.stop).await?;
            self.delete_expired_keys(sweep.stop)?;
            self.audit_log()
                .settle_and_forget_events(self.ports.now(), self.audit_sweep_durations())?;
            let mut report = sweep.report.borrow_mut();
            (report.resealed, report.signatures_renewed) = (resealed, signatures_renewed);
        }
        let mut report = sweep.report.into_inner();
        report.calls = self.calls.get() - (sweep.last_call - FULL_BUDGET.calls);
        if !options.dry_run {
            self.store_last_sweep(last.as_ref(), began, &report)?;
        }
        Ok(report)
    }

    /// Ends a few of the leases that are due, for a sweep that is missing.
    pub(crate) async fn sweep_few_leases(&self) -> Result<(), StoreError> {
        let last = self.last_sweep()?;
        let sweep = self.begin_sweep(SweepOptions::default(), last.as_ref(), SMALL_BUDGET)?;
        let groups = self.group_ledgers_by_target(&sweep)?;
        self.sweep_groups(&sweep, groups).await
    }

    fn begin_sweep(
        &self,
        options: SweepOptions,
        last: Option<&LastSweep>,
        budget: SweepBudget,
    ) -> Result<SweepRun, StoreError> {
        let now = self.ports.now();
        let passed = last.map(|last| now - last.at);
        // If the host's clock has jumped, or none has swept for long, what the clocks of targets were is of
        // no use.
        let usual = self.config.sweep_interval * 3 + CLOCK_RECHECK_SLACK;
        let is_usual = passed.is_some_and(|passed| passed >= TimeDelta::zero() && passed <= usual);
        let targets = self.targets().list_all()?.into_iter();
        Ok(SweepRun {
            options,
            stop: now + budget.time,
            last_call: self.calls.get() + budget.calls,
            batch: budget.batch,
            is_lost_in_time: !is_usual,
            me: u64::from_le_bytes(self.random_bytes()),
            targets: targets.map(|target| (target.name.clone(), target)).collect(),
            looked: RefCell::default(),
            locked_targets: RefCell::default(),
            report: RefCell::default(),
        })
    }

    /// The ledgers by target, and each target that has none.
    fn group_ledgers_by_target(&self, sweep: &SweepRun) -> Result<Vec<TargetLedgers>, StoreError> {
        let mut groups: BTreeMap<Option<TargetName>, Vec<(u64, LedgerRecord)>> = BTreeMap::new();
        groups.extend(sweep.targets.keys().map(|target| (Some(target.clone()), vec![])));
        for (number, ledger) in self.leases().list_ledgers()? {
            // The leases of a dynamic secret that was deleted are being revoked, whatever their times are.
            let secret = if ledger.retired {
                None
            } else {
                self.dynamic_secrets().get(&ledger.dynamic_secret)?
            };
            let target = secret.map(|secret| secret.definition.spec().target.clone());
            groups.entry(target).or_default().push((number, ledger));
        }
        let groups =
            groups.into_iter().filter(|(target, ledgers)| target.is_some() || !ledgers.is_empty());
        let mut groups: Vec<_> =
            groups.map(|(target, ledgers)| TargetLedgers { target, ledgers }).collect();
        // Another begins each time: what does not fit into one sweep is not always the same.
        let [turn] = self.random_bytes::<1>();
        let turn = usize::from(turn) % groups.len().max(1);
        groups.rotate_left(turn);
        Ok(groups)
    }

    async fn sweep_groups(
        &self,
        sweep: &SweepRun,
        groups: Vec<TargetLedgers>,
    ) -> Result<(), StoreError> {
        let sweeping = groups.into_iter().map(|group| self.sweep_target_ledgers(sweep, group));
        let mut outcomes =
            std::pin::pin!(stream::iter(sweeping).buffer_unordered(MAX_CONCURRENT_REVOCATIONS));
        while let Some(outcome) = outcomes.next().await {
            outcome?;
        }
        self.sweep_other_ledgers(sweep).await
    }

    /// Forgets what is of no use any more until nothing of that is due or the time is over, some hundreds of records
    /// at a time. However long the rest of the sweep takes, there is time for some thousands.
    fn delete_expired_keys(&self, stop: DateTime<Utc>) -> Result<(), StoreError> {
        let stop = stop.max(self.ports.now() + DELETION_TIME);
        while self.expiring_keys().delete_some_expired(self.ports.now())? > 0
            && self.ports.now() < stop
        {}
        Ok(())
    }

    /// Deletes targets that were deleted with their leases, once these are gone.
    fn drop_retired_targets(&self) -> Result<(), StoreError> {
        for target in self.targets().list_all()?.into_iter().filter(|target| target.retired) {
            let live = self.has_live_leases(&LeaseFilter::of_target(&target.name))?;
            // Unless it was put anew since it was read.
            if !live && self.targets().get(&target.name)?.is_some_and(|now| now.retired) {
                self.targets().delete_definition(&target.name)?;
            }
        }
        Ok(())
    }
}

/// The budget of one sweep.
#[derive(Clone, Copy)]
struct SweepBudget {
    time: TimeDelta,
    calls: u32,
    batch: usize,
}

/// Of a sweep: shorter than the time within which callers of its route give up.
const FULL_BUDGET: SweepBudget =
    SweepBudget { time: TimeDelta::seconds(25), calls: 20_000, batch: NUMBERS_PER_BATCH };

/// Of a request that sweeps in the place of a sweep.
const SMALL_BUDGET: SweepBudget = SweepBudget { time: TimeDelta::seconds(5), calls: 30, batch: 8 };

/// The time that a sweep has for forgetting, whatever it has used up.
const DELETION_TIME: TimeDelta = TimeDelta::seconds(2);

/// The number of leases that are decided on in one write.
const NUMBERS_PER_BATCH: usize = 100;

/// The pause beyond the usual one after which the clocks are read again.
const CLOCK_RECHECK_SLACK: TimeDelta = TimeDelta::minutes(5);

#[cfg(test)]
mod tests;
