//! The summaries of one ledger, as far as they were read.

mod due;
mod node_reads;
mod rebuild;
mod recount;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::node::{
    Branch, IndexEntry, Leaf, branch_index_of, first_number_after_branch, first_number_after_leaf,
    leaf_index_of,
};
use crate::{KeyValue, LedgerId, StoreError, counter, keys, record};

/// Entries to be written: each key with its value.
type NodeEntries = Vec<(String, Vec<u8>)>;

/// The summaries of one ledger: what was read of them, and what is to be written.
pub(crate) struct LedgerIndex<'a, K> {
    store: &'a K,
    ledger: LedgerId,
    /// The last number of the ledger that this reading is about.
    head: u64,
    root: Branch,
    branches: BTreeMap<u64, Branch>,
    leaves: BTreeMap<u64, Leaf>,
    /// The nodes as they were read: only what has changed is written.
    read: BTreeMap<String, Vec<u8>>,
}

/// The due numbers of a ledger.
pub(crate) struct DueNumbers {
    /// Each number, with what was known of it.
    pub(crate) numbers: Vec<(u64, Option<IndexEntry>)>,
    /// True if more is due than one batch holds.
    pub(crate) more: bool,
}

/// The changes of the summaries that a sweep has to write.
pub(crate) struct IndexChanges {
    /// The nodes that have changed.
    pub(crate) written: Vec<(String, Vec<u8>)>,
    /// The keys of nodes all of whose numbers are done with.
    pub(crate) gone: Vec<String>,
}

impl<'a, K: KeyValue> LedgerIndex<'a, K> {
    /// Reads the counter and the root: two reads, whatever lives.
    pub(crate) fn read_root(store: &'a K, ledger: LedgerId) -> Result<Self, StoreError> {
        let head = counter::read_counter(store, &keys::counter_key(ledger))?;
        let (branches, leaves, read) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut tree = Self {
            store,
            ledger,
            head,
            root: Branch::empty_branch_covering_before(1),
            branches,
            leaves,
            read,
        };
        if let Some(root) = tree.read_node(ROOT_LEVEL, 0)? {
            tree.root = root;
        }
        Ok(tree)
    }

    /// The last number that was given when this was read.
    pub(crate) fn last_number(&self) -> u64 {
        self.head
    }

    /// Returns an upper bound of the leases that live among the numbers up to `last`.
    pub(crate) fn max_live_up_to(&self, last: u64) -> u64 {
        self.root.max_live_up_to(last, first_number_after_branch)
    }

    /// Returns true if nothing below the root was read, since nothing is due.
    pub(crate) fn is_idle(&self) -> bool {
        self.branches.is_empty()
    }

    /// Returns true if all numbers are known and finished.
    pub(crate) fn is_done(&self) -> bool {
        self.root.up_to > self.head
            && self.root.summarize(first_number_after_branch).look == i64::MAX
    }

    /// Notes what is known of a number whose leaf was read.
    pub(crate) fn note_entry(&mut self, number: u64, entry: IndexEntry) {
        if let Some(leaf) = self.leaves.get_mut(&leaf_index_of(number)) {
            leaf.entries.insert(number, entry);
        }
    }

    /// Notes that a number is done with.
    pub(crate) fn forget_number(&mut self, number: u64) {
        if let Some(leaf) = self.leaves.get_mut(&leaf_index_of(number)) {
            leaf.entries.remove(&number);
        }
    }

    /// Returns the changes to write once all due numbers are noted, and the keys of the nodes that
    /// are finished.
    ///
    /// A node is deleted before the one above stops naming it. A crash between the two leaves a node
    /// that is named, has nothing live and is not there, which is read as finished (`read.rs`). The other
    /// order could leave a node that nothing names, and that nobody would ever delete.
    pub(crate) fn take_changes(&mut self) -> Result<IndexChanges, StoreError> {
        // In each node that was read for a sweep, the numbers that it did not cover were due, and have
        // been noted. So all of them may cover every number up to the last.
        let leaves: BTreeSet<_> = self.leaves.keys().copied().collect();
        let branches: BTreeSet<_> = self.branches.keys().copied().collect();
        self.cover_all_numbers(&leaves, &branches);
        let done = |level, index: &u64| keys::index_node_key(self.ledger, level, *index);
        let mut gone: BTreeSet<String> = BTreeSet::new();
        for index in &leaves {
            let named = |branch: &Branch| branch.entries.contains_key(index);
            if self.branches.get(&branch_index_of(*index)).is_some_and(|branch| !named(branch)) {
                gone.insert(done(LEAF_LEVEL, index));
            }
        }
        for index in branches.iter().filter(|index| !self.root.entries.contains_key(index)) {
            gone.insert(done(BRANCH_LEVEL, index));
        }
        let mut written = self.changed_entries()?;
        // The nodes are written after others are deleted: a deleted node that is written again would never
        // be deleted.
        written.retain(|(key, _)| !gone.contains(key));
        Ok(IndexChanges { written, gone: gone.into_iter().collect() })
    }

