//! What is known of many numbers at once: a tree of summaries above each log.
//!
//! A summary states only what stays true for ever. That a number is void or its lease has ended is final,
//! ends only grow, and counts are derived from what was read in the same node, never changed by a
//! difference. So of two writers either version may stand: an older one costs work, and tells no untruth.

mod node;
mod tree;

pub(crate) use self::node::Entry;
pub(crate) use self::tree::{Changes, Tree};

#[cfg(any(test, feature = "testing"))]
pub(crate) use self::filling::Filling;
#[cfg(feature = "testing")]
pub(crate) mod fanout;
#[cfg(any(test, feature = "testing"))]
mod filling;
