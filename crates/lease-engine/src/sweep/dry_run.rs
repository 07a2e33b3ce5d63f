//! A sweep that changes nothing: it tells what the next one would find.

use lease_store::LedgerId;

use super::{SweepRun, TargetLedgers};
use crate::{Engine, Ports, StoreError};

impl<P: Ports> Engine<P> {
    /// Counts what is due, by the clocks as they are known: no target is asked.
    pub(super) fn count_due(
        &self,
        sweep: &SweepRun,
        groups: &[TargetLedgers],
    ) -> Result<(), StoreError> {
        for group in groups {
            let own = group.target.as_ref();
            for (number, _) in &group.ledgers {
                self.count_due_in_ledger(sweep, own, LedgerId::DynamicSecret(*number))?;
            }
        }
        self.count_due_in_ledger(sweep, None, LedgerId::PendingRevocations)
    }

    fn count_due_in_ledger(
        &self,
        sweep: &SweepRun,
        own: Option<&lease_core::TargetName>,
        which: LedgerId,
    ) -> Result<(), StoreError> {
        let clocks = self.sweep_clocks(sweep, own)?;
        // A batch that is dropped before `close_due_and_list_ends` has written nothing.
        let Some(batch) =
            self.leases().read_due_batch(which, clocks, MAX_EXAMINED, self.sweep_durations())?
        else {
            return Ok(());
        };
        let mut report = sweep.report.borrow_mut();
        report.more |= batch.is_more();
        for held in batch.expired_or_closing_leases() {
            // `hold_expired` keeps what has expired; a revocation that was asked for goes on.
            let is_held = self.config.hold_expired && held.closing.is_none();
            *if is_held { &mut report.held } else { &mut report.due } += 1;
            report.note_overdue(self.seconds_waited(held));
        }
        Ok(())
    }
}

/// The number of a ledger's numbers that are looked at.
const MAX_EXAMINED: usize = 1000;
