//! One ledger in a sweep: what is due of it is decided, carried out, and noted.

use chrono::TimeDelta;
use futures::{StreamExt, stream};
use lease_core::{Closing, Ending, TargetName};
use lease_store::{EndTask, LedgerId, LedgerRecord, StoredLease, SweepBatch};

use super::{SweepRun, TargetLedgers};
use crate::leases::MAX_CONCURRENT_REVOCATIONS;
use crate::{Engine, Ports, RevocationBlocker, RevocationOutcome, RevokeError, StoreError};

impl<P: Ports> Engine<P> {
    /// Sweeps the ledgers of one target, one after the other.
    pub(super) async fn sweep_target_ledgers(
        &self,
        sweep: &SweepRun,
        group: TargetLedgers,
    ) -> Result<(), StoreError> {
        let TargetLedgers { target, ledgers } = group;
        let target = target.as_ref();
        if let Some(name) = target {
            if sweep.is_lost_in_time && self.may_any_ledger_have_leases(&ledgers)? {
                self.probe_target(sweep, name).await?;
            }
            self.reconcile_in_sweep(sweep, name).await?;
        }
        for (number, ledger) in &ledgers {
            skip_unreadable(self.sweep_dynamic_secret(sweep, target, *number, ledger).await)?;
        }
        self.release_sweep_lock(sweep, target)
    }

    /// Goes on with what could not be ended when that was asked for, on whichever target.
    pub(super) async fn sweep_other_ledgers(&self, sweep: &SweepRun) -> Result<(), StoreError> {
        skip_unreadable(self.sweep_ledger(sweep, None, LedgerId::PendingRevocations).await)?;
        for number in self.identities().list_numbers()? {
            skip_unreadable(self.sweep_ledger(sweep, None, LedgerId::Identity(number)).await)?;
        }
        self.release_sweep_lock(sweep, None)
    }

