//! The shapes of leases.

use chrono::{DateTime, SecondsFormat, Utc};
use lease_core::{
    DynamicSecretName, Lease, LeaseId, LeaseState, Namespace, ServiceAccountName, TargetName, Ttl,
};
use lease_engine::Issued;
use serde::{Deserialize, Serialize};

/// What a caller asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `ttl` and `namespace`, or no body")]
pub(crate) struct IssueInput {
    pub(crate) ttl: Option<Ttl>,
    pub(crate) namespace: Option<Namespace>,
}

/// A lease with its token: the one answer that holds one.
#[derive(Serialize)]
pub(crate) struct IssuedJson<'a> {
    #[serde(flatten)]
    lease: Facts<'a>,
    token: &'a str,
}

/// A lease as it is shown afterwards.
#[derive(Serialize)]
pub(crate) struct LeaseJson<'a> {
    #[serde(flatten)]
    lease: Facts<'a>,
    state: LeaseState,
}

#[derive(Serialize)]
struct Facts<'a> {
    lease_id: LeaseId,
    dynamic_secret: &'a DynamicSecretName,
    target: &'a TargetName,
    namespace: &'a Namespace,
    service_account: &'a ServiceAccountName,
    jti: Option<&'a str>,
    issued_at: String,
    expires_at: String,
    ttl_seconds: i64,
    warnings: &'a [String],
}

impl<'a> IssuedJson<'a> {
    pub(crate) fn of(issued: &'a Issued) -> Self {
        Self { lease: Facts::of(&issued.lease), token: issued.token.expose() }
    }
}

impl<'a> LeaseJson<'a> {
    pub(crate) fn of(lease: &'a Lease, now: DateTime<Utc>) -> Self {
        Self { lease: Facts::of(lease), state: lease.state(now) }
    }
}

impl<'a> Facts<'a> {
    fn of(lease: &'a Lease) -> Self {
        Self {
            lease_id: lease.id,
            dynamic_secret: &lease.dynamic_secret,
            target: &lease.target,
            namespace: &lease.namespace,
            service_account: &lease.service_account,
            jti: lease.jti.as_deref(),
            issued_at: lease.issued_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            expires_at: lease.expires_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            ttl_seconds: lease.ttl_seconds(),
            warnings: &lease.warnings,
        }
    }
}
