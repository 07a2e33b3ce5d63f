//! What an administrator says of a cluster that has changed, or is gone.

use chrono::DateTime;
use lease_core::{AuditEvent, AuditEventType, EndReason, Ending, KnownCluster, TargetName};
use lease_store::{LeaseKey, StoredLease};

use crate::{Engine, LeaseFilter, Ports, StoreError, TargetError};

/// The progress of writing off the leases of a cluster that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteOffProgress {
    /// The count of leases that have ended as lost.
    pub ended: usize,
    /// True if there are more: the same call goes on.
    pub more: bool,
}

impl<P: Ports> Engine<P> {
    /// Takes the cluster of this UID for the true one, where two were seen.
    ///
    /// If it is the new one, leases of the old one stay as they are until they are written off: nothing
    /// of them is found there.
    ///
    /// # Errors
    /// Fails if that is neither the cluster that was known nor the one that was seen.
    pub fn accept_cluster(
        &self,
        name: &TargetName,
        uid: &str,
    ) -> Result<KnownCluster, TargetError> {
        self.get_stored_target(name)?;
        let not_seen = || TargetError::NotSeen(name.clone());
        let known = self.known_clusters().get(name)?.ok_or_else(not_seen)?;
        let changed = known.changed.clone().ok_or_else(not_seen)?;
        let identity = match uid {
            uid if uid == changed.found.uid => changed.found,
            uid if uid == known.identity.uid => known.identity,
            _ => return Err(not_seen()),
        };
        // Looked at anew before anything is issued by it.
        let of = DateTime::UNIX_EPOCH;
        let accepted = KnownCluster { identity, of, changed: None, ..known };
        let event = AuditEvent {
            target: Some(name.clone()),
            ..self.new_allowed_event(AuditEventType::ClusterAccepted)
        };
        self.record_event(&event.with_reason(&format!("the cluster of UID `{uid}`")))?;
        self.known_clusters().put_cluster(name, &accepted)?;
        Ok(accepted)
    }

    /// Ends the leases of a cluster that is gone for good as lost, as many as one call may.
    ///
    /// If another cluster was accepted in its place, leases of that one stay as they are, as long as any
    /// of the one before live.
    ///
    /// # Errors
    /// Fails if there is no such target.
    pub fn write_off_some_leases(
        &self,
        name: &TargetName,
        reason: &str,
    ) -> Result<WriteOffProgress, TargetError> {
        self.get_stored_target(name)?;
        let event = AuditEvent {
            target: Some(name.clone()),
            ..self.new_allowed_event(AuditEventType::TargetWrittenOff)
        };
        self.record_event(&event.with_reason(reason))?;
        let known = self.known_clusters().get(name)?.filter(|known| known.changed.is_none());
        if let Some(known) = known {
            let before = |held: &StoredLease| held.lease.cluster != known.identity;
            let done = self.write_off_matching_leases(name, reason, before)?;
            if done.ended > 0 {
                return Ok(done);
            }
        }
        let done = self.write_off_matching_leases(name, reason, |_| true)?;
        if !done.more {
            // Whatever answers there next is a new cluster.
            self.known_clusters().delete_cluster(name)?;
        }
        Ok(done)
    }

    fn write_off_matching_leases(
        &self,
        name: &TargetName,
        reason: &str,
        meant: impl Fn(&StoredLease) -> bool,
    ) -> Result<WriteOffProgress, StoreError> {
        let filter = LeaseFilter::of_target(name);
        let mut from: Option<LeaseKey> = None;
        let mut ended = 0;
        loop {
            let page = self.list_live_lease_page(&filter, from, LEASES_PER_READ)?;
            for held in page.items.into_iter().filter(&meant) {
                if ended == MAX_WRITE_OFFS_PER_CALL {
                    return Ok(WriteOffProgress { ended, more: true });
                }
                let note = Some(reason.to_owned());
                let ending = Ending { why: EndReason::Lost, at: self.ports.now(), note };
                self.leases().record_end(&held, &ending)?;
                ended += 1;
            }
            match page.next {
                Some(next) => from = Some(next),
                None => return Ok(WriteOffProgress { ended, more: false }),
            }
        }
    }
}

/// The number of leases that one call writes off: a write each.
const MAX_WRITE_OFFS_PER_CALL: usize = 1000;

/// The number of leases that are read at once.
const LEASES_PER_READ: usize = 100;

#[cfg(test)]
mod tests;
