//! Every key under which something of a lease is kept. What each holds is told in `docs/store.md`.
//!
//! Counters have prefixes that nothing else writes: a value of another length under a counter would stop
//! Spin's SQLite store until it is restarted.

use lease_core::LeaseId;

use crate::ledger_id::LedgerId;
use crate::reservation_key::ReservationKey;

/// The last number given in a ledger.
#[must_use]
pub fn counter_key(ledger: LedgerId) -> String {
    match ledger {
        LedgerId::DynamicSecret(number) => format!("count.leases.{number}"),
        LedgerId::PendingRevocations => "count.work".to_owned(),
        LedgerId::Identity(identity) => format!("count.identity-leases.{identity}"),
    }
}

/// The record of a ledger: which dynamic secret it belongs to.
#[must_use]
pub fn ledger_key(number: u64) -> String {
    format!("log.{number}")
}

/// The record under a number: a lease, or the id of one that a sweep has to go on with.
#[must_use]
pub fn record_key(ledger: LedgerId, number: u64) -> String {
    match ledger {
        LedgerId::DynamicSecret(ledger) => format!("lease.{ledger}.{number}"),
        LedgerId::PendingRevocations => format!("work.{number}"),
        LedgerId::Identity(identity) => format!("identity-lease.{identity}.{number}"),
    }
}

/// That a number is void: whoever took it and finds this has come too late.
#[must_use]
pub fn void_key(ledger: LedgerId, number: u64) -> String {
    match ledger {
        LedgerId::DynamicSecret(ledger) => format!("void.{ledger}.{number}"),
        LedgerId::PendingRevocations => format!("void.work.{number}"),
        LedgerId::Identity(identity) => format!("void.identity-{identity}.{number}"),
    }
}

/// A node of a ledger's summary: level 0 is next to the numbers, 2 above all.
#[must_use]
pub fn index_node_key(ledger: LedgerId, level: u8, index: u64) -> String {
    match ledger {
        LedgerId::DynamicSecret(ledger) => format!("summary.{ledger}.{level}.{index}"),
        LedgerId::PendingRevocations => format!("summary.work.{level}.{index}"),
        LedgerId::Identity(identity) => format!("summary.identity-{identity}.{level}.{index}"),
    }
}

/// Under which number a lease is.
#[must_use]
pub fn location_key(id: LeaseId) -> String {
    format!("place.{id}")
}

/// That the end of a lease is decided.
#[must_use]
pub fn closing_key(id: LeaseId) -> String {
    format!("closing.{id}")
}

/// That a lease has ended.
#[must_use]
pub fn ended_key(id: LeaseId) -> String {
    format!("ended.{id}")
}

/// The fence before which an issuer must have confirmed.
#[must_use]
pub fn issue_fence_key(id: LeaseId) -> String {
    format!("fence.issue.{id}")
}

/// The fence before which a renewer must have confirmed.
#[must_use]
pub fn end_fence_key(id: LeaseId) -> String {
    format!("fence.end.{id}")
}

/// The last number given to a renewal of a lease.
#[must_use]
pub fn renewal_counter_key(id: LeaseId) -> String {
    format!("count.renewals.{id}")
}

/// The record of one renewal of a lease.
#[must_use]
pub fn renewal_key(id: LeaseId, number: u64) -> String {
    format!("renewal.{id}.{number}")
}

/// The counter of those who have claimed one generation of an `Idempotency-Key`.
#[must_use]
pub fn reservation_counter_key(key: &ReservationKey, generation: u64) -> String {
    format!("count.claims.{key}.{generation}")
}

/// The lease of one generation of an `Idempotency-Key`.
#[must_use]
pub fn reservation_key(key: &ReservationKey, generation: u64) -> String {
    format!("claim.{key}.{generation}")
}

/// That one generation of an `Idempotency-Key` is given up.
#[must_use]
pub fn reservation_fence_key(key: &ReservationKey, generation: u64) -> String {
    format!("fence.claim.{key}.{generation}")
}

/// Since when one generation of an `Idempotency-Key` has been seen to be claimed without a lease.
#[must_use]
pub fn reservation_rival_key(key: &ReservationKey, generation: u64) -> String {
    format!("claim-noticed.{key}.{generation}")
}

/// The greatest length of a key: what Spin's documentation promises for every store.
pub const MAX_KEY_BYTES: usize = 256;
