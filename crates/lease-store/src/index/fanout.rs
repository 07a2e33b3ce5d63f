//! Smaller nodes, for tests that want a tree of few numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use super::node::FANOUT;

static CHOSEN: AtomicU64 = AtomicU64::new(FANOUT);

pub(crate) fn get() -> u64 {
    CHOSEN.load(Ordering::Relaxed)
}

pub(crate) fn choose_fanout(fanout: u64) {
    CHOSEN.store(fanout, Ordering::Relaxed);
}
