//! A repair of summaries that were lost, or put back from an older copy.

use super::super::node::{
    Branch, IndexEntry, Leaf, branch_index_of, first_number_after_branch, first_number_after_leaf,
    leaf_index_of,
};
use super::{LedgerIndex, NodeEntries};
use crate::{KeyValue, StoreError};

impl<K: KeyValue> LedgerIndex<'_, K> {
    /// Lists live numbers again that the summaries take for finished, as `lives` says: `limit` numbers
    /// are looked at, beginning with `from`. Returns the nodes to write, and the number at which the
    /// next call goes on.
    ///
    /// There are such numbers only after a summary was lost, or an older copy of the store put back. Their
    /// leases would be found by no sweep.
    pub(crate) fn relist_lost_live_numbers(
        &mut self,
        from: u64,
        limit: u64,
        mut lives: impl FnMut(u64) -> Result<bool, StoreError>,
    ) -> Result<(NodeEntries, Option<u64>), StoreError> {
        // The next sweep looks at the numbers that no summary covers anyway.
        let known = self.head.min(self.root.up_to - 1);
        let last = known.min(from + limit - 1);
        for number in from..=last {
            if self.find_next_unfinished_number(number)? != Some(number) && lives(number)? {
                self.relist_number_for_sweep(number)?;
            }
        }
        Ok((self.changed_entries()?, (last < known).then_some(last + 1)))
    }

    /// Lists a number again, in every node above it, as due at once.
    ///
    /// A missing node is made with the `up_to` of the node above: it covers the same numbers as before,
    /// all of them finished but for those that are listed again.
    fn relist_number_for_sweep(&mut self, number: u64) -> Result<(), StoreError> {
        let leaf = leaf_index_of(number);
        let branch = branch_index_of(leaf);
        if self.root.entries.contains_key(&branch) {
            self.read_branch(branch)?;
        } else {
            let up_to = first_number_after_branch(branch).min(self.root.up_to);
            self.branches.insert(branch, Branch::empty_branch_covering_before(up_to));
        }
        let above = &self.branches[&branch];
        if above.entries.contains_key(&leaf) {
            self.read_leaf(leaf)?;
        } else {
            let up_to = first_number_after_leaf(leaf).min(above.up_to);
            self.leaves.insert(leaf, Leaf::empty_leaf_covering_before(up_to));
        }
        self.note_entry(number, IndexEntry { look: 0, live: true, noticed: None });
        let fact = self.leaves[&leaf].summarize();
        if let Some(above) = self.branches.get_mut(&branch) {
            above.entries.insert(leaf, fact);
            self.root.entries.insert(branch, above.summarize(first_number_after_leaf));
        }
        Ok(())
    }
}
