//! Dying at any step.

use std::cell::Cell;
use std::task::Poll;

/// The fate of the step at which everything stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// The step is not done.
    Before,
    /// The step is done, and nobody learns of it.
    After,
    /// The step is done later, when [`FakeCluster::land`](super::FakeCluster::land) says; a write
    /// of the store never.
    Late,
}

/// Counts steps, and stops everything at one of them.
#[derive(Debug, Default)]
pub(super) struct Fuse {
    lit: Cell<Option<(usize, Death)>>,
    dead: Cell<bool>,
}

impl Fuse {
    pub(super) fn light(&self, steps: usize, death: Death) {
        self.lit.set(Some((steps, death)));
    }

    pub(super) fn put_out(&self) -> bool {
        self.lit.set(None);
        self.dead.replace(false)
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.get()
    }

    /// Counts a step. Returns its fate if it is the last.
    pub(super) fn step(&self) -> Option<Death> {
        match self.lit.get()? {
            (0, death) => {
                self.lit.set(None);
                self.dead.set(true);
                Some(death)
            }
            (steps, death) => {
                self.lit.set(Some((steps - 1, death)));
                None
            }
        }
    }
}

/// Lets whoever runs side by side go first.
pub(super) async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