    fn may_any_ledger_have_leases(
        &self,
        ledgers: &[(u64, LedgerRecord)],
    ) -> Result<bool, StoreError> {
        for (number, _) in ledgers {
            if self.leases().may_have_live_lease(*number)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn sweep_dynamic_secret(
        &self,
        sweep: &SweepRun,
        target: Option<&TargetName>,
        number: u64,
        ledger: &LedgerRecord,
    ) -> Result<(), StoreError> {
        self.sweep_ledger(sweep, target, LedgerId::DynamicSecret(number)).await?;
        if ledger.revoke_up_to > 0 {
            self.resume_revocations(sweep, number, ledger).await?;
        }
        if ledger.retired {
            self.leases().drop_retired_ledger_if_empty(number, ledger)?;
        }
        Ok(())
    }

    async fn sweep_ledger(
        &self,
        sweep: &SweepRun,
        own: Option<&TargetName>,
        which: LedgerId,
    ) -> Result<(), StoreError> {
        loop {
            if self.is_budget_used_up(sweep) {
                return Ok(());
            }
            let clocks = self.sweep_clocks(sweep, own)?;
            // Reads alone: a ledger with nothing due costs two of them, however often it is swept.
            let due =
                self.leases().read_due_batch(which, clocks, sweep.batch, self.sweep_durations())?;
            let Some(mut batch) = due else { return Ok(()) };
            if !self.hold_blocked_leases(sweep, own, &mut batch).await? {
                return Ok(());
            }
            // `prepare` has read the clocks of the targets. Nothing is decided by the older readings, by which
            // a lease could end too early.
            batch.set_clocks(self.sweep_clocks(sweep, own)?);
            let tasks = batch.close_due_and_list_ends()?;
            sweep.report.borrow_mut().due += tasks.len();
            self.carry_out_ends(sweep, &mut batch, tasks).await?;
            // The summaries come last. A sweep that stops before leaves its leases due, and the next one
            // finds them; the other order would hide a lease that still has objects in its cluster.
            let summary = batch.forget_old_and_write_batch()?;
            let mut report = sweep.report.borrow_mut();
            report.voided += summary.voided;
            report.forgotten += summary.forgotten;
            report.held += summary.held;
            if !summary.more {
                return Ok(());
            }
        }
    }

    /// Holds due leases whose target does not answer (all of them under `hold_expired`). Returns true if the
    /// batch goes on.
    ///
    /// A lease expires by the clock of its target, so nothing expires on a target that does not tell its time.
    /// The host's clock only says which targets to ask.
    async fn hold_blocked_leases(
        &self,
        sweep: &SweepRun,
        own: Option<&TargetName>,
        batch: &mut SweepBatch<'_, P::Store>,
    ) -> Result<bool, StoreError> {
        for target in batch.targets_with_expired_leases() {
            if self.config.hold_expired {
                batch.skip_expired_on_target(&target, HOLD_PAUSE);
                self.warn_of_waiting_leases(sweep, batch, &target, None);
            } else if !self.probe_target(sweep, &target).await? {
                batch.skip_expired_on_target(&target, SILENT_PAUSE);
            }
        }
        let revocable = |held: &StoredLease| held.lease.mode.is_revocable();
        if !batch.expired_or_closing_leases().any(revocable) {
            return Ok(true);
        }
        // Every lease of this ledger is on the one target that does not answer. Nothing is written, or each sweep
        // of an outage would write all of them again; they stay due, and are found when the target answers.
        if let Some(own) = own
            && let Some(reason) = sweep.obstacle_of(own)
        {
            self.warn_of_waiting_leases(sweep, batch, own, Some(&reason));
            return Ok(false);
        }
        self.acquire_sweep_lock(sweep, own)
    }

    /// Reports what waits on a target.
    fn warn_of_waiting_leases(
        &self,
        sweep: &SweepRun,
        batch: &SweepBatch<'_, P::Store>,
        target: &TargetName,
        reason: Option<&str>,
    ) {
        let mut report = sweep.report.borrow_mut();
        for held in batch.expired_or_closing_leases().filter(|held| held.lease.target == *target) {
            report.note_overdue(self.seconds_waited(held));
            if let Some(reason) = reason {
                report.due += 1;
                report.postponed += 1;
                report.add_target_failure(target, reason);
            }
        }
    }

    /// For how many seconds the end of a lease has been waited for.
    pub(super) fn seconds_waited(&self, held: &StoredLease) -> i64 {
        let closing = held.closing.as_ref().map(|closing| self.ports.now() - closing.since);
        let expired = self.cluster_now(&held.lease.target).map(|now| now - held.expires_at);
        closing.or(expired.ok()).map_or(0, |waits| waits.num_seconds())
    }

    /// Returns true if the budget is used up.
    pub(super) fn is_budget_used_up(&self, sweep: &SweepRun) -> bool {
        let over = self.ports.now() >= sweep.stop || self.calls.get() >= sweep.last_call;
        sweep.report.borrow_mut().more |= over;
        over
    }

    /// Carries out the ends that are decided, several side by side.
    async fn carry_out_ends(
        &self,
        sweep: &SweepRun,
        batch: &mut SweepBatch<'_, P::Store>,
        tasks: Vec<EndTask>,
    ) -> Result<(), StoreError> {
        let tasks = tasks.into_iter().map(async |task| {
            let outcome = self.carry_out_end(sweep, &task.held).await;
            (task, outcome)
        });
        let mut outcomes =
            std::pin::pin!(stream::iter(tasks).buffer_unordered(MAX_CONCURRENT_REVOCATIONS));
        while let Some((task, outcome)) = outcomes.next().await {
            let now = self.ports.now();
            let pause = match outcome? {
                EndOutcome::Done => {
                    sweep.report.borrow_mut().done += 1;
                    batch.note_ended(&task, Ending { why: task.why, at: now, note: None });
                    continue;
                }
                // No pause: the next sweep goes on here at once.
                EndOutcome::OutOfBudget => TimeDelta::zero(),
                EndOutcome::NotTried => SILENT_PAUSE,
                EndOutcome::Obstacle(obstacle) => {
                    let closing = task.held.closing.as_ref();
                    let since = closing.map_or(now, |closing| closing.since);
                    let work = closing.and_then(|closing| closing.work);
                    log::warn!("lease {}: {obstacle}", task.held.lease.id);
                    let text = Some(obstacle.to_string());
                    // `since` is kept from the first try, so that the pauses grow with the age of the end.
                    let closing = Closing { why: task.why, since, obstacle: text, work };
                    self.record_obstacle(&task.held, &closing)?;
                    let target = &task.held.lease.target;
                    sweep.report.borrow_mut().add_target_failure(target, &obstacle.to_string());
                    if obstacle.is_silence() {
                        SILENT_PAUSE
                    } else {
                        self.retry_backoff(now - since)
                    }
                }
            };
            let mut report = sweep.report.borrow_mut();
            report.postponed += 1;
            report.note_overdue(self.seconds_waited(&task.held));
            batch.note_postponed(&task, pause);
        }
        Ok(())
    }

    async fn carry_out_end(
        &self,
        sweep: &SweepRun,
        held: &StoredLease,
    ) -> Result<EndOutcome, StoreError> {
        let target = &held.lease.target;
        if self.is_budget_used_up(sweep) {
            return Ok(EndOutcome::OutOfBudget);
        }
        if let Some(reason) = sweep.obstacle_of(target) {
            sweep.report.borrow_mut().add_target_failure(target, &reason);
            return Ok(EndOutcome::NotTried);
        }
        match self.delete_lease_objects(held).await {
            Ok(()) => Ok(EndOutcome::Done),
            Err(obstacle) => {
                // One silent answer is enough for all leases of the target in this sweep: each further one
                // would wait for its own deadline, and the other targets would wait with it.
                if obstacle.is_silence() && sweep.obstacle_of(target).is_none() {
                    sweep.mark_unreachable(target);
                    self.open_circuit(sweep, target)?;
                }
                Ok(EndOutcome::Obstacle(obstacle))
            }
        }
    }

    /// Returns the pause before the next try: the longer it lasts the longer, never more than ten
    /// minutes, and not all at once.
    fn retry_backoff(&self, lasts: TimeDelta) -> TimeDelta {
        let pause = (lasts / 4).clamp(MIN_BACKOFF, MAX_BACKOFF);
        let [jitter] = self.random_bytes::<1>();
        pause + pause * i32::from(jitter) / 1024
    }

    /// Revokes the live leases of a dynamic secret that was deleted, or whose grant was changed.
    async fn resume_revocations(
        &self,
        sweep: &SweepRun,
        number: u64,
        ledger: &LedgerRecord,
    ) -> Result<(), StoreError> {
        let (mut from, mut left) = (Some(1), false);
        while let Some(first) = from {
            if self.is_budget_used_up(sweep) {
                return Ok(());
            }
            let (marked, next) = self.leases().list_page_to_revoke(
                number,
                first,
                ledger.revoke_up_to,
                sweep.batch,
            )?;
            let revoking = marked.into_iter().map(|held| self.revoke_in(sweep, held));
            let mut outcomes =
                std::pin::pin!(stream::iter(revoking).buffer_unordered(MAX_CONCURRENT_REVOCATIONS));
            while let Some(outcome) = outcomes.next().await {
                left |= !outcome?;
            }
            from = next;
        }
        // The mark stays as long as one lease is neither ended nor recorded to be revoked: without it no
        // sweep would look for that lease before it expires.
        if left {
            return Ok(());
        }
        self.leases().clear_revocation_mark(number, ledger.revoke_up_to)
    }

    /// Revokes one of them. Returns true if that is done, or recorded for the next sweeps.
    async fn revoke_in(&self, sweep: &SweepRun, held: StoredLease) -> Result<bool, StoreError> {
        // A target that is known not to answer is not asked once more for each lease.
        let outcome = match sweep.obstacle_of(&held.lease.target) {
            Some(reason) => self.leave_to_sweeps(held, reason),
            None => self.reread_and_revoke(held).await,
        };
        let mut report = sweep.report.borrow_mut();
        report.due += 1;
        match outcome {
            Ok(RevocationOutcome::Done(_)) => report.done += 1,
            Ok(RevocationOutcome::Begun(held)) => {
                report.postponed += 1;
                let obstacle = held.closing.and_then(|closing| closing.obstacle);
                report.add_target_failure(&held.lease.target, &obstacle.unwrap_or_default());
            }
            Err(RevokeError::Store(error)) => return Err(error),
            Err(RevokeError::Busy(_)) => return Ok(false),
            // Somebody else was faster.
            Err(
                RevokeError::Unknown(_)
                | RevokeError::Hidden(_)
                | RevokeError::Denied(_)
                | RevokeError::Plain(_),
            ) => {}
        }
        Ok(true)
    }
}

/// The outcome of one end.
enum EndOutcome {
    Done,
    /// There was no time left for it.
    OutOfBudget,
    /// Not tried, because the target does not answer.
    NotTried,
    Obstacle(RevocationBlocker),
}

/// Passes over a ledger with a record that cannot be read. A failure here would stop the sweep at the same
/// place each time, and no lease of the other ledgers would ever end.
fn skip_unreadable(outcome: Result<(), StoreError>) -> Result<(), StoreError> {
    match outcome {
        Err(error @ (StoreError::Version { .. } | StoreError::Broken { .. })) => {
            log::error!("a sweep skips a ledger: {error}");
            Ok(())
        }
        outcome => outcome,
    }
}

/// The pause before a lease that the operator holds is looked at again.
const HOLD_PAUSE: TimeDelta = TimeDelta::seconds(30);

/// The pause before a lease that waits for another target than its ledger's is looked at again.
const SILENT_PAUSE: TimeDelta = TimeDelta::seconds(5);

/// The shortest pause before an end is tried again.
const MIN_BACKOFF: TimeDelta = TimeDelta::seconds(5);

/// The longest.
const MAX_BACKOFF: TimeDelta = TimeDelta::minutes(10);
