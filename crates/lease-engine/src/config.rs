//! What an operator can set of how leases are issued and ended.

use chrono::TimeDelta;
use lease_core::{MAX_TTL, Ttl, VariableOrigins};

/// The settings of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The longest lifetime of any lease.
    pub max_ttl: Ttl,
    /// The time after an issue was given up in which its requests may still take effect in a
    /// cluster.
    pub landing: TimeDelta,
    /// The retention: the time for which an ended lease can still be seen.
    pub retention: TimeDelta,
    /// The time for which audit events are kept.
    pub audit_retention: TimeDelta,
    /// The one origin to which each variable may be sent.
    pub origins: VariableOrigins,
    /// True if expired leases are kept. Explicit revocations still happen.
    pub hold_expired: bool,
    /// The interval of the sweep.
    pub sweep_interval: TimeDelta,
    /// The interval at which each cluster is compared with the records.
    pub reconcile_interval: TimeDelta,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_ttl: MAX_TTL,
            landing: DEFAULT_REQUEST_LANDING_TIME,
            retention: DEFAULT_LEASE_RETENTION,
            audit_retention: DEFAULT_AUDIT_RETENTION,
            origins: VariableOrigins::default(),
            hold_expired: false,
            sweep_interval: DEFAULT_SWEEP_INTERVAL,
            reconcile_interval: DEFAULT_RECONCILE_INTERVAL,
        }
    }
}

/// kube-apiserver gives a request up after 60 s by default (`--request-timeout`); the rest is the way there.
pub const DEFAULT_REQUEST_LANDING_TIME: TimeDelta = TimeDelta::seconds(75);

/// Long enough to look back on over a holiday.
pub const DEFAULT_LEASE_RETENTION: TimeDelta = TimeDelta::days(7);

/// Long enough to look into what was noticed a quarter of a year late.
pub const DEFAULT_AUDIT_RETENTION: TimeDelta = TimeDelta::days(90);

/// A lease of a minute ends within seconds of its time.
pub const DEFAULT_SWEEP_INTERVAL: TimeDelta = TimeDelta::seconds(10);

/// A reconcile lists all that is ours in a cluster, which is nothing to ask for with each sweep.
pub const DEFAULT_RECONCILE_INTERVAL: TimeDelta = TimeDelta::minutes(10);

/// The longest time from the request of a lease to its answer; no token leaves later.
pub(crate) const MAX_ISSUE_TIME: TimeDelta = TimeDelta::seconds(30);
