//! Why a call of the Kubernetes API gave no answer that could be used.

use crate::{ClaimsError, Status, TransportError};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request could not be written; nothing was sent.
    #[error("the request cannot be written")]
    Request(#[source] http::Error),
    /// A part of the path is empty or would change which object is meant; nothing was sent.
    #[error("`{0}` is no name of an object")]
    Segment(String),
    /// No whole answer came.
    #[error("the API server did not answer")]
    Transport(#[source] TransportError),
    /// The API server, or something before it, said no.
    #[error("the API server refused: {0}")]
    Refused(Status),
    /// The answer says yes, but is not the object that was asked for.
    #[error("the answer is not the object that was asked for")]
    Unreadable(#[source] serde_json::Error),
    /// The answer holds a token that cannot be read.
    #[error("the answer holds no token of a service account")]
    Token(#[source] ClaimsError),
}

impl Error {
    /// The refusal, where Kubernetes gave one.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        match self {
            Error::Refused(status) => Some(status),
            _ => None,
        }
    }

    /// No whole answer came in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Error::Transport(TransportError::Timeout(_)))
    }
}
