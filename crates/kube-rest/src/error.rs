//! Why a call of the Kubernetes API gave no answer that could be used.

use http::StatusCode;
use serde::Deserialize;

use crate::{ClaimsError, Status, TransportError};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request could not be written; nothing was sent.
    #[error("the request cannot be written")]
    Request(#[source] http::Error),
    /// A part of the path is empty or would change which object is meant; nothing was sent.
    #[error("`{0}` is not a valid name of an object")]
    Segment(String),
    /// The request is one that we never send, such as reading a Secret; nothing was sent.
    #[error("{0}")]
    Improper(&'static str),
    /// No whole answer came.
    #[error("the API server did not answer")]
    Transport(#[source] TransportError),
    /// The API server, or something before it, said no.
    #[error("the API server refused: {0}")]
    Refused(Status),
    /// The answer says yes, but is not the object that was asked for.
    #[error("the answer is not the requested object")]
    Unreadable(#[source] AnswerError),
    /// The answer holds a token that cannot be read.
    #[error("the answer contains no token of a ServiceAccount")]
    Token(#[source] ClaimsError),
}

/// The place at which an answer stops being what was asked for.
///
/// The text there is dropped: the JSON decoder would quote it, and the server could have written
/// our own credential into it.
///
/// What stands there is not kept: the JSON decoder would quote it, and whatever answers could write our
/// own credential into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its JSON has an unexpected shape at line {line}, column {column}")]
pub struct AnswerError {
    line: usize,
    column: usize,
    is_kubernetes: bool,
}

impl AnswerError {
    /// The place at which the decoder of `body` has stopped.
    pub(crate) fn new(error: &serde_json::Error, body: &[u8]) -> Self {
        let object: TypeMeta = serde_json::from_slice(body).unwrap_or_default();
        let is_kubernetes = !object.kind.is_empty() && !object.api_version.is_empty();
        Self { line: error.line(), column: error.column(), is_kubernetes }
    }
}

/// The two fields that every object of the Kubernetes API has.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TypeMeta {
    kind: String,
    api_version: String,
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

    /// Returns true if what answers is no Kubernetes API server: its answer is a page, JSON of something else, or
    /// a redirect. A proxy that wants a login answers so.
    #[must_use]
    pub fn is_not_kubernetes(&self) -> bool {
        match self {
            Error::Unreadable(error) => !error.is_kubernetes,
            Error::Refused(status) => status.code.is_redirection() && status.reason.is_empty(),
            _ => false,
        }
    }

    /// No whole answer came in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Error::Transport(TransportError::Timeout(_)))
    }

    /// Returns true if Kubernetes itself says that the very object of the call does not exist: it names its
    /// resource, group and name.
    ///
    /// A 404 that names nothing is of a resource that is not served, of an API server that is not the one that
    /// was asked, or of no API server at all; one that names something else is of something else. Neither says
    /// that the object is gone.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.status().is_some_and(|status| status.has_reason_for_subject("NotFound"))
    }

    /// Returns true if Kubernetes itself says that a precondition does not hold for the very object of the call:
    /// another UID, another version.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.status().is_some_and(|status| status.has_reason_for_subject("Conflict"))
    }

    /// Returns true if Kubernetes itself says that the name of the very object that was to be created is taken.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.status().is_some_and(|status| status.has_reason_for_subject("AlreadyExists"))
    }

    /// Returns true if Kubernetes itself forbids this very call.
    ///
    /// A login page or a firewall before the API server may answer 403 too, and says nothing of what the
    /// credential may do.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.status().is_some_and(Status::forbids_call)
    }

    /// Returns true if Kubernetes itself says that it does not serve the resource of the call.
    #[must_use]
    pub fn is_not_served(&self) -> bool {
        self.status().is_some_and(Status::is_not_served)
    }

    /// Returns true if no connection came to be, so that nothing was sent.
    #[must_use]
    pub fn is_unconnected(&self) -> bool {
        let Error::Transport(error) = self else { return false };
        matches!(error, TransportError::Unreachable(_) | TransportError::Tls(_))
    }

    /// Returns true if the API server may have done what was asked, or may do it later.
    ///
    /// Three outcomes are known: nothing was sent; no server was found, TLS did not agree, or the
    /// host did not allow it; and refusals, which Kubernetes gives before it acts. All others are
    /// unknown: an exchange that broke off or ran out of time, an answer that cannot be read, an
    /// answer of the server or of anything between while the request may still be on its way (5xx,
    /// 408), and a refusal that is not about the object of the request.
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
                status.is_server_fault()
                    || status.code == StatusCode::REQUEST_TIMEOUT
                    || status.is_about_another()
            }
            Error::Unreadable(_) | Error::Token(_) => true,
        }
    }

    /// Returns true if the same may be tried again soon, as what went wrong may be over then.
    ///
    /// That is so of 429, the faults of a server, a connection that broke or did not come to be (an API server that
    /// stops takes all requests on its connection along, and so does one that refuses a bad credential of one of
    /// them), and the answer to something else. If the outcome is unknown, only what is safe to do twice. A call
    /// that ran out of time has used up what there was for it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Transport(error) => {
                matches!(error, TransportError::Broken(_)) || self.is_unconnected()
            }
            Error::Refused(status) => {
                status.is_too_many_requests()
                    || status.is_server_fault()
                    || status.code == StatusCode::REQUEST_TIMEOUT
                    || (status.is_about_another() && !status.is_not_served())
            }
            Error::Request(_)
            | Error::Segment(_)
            | Error::Improper(_)
            | Error::Unreadable(_)
            | Error::Token(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;
    use crate::Kind;
    use crate::TlsFailure;
    use crate::call_subject::CallSubject;

    fn refused(code: u16, body: &str) -> Error {
        let response = Response::builder().status(code).body(body.as_bytes().to_vec());
        Error::Refused(Status::from_response(&response.expect("an answer")))
    }

    #[test]
    fn an_outcome_is_known_only_where_nothing_can_have_landed() {
        let text = String::new;
        let json = serde_json::from_str::<u8>("x").expect_err("no number");
        let status = |reason| format!(r#"{{"kind":"Status","reason":"{reason}"}}"#);
        for (error, unknown, retryable) in [
            (Error::Segment(text()), false, false),
            (Error::Improper(""), false, false),
            (Error::Transport(TransportError::Unreachable(text())), false, true),
            (Error::Transport(TransportError::Tls(TlsFailure::Unexplained)), false, true),
            (Error::Transport(TransportError::Denied(text())), false, false),
            (Error::Transport(TransportError::Timeout(text())), true, false),
            (Error::Transport(TransportError::TooLarge(1)), true, false),
            (Error::Transport(TransportError::Broken(text())), true, true),
            (Error::Unreadable(AnswerError::new(&json, b"")), true, false),
            (Error::Token(ClaimsError), true, false),
            (refused(403, &status("Forbidden")), false, false),
            (refused(422, &status("Invalid")), false, false),
            (refused(404, "404 page not found"), false, false),
            (refused(409, "<html>"), false, false),
            (refused(429, &status("TooManyRequests")), false, true),
            (refused(429, ""), false, true),
            (refused(408, ""), true, true),
            (refused(500, &status("InternalError")), true, true),
            (refused(502, "<html>"), true, true),
            (refused(504, &status("Timeout")), true, true),
        ] {
            assert_eq!(error.is_unknown_outcome(), unknown, "{error:?}");
            assert_eq!(error.is_retryable(), retryable, "{error:?}");
        }
    }

    #[test]
    fn a_word_on_something_else_leaves_the_outcome_open() {
        let own = CallSubject::for_object(Kind::Role, "a1").in_namespace(Some("apps"));
        let group = r#""group":"rbac.authorization.k8s.io""#;
        let details =
            |kind: &str, name: &str| format!(r#"{{{group},"kind":"{kind}","name":"{name}"}}"#);
        let namespace = |name: &str| format!(r#"{{"kind":"namespaces","name":"{name}"}}"#);
        for (details, is_own, unknown, retryable) in [
            (details("roles", "a1"), true, false, false),
            (details("Role", "a1"), true, false, false),
            (details("roles", "a2"), false, true, true),
            (details("rolebindings", "a1"), false, true, true),
            (details("roles", ""), false, true, true),
            (namespace("apps"), false, false, false),
            (namespace("web"), false, true, true),
            ("{}".to_owned(), false, true, true),
            ("null".to_owned(), false, true, true),
        ] {
            for (code, reason) in [(404, "NotFound"), (409, "Conflict"), (409, "AlreadyExists")] {
                let body =
                    format!(r#"{{"kind":"Status","reason":"{reason}","details":{details}}}"#);
                let response = Response::builder().status(code).body(body.clone().into_bytes());
                let status = Status::from_call_response(&response.expect("an answer"), &own);
                let error = Error::Refused(status);
                let says = [error.is_not_found(), error.is_conflict(), error.is_already_exists()];
                let said = ["NotFound", "Conflict", "AlreadyExists"].map(|r| is_own && r == reason);
                assert_eq!(says, said, "{body}");
                let is_bare = ["{}", "null"].contains(&details.as_str()) && reason == "NotFound";
                assert_eq!(error.is_not_served(), is_bare, "{body}");
                assert_eq!(error.is_unknown_outcome(), unknown, "{body}");
                // One that does not serve the resource will not at the next try either.
                assert_eq!(error.is_retryable(), retryable && !is_bare, "{body}");
            }
        }
    }

    #[test]
    fn only_kubernetes_own_word_on_this_call_forbids_it() {
        let own = CallSubject::for_object(Kind::Secret, "s1").in_namespace(Some("apps"));
        for (body, forbidden) in [
            (
                r#"{"kind":"Status","reason":"Forbidden","details":{"name":"s1","kind":"secrets"}}"#,
                true,
            ),
            (r#"{"kind":"Status","reason":"Forbidden","details":{"kind":"secrets"}}"#, true),
            (
                r#"{"kind":"Status","reason":"Forbidden","details":{"name":"s2","kind":"secrets"}}"#,
                false,
            ),
            (
                r#"{"kind":"Status","reason":"Forbidden","details":{"name":"s1","kind":"pods"}}"#,
                false,
            ),
            (r#"{"kind":"Status","reason":"Forbidden","details":{}}"#, false),
            (r#"{"kind":"Status","reason":"Forbidden"}"#, false),
            ("<html>sign in</html>", false),
        ] {
            let response = Response::builder().status(403).body(body.as_bytes().to_vec());
            let error =
                Error::Refused(Status::from_call_response(&response.expect("an answer"), &own));
            assert_eq!(error.is_forbidden(), forbidden, "{body}");
            assert!(error.status().is_some_and(Status::is_forbidden), "{body}: it is told as one");
            assert!(!error.is_unknown_outcome() && !error.is_retryable(), "{body}");
        }
    }

    #[test]
    fn an_error_does_not_quote_the_answer() {
        let json = serde_json::from_str::<u8>(r#""canary""#).expect_err("no number");
        assert!(json.to_string().contains("canary"), "the decoder does");
        let error = AnswerError::new(&json, br#""canary""#);
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    #[test]
    fn a_login_page_is_told_from_a_kubernetes_api_server() {
        let json = serde_json::from_str::<u8>("x").expect_err("no number");
        let unreadable = |body: &str| Error::Unreadable(AnswerError::new(&json, body.as_bytes()));
        for (error, is_not_kubernetes) in [
            (unreadable("<html>sign in</html>"), true),
            (unreadable(""), true),
            (unreadable("{}"), true),
            (unreadable(r#"{"error":"login required"}"#), true),
            (unreadable(r#"{"kind":"Login"}"#), true),
            (unreadable(r#"{"kind":"Pod","apiVersion":"v1"}"#), false),
            (refused(302, ""), true),
            (refused(307, "<html>"), true),
            (refused(401, "<html>"), false),
            (refused(404, "404 page not found"), false),
            (Error::Transport(TransportError::Broken(String::new())), false),
            (Error::Token(ClaimsError), false),
        ] {
            assert_eq!(error.is_not_kubernetes(), is_not_kubernetes, "{error:?}");
        }
    }
}
