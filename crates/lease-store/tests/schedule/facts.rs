//! What must hold, whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use lease_core::LeaseId;
use lease_testing::store_suite::SMALL;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::port::Answer;

/// The facts as an outsider knows them: the answers that clients got, and what became of each
/// lease.
#[derive(Default)]
pub struct Facts {
    pub answered: BTreeMap<LeaseId, Answer>,
    pub revoke_begun: BTreeSet<LeaseId>,
    pub revoke_told: BTreeSet<LeaseId>,
    /// Leases whose end was on record at some time.
    pub ended: BTreeSet<LeaseId>,
    /// Accounts that were made after the end of their lease was decided.
    pub made_too_late: BTreeSet<LeaseId>,
    by_key: BTreeMap<usize, BTreeSet<LeaseId>>,
    /// The latest end of all renewals on record.
    renewed: BTreeMap<LeaseId, i64>,
    /// The lease that a sweep has to go on with, by number.
    work: BTreeMap<u64, LeaseId>,
    leaves: BTreeMap<(String, u64), Node<Entry>>,
    branches: BTreeMap<(String, u64), Node<Fact>>,
    roots: BTreeMap<String, Node<Fact>>,
}

/// When a number is to be looked at, whether it lives, since when it has no record.
type Entry = (i64, bool, Option<i64>);

/// Up to which number a node knows, when it is to be looked at, how many live.
type Fact = (u64, i64, u64);

#[derive(Debug, Deserialize)]
struct Node<E> {
    up_to: u64,
    entries: BTreeMap<u64, E>,
}

#[derive(Deserialize)]
struct Versioned<T> {
    value: T,
}

#[derive(Deserialize)]
struct Renewal {
    expires_at: chrono::DateTime<chrono::Utc>,
}

/// The delay with which something may be found: an issue under way is looked at again after 5 s,
/// and clocks differ.
const SLACK: i64 = 8;

impl Facts {
    /// Takes note of an answer; told is what is wrong with it.
    pub fn answer(&mut self, answer: &Answer) -> Option<String> {
        let (id, key) = (answer.id, answer.key);
        let known = self.answered.entry(id).or_insert_with(|| answer.clone());
        known.ends = known.ends.max(answer.ends);
        let of_key = self.by_key.entry(key?).or_default();
        of_key.insert(id);
        (of_key.len() > 1).then(|| format!("two leases for key {key:?}: {of_key:?}"))
    }

    pub fn written(&mut self, key: &str, value: &[u8]) {
        let parts: Vec<_> = key.split('.').collect();
        match parts[..] {
            ["ended", id] => _ = self.ended.insert(id.parse().expect("an id")),
            ["renewal", id, _] => {
                let renewal: Renewal = read(value);
                let known = self.renewed.entry(id.parse().expect("an id")).or_default();
                *known = (*known).max(renewal.expires_at.timestamp());
            }
            ["work", number] => {
                _ = self.work.insert(number.parse().expect("a number"), read(value));
            }
            ["summary", log, "0", index] => {
                _ = self.leaves.insert((log.to_owned(), number(index)), read(value));
            }
            ["summary", log, "1", index] => {
                _ = self.branches.insert((log.to_owned(), number(index)), read(value));
            }
            ["summary", log, "2", _] => _ = self.roots.insert(log.to_owned(), read(value)),
            _ => {}
        }
    }

    pub fn deleted(&mut self, key: &str) {
        let parts: Vec<_> = key.split('.').collect();
        match parts[..] {
            ["work", at] => _ = self.work.remove(&number(at)),
            ["summary", log, "0", index] => {
                _ = self.leaves.remove(&(log.to_owned(), number(index)));
            }
            ["summary", log, "1", index] => {
                _ = self.branches.remove(&(log.to_owned(), number(index)));
            }
            ["summary", log, "2", _] => _ = self.roots.remove(log),
            _ => {}
        }
    }

