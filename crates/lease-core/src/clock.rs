//! The time by a cluster's own clock, as far as it is known from its answers.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// The readings of a cluster's clock.
///
/// What is due in a cluster is judged by that cluster's clock, since its API server judges the tokens by it.
/// The host's clock only tells how much time has passed since the cluster last told its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterClock {
    /// The last time that is believed.
    believed: ClockReading,
    /// The first reading of a time that nothing explains.
    jumped: Option<ClockReading>,
}

/// Two clocks, read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct ClockReading {
    host: DateTime<Utc>,
    cluster: DateTime<Utc>,
}

impl ClusterClock {
    /// The state after the cluster has told its time for the first time.
    #[must_use]
    pub fn new(host: DateTime<Utc>, cluster: DateTime<Utc>) -> Self {
        Self { believed: ClockReading { host, cluster }, jumped: None }
    }

    /// The time by the cluster's clock, when the host's says `host`.
    ///
    /// `Date` headers are in whole seconds, and old by the time they are read: so little apart is not apart.
    #[must_use]
    pub fn cluster_time(&self, host: DateTime<Utc>) -> DateTime<Utc> {
        host + self.clock_offset()
    }

    /// By how much the cluster's clock is ahead of the host's.
    fn clock_offset(&self) -> TimeDelta {
        let ClockReading { host, cluster } = self.believed;
        let offset = cluster - host;
        if offset.abs() <= CLOCK_RESOLUTION { TimeDelta::zero() } else { offset }
    }

    /// Returns true if the cluster's time is later than anything explains. Leases that are due only
    /// by that time wait.
    #[must_use]
    pub fn has_jumped(&self) -> bool {
        self.jumped.is_some()
    }

    /// Returns the state after the cluster has told its time once more.
    ///
    /// If it is ahead of what has passed, that is believed only once it has gone on so for a while: the
    /// lives of all leases hang on it. A clock that was put back is believed at once, for it ends nothing.
    #[must_use]
    pub fn with_reading(&self, host: DateTime<Utc>, cluster: DateTime<Utc>) -> Self {
        let told = ClockReading { host, cluster };
        let passed = match host - self.believed.host {
            passed if passed >= TimeDelta::zero() => passed,
            // The host's clock was put back: nobody knows how much has passed.
            _ => MAX_JUMP_HOLD,
        };
        if cluster - self.believed.cluster <= passed + MAX_CLOCK_LEAD {
            return Self { believed: told, jumped: None };
        }
        let since = self.jumped.unwrap_or(told);
        // By either clock: the host's may stand still, or go back.
        if host - since.host >= MAX_JUMP_HOLD || cluster - since.cluster >= MAX_JUMP_HOLD {
            return Self { believed: told, jumped: None };
        }
        Self { believed: self.believed, jumped: Some(since) }
    }

    /// Returns true if it differs enough from `known` to be stored in its place.
    #[must_use]
    pub fn differs_from(&self, known: &Self) -> bool {
        self.clock_offset() != known.clock_offset()
            && (self.clock_offset() - known.clock_offset()).abs() > CLOCK_RESOLUTION
            || self.jumped != known.jumped
            || (self.believed.host - known.believed.host).abs() > MAX_READING_AGE
    }
}

/// As close as two clocks are compared.
const CLOCK_RESOLUTION: TimeDelta = TimeDelta::milliseconds(1500);

/// The greatest lead that a cluster's clock may gain on the host's before that is a jump.
const MAX_CLOCK_LEAD: TimeDelta = TimeDelta::seconds(30);

/// The longest time for which a jump is not believed.
const MAX_JUMP_HOLD: TimeDelta = TimeDelta::minutes(10);

/// The age at which a stored reading is replaced: clocks drift.
const MAX_READING_AGE: TimeDelta = TimeDelta::hours(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).expect("in range")
    }

    fn seconds(clock: &ClusterClock, host: i64) -> i64 {
        (clock.cluster_time(at(host)) - at(0)).num_seconds()
    }

    #[test]
    fn time_is_the_cluster_s_whatever_the_host_says() {
        for (apart, known) in
            [(0, 0), (1, 0), (-1, 0), (2, 2), (3600, 3600), (-31_536_000, -31_536_000)]
        {
            let clock = ClusterClock::new(at(0), at(apart));
            assert_eq!(seconds(&clock, 10), 10 + known, "{apart} s apart");
        }
    }

    #[test]
    fn what_time_explains_is_believed_and_a_jump_is_not_for_a_while() {
        // The host's clock and the cluster's, then whether it has jumped, and what the cluster's is at that.
        let rows: [(i64, i64, bool, i64); 9] = [
            (10, 10, false, 10),
            (20, 50, false, 50),
            // An hour ahead, ten minutes long.
            (30, 3630, true, 60),
            (40, 3640, true, 70),
            (629, 4229, true, 659),
            (630, 4230, false, 4230),
            // Back again, at once.
            (640, 640, false, 640),
            // A jump that is taken back.
            (650, 4250, true, 650),
            (660, 660, false, 660),
        ];
        let mut clock = ClusterClock::new(at(0), at(0));
        for (host, cluster, jumped, known) in rows {
            clock = clock.with_reading(at(host), at(cluster));
            assert_eq!(
                (clock.has_jumped(), seconds(&clock, host)),
                (jumped, known),
                "at {host}, told {cluster}"
            );
        }
    }

    #[test]
    fn a_host_s_clock_that_is_set_is_no_jump_of_the_cluster_s() {
        for host in [3600, -3600, 31_536_000, -31_536_000] {
            let clock = ClusterClock::new(at(0), at(0)).with_reading(at(host), at(60));
            assert!(!clock.has_jumped(), "{host}");
            assert_eq!(seconds(&clock, host + 5), 65, "{host}");
        }
        // While a jump is held, the host's clock may not hold it for ever.
        let clock = ClusterClock::new(at(0), at(0)).with_reading(at(10), at(86_400));
        assert!(clock.has_jumped());
        assert!(clock.with_reading(at(-90_000), at(86_990)).has_jumped());
        assert!(!clock.with_reading(at(-90_000), at(87_000)).has_jumped());
    }

    #[test]
    fn only_news_is_kept() {
        let known = ClusterClock::new(at(0), at(0));
        for (host, cluster, news) in [
            (10, 10, false),
            (10, 9, false),
            (10, 14, true),
            (10, 5, true),
            (3601, 3601, true),
            (9, 999, true),
        ] {
            let told = known.with_reading(at(host), at(cluster));
            assert_eq!(told.differs_from(&known), news, "at {host}, told {cluster}");
        }
    }
}
