//! The sweep: one run of the cleanup. It ends leases exactly as a revocation does.

mod rotate;

use std::cell::RefCell;
use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, stream};
use lease_core::{Closing, Ending, TargetName};
use lease_store::{Batch, Log, Task, Which};

use crate::leases::AT_ONCE;
use crate::{
    Engine, LeaseFilter, Obstacle, Ports, Revocation, RevokeError, StoreError, SweepOptions, SweepReport,
};

/// One sweep that is under way.
struct Sweep {
    /// When it ends, whatever is left.
    stop: DateTime<Utc>,
    /// The targets that did not answer: nothing more is asked of them in this sweep, so that a dead cluster
    /// does not delay another.
    silent: RefCell<HashSet<TargetName>>,
    report: SweepReport,
}

impl<P: Ports> Engine<P> {
    /// Ends what is due, goes on with what could not be ended before, and forgets what ended long ago,
    /// within a budget.
    ///
    /// Two sweeps at once do no harm: each end is decided by fences, and carried out by UID.
    ///
    /// # Errors
    /// Fails where the store does not answer; what was done stays so, and the next sweep goes on. A record
    /// that cannot be read is logged and left, and holds up its own log alone.
    pub async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StoreError> {
        let stop = self.ports.now() + SWEEP_TIME;
        let silent = RefCell::default();
        let mut sweep = Sweep { stop, silent, report: SweepReport::default() };
        let mut logs = self.leases().logs()?;
        // Another begins each time: what does not fit into one sweep is not always the same.
        let [turn] = self.random::<1>();
        let turn = usize::from(turn) % logs.len().max(1);
        logs.rotate_left(turn);
        for (number, log) in logs {
            left_if_unreadable(self.sweep_secret(number, &log, &mut sweep).await)?;
        }
        left_if_unreadable(self.sweep_log(Which::Work, &mut sweep).await)?;
        self.drop_retired_targets()?;
        sweep.report.resealed = self.reseal()?;
        sweep.report.resigned = self.resign(stop).await?;
        Ok(sweep.report)
    }

    async fn sweep_secret(
        &self,
        number: u64,
        log: &Log,
        sweep: &mut Sweep,
    ) -> Result<(), StoreError> {
        self.sweep_log(Which::Secret(number), sweep).await?;
        if log.revoke_up_to > 0 {
            self.go_on_revoking(number, log, sweep).await?;
        }
        if log.retired {
            self.leases().drop_if_done(number, log)?;
        }
        Ok(())
    }

    async fn sweep_log(&self, which: Which, sweep: &mut Sweep) -> Result<(), StoreError> {
        loop {
            let now = self.ports.now();
            if now >= sweep.stop {
                sweep.report.more = true;
                return Ok(());
            }
            let Some(mut batch) = self.leases().due(which, now, BATCH, self.times())? else {
                return Ok(());
            };
            let tasks = batch.close()?;
            sweep.report.due += tasks.len();
            self.carry_out_all(&mut batch, tasks, sweep).await?;
            let summary = batch.finish()?;
            sweep.report.voided += summary.voided;
            sweep.report.forgotten += summary.forgotten;
            if !summary.more {
                return Ok(());
            }
        }
    }

