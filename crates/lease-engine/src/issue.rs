//! Issuing a lease: intent recorded, then acted, then confirmed.

mod attempt;
mod explain;
mod failure;
mod grant_checks;
mod granted_rights;
mod idempotency;
mod issue_decision;
mod plan;
mod warnings;

use chrono::{DateTime, TimeDelta, Utc};
use kube_rest::{IssuedToken, TokenClaims};
use lease_core::{
    DynamicSecret, DynamicSecretName, IssueRequest, Lease, MIN_TOKEN_TTL, MaxLiveLeases,
    ObjectMarks, OnChange,
};
use lease_store::{
    FenceError, IdempotencyReservation, LeaseKey, NumberError, ReservationOutcome, ReservedNumber,
    ReservedShare, StoredLease,
};

pub(crate) use self::attempt::{IssueAttempt, IssueContext};
use self::failure::IssueFailure;
pub(crate) use self::grant_checks::not_granted_error;
use self::issue_decision::{ClusterFacts, IssueTerms, NoObserver};
use crate::cluster::connection::Connection;
use crate::config::MAX_ISSUE_TIME;
use crate::{Engine, IssueError, Ports, StoreError};

/// A lease, and the token that it is answered with.
#[derive(Debug)]
pub struct IssuedLease {
    /// The lease, as its record has it.
    pub held: StoredLease,
    /// The token, which no record has.
    pub token: IssuedToken,
    /// True if it was issued before, for the same request.
    pub again: bool,
}

impl<P: Ports> Engine<P> {
    /// Issues a lease; with a `key`, the same lease for the same request.
    ///
    /// Whatever leaves something in the cluster is recorded before it is made, and the lease is recorded as
    /// active before its token is handed on. Should this stop anywhere between, the sweep finds the record
    /// and undoes what was made.
    ///
    /// # Errors
    /// Fails as [`IssueError`] says. No token is handed on then.
    pub async fn issue_lease(
        &self,
        name: &DynamicSecretName,
        request: IssueRequest,
        key: Option<&str>,
    ) -> Result<IssuedLease, IssueError> {
        let deadline = self.ports.now() + MAX_ISSUE_TIME;
        let asked = request_text(&request);
        let terms = self.decide_by_records(name, request, &mut NoObserver)?;
        let IssueTerms { ledger, secret, target, granted } = &terms;
        let ledger = *ledger;
        let connection = self.target_connection(target)?;
        let ClusterFacts { known, account } =
            self.decide_by_cluster(&connection, &terms, deadline, &mut NoObserver).await?;

        let claim = match key {
            None => None,
            Some(key) => match self.reserve_or_find_request(secret, &asked, key).await? {
                ReservationOutcome::Mine(claim) => Some(claim),
                ReservationOutcome::Taken(claimed) => {
                    return self.issue_another_token(secret, &claimed, deadline).await;
                }
                ReservationOutcome::Busy { .. } => return Err(IssueError::InProgress),
            },
        };
        let claim = claim.as_ref();
        let numbered = match self.reserve_number(ledger, secret) {
            Ok(numbered) => numbered,
            Err(error) => return Err(self.release_reservation_after_error(claim, error)),
        };
        if let Err(error) = self.check_dynamic_secret_unchanged(ledger, secret) {
            self.leases().void_number(&numbered, None, &error.to_string(), self.ports.now())?;
            return Err(self.release_reservation_after_error(claim, error));
        }
        let context = IssueContext {
            requester: &self.requester,
            ledger,
            secret,
            granted,
            cluster: known.identity,
            cluster_now: self.cluster_now(&target.name)?,
            claim,
            deadline,
        };
        let mut making = IssueAttempt::plan_attempt(self, context);
        making.lease.account_uid = account;
        making.lease.share = numbered.lease_share();
        if making.lease.mode.is_revocable() {
            self.issue_with_objects(&connection, making, &numbered, claim).await
        } else {
            self.issue_plain(&connection, making, &numbered, claim).await
        }
    }

    /// The error of a request that has left no record: its key is free for another try.
    fn release_reservation_after_error(
        &self,
        claim: Option<&IdempotencyReservation>,
        error: IssueError,
    ) -> IssueError {
        match claim.map_or(Ok(()), |claim| self.leases().release_reservation(claim)) {
            Ok(()) => error,
            Err(failure) => failure.into(),
        }
    }

