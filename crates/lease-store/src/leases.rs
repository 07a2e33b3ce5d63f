//! Leases: found by id, and forgotten some time after they have ended.
//!
//! A lease stands in the calendar under the day on which it ends, so that what is to be forgotten is
//! found without looking at what lives.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use lease_core::{Lease, LeaseId};
use serde::{Deserialize, Serialize};

use crate::{KeyValue, StoreError, counter, record};

/// How long a lease can still be shown after its end; in whole days, so up to one day more.
pub const RETENTION: TimeDelta = TimeDelta::days(7);

/// The leases.
pub struct Leases<'a, K> {
    store: &'a K,
}

/// What a sweep of the calendar did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// How many leases it forgot.
    pub leases: usize,
    /// Whether it stopped at its limit and left some for the next.
    pub more: bool,
}

impl<'a, K: KeyValue> Leases<'a, K> {
    /// The leases in `store`.
    pub fn new(store: &'a K) -> Self {
        Self { store }
    }

    /// Keeps a lease that was issued at about `now`: two durable writes.
    ///
    /// # Errors
    /// Fails where the store does not answer; the lease may be kept all the same.
    pub fn add(&self, lease: &Lease, now: DateTime<Utc>) -> Result<(), StoreError> {
        // Never under a day that a sweep has finished, however far back the cluster's clock is, or ahead
        // the host's once was.
        let day = lease.expires_at.max(now).date_naive().max(self.progress()?.day);
        let number = self.store.increment(&count(day))?;
        let key = key(lease.id);
        let value = record::write(&key, lease)?;
        Ok(self
            .store
            .set_many(&[(key, value), (slot(day, number), lease.id.to_string().into())])?)
    }

    /// The lease of this id, if there is one and it is not forgotten.
    ///
    /// # Errors
    /// Fails where the store does not answer, or holds what cannot be read.
    pub fn get(&self, id: LeaseId) -> Result<Option<Lease>, StoreError> {
        let key = key(id);
        self.store.get(&key)?.map(|bytes| record::read(&key, &bytes)).transpose()
    }

    /// Forgets what ended longer than [`RETENTION`] ago, at most `limit` leases.
    ///
    /// Sweeps need no claim: where two run at once, both delete the same, and the progress that the
    /// slower one writes may be behind, which costs the next one reads and nothing else.
    ///
    /// # Errors
    /// Fails where the store does not answer; what was forgotten stays so.
    pub fn forget_ended(&self, now: DateTime<Utc>, limit: usize) -> Result<Forgotten, StoreError> {
        let began = self.progress()?;
        let last_day = (now - RETENTION).date_naive() - Days::new(1);
        let mut at = began;
        let mut forgotten = 0;
        while at.day <= last_day && forgotten < limit {
            let last = counter::read(self.store, &count(at.day))?;
            let batch = (limit - forgotten).min(BATCH);
            let numbers = at.number..=last.min(at.number + batch as u64 - 1);
            let (next, mut keys) = if *numbers.end() < last {
                (Progress { day: at.day, number: numbers.end() + 1 }, vec![])
            } else {
                let counted = if last > 0 { vec![count(at.day)] } else { vec![] };
                (Progress::at(at.day + Days::new(1)), counted)
            };
            for number in numbers {
                let slot = slot(at.day, number);
                if let Some(id) = self.store.get(&slot)? {
                    keys.extend([format!("lease.{}", String::from_utf8_lossy(&id)), slot]);
                    forgotten += 1;
                }
            }
            if !keys.is_empty() {
                self.store.delete_many(&keys)?;
            }
            at = next;
        }
        if at != began {
            self.store.set_many(&[(PROGRESS.to_owned(), record::write(PROGRESS, &at)?)])?;
        }
        Ok(Forgotten { leases: forgotten, more: at.day <= last_day })
    }

    fn progress(&self) -> Result<Progress, StoreError> {
        match self.store.get(PROGRESS)? {
            Some(bytes) => record::read(PROGRESS, &bytes),
            None => Ok(Progress::at(FIRST_DAY)),
        }
    }
}

/// Where the calendar is still to be swept: all before it is done, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    day: NaiveDate,
    number: u64,
}

impl Progress {
    fn at(day: NaiveDate) -> Self {
        Self { day, number: 1 }
    }
}

fn key(id: LeaseId) -> String {
    format!("lease.{id}")
}

fn slot(day: NaiveDate, number: u64) -> String {
    format!("ends.{day}.{number}")
}

fn count(day: NaiveDate) -> String {
    format!("count.ends.{day}")
}

/// Where the calendar's progress is kept.
const PROGRESS: &str = "ends-swept";

