//! The client: who is asked, as whom, and for how long.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use ureq::http::{HeaderValue, Method, Request, Response};

use crate::retry::{self, RepeatPolicy};
use crate::{Error, Problem, ServerUrl, Token, trusted_certificates};

/// The server that is asked, and the way to it.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The server.
    pub server: ServerUrl,
    /// The only authorities that may vouch for it; those of this machine if there is no file.
    pub ca_file: Option<PathBuf>,
    /// The time for one request, with all that is sent again.
    pub timeout: Duration,
}

/// A client of one kubelease, with or without a token. Its clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    agent: ureq::Agent,
    server: ServerUrl,
    timeout: Duration,
    token: Option<Token>,
}

/// A request before it is sent.
pub(crate) struct Call<'a> {
    method: Method,
    path: String,
    body: Option<Vec<u8>>,
    idempotency_key: Option<&'a str>,
    repeat: RepeatPolicy,
}

/// A success: its status, and its body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    body: Vec<u8>,
    server: ServerUrl,
}

impl Client {
    /// Returns a client that nobody has logged in with.
    ///
    /// A proxy is taken from `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, unless the server is on this machine.
    ///
    /// # Errors
    /// Fails if the CA file cannot be used.
    pub fn new(options: ClientOptions) -> Result<Self, Error> {
        let ClientOptions { server, ca_file, timeout } = options;
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would carry the token, or a lease, to another place.
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent(concat!("kubelease/", env!("CARGO_PKG_VERSION")));
        if server.has_tls() {
            config = config.tls_config(trusted_certificates::tls_config(ca_file.as_deref())?);
        }
        if server.is_loopback() {
            config = config.proxy(None);
        }
        Ok(Self { agent: config.build().new_agent(), server, timeout, token: None })
    }

    /// Returns the same client as the bearer of `token`.
    #[must_use]
    pub fn with_token(&self, token: Token) -> Self {
        Self { token: Some(token), ..self.clone() }
    }

    /// Returns the same client with another time for each request.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// Returns the server that is asked.
    #[must_use]
    pub fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// Returns the token that is shown, if there is one.
    #[must_use]
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Sends a request until it has an answer, its time is over, or it may not be sent again.
    pub(crate) fn send_with_retries(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let deadline = Instant::now() + self.timeout;
        for attempt in 1.. {
            let left = deadline.saturating_duration_since(Instant::now());
            let (pause, error) = match self.attempt_once(call, left) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            match pause {
                Some(pause)
                    if attempt < retry::MAX_SEND_ATTEMPTS && Instant::now() + pause < deadline =>
                {
                    thread::sleep(pause.max(retry::backoff_before(attempt)));
                }
                _ => return Err(error),
            }
        }
        unreachable!("attempts are counted, and the last one returns")
    }

    /// Sends a request once. A failure comes with the least pause after which it may be sent again, if it may.
    fn attempt_once(
        &self,
        call: &Call<'_>,
        left: Duration,
    ) -> Result<Answer, (Option<Duration>, Error)> {
        let response = self.exchange_once(call, left).map_err(|error| {
            let again = retry::is_request_surely_unsent(&error)
                || call.repeat == RepeatPolicy::Safe && retry::is_broken_connection(&error);
            (again.then_some(Duration::ZERO), self.transport_error(error))
        })?;
        let (parts, body) = response.into_parts();
        let status = parts.status.as_u16();
        if (200..300).contains(&status) {
            return Ok(Answer { status, body, server: self.server.clone() });
        }
        let retry_after =
            parts.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let Some(problem) = read_problem(status, &body, retry_after) else {
            // A gateway in front of kubelease, whose backend is being replaced.
            let passes = call.repeat == RepeatPolicy::Safe && matches!(status, 502..=504);
            return Err((
                passes.then_some(Duration::ZERO),
                self.not_kubelease_error(format!("status {status}")),
            ));
        };
        let pause = retry::retry_delay_for(&problem).filter(|_| call.repeat == RepeatPolicy::Safe);
        Err((pause, Error::Problem(Box::new(problem))))
    }

