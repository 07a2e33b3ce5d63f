//! What an operator can set of how leases are issued and ended.

use chrono::TimeDelta;
use lease_core::{MAX_TTL, Ttl, VariableOrigins};

/// What an operator can set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The longest lifetime of any lease.
    pub max_ttl: Ttl,
    /// How long after it was given up a request may still take effect in a cluster.
    pub landing: TimeDelta,
    /// How long an ended lease can still be seen.
    pub retention: TimeDelta,
    /// Which variable may be sent where.
    pub origins: VariableOrigins,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_ttl: MAX_TTL,
            landing: DEFAULT_LANDING,
            retention: DEFAULT_RETENTION,
            origins: VariableOrigins::default(),
        }
    }
}

/// kube-apiserver gives a request up after 60 s by default (`--request-timeout`); the rest is the way there.
pub const DEFAULT_LANDING: TimeDelta = TimeDelta::seconds(75);

/// Long enough to look back on over a holiday.
pub const DEFAULT_RETENTION: TimeDelta = TimeDelta::days(7);

/// How long an issue may take, from the request to its answer; no token leaves later.
pub(crate) const ISSUE_TIME: TimeDelta = TimeDelta::seconds(30);
