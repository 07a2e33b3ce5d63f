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
    /// What was asked for is never asked for, as reading a secret; nothing was sent.
    #[error("{0}")]
    Improper(&'static str),
    /// No whole answer came.
    #[error("the API server did not answer")]
    Transport(#[source] TransportError),
    /// The API server, or something before it, said no.
    #[error("the API server refused: {0}")]
    Refused(Status),
    /// The answer says yes, but is not the object that was asked for.
    #[error("the answer is not the object that was asked for")]
    Unreadable(#[source] AnswerError),
    /// The answer holds a token that cannot be read.
    #[error("the answer holds no token of a service account")]
    Token(#[source] ClaimsError),
}

/// Where an answer stops being what was asked for.
///
/// What stands there is not kept: the JSON decoder would quote it, and whatever answers could write our
/// own credential into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its JSON is another from line {line}, column {column} on")]
pub struct AnswerError {
    line: usize,
    column: usize,
}

impl From<&serde_json::Error> for AnswerError {
    fn from(error: &serde_json::Error) -> Self {
        Self { line: error.line(), column: error.column() }
    }
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

    /// Kubernetes itself says that the object does not exist ([`Status::is_not_found`]).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.status().is_some_and(Status::is_not_found)
    }

    /// Kubernetes itself says that a precondition does not hold ([`Status::is_conflict`]).
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.status().is_some_and(Status::is_conflict)
    }

    /// Kubernetes itself says that the name is taken ([`Status::is_already_exists`]).
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.status().is_some_and(Status::is_already_exists)
    }

    /// Whether the API server may have done what was asked, now or later.
    ///
    /// Known not to have: what was never sent; what found no server, no agreement on TLS, or no leave of
    /// the host; and refusals, which Kubernetes gives before it acts. Unknown is all else: an exchange that
    /// broke off or ran out of time, an answer that cannot be read, and what a server or anything between
    /// answers while the request may still be on its way (5xx, 408).
    #[must_use]
    pub fn is_unknown_outcome(&self) -> bool {
        match self {
            Error::Request(_) | Error::Segment(_) | Error::Improper(_) => false,
            Error::Transport(error) => match error {
                TransportError::Unreachable(_)
                | TransportError::Tls(_)
                | TransportError::Denied(_) => false,
                TransportError::Timeout(_)
                | TransportError::TooLarge(_)
                | TransportError::Broken(_) => true,
            },
            Error::Refused(status) => {
                status.is_server_fault() || status.code == http::StatusCode::REQUEST_TIMEOUT
            }
            Error::Unreadable(_) | Error::Token(_) => true,
        }
    }

    /// Whether the same may be tried again soon: 429 and the faults of a server.
    ///
    /// Where the outcome is unknown, only what is safe to do twice.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.status()
            .is_some_and(|status| status.is_too_many_requests() || status.is_server_fault())
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    fn refused(code: u16, body: &str) -> Error {
        let response = Response::builder().status(code).body(body.as_bytes().to_vec());
        Error::Refused(Status::read(&response.expect("an answer")))
    }

    #[test]
    fn an_outcome_is_known_only_where_nothing_can_have_landed() {
        let text = String::new;
        let json = serde_json::from_str::<u8>("x").expect_err("no number");
        let status = |reason| format!(r#"{{"kind":"Status","reason":"{reason}"}}"#);
        for (error, unknown, retryable) in [
            (Error::Segment(text()), false, false),
            (Error::Improper(""), false, false),
            (Error::Transport(TransportError::Unreachable(text())), false, false),
            (Error::Transport(TransportError::Tls(text())), false, false),
            (Error::Transport(TransportError::Denied(text())), false, false),
            (Error::Transport(TransportError::Timeout(text())), true, false),
            (Error::Transport(TransportError::TooLarge(1)), true, false),
            (Error::Transport(TransportError::Broken(text())), true, false),
            (Error::Unreadable(AnswerError::from(&json)), true, false),
            (Error::Token(ClaimsError), true, false),
            (refused(403, &status("Forbidden")), false, false),
            (refused(409, &status("AlreadyExists")), false, false),
            (refused(429, &status("TooManyRequests")), false, true),
            (refused(429, ""), false, true),
            (refused(408, ""), true, false),
            (refused(500, &status("InternalError")), true, true),
            (refused(502, "<html>"), true, true),
            (refused(504, &status("Timeout")), true, true),
        ] {
            assert_eq!(error.is_unknown_outcome(), unknown, "{error:?}");
            assert_eq!(error.is_retryable(), retryable, "{error:?}");
        }
    }

    #[test]
    fn an_error_does_not_quote_the_answer() {
        let json = serde_json::from_str::<u8>(r#""canary""#).expect_err("no number");
        assert!(json.to_string().contains("canary"), "the decoder does");
        let error = AnswerError::from(&json);
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}
