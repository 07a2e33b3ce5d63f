//! Whether sweeps run as they should, and what a request does if they do not.

use chrono::{DateTime, TimeDelta, Utc};
use lease_store::Note;

use crate::{Engine, LastSweep, Ports, StoreError, SweepHealth, SweepReport};

impl<P: Ports> Engine<P> {
    /// Reports if sweeps run as they should.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn sweep_health(&self) -> Result<SweepHealth, StoreError> {
        let last = self.last_sweep()?;
        let overdue = self.idle_since(last.as_ref())?.is_some_and(|since| self.is_overdue(since));
        Ok(SweepHealth { last, overdue, hold: self.config.hold_expired })
    }

    /// The last sweep; none in a new store.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn last_sweep(&self) -> Result<Option<LastSweep>, StoreError> {
        self.notes().get(Note::Sweep)
    }

    /// Sweeps a little where no sweep has run for three intervals: what a request does after its answer.
    ///
    /// # Errors
    /// Fails if the store does.
    pub async fn sweep_if_overdue(&self) -> Result<(), StoreError> {
        let now = self.ports.now();
        let Some(since) = self.idle_since(self.last_sweep()?.as_ref())? else {
            // From now on one is missed.
            return self.notes().put_note(Note::FirstRequest, &now);
        };
        if !self.is_overdue(since) {
            return Ok(());
        }
        let stood_in: Option<DateTime<Utc>> = self.notes().get(Note::StandIn)?;
        // Not with every request.
        if stood_in.is_some_and(|at| (at..at + self.config.sweep_interval).contains(&now)) {
            return Ok(());
        }
        log::warn!("no sweep has run since {since}: a request runs a small one");
        self.notes().put_note(Note::StandIn, &now)?;
        self.sweep_few_leases().await
    }

    /// Since when no sweep has run: since the last one, or the first request if there was none; unknown
    /// before that.
    fn idle_since(&self, last: Option<&LastSweep>) -> Result<Option<DateTime<Utc>>, StoreError> {
        match last {
            Some(last) => Ok(Some(last.at)),
            None => self.notes().get(Note::FirstRequest),
        }
    }

    /// Returns true if no sweep has run for three intervals: one that is slow, or comes a little
    /// late, is not missing.
    fn is_overdue(&self, since: DateTime<Utc>) -> bool {
        self.ports.now() - since > self.config.sweep_interval * 3
    }

    /// Keeps what a sweep did, for those that ask.
    ///
    /// One that did nothing is kept only so often that it can be seen that sweeps run: an idle one writes
    /// nothing else.
    pub(crate) fn store_last_sweep(
        &self,
        last: Option<&LastSweep>,
        began: DateTime<Utc>,
        report: &SweepReport,
    ) -> Result<(), StoreError> {
        let now = self.ports.now();
        let age = last.map(|last| (now - last.at).abs());
        let is_news = last.is_none_or(|last| last.report != *report);
        if !is_news && age.is_some_and(|age| age < self.config.sweep_interval + SAVE_SLACK) {
            return Ok(());
        }
        let success = report.is_success().then_some(now);
        let reconciled = (report.reconciled.targets > 0).then_some(now);
        let swept = LastSweep {
            at: began,
            took_ms: u64::try_from((now - began).num_milliseconds()).unwrap_or_default(),
            last_success: success.or(last.and_then(|last| last.last_success)),
            last_reconcile: reconciled.or(last.and_then(|last| last.last_reconcile)),
            report: report.clone(),
        };
        self.notes().put_note(Note::Sweep, &swept)
    }
}

/// A sweep that comes each interval writes with every second of its runs, which is less than three apart.
const SAVE_SLACK: TimeDelta = TimeDelta::seconds(2);
