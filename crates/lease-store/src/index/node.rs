//! One node of a summary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fanout::fanout;

/// The knowledge about one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, bool, Option<i64>)", into = "(i64, bool, Option<i64>)")]
pub(crate) struct IndexEntry {
    /// When it is to be looked at next, in seconds since 1970.
    pub(crate) look: i64,
    /// False if its lease is known to have ended.
    pub(crate) live: bool,
    /// Since when it has been seen without a record.
    pub(crate) noticed: Option<i64>,
}

/// The knowledge about the numbers of one leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leaf {
    /// All numbers below are known: those that are not among the entries are done with.
    pub(crate) up_to: u64,
    pub(crate) entries: BTreeMap<u64, IndexEntry>,
}

/// The knowledge about the nodes below one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Branch {
    /// All numbers below are known: nodes of them that are not among the entries are done with.
    pub(crate) up_to: u64,
    pub(crate) entries: BTreeMap<u64, NodeSummary>,
}

/// The summary of a node in the one above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, i64, u64)", into = "(u64, i64, u64)")]
pub(crate) struct NodeSummary {
    /// Up to which number it knows.
    pub(crate) up_to: u64,
    /// When the first of it is to be looked at.
    pub(crate) look: i64,
    /// The count of its numbers that are not known to have ended.
    pub(crate) live: u64,
}

impl Leaf {
    /// A leaf that knows no number from `first` on.
    pub(crate) fn empty_leaf_covering_before(first: u64) -> Self {
        Self { up_to: first, entries: BTreeMap::new() }
    }

    pub(crate) fn summarize(&self) -> NodeSummary {
        let live = self.entries.values().filter(|entry| entry.live).count() as u64;
        let look = self.entries.values().map(|entry| entry.look).min().unwrap_or(NO_DUE_TIME);
        NodeSummary { up_to: self.up_to, look, live }
    }
}

impl Branch {
    /// A branch that knows no number from `first` on.
    pub(crate) fn empty_branch_covering_before(first: u64) -> Self {
        Self { up_to: first, entries: BTreeMap::new() }
    }

    /// Returns the summary of this node for the one above.
    ///
    /// If a node below knows less than this one, it is due at once, and each number that it does
    /// not know counts as live.
    pub(crate) fn summarize(&self, end_below: fn(u64) -> u64) -> NodeSummary {
        let mut fact = NodeSummary { up_to: self.up_to, look: NO_DUE_TIME, live: 0 };
        for (index, below) in &self.entries {
            // A gap: an older version of the node below was written over a newer one. Its numbers may live,
            // so they count, and they are looked at as soon as possible.
            let gap = self.count_numbers_unknown_to_child(end_below(*index), below.up_to);
            fact.live += below.live + gap;
            fact.look = fact.look.min(if gap > 0 { 0 } else { below.look });
        }
        fact
    }

    /// Returns the count of numbers that this node vouches for and that the node below, which ends
    /// at `end`, does not know.
    pub(crate) fn count_numbers_unknown_to_child(&self, end: u64, known: u64) -> u64 {
        end.min(self.up_to).saturating_sub(known)
    }

    /// Returns an upper bound, for ever, of the leases that live among the numbers up to `last`.
    pub(crate) fn max_live_up_to(&self, last: u64, end_below: fn(u64) -> u64) -> u64 {
        // A number that no node covers counts as live: its issuer may be about to record a lease.
        self.summarize(end_below).live + (last + 1).saturating_sub(self.up_to)
    }
}

/// The leaf that a number is in.
pub(crate) fn leaf_index_of(number: u64) -> u64 {
    number / fanout()
}

/// The branch that a leaf is in.
pub(crate) fn branch_index_of(leaf: u64) -> u64 {
    leaf / fanout()
}

/// The first number of a leaf; numbers begin at one.
pub(crate) fn first_number_of_leaf(leaf: u64) -> u64 {
    (leaf * fanout()).max(1)
}

/// The first number after a leaf.
pub(crate) fn first_number_after_leaf(leaf: u64) -> u64 {
    (leaf + 1) * fanout()
}

/// The first number of a branch.
pub(crate) fn first_number_of_branch(branch: u64) -> u64 {
    (branch * fanout() * fanout()).max(1)
}

/// The first number after a branch.
pub(crate) fn first_number_after_branch(branch: u64) -> u64 {
    (branch + 1) * fanout() * fanout()
}

impl From<(i64, bool, Option<i64>)> for IndexEntry {
    fn from((look, live, noticed): (i64, bool, Option<i64>)) -> Self {
        Self { look, live, noticed }
    }
}

impl From<IndexEntry> for (i64, bool, Option<i64>) {
    fn from(entry: IndexEntry) -> Self {
        (entry.look, entry.live, entry.noticed)
    }
}

impl From<(u64, i64, u64)> for NodeSummary {
    fn from((up_to, look, live): (u64, i64, u64)) -> Self {
        Self { up_to, look, live }
    }
}

impl From<NodeSummary> for (u64, i64, u64) {
    fn from(fact: NodeSummary) -> Self {
        (fact.up_to, fact.look, fact.live)
    }
}

/// Nothing is to be looked at.
const NO_DUE_TIME: i64 = i64::MAX;
