//! A request together with the answer it will have.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::CallAddress;
use crate::call_subject::CallSubject;
use crate::error::AnswerError;
use crate::{Authorization, Error, ExchangeLimits, HttpClient, Status};

/// The limits of every call but lists.
///
/// The API server answers what is asked of it here in milliseconds, but its own admission webhooks may
/// take ten seconds each by default. An answer is one small object.
pub const DEFAULT_CALL_LIMITS: ExchangeLimits = ExchangeLimits {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_secs(15),
    total: Duration::from_secs(20),
    answer_bytes: 1024 * 1024,
};

/// A call of the API that is answered with a `T`.
#[must_use = "a call does nothing until it is sent"]
pub struct Call<T> {
    request: Result<Request<Vec<u8>>, Error>,
    /// The object that the call is about. A refusal that names another object says nothing of this
    /// one.
    subject: CallSubject,
    limits: ExchangeLimits,
    decode: Decode<T>,
}

/// Reads an answer that says yes.
pub(crate) type Decode<T> = fn(&Response<Vec<u8>>) -> serde_json::Result<T>;

impl<T> Call<T> {
    /// Sends the call and reads its answer.
    ///
    /// # Errors
    /// Fails as [`Error`] says; [`Error::is_unknown_outcome`] tells whether the API server may have acted
    /// all the same.
    pub async fn send(self, http: &impl HttpClient) -> Result<T, Error> {
        self.send_with_server_date(http).await.map(|(answer, _)| answer)
    }

    /// As [`Call::send`], with the time of the answer by the server's own clock (its `Date` header, in
    /// whole seconds), where it told one.
    ///
    /// # Errors
    /// As [`Call::send`].
    pub async fn send_with_server_date(
        self,
        http: &impl HttpClient,
    ) -> Result<(T, Option<DateTime<Utc>>), Error> {
        let response = http.send(self.request?, &self.limits).await.map_err(Error::Transport)?;
        if !response.status().is_success() {
            return Err(Error::Refused(Status::from_call_response(&response, &self.subject)));
        }
        let answer = (self.decode)(&response)
            .map_err(|error| Error::Unreadable(AnswerError::new(&error, response.body())))?;
        Ok((answer, server_date(response.headers())))
    }

    /// The same call, given up after `total` where that is sooner.
    pub fn with_shorter_timeout(mut self, total: Duration) -> Self {
        self.limits.total = self.limits.total.min(total);
        self
    }

    /// The request that would be sent.
    ///
    /// # Errors
    /// Fails if it cannot be written.
    pub fn into_request(self) -> Result<Request<Vec<u8>>, Error> {
        self.request
    }

    pub(crate) fn with_limits(self, limits: ExchangeLimits) -> Self {
        Self { limits, ..self }
    }

    pub(crate) fn with_decoder(self, decode: Decode<T>) -> Self {
        Self { decode, ..self }
    }
}

impl<T: DeserializeOwned> Call<T> {
    pub(crate) fn get(address: CallAddress, authorization: Authorization<'_>) -> Self {
        Self::new(Method::GET, address, authorization, None)
    }

    pub(crate) fn with_body(
        method: Method,
        media_type: &'static str,
        address: CallAddress,
        authorization: Authorization<'_>,
        body: &impl Serialize,
    ) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self::new(method, address, authorization, Some((media_type, body))),
            Err(_) => Self::refused_before_sending(Error::Improper(
                "the payload cannot be written as JSON",
            )),
        }
    }

    /// A call that is refused before it is sent.
    pub(crate) fn refused_before_sending(error: Error) -> Self {
        Self {
            request: Err(error),
            subject: CallSubject::default(),
            limits: DEFAULT_CALL_LIMITS,
            decode: decode_json,
        }
    }

    fn new(
        method: Method,
        CallAddress { uri, subject }: CallAddress,
        authorization: Authorization<'_>,
        body: Option<(&'static str, Vec<u8>)>,
    ) -> Self {
        let request = uri.and_then(|uri| {
            let mut request = Request::builder()
                .method(method)
                .uri(uri)
                .header(header::ACCEPT, HeaderValue::from_static("application/json"));
            if let Some((name, value)) = authorization.build_header()? {
                request = request.header(name, value);
            }
            if let Some((media_type, _)) = body {
                request = request.header(header::CONTENT_TYPE, media_type);
            }
            let body = body.map(|(_, body)| body).unwrap_or_default();
            request.body(body).map_err(Error::Request)
        });
        Self { request, subject, limits: DEFAULT_CALL_LIMITS, decode: decode_json }
    }
}

fn decode_json<T: DeserializeOwned>(response: &Response<Vec<u8>>) -> serde_json::Result<T> {
    serde_json::from_slice(response.body())
}

/// The `Date` of an answer (RFC 9110 §5.6.7; the obsolete forms are not read).
fn server_date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = headers.get(header::DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(date).ok().map(|date| date.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Answered, now};
    use crate::{Api, TransportError};

    const VERSION: &str = r#"{"gitVersion":"v1.36.3"}"#;

    fn version() -> Call<crate::ServerVersion> {
        Api::new("https://10.0.0.1", Authorization::Bearer("t0ken")).get_version()
    }

    #[test]
    fn the_time_of_the_server_is_told_where_it_told_it() {
        for (date, seconds) in [
            (Some("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777)),
            (Some("Wed, 25 Nov 2026 02:28:15 GMT"), Some(1_795_573_695)),
            (Some("Sunday, 06-Nov-94 08:49:37 GMT"), None),
            (Some("yesterday"), None),
            (None, None),
        ] {
            let mut response = Response::builder().status(200);
            if let Some(date) = date {
                response = response.header("date", date);
            }
            let http = Answered::with(response.body(VERSION.into()).expect("an answer"));
            let (version, told) = now(version().send_with_server_date(&http)).expect("answers");
            assert_eq!(version.git_version, "v1.36.3");
            assert_eq!(told.map(|told| told.timestamp()), seconds, "{date:?}");
        }
    }

    #[test]
    fn each_failure_is_told_from_the_others() {
        let http = Answered::failing(TransportError::Timeout("first byte".to_owned()));
        assert!(now(version().send(&http)).expect_err("no answer").is_timeout());
        let error = now(version().send(&Answered::json(403, "{}"))).expect_err("refused");
        assert!(error.status().is_some_and(Status::is_forbidden), "{error}");
        let error = now(version().send(&Answered::json(200, r#"{"gitVersion":["canary"]}"#)));
        let error = error.expect_err("no version");
        assert!(matches!(error, Error::Unreadable(_)), "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }

    #[test]
    fn a_header_that_cannot_be_sent_stops_every_call() {
        let authorization = Authorization::Header { name: "host", value: "x" };
        let error = Api::new("https://10.0.0.1", authorization).get_version().into_request();
        assert!(matches!(error, Err(Error::Improper(_))), "{error:?}");
    }
}
