//! Summaries of many numbers at once, for tests of what many cost.

use std::collections::BTreeMap;

use super::node::{Branch, IndexEntry, Leaf, branch_of, end_of_branch, end_of_leaf, leaf_of};
use super::tree::{BRANCHES, LEAVES, ROOT, write_node};
use crate::{LedgerId, keys};

/// A ledger all of whose numbers live, and are looked at later.
pub(crate) struct Filling {
    pub(crate) ledger: LedgerId,
    pub(crate) last: u64,
    pub(crate) look: i64,
}

impl Filling {
    /// The nodes of its summary.
    pub(crate) fn node_entries(&self) -> Vec<(String, Vec<u8>)> {
        let next = self.last + 1;
        let mut leaves: BTreeMap<u64, Leaf> = BTreeMap::new();
        for number in 1..next {
            let up_to = end_of_leaf(leaf_of(number)).min(next);
            let leaf = leaves.entry(leaf_of(number)).or_insert_with(|| Leaf::empty_from(up_to));
            leaf.entries.insert(number, IndexEntry { look: self.look, live: true, noticed: None });
        }
        let mut branches: BTreeMap<u64, Branch> = BTreeMap::new();
        for (index, leaf) in &leaves {
            let up_to = end_of_branch(branch_of(*index)).min(next);
            let branch =
                branches.entry(branch_of(*index)).or_insert_with(|| Branch::empty_from(up_to));
            branch.entries.insert(*index, leaf.summarize());
        }
        let mut root = Branch::empty_from(next);
        for (index, branch) in &branches {
            root.entries.insert(*index, branch.summarize(end_of_leaf));
        }
        let key = |level, index| keys::index_node_key(self.ledger, level, index);
        let mut entries = vec![write_node(key(ROOT, 0), &root)];
        entries
            .extend(branches.iter().map(|(index, node)| write_node(key(BRANCHES, *index), node)));
        entries.extend(leaves.iter().map(|(index, node)| write_node(key(LEAVES, *index), node)));
        entries.into_iter().map(|entry| entry.expect("writes")).collect()
    }
}
