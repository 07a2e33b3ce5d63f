//! An index of many numbers: a tree of summaries above each ledger.
//!
//! A sweep asks which numbers of a ledger are due, and an issuer how many leases live. Both read the tree from
//! the root down, and only where something is due or lives, so the cost does not grow with what has ended.
//!
//! Each node stores `up_to`: it covers all numbers of its own below that. A number that is covered and not
//! listed is finished for ever. An example, with three numbers to a leaf and three leaves to a branch (in
//! truth it is 64), of a ledger whose counter stands at 16:
//!
//! ```text
//!                      root  up_to 15
//!               ┌────────────┴────────────┐
//!      branch 0  up_to 9          branch 1  up_to 15            numbers 1 to 8, 9 to 17
//!               │                 ┌───────┴────────┐
//!        leaf 1  up_to 6   leaf 3  up_to 12   leaf 4  up_to 14  numbers 3 to 5, 9 to 11, 12 to 14
//!        4: due 300, live  10: due 90, live   12: due 500, live
//! ```
//!
//! | numbers | why | are |
//! |---|---|---|
//! | 1, 2, 6, 7, 8 | `branch 0` covers them, and names neither `leaf 0` nor `leaf 2` | finished |
//! | 3, 5, 9, 11, 13 | their leaves cover them, and do not list them | finished |
//! | 4, 10, 12 | their leaves list them | live, and due at their times |
//! | 14 | `branch 1` covers it, `leaf 4` does not: a gap, from an older version of the leaf | counted as live, due at once |
//! | 15, 16 | no node covers them: they were given since the last sweep | counted as live, due at once |
//!
//! So 6 leases may live. The next sweep looks at 14, 15 and 16, and writes what it finds.
//!
//! A summary states only what stays true for ever. That a number is void or its lease has ended is final,
//! ends only grow, and counts are derived from the entries of the same node, never changed by a difference.
//! So if two writers meet, either version may stand: an older one costs work, and says nothing untrue.

pub(crate) mod fanout;
mod ledger_index;
mod node;

pub(crate) use self::ledger_index::{IndexChanges, LedgerIndex};
pub(crate) use self::node::IndexEntry;

#[cfg(feature = "testing")]
pub use self::filled_index::FilledIndex;
#[cfg(feature = "testing")]
mod filled_index;
