//! The summaries of one log, as far as they were read.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::node::{
    Branch, Entry, Fact, Leaf, branch_of, end_of_branch, end_of_leaf, first_of_branch,
    first_of_leaf, leaf_of,
};
use crate::{KeyValue, StoreError, Which, counter, keys, record};

/// Entries to be written: each key with its value.
type Written = Vec<(String, Vec<u8>)>;

/// The summaries of one log: what was read of them, and what is to be written.
pub(crate) struct Tree<'a, K> {
    store: &'a K,
    log: Which,
    /// The last number of the log that this reading is about.
    head: u64,
    root: Branch,
    branches: BTreeMap<u64, Branch>,
    leaves: BTreeMap<u64, Leaf>,
    /// The nodes as they were read: only what has changed is written.
    read: BTreeMap<String, Vec<u8>>,
}

/// The due numbers of a log.
pub(crate) struct Due {
    /// Each number, with what was known of it.
    pub(crate) numbers: Vec<(u64, Option<Entry>)>,
    /// True if more is due than one batch holds.
    pub(crate) more: bool,
}

/// The changes of the summaries that a sweep has to write.
pub(crate) struct Changes {
    /// The nodes that have changed.
    pub(crate) written: Vec<(String, Vec<u8>)>,
    /// The keys of nodes all of whose numbers are done with.
    pub(crate) gone: Vec<String>,
}

impl<'a, K: KeyValue> Tree<'a, K> {
    /// Reads the counter and the root: two reads, whatever lives.
    pub(crate) fn read(store: &'a K, log: Which) -> Result<Self, StoreError> {
        let head = counter::read(store, &keys::count(log))?;
        let (branches, leaves, read) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut tree = Self { store, log, head, root: Branch::empty(1), branches, leaves, read };
        if let Some(root) = tree.node(ROOT, 0)? {
            tree.root = root;
        }
        Ok(tree)
    }

    /// The last number that was given when this was read.
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// Returns an upper bound of the leases that live among the numbers up to `last`.
    pub(crate) fn live_up_to(&self, last: u64) -> u64 {
        self.root.live_up_to(last, end_of_branch)
    }

    /// Returns true if nothing below the root was read, since nothing is due.
    pub(crate) fn is_idle(&self) -> bool {
        self.branches.is_empty()
    }

    /// Returns true if all numbers are known and finished.
    pub(crate) fn is_done(&self) -> bool {
        self.root.up_to > self.head && self.root.fact(end_of_branch).look == i64::MAX
    }

    /// The numbers that are to be looked at by `now`, about `limit` of them.
    pub(crate) fn due(&mut self, now: i64, limit: usize) -> Result<Due, StoreError> {
        let last = self.head.min(self.root.up_to - 1 + limit as u64);
        let mut more = last < self.head;
        self.head = last;
        let mut branches: BTreeSet<u64> = self
            .root
            .entries
            .iter()
            .filter(|(index, fact)| {
                fact.look <= now || self.root.gap(end_of_branch(**index), fact.up_to) > 0
            })
            .map(|(index, _)| *index)
            .collect();
        branches.extend((self.root.up_to..=last).map(|number| branch_of(leaf_of(number))));
        let mut numbers = vec![];
        for index in branches {
            // New numbers come last, and all of them are within the limit.
            let full = numbers.len() >= limit;
            if full && end_of_branch(index) <= self.root.up_to {
                more = true;
                continue;
            }
            let leaves = self.due_leaves(index, now, last)?;
            for (leaf, is_new) in leaves {
                if numbers.len() >= limit && !is_new {
                    more = true;
                    continue;
                }
                numbers.extend(self.due_numbers(leaf, now, last)?);
            }
        }
        Ok(Due { numbers, more })
    }

    /// The leaves of a branch that are to be looked at, each with whether the branch does not know it yet.
    fn due_leaves(
        &mut self,
        index: u64,
        now: i64,
        last: u64,
    ) -> Result<BTreeMap<u64, bool>, StoreError> {
        let branch = self.branch(index)?;
        let mut leaves: BTreeMap<u64, bool> = branch
            .entries
            .iter()
            .filter(|(leaf, fact)| {
                fact.look <= now || branch.gap(end_of_leaf(**leaf), fact.up_to) > 0
            })
            .map(|(leaf, _)| (*leaf, false))
            .collect();
        let end = end_of_branch(index).min(last + 1);
        leaves.extend((branch.up_to..end).map(|number| (leaf_of(number), true)));
        Ok(leaves)
    }

