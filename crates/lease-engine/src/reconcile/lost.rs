//! Lost leases, whose records are there and whose objects are not.

use lease_core::{EndReason, IssuePhase, LeaseMode, LeasedObject, ObjectKind};
use lease_store::StoredLease;

use super::ReconcileRun;
use super::compare::ReconcileFindings;
use super::list::Listing;
use crate::objects::expiry_mark::is_anchor_object;
use crate::{
    ApiAction, ClusterError, Engine, LeaseFilter, Ports, ReconcileCounts, RevocationOutcome,
    RevokeError,
};

impl<P: Ports> Engine<P> {
    /// Closes the leases whose credential somebody else has deleted. Returns true if it came to the end.
    ///
    /// Missing from a list is no proof of absence. The object itself is read, and in the same step the identity
    /// of the cluster.
    pub(super) async fn close_leases_missing_objects(
        &self,
        run: &ReconcileRun<'_, P>,
        listing: &Listing,
        findings: &ReconcileFindings,
        reconciled: &mut ReconcileCounts,
    ) -> Result<bool, ClusterError> {
        let filter = LeaseFilter::of_target(&run.connection.target.name);
        let mut from = None;
        loop {
            if self.ports.now() >= run.terms.stop {
                return Ok(false);
            }
            let page = self.list_live_lease_page(&filter, from, LEASES_PER_PAGE)?;
            for held in page.items {
                let Some(bearer) = find_missing_object(run, listing, findings, &held) else {
                    continue;
                };
                if self.is_credential_gone(run, &held, bearer).await? {
                    reconciled.lost += 1;
                    self.close_as_lost(run, held).await?;
                }
            }
            match page.next {
                Some(next) => from = Some(next),
                None => return Ok(true),
            }
        }
    }

    async fn close_as_lost(
        &self,
        run: &ReconcileRun<'_, P>,
        held: StoredLease,
    ) -> Result<(), ClusterError> {
        if run.terms.dry_run {
            return Ok(());
        }
        // Its other objects, such as bindings, are deleted as with any other end.
        match self.end_or_postpone_lease(held, EndReason::Lost).await {
            Err(RevokeError::Store(error)) => Err(error.into()),
            // It is done or begun, or somebody else has ended it meanwhile.
            Ok(RevocationOutcome::Done(_) | RevocationOutcome::Begun(_))
            | Err(
                RevokeError::Unknown(_)
                | RevokeError::Hidden(_)
                | RevokeError::Denied(_)
                | RevokeError::Plain(_)
                | RevokeError::Busy(_),
            ) => Ok(()),
        }
    }

    /// Returns true if the object that gives a lease its life is not there any more.
    async fn is_credential_gone(
        &self,
        run: &ReconcileRun<'_, P>,
        held: &StoredLease,
        bearer: &LeasedObject,
    ) -> Result<bool, ClusterError> {
        if !self.is_absent(run, bearer).await? {
            return Ok(false);
        }
        // The coordination Lease only shows the token to operators. The token is bound to the Secret, and
        // lives as long as that: to close the lease for a missing Lease would leave a good token behind.
        let secret = held.lease.objects.iter().find(|object| object.kind == ObjectKind::Secret);
        match secret.filter(|_| held.lease.mode == LeaseMode::Existing) {
            Some(secret) => self.is_absent(run, secret).await,
            None => Ok(true),
        }
    }

    async fn is_absent(
        &self,
        run: &ReconcileRun<'_, P>,
        object: &LeasedObject,
    ) -> Result<bool, ClusterError> {
        let planned = object.to_lookup_object();
        let connection = run.connection;
        let deadline = run.terms.stop;
        let (read, identity) = futures::future::join(
            connection.send_with_retries(deadline, |api| {
                crate::objects::create::read_created(api, &planned)
            }),
            self.read_namespace_uid(connection, &run.known.identity.namespace, deadline),
        )
        .await;
        // Another cluster answers: it has none of our objects, and all leases would be closed.
        if identity? != run.known.identity {
            return Ok(false);
        }
        match read {
            Ok(stored) => Ok(object.uid.as_ref().is_some_and(|uid| *uid != stored.uid)),
            Err(error) if error.is_not_found() => Ok(true),
            Err(source) => {
                let verb = if object.kind == ObjectKind::Secret { "delete" } else { "get" };
                let doing = ApiAction::new(
                    verb,
                    crate::objects::object_builder::resource_name(object.kind),
                );
                let doing = doing.in_namespace(object.namespace.as_ref());
                Err(ClusterError::from_kubernetes(connection.target, doing, source))
            }
        }
    }
}

/// The object of a lease that should have been on the list, and is not.
fn find_missing_object<'h, P: Ports>(
    run: &ReconcileRun<'_, P>,
    listing: &Listing,
    findings: &ReconcileFindings,
    held: &'h StoredLease,
) -> Option<&'h LeasedObject> {
    let lease = &held.lease;
    let expected = lease.phase == IssuePhase::Active
        && held.closing.is_none()
        && lease.cluster == run.known.identity
        && !findings.seen.contains(&lease.id);
    let bearer =
        lease.objects.iter().find(|object| is_anchor_object(lease, object)).filter(|_| expected)?;
    listing.is_whole(bearer.kind, bearer.namespace.as_ref()).then_some(bearer)
}

/// The number of leases that are read at once.
const LEASES_PER_PAGE: usize = 100;