    /// Carries out the ends that are decided, several side by side.
    async fn carry_out_all(
        &self,
        batch: &mut Batch<'_, P::Store>,
        tasks: Vec<Task>,
        sweep: &mut Sweep,
    ) -> Result<(), StoreError> {
        let (stop, silent) = (sweep.stop, &sweep.silent);
        let tasks = tasks.into_iter().map(async |task| {
            let target = &task.held.lease.target;
            if self.ports.now() >= stop || silent.borrow().contains(target) {
                return (task, Err(None));
            }
            let outcome = self.carry_out(&task.held).await;
            if outcome.as_ref().is_err_and(Obstacle::is_silence) {
                silent.borrow_mut().insert(target.clone());
            }
            (task, outcome.map_err(Some))
        });
        let mut outcomes = std::pin::pin!(stream::iter(tasks).buffer_unordered(AT_ONCE));
        while let Some((task, outcome)) = outcomes.next().await {
            let now = self.ports.now();
            let since = task.held.closing.as_ref().map_or(now, |closing| closing.since);
            match outcome {
                Ok(()) => {
                    sweep.report.done += 1;
                    batch.done(&task, Ending { why: task.why, at: now, note: None });
                    continue;
                }
                // It was not tried: another sweep does.
                Err(None) => {}
                Err(Some(obstacle)) => {
                    log::warn!("lease {}: {obstacle}", task.held.lease.id);
                    let obstacle = Some(obstacle.to_string());
                    let closing = Closing { why: task.why, since, obstacle };
                    self.note_obstacle(&task.held, &closing)?;
                }
            }
            sweep.report.postponed += 1;
            batch.later(&task, now + self.backoff(now - since));
        }
        Ok(())
    }

    /// How long to wait before the next try: the longer it lasts the longer, never more than ten minutes,
    /// and not all at once.
    fn backoff(&self, lasts: TimeDelta) -> TimeDelta {
        let pause = (lasts / 4).clamp(MIN_BACKOFF, MAX_BACKOFF);
        let [jitter] = self.random::<1>();
        pause + pause * i32::from(jitter) / 1024
    }

    /// Takes back what is out of a dynamic secret that was deleted, or changed what it grants.
    async fn go_on_revoking(
        &self,
        number: u64,
        log: &Log,
        sweep: &mut Sweep,
    ) -> Result<(), StoreError> {
        loop {
            if self.ports.now() >= sweep.stop {
                sweep.report.more = true;
                return Ok(());
            }
            let marked = self.leases().marked(number, log.revoke_up_to, BATCH)?;
            if marked.is_empty() {
                return self.leases().revoked_all(number, log.revoke_up_to);
            }
            let revoking = marked.into_iter().map(async |held| self.revoke(held.lease.id).await);
            let mut outcomes = std::pin::pin!(stream::iter(revoking).buffer_unordered(AT_ONCE));
            while let Some(outcome) = outcomes.next().await {
                sweep.report.due += 1;
                match outcome {
                    Ok(Revocation::Done(_)) => sweep.report.done += 1,
                    Ok(Revocation::Begun(_)) => sweep.report.postponed += 1,
                    Err(RevokeError::Store(error)) => return Err(error),
                    // Somebody else is at it, or was.
                    Err(RevokeError::Unknown(_) | RevokeError::Plain(_) | RevokeError::Busy(_)) => {
                    }
                }
                if self.ports.now() >= sweep.stop {
                    break;
                }
            }
        }
    }

    /// Deletes targets that were deleted with their leases, once these are gone.
    fn drop_retired_targets(&self) -> Result<(), StoreError> {
        for target in self.targets().all()?.into_iter().filter(|target| target.retired) {
            let live = self.has_live_leases(&LeaseFilter::of_target(&target.name))?;
            // Unless it was put anew since it was read.
            if !live && self.targets().get(&target.name)?.is_some_and(|now| now.retired) {
                self.targets().delete(&target.name)?;
            }
        }
        Ok(())
    }
}

/// Passes over what cannot be read, which no later sweep could read either.
fn left_if_unreadable(outcome: Result<(), StoreError>) -> Result<(), StoreError> {
    match outcome {
        Err(error @ (StoreError::Version { .. } | StoreError::Broken { .. })) => {
            log::error!("a sweep has left a log: {error}");
            Ok(())
        }
        outcome => outcome,
    }
}

/// How long one sweep goes on.
const SWEEP_TIME: TimeDelta = TimeDelta::seconds(25);

/// How many leases are decided on in one write.
const BATCH: usize = 100;

/// The shortest pause before an end is tried again.
const MIN_BACKOFF: TimeDelta = TimeDelta::seconds(5);

/// The longest.
const MAX_BACKOFF: TimeDelta = TimeDelta::minutes(10);

#[cfg(test)]
mod tests;
