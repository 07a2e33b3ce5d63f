//! Renewing a lease: a new end, on record in the cluster first, and a new token of the same account.

use std::cell::Cell;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use kube_rest::IssuedToken;
use lease_core::{
    ClusterClock, DenialReason, Lease, LeaseAction, LeaseId, LeaseMode, LeaseState, MIN_LEASE_TTL,
    MIN_TOKEN_TTL, ObjectMarks, Ttl, TtlError,
};
use lease_store::{FenceError, RenewalEventContent, StoredLease};

use crate::cluster::connection::Connection;
use crate::config::MAX_ISSUE_TIME;
use crate::objects::token::MintedToken;
use crate::{ClusterError, Engine, Ports, RenewError};

/// A lease that was renewed, and its new token.
#[derive(Debug)]
pub struct RenewedLease {
    /// The lease, as its record has it.
    pub held: StoredLease,
    /// The token, which no record has.
    pub token: IssuedToken,
    /// Warnings about this renewal for the holder.
    pub warnings: Vec<String>,
}

impl<P: Ports> Engine<P> {
    /// Renews a lease for `ttl` from now, or for as long as it was first issued for.
    ///
    /// It never ends sooner than before, and never later than its dynamic secret allowed when it was issued.
    ///
    /// # Errors
    /// Refuses a plain token, and whatever has begun to end.
    pub async fn renew_lease(
        &self,
        id: LeaseId,
        ttl: Option<Ttl>,
    ) -> Result<RenewedLease, RenewError> {
        let deadline = self.ports.now() + MAX_ISSUE_TIME;
        let mut held = self.leases().find(id)?.ok_or(RenewError::Unknown(id))?;
        self.limit_renewal_to_grants(&mut held)?;
        let now = self.cluster_now(&held.lease.target)?;
        let asked = requested_duration(&held, ttl, now)?;
        self.check_dynamic_secret_enabled(&held.lease)?;
        let target = self.targets().get(&held.lease.target)?;
        let target = target.ok_or_else(|| RenewError::UnknownTarget(held.lease.target.clone()))?;
        if target.disabled || target.retired {
            return Err(RenewError::Disabled(id));
        }
        let connection = self.target_connection(&target)?;
        self.learn_or_verify_cluster(&connection, &held.lease.namespace, deadline).await?;

        let renewal = self.leases().take_renewal_number(&held)?;
        let extension = RenewalPlan { asked, least: renewal.expires_at, deadline };
        let (end, minted) =
            match self.extend_lease_in_cluster(&connection, &held.lease, extension).await {
                Ok(extended) => extended,
                Err(error) => {
                    // Its number says nothing then, and is not looked for ever after.
                    let reason = error.to_string();
                    let outcome = self.renewal_outcome(false, None, Some(&reason));
                    _ = self.leases().record_renewal(&renewal, renewal.expires_at, &outcome);
                    return Err(error.into());
                }
            };
        let token_end = minted.claims.expires_at;
        let outcome = self.renewal_outcome(true, minted.claims.id.as_deref(), None);
        let confirmed = self.leases().record_renewal(&renewal, end.min(token_end), &outcome);
        held.expires_at = confirmed.map_err(|error| match error {
            FenceError::Fenced => RenewError::NotActive(id),
            FenceError::Store(error) => error.into(),
        })?;
        if !self.is_requester_admitted()? {
            return Err(RenewError::NotAdmitted);
        }
        if self.is_late(deadline) {
            return Err(RenewError::TooLate);
        }
        let mut warnings = vec![];
        warnings.extend(shortened_warning(&held, end, token_end));
        warnings.extend(latest_end_warning(&held, ttl.map(|ttl| now + TimeDelta::from(ttl))));
        warnings.extend(self.seldom_swept_warning(&held.lease));
        held.lease.jti = minted.claims.id;
        Ok(RenewedLease { held, token: minted.token, warnings })
    }

