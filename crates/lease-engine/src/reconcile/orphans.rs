//! Orphans, which are objects without a record: their lease is taken back into the store, or they are removed.

use lease_core::{FoundLease, Lease};
use lease_store::ReservationKey;

use super::compare::ReconcileFindings;
use super::list::Listing;
use super::{ReconcileOutcome, ReconcileProgress, ReconcileRun};
use crate::end::teardown::{MAX_TEARDOWN_TIME, Teardown};
use crate::{Engine, Ports, RevocationBlocker, StoreError};

/// The decision about a lease that was found without a record.
enum OrphanFate {
    /// Take it into the store: it still lives.
    Adopt(u64, Box<Lease>),
    /// Delete its objects: it is over, or of no use without those that are missing.
    Remove,
    /// Nothing yet.
    Wait,
}

impl<P: Ports> Engine<P> {
    /// Adopts live leases, and removes the objects of those that are over. Returns true if it came to its end.
    pub(super) async fn adopt_or_remove_leases(
        &self,
        run: &ReconcileRun<'_, P>,
        (listing, findings): (&Listing, &mut ReconcileFindings),
        progress: &mut ReconcileProgress,
        outcome: &mut ReconcileOutcome,
    ) -> Result<bool, StoreError> {
        let mut remove: Vec<_> = std::mem::take(&mut findings.left).into_values().collect();
        progress.waiting.clear();
        for found in std::mem::take(&mut findings.unknown).into_values() {
            if self.ports.now() >= run.terms.stop {
                return Ok(false);
            }
            match self.decide_fate(run, listing, &found)? {
                OrphanFate::Remove => remove.push(found),
                OrphanFate::Wait => {
                    outcome.reconciled.orphans += 1;
                    outcome.reconciled.parked += 1;
                    let waiting = found.anchor_stamp().map(|stamp| stamp.dynamic_secret.clone());
                    progress.waiting.extend(waiting);
                }
                OrphanFate::Adopt(ledger, lease) => {
                    outcome.reconciled.orphans += 1;
                    outcome.reconciled.adopted += 1;
                    let request = found.anchor_stamp().and_then(|stamp| stamp.request.clone());
                    let request = request.and_then(|text| ReservationKey::try_from(text).ok());
                    if !run.terms.dry_run {
                        let now = self.ports.now();
                        self.leases().adopt_lease(ledger, &lease, request.as_ref(), now)?;
                    }
                }
            }
        }
        progress.waiting.sort();
        progress.waiting.dedup();
        self.remove_orphans(run, remove, progress, outcome).await
    }

    fn decide_fate(
        &self,
        run: &ReconcileRun<'_, P>,
        listing: &Listing,
        found: &FoundLease,
    ) -> Result<OrphanFate, StoreError> {
        let now = self.cluster_now(&run.connection.target.name)?;
        if self.leases().has_ended(found.id())? {
            return Ok(OrphanFate::Remove);
        }
        let Some(stamp) = found.anchor_stamp() else {
            // Objects without the one that stores the expiry grant nothing, once their issue is over. Only
            // complete lists prove that it is missing; otherwise they may belong to a live lease.
            let settled = found.last_created_at().map(|at| at + self.longest_issue_time());
            let is_settled = settled.is_none_or(|settled| settled < now);
            let anchor = found.anchor_kind_and_namespace();
            let is_alone = anchor.is_some_and(|(kind, place)| listing.is_whole(kind, place));
            let is_of_no_use = is_settled && is_alone;
            let is_over = found.is_past_latest_end(now) && !self.config.hold_expired;
            return Ok(if is_of_no_use || is_over { OrphanFate::Remove } else { OrphanFate::Wait });
        };
        if stamp.deadline <= now {
            // The lease has expired, and the operator may hold it.
            return Ok(if self.config.hold_expired {
                OrphanFate::Wait
            } else {
                OrphanFate::Remove
            });
        }
        let ledger = run.secrets.iter().find(|(_, secret)| secret.name == stamp.dynamic_secret);
        Ok(match (ledger, found.to_lease(&run.known.identity)) {
            (Some((ledger, _)), Some(lease)) => OrphanFate::Adopt(*ledger, Box::new(lease)),
            // Its dynamic secret is not put back yet. There is no ledger to record the lease in; it is found
            // again by the next run, and removed once it is over.
            _ => OrphanFate::Wait,
        })
    }

    /// Removes objects by UID, of as many leases as one run may.
    ///
    /// All of them were just read, and are proved to be ours. But no record confirms their deletion, so an
    /// operator is to see a mistake about many before it is made.
    async fn remove_orphans(
        &self,
        run: &ReconcileRun<'_, P>,
        remove: Vec<FoundLease>,
        progress: &mut ReconcileProgress,
        outcome: &mut ReconcileOutcome,
    ) -> Result<bool, StoreError> {
        outcome.reconciled.orphans += remove.len();
        // Once tripped, only a run that an administrator asked for deletes, and then the next part.
        let may = !progress.is_tripped || run.terms.is_asked;
        progress.is_tripped = remove.len() > MAX_REMOVALS || (progress.is_tripped && !may);
        let mut whole = true;
        for (number, found) in remove.into_iter().enumerate() {
            if !may || number >= MAX_REMOVALS {
                outcome.reconciled.parked += 1;
                continue;
            }
            if run.terms.dry_run {
                outcome.reconciled.removed += 1;
                continue;
            }
            if self.ports.now() >= run.terms.stop {
                return Ok(false);
            }
            match self.delete_found_objects(run, &found).await {
                Ok(()) => outcome.reconciled.removed += 1,
                Err(obstacle) => {
                    log::warn!(
                        "could not remove the objects of lease {}, which has no record: {obstacle}",
                        found.id()
                    );
                    outcome.reconciled.parked += 1;
                    whole = false;
                }
            }
        }
        Ok(whole)
    }

    /// Deletes the objects of a lease that is not on record. The object that stores the expiry goes in the last
    /// round: if this stops between, the next run still finds the rest by it.
    async fn delete_found_objects(
        &self,
        run: &ReconcileRun<'_, P>,
        found: &FoundLease,
    ) -> Result<(), RevocationBlocker> {
        for objects in found.deletion_rounds() {
            let ending =
                Teardown { lease: found.id(), cluster: &run.known.identity, objects: &objects };
            self.delete_and_confirm_gone(
                run.connection,
                ending,
                self.ports.now() + MAX_TEARDOWN_TIME,
            )
            .await?;
        }
        Ok(())
    }
}

/// The number of leases that one run removes although no record confirms it.
pub(super) const MAX_REMOVALS: usize = 100;
