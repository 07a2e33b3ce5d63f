//! A new look at the live numbers, for an exact count.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::super::node::{
    IndexEntry, NodeSummary, branch_index_of, first_number_after_branch, first_number_after_leaf,
    first_number_of_branch, first_number_of_leaf, leaf_index_of,
};
use super::LedgerIndex;
use crate::{KeyValue, StoreError};

impl<K: KeyValue> LedgerIndex<'_, K> {
    /// Looks again at the numbers that count as live, and at those that no summary covers yet.
    /// Returns the nodes to write, which ride with the next write of the caller.
    ///
    /// An issuer refreshes if the cap seems to be reached: the summaries only say what the last sweep
    /// saw, so leases that have ended since still count. `look` returns the entry of a number as the
    /// store has it now, or `None` if nothing can be said.
    pub(crate) fn recount_live_numbers(
        &mut self,
        mut look: impl FnMut(u64) -> Result<Option<IndexEntry>, StoreError>,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        for branch in self.live_branches() {
            for leaf in self.live_leaves(branch)? {
                self.recount_leaf(leaf, &mut look)?;
            }
        }
        self.derive_parents();
        self.index_new_numbers(self.root.up_to..=self.head, &mut look)?;
        self.changed_entries()
    }

    fn live_branches(&self) -> Vec<u64> {
        let root = &self.root;
        let is_live = |(index, fact): &(&u64, &NodeSummary)| {
            fact.live
                + root
                    .count_numbers_unknown_to_child(first_number_after_branch(**index), fact.up_to)
                > 0
        };
        root.entries.iter().filter(is_live).map(|(index, _)| *index).collect()
    }

    fn live_leaves(&mut self, branch: u64) -> Result<Vec<u64>, StoreError> {
        let branch = self.read_branch(branch)?;
        let is_live = |(leaf, fact): &(&u64, &NodeSummary)| {
            fact.live
                + branch.count_numbers_unknown_to_child(first_number_after_leaf(**leaf), fact.up_to)
                > 0
        };
        Ok(branch.entries.iter().filter(is_live).map(|(leaf, _)| *leaf).collect())
    }

    /// Looks again at the numbers that a leaf lists as live.
    fn recount_leaf(
        &mut self,
        leaf: u64,
        look: &mut impl FnMut(u64) -> Result<Option<IndexEntry>, StoreError>,
    ) -> Result<(), StoreError> {
        let live = self.read_leaf(leaf)?.entries.iter().filter(|(_, entry)| entry.live);
        let live: Vec<_> = live.map(|(number, _)| *number).collect();
        for number in live {
            // Only an end is final. An entry that still lives may be due, and its due time is the
            // sweep's to write: an issuer that moved it could hide the lease from the next sweep.
            if let Some(entry) = look(number)?.filter(|entry| !entry.live) {
                self.note_entry(number, entry);
            }
        }
        Ok(())
    }

    /// Notes the numbers that the root does not cover yet, and lets all nodes cover them.
    fn index_new_numbers(
        &mut self,
        new: RangeInclusive<u64>,
        look: &mut impl FnMut(u64) -> Result<Option<IndexEntry>, StoreError>,
    ) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        let leaves: BTreeSet<_> = new.clone().map(leaf_index_of).collect();
        let branches: BTreeSet<_> = leaves.iter().map(|leaf| branch_index_of(*leaf)).collect();
        if !self.covers_all_before(*new.start(), &leaves, &branches)? {
            return Ok(());
        }
        for number in new {
            let Some(entry) = look(number)? else { continue };
            let leaf = self.read_leaf(leaf_index_of(number))?;
            let ends = !entry.live && leaf.entries.contains_key(&number);
            // A leaf may know more than the root, after a crash between two writes. What it knows of
            // a live number stands, for the reason above.
            if number >= leaf.up_to || ends {
                self.note_entry(number, entry);
            }
        }
        self.cover_all_numbers(&leaves, &branches);
        Ok(())
    }

    /// Returns true if each of these nodes covers all of its numbers before `first`.
    ///
    /// If a node below covers less than the root, an older version of it was written over a newer one.
    /// To advance it would declare its missing numbers finished, and their leases would never be
    /// revoked. The sweep looks at each of them instead.
    fn covers_all_before(
        &mut self,
        first: u64,
        leaves: &BTreeSet<u64>,
        branches: &BTreeSet<u64>,
    ) -> Result<bool, StoreError> {
        for index in branches {
            if self.read_branch(*index)?.up_to < first.max(first_number_of_branch(*index)) {
                return Ok(false);
            }
        }
        for leaf in leaves {
            if self.read_leaf(*leaf)?.up_to < first.max(first_number_of_leaf(*leaf)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
