//! Every key under which something of a lease is kept. What each holds is told in `docs/store.md`.
//!
//! Counters have prefixes that nothing else writes: a value of another length under a counter would stop
//! Spin's SQLite store until it is restarted.

use lease_core::LeaseId;

use crate::Which;
use crate::claims::ClaimKey;

/// The last number given in a log.
pub(crate) fn count(log: Which) -> String {
    match log {
        Which::Secret(number) => format!("count.leases.{number}"),
        Which::Work => "count.work".to_owned(),
        Which::Identity(identity) => format!("count.identity-leases.{identity}"),
    }
}

/// The record of a log: which dynamic secret it belongs to.
pub(crate) fn log(number: u64) -> String {
    format!("log.{number}")
}

/// The record under a number: a lease, or the id of one that a sweep has to go on with.
pub(crate) fn record(log: Which, number: u64) -> String {
    match log {
        Which::Secret(log) => format!("lease.{log}.{number}"),
        Which::Work => format!("work.{number}"),
        Which::Identity(identity) => format!("identity-lease.{identity}.{number}"),
    }
}

/// That a number is void: whoever took it and finds this has come too late.
pub(crate) fn void(log: Which, number: u64) -> String {
    match log {
        Which::Secret(log) => format!("void.{log}.{number}"),
        Which::Work => format!("void.work.{number}"),
        Which::Identity(identity) => format!("void.identity-{identity}.{number}"),
    }
}

/// A node of a log's summary: level 0 is next to the numbers, 2 above all.
pub(crate) fn summary(log: Which, level: u8, index: u64) -> String {
    match log {
        Which::Secret(log) => format!("summary.{log}.{level}.{index}"),
        Which::Work => format!("summary.work.{level}.{index}"),
        Which::Identity(identity) => format!("summary.identity-{identity}.{level}.{index}"),
    }
}

/// Under which number a lease is.
pub(crate) fn place(id: LeaseId) -> String {
    format!("place.{id}")
}

/// That the end of a lease is decided.
pub(crate) fn closing(id: LeaseId) -> String {
    format!("closing.{id}")
}

/// That a lease has ended.
pub(crate) fn ended(id: LeaseId) -> String {
    format!("ended.{id}")
}

/// The fence before which an issuer must have confirmed.
pub(crate) fn issue_fence(id: LeaseId) -> String {
    format!("fence.issue.{id}")
}

/// The fence before which a renewer must have confirmed.
pub(crate) fn end_fence(id: LeaseId) -> String {
    format!("fence.end.{id}")
}

/// The last number given to a renewal of a lease.
pub(crate) fn renewals(id: LeaseId) -> String {
    format!("count.renewals.{id}")
}

/// The record of one renewal of a lease.
pub(crate) fn renewal(id: LeaseId, number: u64) -> String {
    format!("renewal.{id}.{number}")
}

/// The counter of those who have claimed one generation of an `Idempotency-Key`.
pub(crate) fn claims(key: &ClaimKey, generation: u64) -> String {
    format!("count.claims.{key}.{generation}")
}

/// The lease of one generation of an `Idempotency-Key`.
pub(crate) fn claim(key: &ClaimKey, generation: u64) -> String {
    format!("claim.{key}.{generation}")
}

/// That one generation of an `Idempotency-Key` is given up.
pub(crate) fn claim_fence(key: &ClaimKey, generation: u64) -> String {
    format!("fence.claim.{key}.{generation}")
}

/// Since when one generation of an `Idempotency-Key` has been seen to be claimed without a lease.
pub(crate) fn claim_noticed(key: &ClaimKey, generation: u64) -> String {
    format!("claim-noticed.{key}.{generation}")
}

/// The greatest length of a key: what Spin's documentation promises for every store.
pub(crate) const MAX_BYTES: usize = 256;
