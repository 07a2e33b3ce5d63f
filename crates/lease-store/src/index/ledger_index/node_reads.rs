//! The nodes of a tree, each read from the store when it is first needed.

use serde::de::DeserializeOwned;

use super::super::node::{
    Branch, Leaf, NodeSummary, branch_index_of, first_number_after_branch, first_number_after_leaf,
    first_number_of_branch, first_number_of_leaf, leaf_index_of,
};
use super::{BRANCH_LEVEL, LEAF_LEVEL, LedgerIndex};
use crate::{KeyValue, StoreError, keys, record};

impl<K: KeyValue> LedgerIndex<'_, K> {
    /// Returns the next number from `number` on that is not finished, if there is one.
    pub(crate) fn find_next_unfinished_number(
        &mut self,
        mut number: u64,
    ) -> Result<Option<u64>, StoreError> {
        while number <= self.head {
            // A number that a node does not cover may live, at each of the levels.
            if number >= self.root.up_to {
                return Ok(Some(number));
            }
            let leaf = leaf_index_of(number);
            let index = branch_index_of(leaf);
            if !self.root.entries.contains_key(&index) {
                // The root covers the branch and does not name it: all of its numbers are finished.
                number = first_number_after_branch(index);
                continue;
            }
            let branch = self.read_branch(index)?;
            if number >= branch.up_to {
                return Ok(Some(number));
            }
            if !branch.entries.contains_key(&leaf) {
                // The same of a leaf that its branch does not name.
                number = first_number_after_leaf(leaf);
                continue;
            }
            let node = self.read_leaf(leaf)?;
            if number >= node.up_to || node.entries.contains_key(&number) {
                return Ok(Some(number));
            }
            number += 1;
        }
        Ok(None)
    }

    /// Reads a branch, once. A missing one covers all of its numbers if it was deleted as finished, and
    /// none of them otherwise: then each of its numbers is looked at.
    pub(super) fn read_branch(&mut self, index: u64) -> Result<&Branch, StoreError> {
        if !self.branches.contains_key(&index) {
            let (first, end) = (first_number_of_branch(index), first_number_after_branch(index));
            let branch = self.read_node(BRANCH_LEVEL, index)?.unwrap_or_else(|| {
                let done = was_deleted_as_finished(self.root.entries.get(&index), end);
                Branch::empty_branch_covering_before(if done { end } else { first })
            });
            self.branches.insert(index, branch);
        }
        Ok(&self.branches[&index])
    }

    /// Reads a leaf, once; a missing one is taken as a missing branch is.
    pub(super) fn read_leaf(&mut self, index: u64) -> Result<&Leaf, StoreError> {
        if !self.leaves.contains_key(&index) {
            let above = self.branches.get(&branch_index_of(index));
            let known = above.and_then(|branch| branch.entries.get(&index)).copied();
            let (first, end) = (first_number_of_leaf(index), first_number_after_leaf(index));
            let leaf =
                self.read_node(LEAF_LEVEL, index)?.unwrap_or_else(|| {
                    Leaf::empty_leaf_covering_before(
                        if was_deleted_as_finished(known.as_ref(), end) { end } else { first },
                    )
                });
            self.leaves.insert(index, leaf);
        }
        Ok(&self.leaves[&index])
    }

    pub(super) fn read_node<N: DeserializeOwned>(
        &mut self,
        level: u8,
        index: u64,
    ) -> Result<Option<N>, StoreError> {
        let key = keys::index_node_key(self.ledger, level, index);
        let Some(bytes) = self.store.get(&key)? else { return Ok(None) };
        let node = record::decode_record(&key, &bytes)?;
        self.read.insert(key, bytes);
        Ok(Some(node))
    }
}

/// Returns true if a node that is named above and is not there was deleted because all of it was
/// finished.
fn was_deleted_as_finished(known: Option<&NodeSummary>, end: u64) -> bool {
    known.is_some_and(|fact| fact.live == 0 && fact.up_to >= end)
}