    fn due_numbers(
        &mut self,
        leaf: u64,
        now: i64,
        last: u64,
    ) -> Result<Vec<(u64, Option<Entry>)>, StoreError> {
        let node = self.leaf(leaf)?;
        let known = node.entries.iter().filter(|(_, entry)| entry.look <= now);
        let mut numbers: Vec<_> = known.map(|(number, entry)| (*number, Some(*entry))).collect();
        let end = end_of_leaf(leaf).min(last + 1);
        numbers.extend((node.up_to..end).map(|number| (number, None)));
        Ok(numbers)
    }

    /// Notes what is known of a number whose leaf was read.
    pub(crate) fn put(&mut self, number: u64, entry: Entry) {
        if let Some(leaf) = self.leaves.get_mut(&leaf_of(number)) {
            leaf.entries.insert(number, entry);
        }
    }

    /// Notes that a number is done with.
    pub(crate) fn forget(&mut self, number: u64) {
        if let Some(leaf) = self.leaves.get_mut(&leaf_of(number)) {
            leaf.entries.remove(&number);
        }
    }

    /// Returns the changes to write once all due numbers are noted, and the keys of the nodes that
    /// are finished.
    ///
    /// A node is deleted before the one above stops naming it. After a crash between the two a node
    /// is named, holds nothing live and is not there; [`is_done`] reads that as finished.
    pub(crate) fn entries(&mut self) -> Result<Changes, StoreError> {
        // Of whatever was read for what is due, all that it did not know was due.
        let leaves: BTreeSet<_> = self.leaves.keys().copied().collect();
        let branches: BTreeSet<_> = self.branches.keys().copied().collect();
        self.advance(&leaves, &branches);
        let done = |level, index: &u64| keys::summary(self.log, level, *index);
        let mut gone: BTreeSet<String> = BTreeSet::new();
        for index in &leaves {
            let named = |branch: &Branch| branch.entries.contains_key(index);
            if self.branches.get(&branch_of(*index)).is_some_and(|branch| !named(branch)) {
                gone.insert(done(LEAVES, index));
            }
        }
        for index in branches.iter().filter(|index| !self.root.entries.contains_key(index)) {
            gone.insert(done(BRANCHES, index));
        }
        let mut written = self.written()?;
        written.retain(|(key, _)| !gone.contains(key));
        Ok(Changes { written, gone: gone.into_iter().collect() })
    }

    /// Has these nodes, and the root, know all numbers up to the last.
    fn advance(&mut self, leaves: &BTreeSet<u64>, branches: &BTreeSet<u64>) {
        let next = self.head + 1;
        for index in leaves {
            let Some(leaf) = self.leaves.get_mut(index) else { continue };
            leaf.up_to = leaf.up_to.max(end_of_leaf(*index).min(next));
            let Some(branch) = self.branches.get_mut(&branch_of(*index)) else { continue };
            if leaf.entries.is_empty() && end_of_leaf(*index) <= self.head {
                branch.entries.remove(index);
            } else {
                branch.entries.insert(*index, leaf.fact());
            }
        }
        for index in branches {
            let Some(branch) = self.branches.get_mut(index) else { continue };
            branch.up_to = branch.up_to.max(end_of_branch(*index).min(next));
            if branch.entries.is_empty() && end_of_branch(*index) <= self.head {
                self.root.entries.remove(index);
            } else {
                self.root.entries.insert(*index, branch.fact(end_of_leaf));
            }
        }
        self.root.up_to = self.root.up_to.max(next);
    }

    /// Returns the changes for a single number; none if no node that is read lists it.
    pub(crate) fn entries_of(
        &mut self,
        number: u64,
        entry: Entry,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let leaf = leaf_of(number);
        let index = branch_of(leaf);
        if !self.root.entries.contains_key(&index)
            || !self.branch(index)?.entries.contains_key(&leaf)
            || !self.leaf(leaf)?.entries.contains_key(&number)
        {
            return Ok(vec![]);
        }
        self.put(number, entry);
        self.derive();
        self.written()
    }