    /// Returns the outcome that the event of a renewal records.
    pub(crate) fn renewal_outcome<'a>(
        &self,
        is_renewed: bool,
        jti: Option<&'a str>,
        reason: Option<&'a str>,
    ) -> RenewalEventContent<'a> {
        RenewalEventContent { now: self.ports.now(), is_renewed, jti, reason }
    }

    /// Lets no renewal go past what the grants of the requester allow.
    fn limit_renewal_to_grants(&self, held: &mut StoredLease) -> Result<(), RenewError> {
        let id = held.lease.id;
        let permit = self.requester.authorize_action(LeaseAction::Renew, held).map_err(
            |denied| match denied {
                DenialReason::Hidden => RenewError::Hidden(id),
                DenialReason::NotGranted => RenewError::Denied(id),
            },
        )?;
        if let Some(max) = permit.max_ttl {
            let latest = held.lease.issued_at + TimeDelta::from(max);
            // Never sooner than it ends already: a renewal shortens nothing.
            held.lease.latest_end = held.lease.latest_end.min(latest).max(held.expires_at);
        }
        Ok(())
    }

    /// Announces the new end, and asks for a token that reaches it.
    async fn extend_lease_in_cluster(
        &self,
        connection: &Connection<'_, P>,
        lease: &Lease,
        RenewalPlan { asked, least, deadline }: RenewalPlan,
    ) -> Result<(DateTime<Utc>, MintedToken), ClusterError> {
        let known = self.cluster_now(&lease.target)?;
        // The object is read before it is changed, and with it the cluster's own time.
        let now = || {
            let told =
                connection.server_date().map(|(host, cluster)| ClusterClock::new(host, cluster));
            told.map_or(known, |clock| clock.cluster_time(self.ports.now()))
        };
        let end = || (now() + asked).min(lease.latest_end).max(least);
        let announced = Cell::new(end());
        let later = |marks: &ObjectMarks| {
            announced.set(end());
            marks
                .expires_at()
                .is_none_or(|known| known < announced.get())
                .then_some(announced.get())
        };
        self.update_expiry_on_anchor(connection, lease, later, deadline).await?;
        let end = announced.get();
        // To the whole second above: tokens count from whole seconds, and the lease could not reach its end.
        let left = ((end - now()).num_milliseconds() + 999) / 1000;
        let left = u32::try_from(left).unwrap_or_default().max(MIN_TOKEN_TTL.as_secs());
        let minted = connection.mint_token(lease, left, deadline).await?;
        self.save_cluster_clock(connection)?;
        Ok((end, minted))
    }

    /// Checks that the dynamic secret still gives leases.
    fn check_dynamic_secret_enabled(&self, lease: &Lease) -> Result<(), RenewError> {
        let secret = self.dynamic_secrets().get(&lease.dynamic_secret)?;
        let enabled = secret.is_some_and(|secret| !secret.definition.spec().disabled);
        if enabled { Ok(()) } else { Err(RenewError::Disabled(lease.id)) }
    }
}

/// The plan of a renewal: the new end, and the token to ask for.
#[derive(Clone, Copy)]
struct RenewalPlan {
    /// For how long from now.
    asked: TimeDelta,
    /// The end that is known: it never ends sooner.
    least: DateTime<Utc>,
    deadline: DateTime<Utc>,
}

/// Returns the duration for which a lease is renewed, if that is allowed.
fn requested_duration(
    held: &StoredLease,
    ttl: Option<Ttl>,
    now: DateTime<Utc>,
) -> Result<TimeDelta, RenewError> {
    let lease = &held.lease;
    if lease.mode == LeaseMode::Plain {
        return Err(RenewError::Plain(lease.id));
    }
    if held.state_at(now) != LeaseState::Active {
        return Err(RenewError::NotActive(lease.id));
    }
    let first = (lease.expires_at - lease.issued_at).num_seconds();
    let first = Ttl::from_seconds(first).unwrap_or(MIN_LEASE_TTL);
    let asked = ttl.unwrap_or(first);
    let max = (lease.latest_end - lease.issued_at).num_seconds();
    let max = Ttl::from_seconds(max).unwrap_or(MIN_LEASE_TTL);
    if asked > max {
        return Err(RenewError::TooLong { asked, max });
    }
    if asked < MIN_LEASE_TTL {
        return Err(RenewError::TooShort(TtlError::TooShort { asked, min: MIN_LEASE_TTL }));
    }
    if held.expires_at >= lease.latest_end {
        return Err(RenewError::AtLatestEnd(lease.id));
    }
    Ok(TimeDelta::from(asked))
}

/// A word to a holder whose new token ends before the end that it was asked for.
///
/// An API server may shorten a token (`--service-account-max-token-expiration`).
fn shortened_warning(
    held: &StoredLease,
    asked: DateTime<Utc>,
    token_end: DateTime<Utc>,
) -> Option<String> {
    // A token's times are whole seconds: what is closer was not shortened.
    if token_end + TimeDelta::seconds(2) >= asked {
        return None;
    }
    // Another renewal, or a token that was given before the limit, may reach further than this one.
    let lease = match held.expires_at {
        end if end <= token_end => "the lease ends with it".to_owned(),
        end => format!("the lease ends at {}", format_time(end)),
    };
    Some(format!(
        "the API server shortened the token: it ends at {} instead of {}; {lease}, and may be renewed until {} \
         (`max_expires_at`)",
        format_time(token_end),
        format_time(asked),
        format_time(held.lease.latest_end)
    ))
}

/// A word to a holder who has asked for an end that no renewal reaches.
fn latest_end_warning(held: &StoredLease, asked: Option<DateTime<Utc>>) -> Option<String> {
    let latest = held.lease.latest_end;
    asked.filter(|asked| *asked > latest).map(|_| {
        let latest = format_time(latest);
        format!(
            "no renewal reaches beyond {latest} (`max_expires_at`), which is sooner than requested"
        )
    })
}

fn format_time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests;
