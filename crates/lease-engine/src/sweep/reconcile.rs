//! Comparing a target with the records, as a part of a sweep.

use chrono::TimeDelta;
use lease_core::TargetName;

use super::SweepRun;
use crate::reconcile::{ReconcileOptions, ReconcileOutcome};
use crate::{ClusterError, Engine, Ports, StoreError, TargetState};

impl<P: Ports> Engine<P> {
    /// Compares a target with the records, where it is time or was asked for.
    pub(super) async fn reconcile_in_sweep(
        &self,
        sweep: &SweepRun,
        name: &TargetName,
    ) -> Result<(), StoreError> {
        let progress = self.read_progress(name)?;
        if progress.is_tripped {
            sweep.report_state(name, TargetState::OrphansParked);
        }
        let is_asked = sweep.options.reconcile;
        let is_due = is_asked || (!sweep.options.dry_run && self.is_reconcile_due(name)?);
        let Some(target) = sweep.targets.get(name).filter(|target| is_due && !target.retired)
        else {
            sweep.report.borrow_mut().reconciled.parked += progress.parked;
            return Ok(());
        };
        // Only one that was met before is looked at: comparing meets the others.
        if !self.probe_target(sweep, name).await? {
            return Ok(());
        }
        let connection = match self.target_connection(target) {
            Ok(connection) => connection,
            Err(error) => return record_failure(sweep, name, error),
        };
        // What is due has the rest of the time.
        let stop = sweep.stop - TimeDelta::seconds(if is_asked { 3 } else { 12 });
        if self.ports.now() >= stop {
            return Ok(());
        }
        let terms = ReconcileOptions { dry_run: sweep.options.dry_run, is_asked, stop };
        match self.reconcile_target(&connection, terms).await {
            Ok(outcome) => {
                sweep.add_outcome(name, &outcome);
                Ok(())
            }
            Err(error) => record_failure(sweep, name, error),
        }
    }
}

impl SweepRun {
    fn add_outcome(&self, target: &TargetName, outcome: &ReconcileOutcome) {
        let ReconcileOutcome { reconciled, is_complete, is_unlisted, is_tripped } = outcome;
        {
            let mut report = self.report.borrow_mut();
            report.reconciled.add_counts(reconciled);
            report.more |= !is_complete;
        }
        if *is_unlisted {
            self.report_state(target, TargetState::Unlisted);
        }
        if *is_tripped {
            self.report_state(target, TargetState::OrphansParked);
        // The state was reported at the start, as it was before this run.
        } else if self.report.borrow().targets.get(target) == Some(&TargetState::OrphansParked) {
            self.report.borrow_mut().targets.remove(target);
        }
    }
}

fn record_failure(
    sweep: &SweepRun,
    target: &TargetName,
    error: ClusterError,
) -> Result<(), StoreError> {
    match error {
        ClusterError::Store(error) => Err(error),
        error => {
            log::warn!("target `{target}` could not be compared with the records: {error}");
            sweep.report.borrow_mut().add_target_failure(target, &error.public_message());
            Ok(())
        }
    }
}