    /// A number in the ledger of the dynamic secret, as long as it and the requester may have another lease.
    fn reserve_number(
        &self,
        ledger: u64,
        secret: &DynamicSecret,
    ) -> Result<ReservedNumber, IssueError> {
        let (cap, now) = (secret.definition.spec().max_live_leases, self.ports.now());
        let share = self.reserve_share(now)?;
        match self.leases().reserve_number_within_cap(ledger, cap.map(MaxLiveLeases::get), now) {
            Ok(numbered) => Ok(numbered.with_share(share)),
            Err(error) => {
                if let Some(share) = &share {
                    self.leases().void_share(share, now)?;
                }
                Err(match error {
                    NumberError::Full { cap } => {
                        IssueError::Full { secret: secret.name.clone(), cap }
                    }
                    NumberError::Store(error) => error.into(),
                })
            }
        }
    }

    /// A number among the leases of the requester, if only so many of these may live.
    fn reserve_share(&self, now: DateTime<Utc>) -> Result<Option<ReservedShare>, IssueError> {
        let Some(session) = &self.requester.session else { return Ok(None) };
        let Some(cap) = session.identity.spec().max_live_leases else { return Ok(None) };
        let share =
            self.leases().reserve_share_within_cap(session.token.identity_number, cap.get(), now);
        share.map(Some).map_err(|error| match error {
            NumberError::Full { cap } => IssueError::IdentityFull { cap },
            NumberError::Store(error) => error.into(),
        })
    }

    /// Checks that the dynamic secret is still the one that was read, now that a number is reserved.
    ///
    /// Whoever deletes it, or has its leases taken back for a change, writes that first and looks at the
    /// numbers then; we have taken ours first and look now: one of us sees the other.
    fn check_dynamic_secret_unchanged(
        &self,
        ledger: u64,
        read: &DynamicSecret,
    ) -> Result<(), IssueError> {
        let gone = || IssueError::UnknownSecret(read.name.clone());
        let now = self.dynamic_secrets().get_with_number(&read.name)?;
        let (_, now) = now.filter(|(number, _)| *number == ledger).ok_or_else(gone)?;
        let revokes = now.definition.spec().on_change == OnChange::Revoke;
        if revokes && !now.definition.grants_same_as(&read.definition) {
            return Err(IssueError::TooLate);
        }
        Ok(())
    }

    /// Recorded as pending, made, looked at, recorded as active: three durable writes with the number.
    async fn issue_with_objects(
        &self,
        connection: &Connection<'_, P>,
        mut making: IssueAttempt<'_>,
        numbered: &ReservedNumber,
        claim: Option<&IdempotencyReservation>,
    ) -> Result<IssuedLease, IssueError> {
        self.leases()
            .record_pending_lease(numbered, &making.lease, claim)
            .map_err(fence_issue_error)?;
        let place = numbered.place();
        // Read after the record is written: whoever revokes the access token writes that first and looks
        // for leases afterwards, so that one of the two sees the other.
        self.end_lease_unless_requester_admitted(place, &making.lease)?;
        let minted = match making.create_objects_and_token(self, connection, place).await {
            Ok(minted) => minted,
            Err(IssueFailure { error, unsettled }) => {
                self.undo_failed_issue(connection, &making, (place, &error), unsettled).await?;
                return Err(error);
            }
        };
        let active = self.apply_token_times(connection, &making, &minted.claims).await?;
        if self.is_late(making.deadline()) {
            self.undo_failed_issue(connection, &making, (place, &IssueError::TooLate), false)
                .await?;
            return Err(IssueError::TooLate);
        }
        making.lease = active;
        // From here on it is everybody's: a retry may have answered it, so that only a revocation or its
        // end may undo it.
        let now = self.ports.now();
        self.leases()
            .record_active_lease(place, &making.lease, claim, now)
            .map_err(fence_issue_error)?;
        // The lease stays on record, and a retry is answered with it. After the deadline this request
        // answers no token, whatever a sweep has decided since.
        if self.is_late(making.deadline()) {
            return Err(IssueError::TooLate);
        }
        let held = StoredLease::new(place, making.lease);
        Ok(IssuedLease { held, token: minted.token, again: false })
    }

    /// The lease with its token's own times, which its object says too where they are shorter than planned.
    async fn apply_token_times(
        &self,
        connection: &Connection<'_, P>,
        making: &IssueAttempt<'_>,
        claims: &TokenClaims,
    ) -> Result<Lease, IssueError> {
        self.save_cluster_clock(connection)?;
        let mut active = making.activated_lease(claims);
        active.warnings.extend(self.seldom_swept_warning(&active));
        // A token's times are whole seconds: what is closer was not shortened.
        if active.expires_at + TimeDelta::seconds(2) < making.lease.expires_at {
            let sooner = |_: &ObjectMarks| Some(active.expires_at);
            if let Err(error) =
                self.update_expiry_on_anchor(connection, &active, sooner, making.deadline()).await
            {
                // Its account would live a little longer than its token.
                log::warn!("lease {}: {error}", active.id);
            }
        }
        Ok(active)
    }

