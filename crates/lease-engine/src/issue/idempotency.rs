//! The same lease for the same request.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future;
use lease_core::{
    AuditEvent, AuditEventType, AuditText, DynamicSecret, LeaseMode, LeaseState, MIN_TOKEN_TTL,
};
use lease_store::{AnsweredRequest, ReservationKey, ReservationOutcome};

use super::IssuedLease;
use crate::config::MAX_ISSUE_TIME;
use crate::{Engine, IssueError, Ports};

impl<P: Ports> Engine<P> {
    /// Finds out if a request is new, known, or under way elsewhere. `asked` tells it from another request under
    /// the same key.
    pub(super) async fn reserve_or_find_request(
        &self,
        secret: &DynamicSecret,
        asked: &str,
        key: &str,
    ) -> Result<ReservationOutcome, IssueError> {
        // Both are named by MACs, and each pair by one master key, the current first.
        let named = |text| self.keys.request_names(&self.requester.id, &secret.name, text);
        let mut pairs = named(key).into_iter().map(to_reservation_key).zip(named(asked));
        // Unwrap safety: the current key is always there.
        let (current, fingerprint) = pairs.next().unwrap();
        // A request that was first made under an earlier master key is known by that.
        for (key, fingerprint) in pairs {
            if let Some(claimed) = self.leases().find_answered_request(&key)? {
                return require_same_request(claimed, &fingerprint);
            }
        }
        let stale = MAX_ISSUE_TIME + self.config.landing;
        let mut waits = 0;
        loop {
            let claiming =
                self.leases().reserve_request(&current, &fingerprint, self.ports.now(), stale)?;
            match claiming {
                ReservationOutcome::Busy { .. } if waits < MAX_WAITS => {
                    waits += 1;
                    self.ports.sleep(RESERVATION_WAIT).await;
                }
                ReservationOutcome::Taken(claimed) => {
                    return require_same_request(claimed, &fingerprint);
                }
                claiming => return Ok(claiming),
            }
        }
    }

    /// Another token of a lease that was issued for the same request, never past its end.
    ///
    /// It is a token of what was leased then, wherever the dynamic secret leads now. It has an id of its own, so it has
    /// an event of its own: two durable writes.
    pub(super) async fn issue_another_token(
        &self,
        secret: &DynamicSecret,
        claimed: &AnsweredRequest,
        deadline: DateTime<Utc>,
    ) -> Result<IssuedLease, IssueError> {
        let held = self.leases().read_lease_at(claimed.place)?;
        let mut held = held.ok_or(IssueError::InProgress)?;
        let (id, now) = (held.lease.id, self.cluster_now(&held.lease.target)?);
        match held.state_at(now) {
            LeaseState::Active => {}
            LeaseState::Pending => return Err(IssueError::InProgress),
            LeaseState::Revoking
            | LeaseState::Revoked
            | LeaseState::Expired
            | LeaseState::Failed
            | LeaseState::Lost => return Err(IssueError::Ended(id)),
        }
        let target = self.get_target_for_issue(&secret.name, &held.lease.target)?;
        let connection = self.target_connection(&target)?;
        self.learn_or_verify_cluster(&connection, &held.lease.namespace, deadline).await?;
        let left = u32::try_from((held.expires_at - now).num_seconds()).unwrap_or_default();
        let seconds = if held.lease.mode != LeaseMode::Plain {
            left.max(MIN_TOKEN_TTL.as_secs())
        } else if left < MIN_TOKEN_TTL.as_secs() {
            return Err(IssueError::EndsTooSoon(id));
        } else {
            left
        };
        let (role, minted) = future::join(
            self.recheck_granted_rights(&connection, secret, &held.lease.namespace, deadline),
            connection.mint_token(&held.lease, seconds, deadline),
        )
        .await;
        role?;
        let minted = minted?;
        if held.lease.mode == LeaseMode::Plain && minted.claims.expires_at > held.expires_at {
            // Clocks differ: it cannot be taken back, and may not outlive the lease.
            return Err(IssueError::EndsTooSoon(id));
        }
        if !self.leases().is_within_issue_fences(&held, Some(&claimed.claim))? {
            return Err(IssueError::Ended(id));
        }
        if !self.is_requester_admitted()? {
            return Err(IssueError::NotAdmitted);
        }
        held.lease.jti = minted.claims.id;
        let event = self.new_allowed_event(AuditEventType::IssueRepeated).about_lease(&held.lease);
        let jti = held.lease.jti.as_deref().map(AuditText::new);
        self.record_event(&AuditEvent { jti, ttl_seconds: Some(left.into()), ..event })?;
        if self.is_late(deadline) {
            return Err(IssueError::TooLate);
        }
        Ok(IssuedLease { held, token: minted.token, again: true })
    }
}

fn require_same_request(
    claimed: AnsweredRequest,
    fingerprint: &str,
) -> Result<ReservationOutcome, IssueError> {
    // Of a lease that was found without its record it is not known any more what was asked for.
    let is_same = [fingerprint, ""].contains(&claimed.claim.fingerprint.as_str());
    if is_same { Ok(ReservationOutcome::Taken(claimed)) } else { Err(IssueError::KeyReused) }
}

fn to_reservation_key(text: String) -> ReservationKey {
    // Unwrap safety: it is hexadecimal digits.
    ReservationKey::try_from(text).unwrap()
}

/// The number of waits for a request that is under way elsewhere.
const MAX_WAITS: u32 = 10;

/// The length of each wait: an issue takes some tens of milliseconds.
const RESERVATION_WAIT: Duration = Duration::from_millis(100);
