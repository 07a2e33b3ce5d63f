//! The fanout of an index: the numbers of a leaf, and the nodes below a branch.

#[cfg(feature = "testing")]
use std::sync::atomic::{AtomicU64, Ordering};

/// The fanout of every index.
///
/// A leaf is read and written whole with each batch of due numbers, so it stays below 4 KiB. Three
/// levels hold 262,144 live numbers before the root itself becomes large.
const FANOUT: u64 = 64;

#[cfg(not(feature = "testing"))]
pub(super) fn fanout() -> u64 {
    FANOUT
}

/// The fanout that a test has chosen: most want a tree of few numbers.
#[cfg(feature = "testing")]
static CHOSEN: AtomicU64 = AtomicU64::new(FANOUT);

#[cfg(feature = "testing")]
pub(super) fn fanout() -> u64 {
    CHOSEN.load(Ordering::Relaxed)
}

/// Chooses the fanout of every index of this process.
#[cfg(feature = "testing")]
pub fn choose_fanout(fanout: u64) {
    CHOSEN.store(fanout, Ordering::Relaxed);
}