    /// Looks again at all that is noted as live, and at the numbers that are not known yet, as `look` says.
    ///
    /// What comes of it rides with the next write of whoever asks; where a node below knows less than the
    /// one above, that is left to the sweep.
    pub(crate) fn refresh(
        &mut self,
        mut look: impl FnMut(u64) -> Result<Option<Entry>, StoreError>,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let root = &self.root;
        let counts = |(index, fact): (&u64, &Fact)| {
            fact.live + root.gap(end_of_branch(*index), fact.up_to) > 0
        };
        let indexes: Vec<_> =
            root.entries.iter().filter(|entry| counts(*entry)).map(|(index, _)| *index).collect();
        for index in indexes {
            let branch = self.branch(index)?;
            let counts = |(leaf, fact): (&u64, &Fact)| {
                fact.live + branch.gap(end_of_leaf(*leaf), fact.up_to) > 0
            };
            let leaves: Vec<_> = branch
                .entries
                .iter()
                .filter(|entry| counts(*entry))
                .map(|(leaf, _)| *leaf)
                .collect();
            for leaf in leaves {
                let live = self.leaf(leaf)?.entries.iter().filter(|(_, entry)| entry.live);
                let live: Vec<_> = live.map(|(number, _)| *number).collect();
                for number in live {
                    // Only an end is news: all else is the sweep's to note.
                    if let Some(entry) = look(number)?.filter(|entry| !entry.live) {
                        self.put(number, entry);
                    }
                }
            }
        }
        self.derive();
        let (from, head) = (self.root.up_to, self.head);
        let leaves: BTreeSet<_> = (from..=head).map(leaf_of).collect();
        let branches: BTreeSet<_> = leaves.iter().map(|leaf| branch_of(*leaf)).collect();
        for index in &branches {
            if self.branch(*index)?.up_to < from.max(first_of_branch(*index)) {
                return self.written();
            }
        }
        for leaf in &leaves {
            if self.leaf(*leaf)?.up_to < from.max(first_of_leaf(*leaf)) {
                return self.written();
            }
        }
        for number in from..=head {
            let Some(entry) = look(number)? else { continue };
            let leaf = self.leaf(leaf_of(number))?;
            let ends = !entry.live && leaf.entries.contains_key(&number);
            if number >= leaf.up_to || ends {
                self.put(number, entry);
            }
        }
        if head >= from {
            self.advance(&leaves, &branches);
        }
        self.written()
    }

    /// Brings the nodes above up to date with those below, without claiming to know more.
    fn derive(&mut self) {
        for (index, leaf) in &self.leaves {
            if let Some(branch) = self.branches.get_mut(&branch_of(*index))
                && let Some(fact) = branch.entries.get_mut(index)
            {
                *fact = leaf.fact();
            }
        }
        for (index, branch) in &self.branches {
            if let Some(fact) = self.root.entries.get_mut(index) {
                *fact = branch.fact(end_of_leaf);
            }
        }
    }

    fn written(&self) -> Result<Written, StoreError> {
        let mut entries = vec![];
        for (index, leaf) in &self.leaves {
            entries.push(write_node(keys::summary(self.log, LEAVES, *index), leaf)?);
        }
        for (index, branch) in &self.branches {
            entries.push(write_node(keys::summary(self.log, BRANCHES, *index), branch)?);
        }
        entries.push(write_node(keys::summary(self.log, ROOT, 0), &self.root)?);
        entries.retain(|(key, value)| self.read.get(key) != Some(value));
        Ok(entries)
    }

    /// Lists the numbers again that are done with by these summaries and still live, as `lives` says: `limit`
    /// of them are looked at, from a number on. Answers what is to be written, and where it goes on.
    ///
    /// Only if a summary was lost, or an older one stands where another knew more, is there any.
    pub(crate) fn rebuild(
        &mut self,
        from: u64,
        limit: u64,
        mut lives: impl FnMut(u64) -> Result<bool, StoreError>,
    ) -> Result<(Written, Option<u64>), StoreError> {
        // What no summary knows yet is looked at by the next sweep anyway.
        let known = self.head.min(self.root.up_to - 1);
        let last = known.min(from + limit - 1);
        for number in from..=last {
            if self.next(number)? != Some(number) && lives(number)? {
                self.relist(number)?;
            }
        }
        Ok((self.written()?, (last < known).then_some(last + 1)))
    }

