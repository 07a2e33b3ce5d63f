//! A sweep that changes nothing: it tells what the next one would find.

use lease_store::Which;

use super::{Group, Sweep};
use crate::{Engine, Ports, StoreError};

impl<P: Ports> Engine<P> {
    /// Counts what is due, by the clocks as they are known: no target is asked.
    pub(super) fn look_only(&self, sweep: &Sweep, groups: &[Group]) -> Result<(), StoreError> {
        for group in groups {
            let own = group.target.as_ref();
            for (number, _) in &group.logs {
                self.look_at_log(sweep, own, Which::Secret(*number))?;
            }
        }
        self.look_at_log(sweep, None, Which::Work)
    }

    fn look_at_log(
        &self,
        sweep: &Sweep,
        own: Option<&lease_core::TargetName>,
        which: Which,
    ) -> Result<(), StoreError> {
        let clocks = self.sweep_clocks(sweep, own)?;
        let Some(batch) = self.leases().due(which, clocks, LIMIT, self.times())? else {
            return Ok(());
        };
        let mut report = sweep.report.borrow_mut();
        report.more |= batch.is_more();
        for held in batch.open() {
            let is_held = self.config.hold_expired && held.closing.is_none();
            *if is_held { &mut report.held } else { &mut report.due } += 1;
            report.overdue(self.waits(held));
        }
        Ok(())
    }
}

/// The number of a log's numbers that are looked at.
const LIMIT: usize = 1000;
