//! The body of an answer, which may not stall.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;
use wasmtime_wasi_http::Error;

/// Ends with an error when the next piece does not come in time.
pub struct StallTimeoutBody {
    /// Gone once the time was up, and its connection with it.
    body: Option<Incoming>,
    timeout: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl StallTimeoutBody {
    /// Starts counting when the body is first read.
    pub fn new(body: Incoming, timeout: Duration) -> Self {
        Self { body: Some(body), timeout, deadline: None }
    }
}

impl Body for StallTimeoutBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
            self.deadline = None;
            return Poll::Ready(frame.map(|frame| {
                frame.map_err(|error| {
                    eprintln!("dev-host: response body: {error:?}");
                    named_error("HttpProtocolError")
                })
            }));
        }
        let timeout = self.timeout;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        ready!(deadline.as_mut().poll(cx));
        self.body = None;
        Poll::Ready(Some(Err(named_error("ConnectionReadTimeout"))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

/// An error whose text names the code, as the text that Spin's guests read does.
///
/// Spin's guests can also ask for the code itself (`http-error-code`); wasmtime 48 has none to give here.
fn named_error(code: &str) -> Error {
    Error::InternalError(Some(format!("ErrorCode::{code}")))
}
