//! Comparing a target with the records, as a part of a sweep.

use chrono::TimeDelta;
use lease_core::TargetName;

use super::Sweep;
use crate::reconcile::{Outcome, Terms};
use crate::{ClusterError, Engine, Ports, StoreError, TargetState};

impl<P: Ports> Engine<P> {
    /// Compares a target with the records, where it is time or was asked for.
    pub(super) async fn reconcile_in_sweep(
        &self,
        sweep: &Sweep,
        name: &TargetName,
    ) -> Result<(), StoreError> {
        let progress = self.progress(name)?;
        if progress.is_tripped {
            sweep.tell(name, TargetState::OrphansParked);
        }
        let is_asked = sweep.options.reconcile;
        let is_due = is_asked || (!sweep.options.dry_run && self.is_to_reconcile(name)?);
        let Some(target) = sweep.targets.get(name).filter(|target| is_due && !target.retired)
        else {
            sweep.report.borrow_mut().reconciled.parked += progress.parked;
            return Ok(());
        };
        // Only one that was met before is looked at: comparing meets the others.
        if !self.looks_good(sweep, name).await? {
            return Ok(());
        }
        let connection = match self.connect(target) {
            Ok(connection) => connection,
            Err(error) => return failed(sweep, name, error),
        };
        // What is due has the rest of the time.
        let stop = sweep.stop - TimeDelta::seconds(if is_asked { 3 } else { 12 });
        if self.ports.now() >= stop {
            return Ok(());
        }
        let terms = Terms { dry_run: sweep.options.dry_run, is_asked, stop };
        match self.reconcile(&connection, terms).await {
            Ok(outcome) => {
                sweep.take(name, &outcome);
                Ok(())
            }
            Err(error) => failed(sweep, name, error),
        }
    }
}

impl Sweep {
    fn take(&self, target: &TargetName, outcome: &Outcome) {
        let Outcome { reconciled, is_complete, is_unlisted, is_tripped } = outcome;
        {
            let mut report = self.report.borrow_mut();
            report.reconciled.add(reconciled);
            report.more |= !is_complete;
        }
        if *is_unlisted {
            self.tell(target, TargetState::Unlisted);
        }
        if *is_tripped {
            self.tell(target, TargetState::OrphansParked);
        } else if self.report.borrow().targets.get(target) == Some(&TargetState::OrphansParked) {
            self.report.borrow_mut().targets.remove(target);
        }
    }
}

fn failed(sweep: &Sweep, target: &TargetName, error: ClusterError) -> Result<(), StoreError> {
    match error {
        ClusterError::Store(error) => Err(error),
        error => {
            log::warn!("target `{target}` is not compared with the records: {error}");
            sweep.report.borrow_mut().failed(target, &error.told());
            Ok(())
        }
    }
}
