//! What goes wrong with a request.

use std::fmt;

use super::Sent;

/// A fault of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request is refused: 403.
    Forbid,
    /// The request is not done, and answered with this status and reason and these `details`, in
    /// which `NAME`, `GROUP` and `KIND` stand for what the request names in its path.
    Misplace(u16, &'static str, &'static str),
    /// The request is refused with this message: 403.
    Deny(&'static str),
    /// The request is refused for now: 429, and these seconds in `Retry-After`.
    Busy(u64),
    /// The server fails before it does anything: this status, and no reason.
    Fail(u16),
    /// The request is done, and a gateway answers with this status.
    FailAfter(u16),
    /// Nothing listens.
    Unreachable,
    /// The request is not done, and no answer comes in time.
    Lose,
    /// The request is done, and no answer comes in time.
    LoseAnswer,
    /// The request is done, and the exchange breaks off.
    BreakAnswer,
    /// The request is not done, and the exchange breaks off.
    Break,
    /// No answer comes in time, and it is done when [`FakeCluster::land`](super::FakeCluster::land) says.
    Late,
}

/// A fault with the requests that it is for.
pub(super) struct Rule {
    pub(super) meets: Box<dyn Fn(&Sent) -> bool>,
    pub(super) fault: Fault,
    /// The number of times that are left; `None` for ever.
    pub(super) left: Option<usize>,
}

impl Rule {
    /// Returns true if the fault is for this request, which uses it up.
    pub(super) fn takes(&mut self, sent: &Sent) -> bool {
        if self.left == Some(0) || !(self.meets)(sent) {
            return false;
        }
        self.left = self.left.map(|left| left - 1);
        true
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({:?}, {:?})", self.fault, self.left)
    }
}
