//! Taking a lease back.

use chrono::{DateTime, Utc};
use lease_core::{
    Closing, DenialReason, EndReason, Ending as Ended, IssuePhase, Lease, LeaseAction, LeaseId,
    LeaseMode, LeaseState,
};
use lease_store::{FenceError, StoredLease};

use crate::cluster::connection::Connection;
use crate::end::teardown::{MAX_TEARDOWN_TIME, RevocationBlocker, Teardown};
use crate::{Engine, Ports, RevokeError, StoreError};

/// The number of times that the end of a lease is recorded again if a sweep was faster, before the caller is asked
/// to come back.
const POSTPONE_TRIES: usize = 3;

/// The outcome of revoking one lease.
#[derive(Debug)]
pub enum RevocationOutcome {
    /// Nothing of it is left.
    Done(StoredLease),
    /// Something stands in the way. The sweep goes on with it, for ever.
    Begun(StoredLease),
}

impl<P: Ports> Engine<P> {
    /// Takes a lease back: what was made for it is deleted, side by side.
    ///
    /// Asked again it tells how it stands, and tries again where it is not done.
    ///
    /// # Errors
    /// Refuses a plain token, which nothing can end, and a lease that the requester may not take back.
    pub async fn revoke_lease(&self, id: LeaseId) -> Result<RevocationOutcome, RevokeError> {
        let held = self.leases().find(id)?.ok_or(RevokeError::Unknown(id))?;
        self.requester.authorize_action(LeaseAction::Revoke, &held).map_err(
            |denied| match denied {
                DenialReason::Hidden => RevokeError::Hidden(id),
                DenialReason::NotGranted => RevokeError::Denied(id),
            },
        )?;
        self.revoke_authorized_lease(held).await
    }

    /// Takes a lease back, whoever has asked for that.
    pub(crate) async fn revoke_authorized_lease(
        &self,
        held: StoredLease,
    ) -> Result<RevocationOutcome, RevokeError> {
        let id = held.lease.id;
        if held.ending.is_some() {
            return Ok(RevocationOutcome::Done(held));
        }
        if held.lease.mode == LeaseMode::Plain {
            // No call ends a plain token. By the clock of its cluster it may have expired by itself.
            return match held.state_at(self.cluster_now(&held.lease.target)?) {
                LeaseState::Expired => Ok(RevocationOutcome::Done(held)),
                _ => Err(RevokeError::Plain(id)),
            };
        }
        let why = held.closing.as_ref().map_or(EndReason::Revoked, |closing| closing.why);
        self.end_or_postpone_lease(held, why).await
    }

    /// Ends a lease for `why`, or records that it is to be ended.
    pub(crate) async fn end_or_postpone_lease(
        &self,
        mut held: StoredLease,
        why: EndReason,
    ) -> Result<RevocationOutcome, RevokeError> {
        match self.delete_lease_objects(&held).await {
            Ok(()) => {
                let ending = Ended { why, at: self.ports.now(), note: None };
                self.leases().record_end(&held, &ending)?;
                held.ending = Some(ending);
                Ok(RevocationOutcome::Done(held))
            }
            Err(obstacle) => {
                log::warn!("lease {}: {obstacle}", held.lease.id);
                let now = self.ports.now();
                let obstacle = Some(obstacle.to_string());
                let closing = Closing { why, since: now, obstacle, work: None };
                let closing = self.record_postponed_end(&held, closing)?;
                held.closing = Some(closing);
                Ok(RevocationOutcome::Begun(held))
            }
        }
    }

    /// Leaves the end of a lease to the sweeps, without a try: its target does not answer.
    pub(crate) fn leave_to_sweeps(
        &self,
        mut held: StoredLease,
        obstacle: String,
    ) -> Result<RevocationOutcome, RevokeError> {
        let (why, since) = (EndReason::Revoked, self.ports.now());
        let closing = Closing { why, since, obstacle: Some(obstacle), work: None };
        held.closing = Some(self.record_postponed_end(&held, closing)?);
        Ok(RevocationOutcome::Begun(held))
    }

    /// Records that a lease is to be ended and could not be; what is on record already is only brought up
    /// to date, so a record must not be left without an entry by which a sweep finds it.
    fn record_postponed_end(
        &self,
        held: &StoredLease,
        closing: Closing,
    ) -> Result<Closing, RevokeError> {
        let closing = match &held.closing {
            None => closing,
            Some(known) => {
                let closing = Closing { obstacle: closing.obstacle, ..known.clone() };
                // Its entry may have come so late that a sweep had given it up.
                if !self.leases().is_pending_revocation_void(known.work)? {
                    self.record_obstacle(held, &closing)?;
                    return Ok(closing);
                }
                closing
            }
        };
        for _ in 0..POSTPONE_TRIES {
            match self.leases().record_postponed_end(held, &closing) {
                Ok(closing) => return Ok(closing),
                // A sweep has given up the number before its entry was written. The next number is tried.
                Err(FenceError::Fenced) => {}
                Err(FenceError::Store(error)) => return Err(error.into()),
            }
        }
        Err(RevokeError::Busy(held.lease.id))
    }

    /// Keeps what stands in the way now, where that is something else than before.
    pub(crate) fn record_obstacle(
        &self,
        held: &StoredLease,
        closing: &Closing,
    ) -> Result<(), StoreError> {
        if held.closing.as_ref().is_some_and(|known| known.obstacle != closing.obstacle) {
            self.leases().record_closing_obstacle(held.lease.id, closing)?;
        }
        Ok(())
    }

    /// Looks once more for what a request whose outcome was never known may have made, under the same names;
    /// it is not over before that can come no more.
    async fn delete_late_objects(
        &self,
        connection: &Connection<'_, P>,
        lease: &Lease,
        settles_at: DateTime<Utc>,
    ) -> Result<(), RevocationBlocker> {
        let mut objects = lease.objects.clone();
        for object in &mut objects {
            // A late create makes another object, with another UID: it is found by its name, and proved by
            // its MAC.
            object.uid = None;
        }
        let ending = Teardown { lease: lease.id, cluster: &lease.cluster, objects: &objects };
        self.delete_and_confirm_gone(connection, ending, self.ports.now() + MAX_TEARDOWN_TIME)
            .await?;
        if self.ports.now() < settles_at { Err(RevocationBlocker::Unsettled) } else { Ok(()) }
    }

    /// Deletes what was made for the lease.
    ///
    /// # Errors
    /// Says what stands in the way.
    pub(crate) async fn delete_lease_objects(
        &self,
        held: &StoredLease,
    ) -> Result<(), RevocationBlocker> {
        let lease = &held.lease;
        let now = self.ports.now();
        // Its issuer may still create objects whose UIDs are not on record: a teardown would miss them.
        if lease.phase == IssuePhase::Pending && now < lease.issue_deadline + self.config.landing {
            return Err(RevocationBlocker::Unsettled);
        }
        let cluster = |error: StoreError| RevocationBlocker::Cluster(error.into());
        let target = self.targets().get(&lease.target).map_err(cluster)?;
        let target = target.ok_or(RevocationBlocker::NoTarget)?;
        let connection = self.target_connection(&target).map_err(RevocationBlocker::Cluster)?;
        let ending = Teardown { lease: lease.id, cluster: &lease.cluster, objects: &lease.objects };
        self.delete_and_confirm_gone(&connection, ending, now + MAX_TEARDOWN_TIME).await?;
        match lease.settles_at {
            Some(settles_at) => self.delete_late_objects(&connection, lease, settles_at).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
