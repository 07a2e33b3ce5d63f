//! The events of one lease, from the last to the first.

use lease_core::{AuditPlace, AuditSlot};

use super::{AuditLog, CheckedRecord};
use crate::{KeyValue, StoreError, counter, keys};

impl<K: KeyValue> AuditLog<'_, K> {
    /// Returns the slot of the same number whose event comes before that of `place`, if there can be one.
    pub(super) fn find_previous_slot(
        &self,
        place: AuditPlace,
        reads: &mut usize,
    ) -> Result<Option<AuditSlot>, StoreError> {
        Ok(match place.slot {
            AuditSlot::Only | AuditSlot::Issue => None,
            AuditSlot::Renewal(number) if number > 1 => Some(AuditSlot::Renewal(number - 1)),
            AuditSlot::Renewal(_) => Some(AuditSlot::Issue),
            AuditSlot::End => Some(AuditSlot::Closing),
            AuditSlot::Closing => {
                let last = self.find_last_renewal_number(place, reads)?;
                Some(if last > 0 { AuditSlot::Renewal(last) } else { AuditSlot::Issue })
            }
        })
    }

    /// The number of the last renewal of a lease that may have an event.
    ///
    /// The end of a lease names it, and the counter of its renewals is there as long as the lease can be seen.
    fn find_last_renewal_number(
        &self,
        place: AuditPlace,
        reads: &mut usize,
    ) -> Result<u64, StoreError> {
        let at = |slot| AuditPlace { slot, ..place };
        *reads += 3;
        let trail = match self.read_event(at(AuditSlot::End))? {
            CheckedRecord::Genuine(end) => end.trail,
            CheckedRecord::Absent | CheckedRecord::Altered(_) => None,
        };
        let mut last = trail.as_ref().map_or(0, |trail| trail.renewals);
        if let Some(issue) = self.read_event(at(AuditSlot::Issue))?.content_even_if_altered()
            && let Some(id) = issue.lease_id
        {
            last = last.max(counter::read_counter(self.store, &keys::renewal_counter_key(id))?);
        }
        // One that was under way when the lease ended came too late to be named by the end.
        while trail.is_some() && self.read_event(at(AuditSlot::Renewal(last + 1)))?.is_there() {
            *reads += 1;
            last += 1;
        }
        Ok(last)
    }
}
