//! Leases, page by page.

use crate::index::LedgerIndex;
use crate::{KeyValue, LeaseKey, Leases, LedgerId, StoreError, StoredLease};

/// A part of the leases, in the order of their ledgers and numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasePage {
    /// The leases.
    pub items: Vec<StoredLease>,
    /// The place at which the next part begins; absent at the end.
    pub next: Option<LeaseKey>,
}

/// The bounds of one page.
#[derive(Debug, Clone, Copy)]
pub struct PageLimits {
    /// The most leases of the page.
    pub items: usize,
    /// The most leases that are read for it: a page may be short or empty, and still have a next one.
    pub examined: usize,
}

impl<K: KeyValue> Leases<'_, K> {
    /// Returns the leases of these ledgers that are to be kept, from a place on, up to `limits`.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn list_page(
        &self,
        ledgers: &[u64],
        from: Option<LeaseKey>,
        limits: PageLimits,
        mut keep: impl FnMut(&StoredLease) -> bool,
    ) -> Result<LeasePage, StoreError> {
        let from = from.unwrap_or(LeaseKey { ledger: 0, number: 0 });
        let (mut items, mut examined) = (vec![], 0);
        for ledger in ledgers.iter().copied().filter(|ledger| *ledger >= from.ledger) {
            let mut tree = LedgerIndex::read_root(self.store, LedgerId::DynamicSecret(ledger))?;
            let mut number = if ledger == from.ledger { from.number.max(1) } else { 1 };
            while let Some(found) = tree.find_next_unfinished_number(number)? {
                let place = LeaseKey { ledger, number: found };
                if items.len() == limits.items || examined == limits.examined {
                    return Ok(LeasePage { items, next: Some(place) });
                }
                examined += 1;
                items.extend(self.read_lease_at(place)?.filter(|held| keep(held)));
                number = found + 1;
            }
        }
        Ok(LeasePage { items, next: None })
    }
}
