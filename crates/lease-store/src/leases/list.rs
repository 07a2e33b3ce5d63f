//! Leases, page by page.

use crate::summary::Tree;
use crate::{Held, KeyValue, Leases, Place, StoreError, Which};

/// A part of the leases, in the order of their logs and numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasePage {
    /// The leases.
    pub items: Vec<Held>,
    /// The place at which the next part begins; absent at the end.
    pub next: Option<Place>,
}

impl<K: KeyValue> Leases<'_, K> {
    /// At most `limit` leases that are to be kept, from a place on.
    ///
    /// It looks at no more than `examine` leases, so a page may be short or empty and still go on.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn page(
        &self,
        logs: &[u64],
        from: Option<Place>,
        limit: usize,
        examine: usize,
        mut keep: impl FnMut(&Held) -> bool,
    ) -> Result<LeasePage, StoreError> {
        let from = from.unwrap_or(Place { log: 0, number: 0 });
        let (mut items, mut examined) = (vec![], 0);
        for log in logs.iter().copied().filter(|log| *log >= from.log) {
            let mut tree = Tree::read(self.store, Which::Secret(log))?;
            let mut number = if log == from.log { from.number.max(1) } else { 1 };
            while let Some(found) = tree.next(number)? {
                let place = Place { log, number: found };
                if items.len() == limit || examined == examine {
                    return Ok(LeasePage { items, next: Some(place) });
                }
                examined += 1;
                items.extend(self.held(place)?.filter(|held| keep(held)));
                number = found + 1;
            }
        }
        Ok(LeasePage { items, next: None })
    }
}
