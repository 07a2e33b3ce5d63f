//! The shapes of leases.

use chrono::{DateTime, Utc};
use lease_core::{
    DynamicSecretName, EndReason, LeaseId, LeaseMode, LeaseState, LeasedObject, Namespace,
    ServiceAccountName, TargetName,
};
use lease_engine::{IssuedLease, RenewedLease, StoredLease};
use serde::Serialize;

use crate::respond::format_time;

/// A lease with its token: the only answers that hold one.
#[derive(Serialize)]
pub(crate) struct LeaseWithTokenJson<'a> {
    #[serde(flatten)]
    lease: LeaseJson<'a>,
    token: &'a str,
}

/// A lease as it is shown.
#[derive(Serialize)]
pub(crate) struct LeaseJson<'a> {
    lease_id: LeaseId,
    dynamic_secret: &'a DynamicSecretName,
    target: &'a TargetName,
    mode: LeaseMode,
    /// True if it can be revoked before it expires.
    revocable: bool,
    state: LeaseState,
    namespace: &'a Namespace,
    service_account: &'a ServiceAccountName,
    audiences: &'a [String],
    requester: &'a str,
    jti: Option<&'a str>,
    issued_at: String,
    expires_at: String,
    max_expires_at: String,
    ttl_seconds: i64,
    objects: Vec<ObjectJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closing: Option<ClosingJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<EndedJson<'a>>,
    warnings: Vec<&'a str>,
}

/// Something that was made for it in the cluster.
#[derive(Serialize)]
struct ObjectJson<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a Namespace>,
    name: &'a str,
}

/// That it is to end, and what stands in the way.
#[derive(Serialize)]
struct ClosingJson<'a> {
    why: EndReason,
    since: String,
    reason: Option<&'a str>,
}

/// That it has ended.
#[derive(Serialize)]
struct EndedJson<'a> {
    why: EndReason,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

impl<'a> LeaseWithTokenJson<'a> {
    /// A lease is active when it is handed out.
    pub(crate) fn from_issued(issued: &'a IssuedLease) -> Self {
        let held = &issued.held;
        Self {
            lease: LeaseJson::from_lease(held, held.lease.issued_at),
            token: issued.token.expose_secret(),
        }
    }

    pub(crate) fn from_renewal(renewal: &'a RenewedLease) -> Self {
        let mut lease = LeaseJson::from_lease(&renewal.held, renewal.held.lease.issued_at);
        lease.warnings.extend(renewal.warnings.iter().map(String::as_str));
        Self { lease, token: renewal.token.expose_secret() }
    }
}

impl<'a> LeaseJson<'a> {
    pub(crate) fn from_lease(held: &'a StoredLease, now: DateTime<Utc>) -> Self {
        let lease = &held.lease;
        Self {
            lease_id: lease.id,
            dynamic_secret: &lease.dynamic_secret,
            target: &lease.target,
            mode: lease.mode,
            revocable: lease.mode.is_revocable(),
            state: held.state_at(now),
            namespace: &lease.namespace,
            service_account: &lease.service_account,
            audiences: &lease.audiences,
            requester: &lease.requester,
            jti: lease.jti.as_deref(),
            issued_at: format_time(lease.issued_at),
            expires_at: format_time(held.expires_at),
            max_expires_at: format_time(lease.latest_end),
            ttl_seconds: (held.expires_at - lease.issued_at).num_seconds(),
            objects: lease.objects.iter().map(ObjectJson::from_object).collect(),
            closing: held.closing.as_ref().filter(|_| held.ending.is_none()).map(|closing| {
                ClosingJson {
                    why: closing.why,
                    since: format_time(closing.since),
                    reason: closing.obstacle.as_deref(),
                }
            }),
            ended: held.ending.as_ref().map(|ending| EndedJson {
                why: ending.why,
                at: format_time(ending.at),
                note: ending.note.as_deref(),
            }),
            warnings: lease.warnings.iter().map(String::as_str).collect(),
        }
    }
}

impl<'a> LeaseJson<'a> {
    /// A lease as it is shown to whoever takes it back, with a word on what that does not end.
    pub(crate) fn from_revoked(held: &'a StoredLease, now: DateTime<Utc>) -> Self {
        let mut lease = Self::from_lease(held, now);
        if lease.revocable {
            lease.warnings.push(ADMITTED_REQUESTS_WARNING);
        }
        lease
    }
}

/// The warning that the end of a token does not end a request that was let in: the API server
/// authenticates once for each request.
const ADMITTED_REQUESTS_WARNING: &str = "a request that the API server has accepted (a watch, a log, an exec, a port-forward) \
     continues until it ends by itself";

impl<'a> ObjectJson<'a> {
    fn from_object(object: &'a LeasedObject) -> Self {
        let LeasedObject { kind, namespace, name, .. } = object;
        Self { kind: kind.as_str(), namespace: namespace.as_ref(), name }
    }
}