    /// Names a number again, in every node above it.
    fn relist(&mut self, number: u64) -> Result<(), StoreError> {
        let leaf = leaf_of(number);
        let branch = branch_of(leaf);
        if self.root.entries.contains_key(&branch) {
            self.branch(branch)?;
        } else {
            let up_to = end_of_branch(branch).min(self.root.up_to);
            self.branches.insert(branch, Branch::empty(up_to));
        }
        let above = &self.branches[&branch];
        if above.entries.contains_key(&leaf) {
            self.leaf(leaf)?;
        } else {
            let up_to = end_of_leaf(leaf).min(above.up_to);
            self.leaves.insert(leaf, Leaf::empty(up_to));
        }
        self.put(number, Entry { look: 0, live: true, noticed: None });
        let fact = self.leaves[&leaf].fact();
        if let Some(above) = self.branches.get_mut(&branch) {
            above.entries.insert(leaf, fact);
            self.root.entries.insert(branch, above.fact(end_of_leaf));
        }
        Ok(())
    }

    /// The next number from `number` on that is not done with, if there is one.
    pub(crate) fn next(&mut self, mut number: u64) -> Result<Option<u64>, StoreError> {
        while number <= self.head {
            if number >= self.root.up_to {
                return Ok(Some(number));
            }
            let leaf = leaf_of(number);
            let index = branch_of(leaf);
            if !self.root.entries.contains_key(&index) {
                number = end_of_branch(index);
                continue;
            }
            let branch = self.branch(index)?;
            if number >= branch.up_to {
                return Ok(Some(number));
            }
            if !branch.entries.contains_key(&leaf) {
                number = end_of_leaf(leaf);
                continue;
            }
            let node = self.leaf(leaf)?;
            if number >= node.up_to || node.entries.contains_key(&number) {
                return Ok(Some(number));
            }
            number += 1;
        }
        Ok(None)
    }

    /// The keys of the nodes that were read.
    pub(crate) fn node_keys(&self) -> Vec<String> {
        self.read.keys().cloned().collect()
    }

    /// The keys of the root and of the counter, for a log that is done with for ever.
    pub(crate) fn last_keys(&self) -> Vec<String> {
        vec![keys::summary(self.log, ROOT, 0), keys::count(self.log)]
    }

    fn branch(&mut self, index: u64) -> Result<&Branch, StoreError> {
        if !self.branches.contains_key(&index) {
            let (first, end) = (first_of_branch(index), end_of_branch(index));
            let branch = self.node(BRANCHES, index)?.unwrap_or_else(|| {
                let done = is_done(self.root.entries.get(&index), end);
                Branch::empty(if done { end } else { first })
            });
            self.branches.insert(index, branch);
        }
        Ok(&self.branches[&index])
    }

    fn leaf(&mut self, index: u64) -> Result<&Leaf, StoreError> {
        if !self.leaves.contains_key(&index) {
            let above = self.branches.get(&branch_of(index));
            let known = above.and_then(|branch| branch.entries.get(&index)).copied();
            let (first, end) = (first_of_leaf(index), end_of_leaf(index));
            let leaf = self.node(LEAVES, index)?.unwrap_or_else(|| {
                Leaf::empty(if is_done(known.as_ref(), end) { end } else { first })
            });
            self.leaves.insert(index, leaf);
        }
        Ok(&self.leaves[&index])
    }

    fn node<N: DeserializeOwned>(
        &mut self,
        level: u8,
        index: u64,
    ) -> Result<Option<N>, StoreError> {
        let key = keys::summary(self.log, level, index);
        let Some(bytes) = self.store.get(&key)? else { return Ok(None) };
        let node = record::read(&key, &bytes)?;
        self.read.insert(key, bytes);
        Ok(Some(node))
    }
}

/// Returns true if a node that is named above and is not there was deleted because all of it was
/// finished.
fn is_done(known: Option<&Fact>, end: u64) -> bool {
    known.is_some_and(|fact| fact.live == 0 && fact.up_to >= end)
}

pub(super) fn write_node<N: Serialize>(
    key: String,
    node: &N,
) -> Result<(String, Vec<u8>), StoreError> {
    let value = record::write(&key, node)?;
    Ok((key, value))
}

/// The level next to the numbers.
pub(super) const LEAVES: u8 = 0;

/// The level above it.
pub(super) const BRANCHES: u8 = 1;

/// The one node above all.
pub(super) const ROOT: u8 = 2;