    /// A word to whoever has a lease that is shorter than the sweeps are sure to end in time.
    pub(crate) fn seldom_swept_warning(&self, lease: &Lease) -> Option<String> {
        let interval = self.config.sweep_interval;
        let is_short = lease.expires_at - lease.issued_at < TimeDelta::from(MIN_TOKEN_TTL);
        (lease.mode.is_revocable() && is_short && interval > SELDOM_SWEEP_INTERVAL).then(|| {
            format!(
                "a sweep runs every {} seconds: the token may be accepted for as long after the \
                 lease has expired",
                interval.num_seconds()
            )
        })
    }

    /// Undoes what was made. What cannot be undone now, or may still land, stays on record with every UID
    /// that is known, and the sweep ends it.
    async fn undo_failed_issue(
        &self,
        connection: &Connection<'_, P>,
        making: &IssueAttempt<'_>,
        (place, error): (LeaseKey, &IssueError),
        unsettled: bool,
    ) -> Result<(), StoreError> {
        let reason = &error.to_string();
        let undone = making.undo_objects(self, connection).await.is_ok();
        if undone && !unsettled && making.lease.settles_at.is_none() {
            self.leases().record_failed_issue(place, &making.lease, self.ports.now(), reason)?;
        } else {
            self.leases().rewrite_pending_record(place, &making.lease, making.reservation())?;
        }
        Ok(())
    }

    /// A plain token leaves nothing to undo: it is recorded after it was made, and before it is answered.
    async fn issue_plain(
        &self,
        connection: &Connection<'_, P>,
        mut making: IssueAttempt<'_>,
        numbered: &ReservedNumber,
        claim: Option<&IdempotencyReservation>,
    ) -> Result<IssuedLease, IssueError> {
        let minted = match making.mint_plain(self, connection).await {
            Ok(minted) => minted,
            Err(error) => {
                self.void_number(numbered, &making, &error)?;
                return Err(self.release_reservation_after_error(claim, error));
            }
        };
        making.lease = self.apply_token_times(connection, &making, &minted.claims).await?;
        if self.is_late(making.deadline()) {
            self.void_number(numbered, &making, &IssueError::TooLate)?;
            return Err(self.release_reservation_after_error(claim, IssueError::TooLate));
        }
        let now = self.ports.now();
        self.leases()
            .record_plain_token(numbered, &making.lease, claim, now)
            .map_err(fence_issue_error)?;
        self.end_lease_unless_requester_admitted(numbered.place(), &making.lease)?;
        if self.is_late(making.deadline()) {
            return Err(IssueError::TooLate);
        }
        let held = StoredLease::new(numbered.place(), making.lease);
        Ok(IssuedLease { held, token: minted.token, again: false })
    }

    /// Ends a lease that is on record and was answered to nobody if its requester is let in no more.
    fn end_lease_unless_requester_admitted(
        &self,
        place: LeaseKey,
        lease: &Lease,
    ) -> Result<(), IssueError> {
        if self.is_requester_admitted()? {
            return Ok(());
        }
        let error = IssueError::NotAdmitted;
        self.leases().record_failed_issue(place, lease, self.ports.now(), &error.to_string())?;
        Err(error)
    }

    /// Gives up the number of a plain token that is not recorded.
    fn void_number(
        &self,
        numbered: &ReservedNumber,
        making: &IssueAttempt<'_>,
        error: &IssueError,
    ) -> Result<(), StoreError> {
        let (lease, reason) = (Some(&making.lease), error.to_string());
        self.leases().void_number(numbered, lease, &reason, self.ports.now())
    }

    pub(crate) fn is_late(&self, deadline: DateTime<Utc>) -> bool {
        self.ports.now() > deadline
    }
}

/// Returns the request as one text, in which another request under the same key differs.
fn request_text(request: &IssueRequest) -> String {
    let IssueRequest { ttl, namespace, audiences } = request;
    let ttl = ttl.map(|ttl| ttl.as_secs().to_string());
    let namespace = namespace.as_ref().map(ToString::to_string);
    let audiences = audiences
        .as_ref()
        .map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    // None of them can hold a line break, or be empty where it is there.
    let texts = [ttl, namespace, audiences].map(Option::unwrap_or_default);
    texts.join("\n")
}

/// A fence that was closed meanwhile: somebody took us for dead, rightly or not.
fn fence_issue_error(error: FenceError) -> IssueError {
    match error {
        FenceError::Fenced => IssueError::TooLate,
        FenceError::Store(error) => error.into(),
    }
}

/// Sweeps that come less often end a short lease later than its holder may expect.
const SELDOM_SWEEP_INTERVAL: TimeDelta = TimeDelta::seconds(30);

#[cfg(test)]
mod tests;
