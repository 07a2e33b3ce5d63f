//! Reasons why a request has no good answer.

use std::time::Duration;

use crate::{Problem, ServerUrl, TlsError};

/// A request without a good answer. No variant holds a token or a body.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server says why it does not do it.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// No connection came to be, or it broke off.
    #[error("{server} cannot be reached")]
    Unreachable {
        /// The server.
        server: ServerUrl,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server's certificate is not accepted.
    #[error(
        "the certificate of {server} is not accepted: if its CA is not one that this machine trusts, name the \
         file of that CA in `KUBELEASE_CA`"
    )]
    Certificate {
        /// The server.
        server: ServerUrl,
        /// The reason.
        source: Box<ureq::Error>,
    },
    /// The time for the request was over.
    #[error("{server} did not answer within {} seconds", after.as_secs())]
    TimedOut {
        /// The server.
        server: ServerUrl,
        /// The time that it had.
        after: Duration,
    },
    /// Something else than kubelease answers there.
    #[error("{server} does not answer as kubelease does: {what}; check the URL")]
    NotKubelease {
        /// The server.
        server: ServerUrl,
        /// The part of the answer that is wrong.
        what: String,
    },
    /// The certificates to trust cannot be read.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Error {
    /// Returns what the server said of the request, if it did.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        if let Self::Problem(problem) = self { Some(problem) } else { None }
    }

    /// Returns true if another attempt at another time may succeed: nobody has refused the request.
    #[must_use]
    pub fn is_retryable_later(&self) -> bool {
        match self {
            Self::Problem(problem) => matches!(problem.status, 502..=504),
            Self::Unreachable { .. } | Self::Certificate { .. } | Self::TimedOut { .. } => true,
            Self::NotKubelease { .. } | Self::Tls(_) => false,
        }
    }
}
