//! Compares the listed objects with the records.

use std::collections::{BTreeMap, BTreeSet};

use lease_core::{
    FoundLease, FoundObject, IssuePhase, Lease, LeaseId, LeasedObject, OwnershipStamp,
};
use lease_store::StoredLease;

use super::ReconcileRun;
use super::list::Listing;
use crate::objects::expiry_mark::is_anchor_object;
use crate::{Engine, Ports, StoreError};

/// The findings of a comparison.
#[derive(Debug, Default)]
pub(super) struct ReconcileFindings {
    /// The leases of which something was found, and no record.
    pub(super) unknown: BTreeMap<LeaseId, FoundLease>,
    /// The objects that are left of leases that have ended, or of their first names.
    pub(super) left: BTreeMap<LeaseId, FoundLease>,
    /// The leases on record whose objects are there.
    pub(super) seen: BTreeSet<LeaseId>,
    /// The count of leases whose renewal was on the object and not on record.
    pub(super) extended: usize,
}

impl<P: Ports> Engine<P> {
    /// Compares each object that is proved to be ours with the record of its lease.
    pub(super) fn compare_objects(
        &self,
        run: &ReconcileRun<'_, P>,
        listing: &Listing,
    ) -> Result<ReconcileFindings, StoreError> {
        let mut findings = ReconcileFindings::default();
        let longest = self.longest_issue_time();
        for object in &listing.objects {
            // Whoever may create objects can copy our label. Without a MAC of ours the object is a stranger's,
            // and is not touched.
            let Some(stamp) = object.read_stamp_if_ours(&run.known.identity, &self.keys, longest)
            else {
                continue;
            };
            // Two targets may lead to one cluster. The other one's reconcile has the records of its leases.
            if stamp.target != run.connection.target.name {
                continue;
            }
            match self.leases().find(stamp.lease)? {
                None => add_object(&mut findings.unknown, object, stamp),
                Some(held) if held.ending.is_some() => {
                    if may_be_remainder(&held.lease, object) {
                        add_object(&mut findings.left, object, stamp);
                    }
                }
                Some(held) => {
                    self.compare_with_live_lease(run, held, (object, stamp), &mut findings)?;
                }
            }
        }
        Ok(findings)
    }

    fn compare_with_live_lease(
        &self,
        run: &ReconcileRun<'_, P>,
        held: StoredLease,
        (object, stamp): (&FoundObject, OwnershipStamp),
        findings: &mut ReconcileFindings,
    ) -> Result<(), StoreError> {
        match held.lease.objects.iter().find(|known| is_same(known, object)) {
            Some(known) if known.uid.as_ref() == Some(&object.uid) => {
                if !is_anchor_object(&held.lease, known) {
                    return Ok(());
                }
                findings.seen.insert(held.lease.id);
                self.record_announced_renewal(run, &held, &stamp, findings)
            }
            // Another UID, or none on record: a stranger's object under our name, or one whose create was not
            // answered. The end of the lease reads it by name, and decides by its MAC.
            Some(_) => Ok(()),
            // The issuer may be about to record it: to delete it now would break an issue under way.
            None if held.lease.phase == IssuePhase::Pending => Ok(()),
            // An adopted lease has only the objects that were listed then. This one has its name, so it
            // belongs to it, and has to be deleted with it.
            None if held.lease.objects.iter().any(|known| known.name == object.name) => {
                self.add_object_to_record(run, held, object)
            }
            None => {
                add_object(&mut findings.left, object, stamp);
                Ok(())
            }
        }
    }

    /// Records a renewal that is on the object and not on record.
    ///
    /// A renewal is written on the object first. After a rollback of the store only the object has it, and the
    /// lease would end before the time that its holder was told.
    fn record_announced_renewal(
        &self,
        run: &ReconcileRun<'_, P>,
        held: &StoredLease,
        stamp: &OwnershipStamp,
        findings: &mut ReconcileFindings,
    ) -> Result<(), StoreError> {
        let end = stamp.deadline.min(held.lease.latest_end);
        let is_active = held.lease.phase == IssuePhase::Active && held.closing.is_none();
        // A token's own times are whole seconds after the plan's.
        if !is_active || end <= held.expires_at + MAX_END_DIFFERENCE {
            return Ok(());
        }
        findings.extended += 1;
        if run.terms.dry_run {
            return Ok(());
        }
        let renewal = self.leases().take_renewal_number(held)?;
        let outcome =
            self.renewal_outcome(true, None, Some("restored from its anchor in the cluster"));
        match self.leases().record_renewal(&renewal, end, &outcome) {
            // Its end was decided meanwhile, and stands.
            Ok(_) | Err(lease_store::FenceError::Fenced) => Ok(()),
            Err(lease_store::FenceError::Store(error)) => Err(error),
        }
    }

    fn add_object_to_record(
        &self,
        run: &ReconcileRun<'_, P>,
        held: StoredLease,
        object: &FoundObject,
    ) -> Result<(), StoreError> {
        if run.terms.dry_run {
            return Ok(());
        }
        let mut lease = held.lease;
        lease.objects.push(object.to_leased());
        self.leases().rewrite_active_record(held.place, &lease)
    }
}

/// Returns true if an object can be a remainder of a lease that has ended: not one of another UID
/// than we saw created and deleted, unless a try to create it may have taken effect after that.
fn may_be_remainder(lease: &Lease, object: &FoundObject) -> bool {
    let known = lease.objects.iter().find(|known| is_same(known, object));
    let seen = known.and_then(|known| known.uid.as_ref());
    seen.is_none_or(|uid| *uid == object.uid) || lease.settles_at.is_some()
}

fn is_same(known: &LeasedObject, object: &FoundObject) -> bool {
    known.kind == object.kind && known.namespace == object.namespace && known.name == object.name
}

/// The difference up to which an announced end is the same end: it is planned in whole seconds,
/// before the token is.
const MAX_END_DIFFERENCE: chrono::TimeDelta = chrono::TimeDelta::seconds(2);

fn add_object(
    leases: &mut BTreeMap<LeaseId, FoundLease>,
    object: &FoundObject,
    stamp: OwnershipStamp,
) {
    let lease = leases.entry(stamp.lease).or_insert_with(|| FoundLease::new(stamp.lease));
    lease.add_object(object.clone(), stamp);
}
