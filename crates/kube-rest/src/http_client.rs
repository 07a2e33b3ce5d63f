//! How requests leave: the one port of this crate.

use std::time::Duration;

use http::{Request, Response};

use crate::TlsFailure;

/// Sends one request and waits for the whole answer.
#[expect(async_fn_in_trait, reason = "a component runs on one thread: futures need not be `Send`")]
pub trait HttpClient {
    /// Sends `request` within `limits`. Redirects are answers like any other and are not followed.
    ///
    /// # Errors
    /// Fails if no whole answer came; the server may have acted all the same.
    async fn send(
        &self,
        request: Request<Vec<u8>>,
        limits: &ExchangeLimits,
    ) -> Result<Response<Vec<u8>>, TransportError>;
}

/// Limits of an exchange, in time and size. Nothing else bounds it: Spin waits 600 s by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeLimits {
    /// Until the TCP connection stands.
    pub connect: Duration,
    /// From the start until the answer's first byte.
    pub first_byte: Duration,
    /// From the start until the answer's last byte.
    pub total: Duration,
    /// The largest body of an answer, in bytes.
    pub answer_bytes: usize,
}

/// Why no whole answer came. The texts name no header and no body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The name did not resolve, or nothing listens there.
    #[error("nothing answered at the address: {0}")]
    Unreachable(String),
    /// No TLS connection could be agreed.
    #[error("the TLS handshake failed: {0}")]
    Tls(TlsFailure),
    /// The host's `allowed_outbound_hosts` or block list does not cover the address.
    #[error("the host forbids requests to the address: {0}")]
    Denied(String),
    /// A time of [`ExchangeLimits`] ran out.
    #[error("no complete answer arrived in time: {0}")]
    Timeout(String),
    /// The answer is larger than [`ExchangeLimits::answer_bytes`].
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The connection broke, or what came is not HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
}
