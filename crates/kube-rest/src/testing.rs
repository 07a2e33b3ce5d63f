//! What the tests of the calls share.

use std::cell::RefCell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use serde_json::Value;

use crate::{Api, Authorization, Call, ExchangeLimits, HttpClient, TransportError};

/// The API server that all tests speak to.
pub(crate) fn api() -> Api<'static> {
    Api::new("https://10.0.0.1:6443/k8s", Authorization::Bearer("t0ken"))
}

/// A request as `METHOD /path?query`, the media type of its body, and the body.
///
/// What is the same in each is compared here.
pub(crate) fn sent<T>(call: Call<T>) -> (String, &'static str, Value) {
    let request = call.into_request().expect("the request can be written");
    let headers = request.headers();
    assert_eq!(headers["authorization"], "Bearer t0ken");
    assert_eq!(headers["accept"], "application/json");
    let media_type = match headers.get("content-type").map(|value| value.to_str()) {
        None => "",
        Some(Ok("application/json")) => "json",
        Some(Ok("application/merge-patch+json")) => "merge-patch",
        Some(other) => panic!("unknown media type {other:?}"),
    };
    assert_eq!(media_type.is_empty(), request.body().is_empty());
    assert_eq!(headers.len(), if media_type.is_empty() { 2 } else { 3 }, "no other header");
    let uri = request.uri().to_string();
    let path = uri.strip_prefix("https://10.0.0.1:6443/k8s").expect("the base stays");
    let body = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
    (format!("{} {path}", request.method()), media_type, body)
}

/// Why a call is refused before it is sent.
pub(crate) fn refused<T>(call: Call<T>) -> crate::Error {
    call.into_request().expect_err("there is no such request")
}

/// Returns the result of a call that is answered so.
pub(crate) fn answered<T>(call: Call<T>, code: u16, body: &str) -> Result<T, crate::Error> {
    now(call.send(&Answered::json(code, body)))
}

/// A server with one answer.
pub(crate) struct Answered {
    answer: RefCell<Option<Result<Response<Vec<u8>>, TransportError>>>,
    pub(crate) limits: RefCell<Option<ExchangeLimits>>,
}

impl Answered {
    pub(crate) fn with(response: Response<Vec<u8>>) -> Self {
        Self { answer: RefCell::new(Some(Ok(response))), limits: RefCell::default() }
    }

    pub(crate) fn json(code: u16, body: &str) -> Self {
        let response = Response::builder().status(code).body(body.as_bytes().to_vec());
        Self::with(response.expect("an answer"))
    }

    pub(crate) fn failing(error: TransportError) -> Self {
        Self { answer: RefCell::new(Some(Err(error))), limits: RefCell::default() }
    }
}

impl HttpClient for Answered {
    async fn send(
        &self,
        _request: Request<Vec<u8>>,
        limits: &ExchangeLimits,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        *self.limits.borrow_mut() = Some(limits.clone());
        self.answer.borrow_mut().take().expect("one request")
    }
}

/// The output of a future that waits for nothing.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}
