//! A request together with the answer it will have.

use std::marker::PhantomData;
use std::time::Duration;

use http::{Method, Request, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, HttpClient, Limits, Status};

/// The limits of every call.
///
/// The API server answers what is asked of it here in milliseconds, but its own admission webhooks may
/// take ten seconds each by default. An answer is one small object.
pub const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_secs(15),
    total: Duration::from_secs(20),
    answer_bytes: 1024 * 1024,
};

/// A call of the API that is answered with a `T`.
#[must_use = "a call does nothing until it is sent"]
pub struct Call<T> {
    request: Result<Request<Vec<u8>>, Error>,
    answer: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Call<T> {
    /// Sends the call and reads its answer.
    ///
    /// # Errors
    /// Fails as [`Error`] says; after [`Error::Transport`] the API server may have acted all the same.
    pub async fn send(self, http: &impl HttpClient) -> Result<T, Error> {
        let response = http.send(self.request?, &LIMITS).await.map_err(Error::Transport)?;
        if !response.status().is_success() {
            return Err(Error::Refused(Status::read(response.status(), response.body())));
        }
        serde_json::from_slice(response.body()).map_err(Error::Unreadable)
    }

    /// The request that would be sent.
    ///
    /// # Errors
    /// Fails where it cannot be written.
    pub fn into_request(self) -> Result<Request<Vec<u8>>, Error> {
        self.request
    }

    pub(crate) fn get(uri: Result<String, Error>, bearer: &str) -> Self {
        Self::new(Method::GET, uri, bearer, Vec::new())
    }

    pub(crate) fn post(uri: Result<String, Error>, bearer: &str, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self::new(Method::POST, uri, bearer, body),
            Err(error) => Self { request: Err(Error::Unreadable(error)), answer: PhantomData },
        }
    }

    fn new(method: Method, uri: Result<String, Error>, bearer: &str, body: Vec<u8>) -> Self {
        let request = uri.and_then(|uri| {
            let mut request = Request::builder()
                .method(method)
                .uri(uri)
                .header(header::ACCEPT, "application/json")
                .header(header::AUTHORIZATION, sensitive(format!("Bearer {bearer}"))?);
            if !body.is_empty() {
                request = request.header(header::CONTENT_TYPE, "application/json");
            }
            request.body(body).map_err(Error::Request)
        });
        Self { request, answer: PhantomData }
    }
}

/// A header value that `Debug` does not print.
fn sensitive(value: String) -> Result<http::HeaderValue, Error> {
    let mut value =
        http::HeaderValue::try_from(value).map_err(|error| Error::Request(error.into()))?;
    value.set_sensitive(true);
    Ok(value)
}
