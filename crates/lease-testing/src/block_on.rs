//! Running a future without an executor.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Runs a future to its end, for ports that are ready whenever they are asked again.
///
/// Unlike an executor's, it can run within itself, as in a test that lets a rival come between.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