    fn exchange_once(
        &self,
        call: &Call<'_>,
        left: Duration,
    ) -> Result<Response<Vec<u8>>, ureq::Error> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.server, call.path));
        if let Some(token) = &self.token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
                .map_err(|error| ureq::Error::Http(error.into()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(key) = call.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let answer = match &call.body {
            None => {
                let request = request.body(()).map_err(ureq::Error::Http)?;
                let request = self.agent.configure_request(request);
                self.agent.run(request.timeout_global(Some(left)).build())
            }
            Some(body) => {
                let request = request.header(CONTENT_TYPE, "application/json");
                let request = request.body(body.as_slice()).map_err(ureq::Error::Http)?;
                let request = self.agent.configure_request(request);
                self.agent.run(request.timeout_global(Some(left)).build())
            }
        };
        let (parts, mut body) = answer?.into_parts();
        let body = body.with_config().limit(MAX_ANSWER_BYTES).read_to_vec()?;
        Ok(Response::from_parts(parts, body))
    }

    fn transport_error(&self, error: ureq::Error) -> Error {
        let server = self.server.clone();
        match error {
            ureq::Error::Timeout(_) => Error::TimedOut { server, after: self.timeout },
            ureq::Error::BodyExceedsLimit(_) => {
                let mib = MAX_ANSWER_BYTES / 1024 / 1024;
                self.not_kubelease_error(format!("an answer of more than {mib} MiB"))
            }
            ureq::Error::LargeResponseHeader(..) => {
                self.not_kubelease_error("a head that is too large".to_owned())
            }
            ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => {
                self.not_kubelease_error("a redirect, which is not followed".to_owned())
            }
            ureq::Error::Protocol(_) => {
                self.not_kubelease_error("an answer that is not HTTP".to_owned())
            }
            other if other.to_string().contains("certificate") => {
                Error::Certificate { server, source: Box::new(other) }
            }
            ureq::Error::Io(error) => Error::Unreachable { server, source: Box::new(error) },
            other => Error::Unreachable { server, source: Box::new(other) },
        }
    }

    fn not_kubelease_error(&self, what: String) -> Error {
        Error::NotKubelease { server: self.server.clone(), what }
    }
}

impl<'a> Call<'a> {
    /// A request that reads, or that ends something for good.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        let repeat = RepeatPolicy::Safe;
        Self { method, path: path.into(), body: None, idempotency_key: None, repeat }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// A request that does something, so that it is not sent twice unless [`Self::allow_repeats`] says so.
    pub(crate) fn post(path: impl Into<String>, body: &impl Serialize) -> Self {
        // Unwrap safety: the bodies are structs of ours with texts, numbers and lists.
        let body = serde_json::to_vec(body).expect("a body is JSON");
        let call = Self::new(Method::POST, path);
        Self { body: Some(body), repeat: RepeatPolicy::IfUnsent, ..call }
    }

    /// A request that puts something whole.
    pub(crate) fn put(path: impl Into<String>, body: &impl Serialize) -> Self {
        Self { method: Method::PUT, ..Self::post(path, body) }
    }

    pub(crate) fn allow_repeats(self) -> Self {
        Self { repeat: RepeatPolicy::Safe, ..self }
    }

    pub(crate) fn with_idempotency_key(self, key: &'a str) -> Self {
        Self { idempotency_key: Some(key), repeat: RepeatPolicy::Safe, ..self }
    }
}

impl Answer {
    /// Reads the body. An error says where in it something is wrong, and repeats nothing: it may hold a token.
    pub(crate) fn parse_json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::NotKubelease {
            server: self.server.clone(),
            what: format!("unexpected JSON at line {} column {}", error.line(), error.column()),
        })
    }
}

fn read_problem(status: u16, body: &[u8], retry_after: Option<u64>) -> Option<Problem> {
    let problem = serde_json::from_slice::<Problem>(body).ok()?;
    Some(Problem { status, retry_after, ..problem })
}

/// Appends what is set of a query; names and values are checked, and need no escaping.
pub(crate) fn with_query(path: &str, query: &[(&str, Option<String>)]) -> String {
    let mut text = path.to_owned();
    let mut separator = '?';
    for (name, value) in query {
        if let Some(value) = value {
            text.extend([separator]);
            text.extend([name, "=", value]);
            separator = '&';
        }
    }
    text
}

/// The longest list, with room to spare.
const MAX_ANSWER_BYTES: u64 = 8 * 1024 * 1024;

/// A server that does not accept a connection in this time is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
