//! Summaries of many numbers at once, for tests of what many cost.

use std::collections::BTreeMap;

use super::ledger_index::{BRANCH_LEVEL, LEAF_LEVEL, ROOT_LEVEL, node_entry};
use super::node::{
    Branch, IndexEntry, Leaf, branch_index_of, first_number_after_branch, first_number_after_leaf,
    leaf_index_of,
};
use crate::{LedgerId, keys};

/// A ledger all of whose numbers live, and are looked at later.
pub struct FilledIndex {
    /// The ledger.
    pub ledger: LedgerId,
    /// Its last number.
    pub last: u64,
    /// The time at which each number is looked at again, in seconds.
    pub look: i64,
}

impl FilledIndex {
    /// Returns the nodes of its index, as the store has them.
    ///
    /// # Panics
    /// If a node cannot be written.
    #[must_use]
    pub fn node_entries(&self) -> Vec<(String, Vec<u8>)> {
        let next = self.last + 1;
        let mut leaves: BTreeMap<u64, Leaf> = BTreeMap::new();
        for number in 1..next {
            let up_to = first_number_after_leaf(leaf_index_of(number)).min(next);
            let leaf = leaves
                .entry(leaf_index_of(number))
                .or_insert_with(|| Leaf::empty_leaf_covering_before(up_to));
            leaf.entries.insert(number, IndexEntry { look: self.look, live: true, noticed: None });
        }
        let mut branches: BTreeMap<u64, Branch> = BTreeMap::new();
        for (index, leaf) in &leaves {
            let up_to = first_number_after_branch(branch_index_of(*index)).min(next);
            let branch = branches
                .entry(branch_index_of(*index))
                .or_insert_with(|| Branch::empty_branch_covering_before(up_to));
            branch.entries.insert(*index, leaf.summarize());
        }
        let mut root = Branch::empty_branch_covering_before(next);
        for (index, branch) in &branches {
            root.entries.insert(*index, branch.summarize(first_number_after_leaf));
        }
        let key = |level, index| keys::index_node_key(self.ledger, level, index);
        let mut entries = vec![node_entry(key(ROOT_LEVEL, 0), &root)];
        entries.extend(
            branches.iter().map(|(index, node)| node_entry(key(BRANCH_LEVEL, *index), node)),
        );
        entries
            .extend(leaves.iter().map(|(index, node)| node_entry(key(LEAF_LEVEL, *index), node)));
        entries.into_iter().map(|entry| entry.expect("writes")).collect()
    }
}
