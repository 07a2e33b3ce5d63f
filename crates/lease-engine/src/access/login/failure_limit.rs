//! The number of logins of one client that may fail in a minute, however many come at once.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use lease_core::{ClientGroup, ClientNetwork};
use lease_store::LoginSlot;

use super::LoginError;
use crate::{Engine, Ports, StoreError};

impl<P: Ports> Engine<P> {
    /// Has a login wait until as many before it are decided that not too many can fail; refuses it at once if too many
    /// have failed already.
    ///
    /// A login takes no longer than until its deadline, so those before this one are decided a moment after its own.
    pub(super) async fn wait_for_login_slot(
        &self,
        deadline: DateTime<Utc>,
    ) -> Result<LoginSlot, LoginError> {
        let (began, slots) = (self.now(), self.login_slots());
        let client = self.client_group(began).to_string();
        let too_many = LoginError::TooManyFailures { retry_after: rest_of_minute(began) };
        let is_over = || {
            slots.read_failure_count(&client, began).map(|count| count >= MAX_FAILED_LOGINS.into())
        };
        if is_over()? {
            return Err(too_many);
        }
        let slot = slots.take_slot_unchecked(&client, began)?;
        while !slots.is_within_limit(&slot, MAX_FAILED_LOGINS)? {
            if is_over()? || self.now() >= deadline + MAX_SLOT_WAIT {
                return Err(too_many);
            }
            self.ports.sleep(SLOT_POLL_INTERVAL).await;
        }
        if self.now() >= deadline {
            slots.release_unfailed_slot(&slot)?;
            return Err(LoginError::Crowded);
        }
        Ok(slot)
    }

    /// Ends what [`Engine::wait_for_login_slot`] has begun.
    ///
    /// A login that its caller has made fail counts against its client. One that a cluster or an issuer could not decide
    /// does not: nobody would be let in for a minute by what is not their fault.
    pub(super) fn end_login_slot<T>(
        &self,
        slot: &LoginSlot,
        outcome: &Result<T, LoginError>,
    ) -> Result<(), StoreError> {
        match outcome {
            Err(error) if error.is_of_caller() => self.login_slots().record_failed_login(slot),
            _ => self.login_slots().release_unfailed_slot(slot),
        }
    }

    /// The group in which the client is counted.
    pub(crate) fn client_group(&self, now: DateTime<Utc>) -> ClientGroup {
        let network = ClientNetwork::from_address(self.requester.origin.address);
        self.keys.client_group(network, now.timestamp().div_euclid(MINUTE))
    }
}

fn rest_of_minute(now: DateTime<Utc>) -> u32 {
    u32::try_from(MINUTE - now.timestamp().rem_euclid(MINUTE)).unwrap_or(1)
}

const MINUTE: i64 = 60;

/// The number of logins of one client that may fail in a minute, and so that are looked at at once. A job that is
/// misconfigured fails a few times; a secret cannot be guessed in so few tries, and a signature not at all.
pub(crate) const MAX_FAILED_LOGINS: u32 = 20;

/// The time after its deadline for which a login waits for those before it.
const MAX_SLOT_WAIT: TimeDelta = TimeDelta::seconds(2);

/// The time after which whoever waits looks again.
const SLOT_POLL_INTERVAL: Duration = Duration::from_millis(50);
