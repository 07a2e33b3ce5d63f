//! Waiting for the host, side by side and not for ever.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::future::{Either, select};
use spin_executor::CancelOnDropToken;
use wasi::clocks::monotonic_clock;
use wasi::io::poll::Pollable;

/// Tries until something comes of it: now, and whenever the pollable of `subscribe` is ready.
pub(crate) async fn retry_when_ready<T>(
    subscribe: impl Fn() -> Pollable,
    mut attempt: impl FnMut() -> Option<T>,
) -> T {
    // Dropped with this future, and so before what the pollable belongs to, which outlives it in the
    // caller: a host traps when a parent goes before its child.
    let mut registered: Option<CancelOnDropToken> = None;
    poll_fn(|context| {
        drop(registered.take());
        if let Some(outcome) = attempt() {
            return Poll::Ready(outcome);
        }
        let waker = context.waker().clone();
        registered = Some(spin_executor::push_waker_and_get_token(subscribe(), waker).into());
        Poll::Pending
    })
    .await
}

/// Returns the output of `future`, or drops it and returns `None` if `time` is over before.
pub(crate) async fn with_timeout<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), pin!(sleep_for(time))).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(_) => None,
    }
}

/// The host's unit of time, 584 years at most.
pub(crate) fn to_nanoseconds(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// Waits, and lets the futures beside it go on.
pub(crate) async fn sleep_for(time: Duration) {
    let end = monotonic_clock::now().saturating_add(to_nanoseconds(time));
    retry_when_ready(
        || monotonic_clock::subscribe_instant(end),
        || (monotonic_clock::now() >= end).then_some(()),
    )
    .await;
}
