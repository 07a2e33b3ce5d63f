//! The numbers of a ledger that are due, found from the root down.

use std::collections::{BTreeMap, BTreeSet};

use super::super::node::{
    IndexEntry, branch_index_of, first_number_after_branch, first_number_after_leaf, leaf_index_of,
};
use super::{DueNumbers, LedgerIndex};
use crate::{KeyValue, StoreError};

impl<K: KeyValue> LedgerIndex<'_, K> {
    /// Returns the numbers that are due by `now`, about `limit` of them.
    ///
    /// The last number of this reading is set back to the last one of the batch. Otherwise the nodes would
    /// cover numbers that the batch has no room for, and those would be taken for finished.
    pub(crate) fn find_due_numbers(
        &mut self,
        now: i64,
        limit: usize,
    ) -> Result<DueNumbers, StoreError> {
        let last = self.head.min(self.root.up_to - 1 + limit as u64);
        let mut more = last < self.head;
        self.head = last;
        // A gap is due: the node below does not cover what the root does, so its numbers must be seen.
        let mut branches: BTreeSet<u64> = self
            .root
            .entries
            .iter()
            .filter(|(index, fact)| {
                fact.look <= now
                    || self.root.count_numbers_unknown_to_child(
                        first_number_after_branch(**index),
                        fact.up_to,
                    ) > 0
            })
            .map(|(index, _)| *index)
            .collect();
        branches
            .extend((self.root.up_to..=last).map(|number| branch_index_of(leaf_index_of(number))));
        let mut numbers = vec![];
        for index in branches {
            // A branch with new numbers is read even if the batch is full: the root will cover them
            // after this batch, so each has to be in it. `last` keeps them to `limit`.
            let full = numbers.len() >= limit;
            if full && first_number_after_branch(index) <= self.root.up_to {
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
        Ok(DueNumbers { numbers, more })
    }

    /// Returns the leaves of a branch that are due, each with true if it holds numbers that the branch
    /// does not cover yet.
    fn due_leaves(
        &mut self,
        index: u64,
        now: i64,
        last: u64,
    ) -> Result<BTreeMap<u64, bool>, StoreError> {
        let branch = self.read_branch(index)?;
        let mut leaves: BTreeMap<u64, bool> = branch
            .entries
            .iter()
            .filter(|(leaf, fact)| {
                fact.look <= now
                    || branch
                        .count_numbers_unknown_to_child(first_number_after_leaf(**leaf), fact.up_to)
                        > 0
            })
            .map(|(leaf, _)| (*leaf, false))
            .collect();
        let end = first_number_after_branch(index).min(last + 1);
        leaves.extend((branch.up_to..end).map(|number| (leaf_index_of(number), true)));
        Ok(leaves)
    }

    /// Returns the numbers of a leaf that are due, and those that it does not cover.
    fn due_numbers(
        &mut self,
        leaf: u64,
        now: i64,
        last: u64,
    ) -> Result<Vec<(u64, Option<IndexEntry>)>, StoreError> {
        let node = self.read_leaf(leaf)?;
        let known = node.entries.iter().filter(|(_, entry)| entry.look <= now);
        let mut numbers: Vec<_> = known.map(|(number, entry)| (*number, Some(*entry))).collect();
        let end = first_number_after_leaf(leaf).min(last + 1);
        numbers.extend((node.up_to..end).map(|number| (number, None)));
        Ok(numbers)
    }
}