/// How many leases are forgotten in one write.
const BATCH: usize = 200;

/// No lease of any kubelease ended before this day: its first version is younger.
const FIRST_DAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 11, 1).unwrap();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn lease(n: u8, expires_at: &str) -> Lease {
        Lease {
            id: LeaseId::new([n; 16]),
            dynamic_secret: "ci".parse().expect("a good name"),
            target: "prod".parse().expect("a good name"),
            namespace: "apps".parse().expect("a good name"),
            service_account: "deployer".parse().expect("a good name"),
            jti: None,
            issued_at: at("2026-11-22T00:00:00Z"),
            expires_at: at(expires_at),
            warnings: vec![],
        }
    }

    #[test]
    fn a_lease_is_kept_in_two_writes_and_found_by_its_id() {
        let store = MemoryStore::default();
        let leases = Leases::new(&store);
        let lease = lease(1, "2026-11-22T12:00:00Z");
        leases.add(&lease, at("2026-11-22T11:00:00Z")).expect("adds");
        assert_eq!(store.writes(), 2);
        assert_eq!(leases.get(lease.id).expect("reads"), Some(lease));
        assert_eq!(leases.get(LeaseId::new([2; 16])).expect("reads"), None);
    }

    #[test]
    fn an_ended_lease_is_shown_for_its_retention_and_then_forgotten() {
        let store = MemoryStore::default();
        let leases = Leases::new(&store);
        let lease = lease(1, "2026-11-22T12:00:00Z");
        leases.add(&lease, at("2026-11-22T11:00:00Z")).expect("adds");
        for (now, kept) in [
            ("2026-11-22T12:00:00Z", true),
            ("2026-11-29T12:00:00Z", true),
            ("2026-11-29T23:59:59Z", true),
            ("2026-11-30T00:00:00Z", false),
        ] {
            leases.forget_ended(at(now), 10).expect("sweeps");
            assert_eq!(leases.get(lease.id).expect("reads").is_some(), kept, "{now}");
        }
        assert_eq!(store.keys(), [PROGRESS], "nothing of the lease is left");
    }

    #[test]
    fn a_sweep_stops_at_its_limit_and_the_next_goes_on_there() {
        let store = MemoryStore::default();
        let leases = Leases::new(&store);
        for n in 0..5 {
            leases
                .add(&lease(n, "2026-11-22T12:00:00Z"), at("2026-11-22T11:00:00Z"))
                .expect("adds");
        }
        leases.add(&lease(5, "2026-11-23T12:00:00Z"), at("2026-11-22T11:00:00Z")).expect("adds");
        leases.add(&lease(6, "2027-03-01T12:00:00Z"), at("2026-11-22T11:00:00Z")).expect("adds");
        let now = at("2027-01-01T00:00:00Z");
        let sweep = || leases.forget_ended(now, 3).map(|f| (f.leases, f.more)).expect("sweeps");
        assert_eq!(sweep(), (3, true));
        assert_eq!(sweep(), (3, true));
        assert_eq!(sweep(), (0, false));
        assert!(leases.get(LeaseId::new([6; 16])).expect("reads").is_some(), "it lives");
        let writes = store.writes();
        assert_eq!(sweep(), (0, false));
        assert_eq!(store.writes(), writes, "an idle sweep writes nothing");
    }

    #[test]
    fn a_lease_issued_after_a_sweep_by_a_clock_far_ahead_is_still_forgotten() {
        let store = MemoryStore::default();
        let leases = Leases::new(&store);
        leases.forget_ended(at("2027-12-01T00:00:00Z"), 10).expect("sweeps");
        let lease = lease(1, "2026-11-22T12:00:00Z");
        leases.add(&lease, at("2026-11-22T11:00:00Z")).expect("adds");
        assert!(leases.get(lease.id).expect("reads").is_some());
        leases.forget_ended(at("2028-01-01T00:00:00Z"), 10).expect("sweeps");
        assert_eq!(leases.get(lease.id).expect("reads"), None);
    }

    #[test]
    fn a_lease_of_a_cluster_whose_clock_is_far_behind_is_still_forgotten() {
        let store = MemoryStore::default();
        let leases = Leases::new(&store);
        leases.forget_ended(at("2027-01-01T00:00:00Z"), 10).expect("sweeps");
        let late = lease(1, "2026-11-22T12:00:00Z");
        leases.add(&late, at("2027-01-01T00:00:00Z")).expect("adds");
        leases.forget_ended(at("2027-02-01T00:00:00Z"), 10).expect("sweeps");
        assert_eq!(leases.get(late.id).expect("reads"), None);
    }
}