    /// Lets these nodes, and the root, cover all numbers up to the last. The caller has noted all of
    /// them: a number that is covered and not listed is finished, and its lease is never revoked.
    fn cover_all_numbers(&mut self, leaves: &BTreeSet<u64>, branches: &BTreeSet<u64>) {
        let next = self.head + 1;
        for index in leaves {
            let Some(leaf) = self.leaves.get_mut(index) else { continue };
            leaf.up_to = leaf.up_to.max(first_number_after_leaf(*index).min(next));
            let Some(branch) = self.branches.get_mut(&branch_index_of(*index)) else { continue };
            // A leaf that new numbers may still come into stays, or it would be made again at once.
            if leaf.entries.is_empty() && first_number_after_leaf(*index) <= self.head {
                branch.entries.remove(index);
            } else {
                branch.entries.insert(*index, leaf.summarize());
            }
        }
        for index in branches {
            let Some(branch) = self.branches.get_mut(index) else { continue };
            branch.up_to = branch.up_to.max(first_number_after_branch(*index).min(next));
            if branch.entries.is_empty() && first_number_after_branch(*index) <= self.head {
                self.root.entries.remove(index);
            } else {
                self.root.entries.insert(*index, branch.summarize(first_number_after_leaf));
            }
        }
        self.root.up_to = self.root.up_to.max(next);
    }

    /// Returns the changes for a single number; none if no node that is read lists it.
    pub(crate) fn changes_for_number(
        &mut self,
        number: u64,
        entry: IndexEntry,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let leaf = leaf_index_of(number);
        let index = branch_index_of(leaf);
        if !self.root.entries.contains_key(&index)
            || !self.read_branch(index)?.entries.contains_key(&leaf)
            || !self.read_leaf(leaf)?.entries.contains_key(&number)
        {
            // A number that is not listed is finished, or not covered yet: then the next sweep looks at it.
            return Ok(vec![]);
        }
        self.note_entry(number, entry);
        self.derive_parents();
        self.changed_entries()
    }

    /// Derives the facts above from the nodes below. No `up_to` moves, so nothing new is covered.
    fn derive_parents(&mut self) {
        // Only nodes that are named above are updated: to name another one would cover numbers that nobody
        // has looked at.
        for (index, leaf) in &self.leaves {
            if let Some(branch) = self.branches.get_mut(&branch_index_of(*index))
                && let Some(fact) = branch.entries.get_mut(index)
            {
                *fact = leaf.summarize();
            }
        }
        for (index, branch) in &self.branches {
            if let Some(fact) = self.root.entries.get_mut(index) {
                *fact = branch.summarize(first_number_after_leaf);
            }
        }
    }

    fn changed_entries(&self) -> Result<NodeEntries, StoreError> {
        let mut entries = vec![];
        for (index, leaf) in &self.leaves {
            entries.push(node_entry(keys::index_node_key(self.ledger, LEAF_LEVEL, *index), leaf)?);
        }
        for (index, branch) in &self.branches {
            entries
                .push(node_entry(keys::index_node_key(self.ledger, BRANCH_LEVEL, *index), branch)?);
        }
        entries.push(node_entry(keys::index_node_key(self.ledger, ROOT_LEVEL, 0), &self.root)?);
        // A node that has not changed is not written: the write would put an old version over that of
        // another writer.
        entries.retain(|(key, value)| self.read.get(key) != Some(value));
        Ok(entries)
    }

    /// The keys of the nodes that were read.
    pub(crate) fn node_keys(&self) -> Vec<String> {
        self.read.keys().cloned().collect()
    }

    /// The keys of the root and of the counter, for a ledger that is done with for ever.
    pub(crate) fn root_and_counter_keys(&self) -> Vec<String> {
        vec![keys::index_node_key(self.ledger, ROOT_LEVEL, 0), keys::counter_key(self.ledger)]
    }
}

pub(super) fn node_entry<N: Serialize>(
    key: String,
    node: &N,
) -> Result<(String, Vec<u8>), StoreError> {
    let value = record::encode_record(&key, node)?;
    Ok((key, value))
}

/// The level next to the numbers.
pub(super) const LEAF_LEVEL: u8 = 0;

/// The level above it.
pub(super) const BRANCH_LEVEL: u8 = 1;

/// The one node above all.
pub(super) const ROOT_LEVEL: u8 = 2;
