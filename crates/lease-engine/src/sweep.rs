//! The sweep: one run of the cleanup.

use crate::{Engine, Ports, StoreError};

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepReport {
    /// How many ended leases it forgot, their retention having passed.
    pub forgotten: usize,
    /// Whether it stopped at its budget and left some for the next.
    pub more: bool,
}

impl<P: Ports> Engine<P> {
    /// Forgets the leases that ended longer than their retention ago, within a budget.
    ///
    /// # Errors
    /// Fails where the store does; what was forgotten stays so, and the next sweep goes on.
    pub fn sweep(&self) -> Result<SweepReport, StoreError> {
        let done = self.leases().forget_ended(self.ports.now(), BUDGET)?;
        Ok(SweepReport { forgotten: done.leases, more: done.more })
    }
}

/// How many leases one sweep forgets: about a second's work on the slower store.
const BUDGET: usize = 2000;
