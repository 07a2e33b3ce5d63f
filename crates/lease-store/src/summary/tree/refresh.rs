//! A new look at the live numbers, for an exact count.

use std::collections::BTreeSet;

use super::super::node::{
    Entry, Fact, branch_of, end_of_branch, end_of_leaf, first_of_branch, first_of_leaf, leaf_of,
};
use super::Tree;
use crate::{KeyValue, StoreError};

impl<K: KeyValue> Tree<'_, K> {
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
}