    /// Returns the promise that does not hold, if there is one.
    pub fn check(
        &self,
        now: i64,
        (cap, identity_cap): (u32, u32),
        is_gone: impl Fn(&LeaseId) -> bool,
        is_closing: impl Fn(&LeaseId) -> bool,
    ) -> Option<String> {
        let mut live: BTreeMap<u64, u32> = BTreeMap::new();
        let mut of_identity = 0;
        for (id, answer) in &self.answered {
            let Answer { place, ends, plain, .. } = *answer;
            if self.ended.contains(id) {
                if !plain && !is_gone(id) {
                    return Some(format!("lease {place:?} has ended and has an account"));
                }
                continue;
            }
            let count = live.entry(place.ledger).or_default();
            *count += 1;
            if *count > cap {
                return Some(format!("more than {cap} live in log {}", place.ledger));
            }
            of_identity += u32::from(answer.limited);
            if of_identity > identity_cap {
                return Some(format!("more than {identity_cap} of the identity live"));
            }
            let end = ends.max(self.renewed.get(id).copied().unwrap_or_default()) + 1;
            let by = if self.revoke_told.contains(id) && is_closing(id) {
                now + 60
            } else if is_closing(id) {
                end.max(now + 60)
            } else {
                end.max(now + 3)
            } + SLACK;
            if !self.is_found(&place.ledger.to_string(), place.number, by)
                && !self.is_worked(*id, by)
            {
                let told = self.revoke_told.contains(id);
                return Some(format!("lease {place:?} is not found in time, taken back: {told}"));
            }
            let begun = self.revoke_begun.contains(id);
            if !begun && !plain && now < ends - 3 && is_gone(id) {
                return Some(format!("lease {place:?} has ended before its time"));
            }
        }
        None
    }

    fn is_worked(&self, id: LeaseId, by: i64) -> bool {
        let mut works = self.work.iter().filter(|(_, work)| **work == id);
        works.any(|(number, _)| self.is_found("work", *number, by))
    }

    /// Returns true if a sweep at that time would look at the number.
    fn is_found(&self, log: &str, number: u64, by: i64) -> bool {
        let Some(root) = self.roots.get(log) else { return true };
        let (leaf, branch) = (number / SMALL, number / SMALL / SMALL);
        let (end_of_leaf, end_of_branch) = ((leaf + 1) * SMALL, (branch + 1) * SMALL * SMALL);
        if number >= root.up_to {
            return true;
        }
        let Some(fact) = root.entries.get(&branch) else { return false };
        if !is_due(*fact, end_of_branch, root.up_to, by) {
            return false;
        }
        let Some(node) = self.branches.get(&(log.to_owned(), branch)) else {
            return !is_done(*fact, end_of_branch);
        };
        if number >= node.up_to {
            return true;
        }
        let Some(fact) = node.entries.get(&leaf) else { return false };
        if !is_due(*fact, end_of_leaf, node.up_to, by) {
            return false;
        }
        let Some(node) = self.leaves.get(&(log.to_owned(), leaf)) else {
            return !is_done(*fact, end_of_leaf);
        };
        number >= node.up_to || node.entries.get(&number).is_some_and(|(look, ..)| *look <= by)
    }

    /// Counts the leases of a log that count as live, among the numbers up to `last`.
    pub fn counted(&self, log: &str, last: u64) -> u64 {
        let Some(root) = self.roots.get(log) else { return last };
        let below = root.entries.iter().map(|(index, (known, _, live))| {
            live + ((index + 1) * SMALL * SMALL).min(root.up_to).saturating_sub(*known)
        });
        below.sum::<u64>() + (last + 1).saturating_sub(root.up_to)
    }
}

fn is_due((known, look, _): Fact, end: u64, up_to: u64, by: i64) -> bool {
    look <= by || end.min(up_to) > known
}

fn is_done((known, _, live): Fact, end: u64) -> bool {
    live == 0 && known >= end
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

fn read<T: DeserializeOwned>(value: &[u8]) -> T {
    serde_json::from_slice::<Versioned<T>>(value).expect("a record").value
}
