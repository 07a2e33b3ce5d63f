//! What Kubernetes says when it says no.

use std::time::Duration;

use http::{Response, StatusCode, header};
use serde::Deserialize;

use crate::call_subject::{CallSubject, DetailsMatch};
use crate::post_authorization_denial::PostAuthorizationDenial;

/// A refusal: Kubernetes' `Status` object, or what is known of one that carried no such object.
///
/// Its `message` is not kept, but for what [`PostAuthorizationDenial`] reads in it. Whatever stands at a target's address writes
/// it, and could write our own credential back into it: it would end in a log.
///
/// Its questions here are about the answer alone. What a refusal proves of the object of a call, [`crate::Error`]
/// says: it compares the object that the refusal names with the one that the call has named.
///
/// <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The HTTP status code.
    pub code: StatusCode,
    /// Kubernetes' machine-readable reason, as `Forbidden`; empty if it gave none that we know.
    pub reason: &'static str,
    /// The time that the server asks us to wait, at most [`MAX_RETRY_AFTER`]; in whole seconds.
    pub retry_after: Option<Duration>,
    /// Boxed, as errors are moved often and refusals are few.
    details: Box<Details>,
    about: DetailsMatch,
    namespace_terminating: bool,
    denial: Option<Box<PostAuthorizationDenial>>,
}

/// The object that a refusal names; all three are empty if it names none.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Details {
    pub(crate) group: String,
    /// The resource as a rule (`serviceaccounts`), in some conflicts the kind.
    pub(crate) kind: String,
    pub(crate) name: String,
}

impl Details {
    pub(crate) fn is_empty(&self) -> bool {
        self.group.is_empty() && self.kind.is_empty() && self.name.is_empty()
    }
}

impl std::fmt::Debug for Details {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Details(redacted)")
    }
}

/// The longest that a server can make us wait.
///
/// Kubernetes' own flow control asks for one second. Longer than a minute is longer than whoever asks us
/// waits, and a server could otherwise put a retry off for ever.
pub const MAX_RETRY_AFTER: Duration = Duration::from_mins(1);

impl Status {
    /// Reads a refusal that no call is known for, so that it proves nothing of any object.
    ///
    /// A proxy's error page is one too: it has a code and nothing else to say.
    #[must_use]
    pub fn from_response(response: &Response<Vec<u8>>) -> Self {
        Self::from_call_response(response, &CallSubject::default())
    }

    /// Reads the refusal of a call that is about `subject`.
    pub(crate) fn from_call_response(response: &Response<Vec<u8>>, subject: &CallSubject) -> Self {
        let status: RawStatus = serde_json::from_slice(response.body()).unwrap_or_default();
        let status = if status.kind == "Status" { status } else { RawStatus::default() };
        let known = KNOWN_STATUS_REASONS.iter().find(|known| **known == status.reason);
        let raw = status.details.unwrap_or_default();
        let details = Details { group: raw.group, kind: raw.kind, name: raw.name };
        // A date is ignored: it would have to be told from our own clock, which may be another.
        let asked = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .or(raw.retry_after_seconds.filter(|seconds| *seconds > 0));
        Self {
            code: response.status(),
            reason: known.copied().unwrap_or_default(),
            retry_after: asked.map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER)),
            about: subject.compare_details(&details),
            details: Box::new(details),
            namespace_terminating: raw
                .causes
                .iter()
                .flatten()
                .any(|cause| cause.reason == "NamespaceTerminating"),
            denial: PostAuthorizationDenial::from_message(&status.message).map(Box::new),
        }
    }

    /// The credential was not accepted.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        self.matches_reason("Unauthorized", StatusCode::UNAUTHORIZED)
    }

    /// The credential was accepted and may not do this: for what people are told. What is decided by it is
    /// decided by [`crate::Error::is_forbidden`].
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.matches_reason("Forbidden", StatusCode::FORBIDDEN)
    }

    /// Returns true if Kubernetes itself says that the object of this resource (`namespaces`) and name does not
    /// exist, be it the one that was asked for or another that the request needs.
    ///
    /// A 404 without Kubernetes' word may come from anything that is not the API server, a wrong prefix for
    /// one.
    #[must_use]
    pub fn is_not_found_of(&self, resource: &str, name: &str) -> bool {
        let named = self.details.kind == resource && self.details.name == name && !name.is_empty();
        self.reason == "NotFound" && named
    }

    /// The payload was understood and refused.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.matches_reason("Invalid", StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// Returns true if it gives this reason, of the very object or collection of the call.
    pub(crate) fn has_reason_for_subject(&self, reason: &str) -> bool {
        self.reason == reason && self.about == DetailsMatch::Subject
    }

    /// Returns true if the authorizers or the admission forbid this very call. A `create` has no name in its
    /// path, by which alone the authorizers go.
    pub(crate) fn forbids_call(&self) -> bool {
        self.reason == "Forbidden"
            && matches!(self.about, DetailsMatch::Subject | DetailsMatch::Resource)
    }

    /// Returns true if Kubernetes does not find what it was asked for, and names nothing: it does not serve the
    /// resource.
    pub(crate) fn is_not_served(&self) -> bool {
        self.reason == "NotFound" && self.about == DetailsMatch::Nothing
    }

    /// Returns true for a word on the state of an object that names none, or one that the request has not named.
    /// It may be the answer to another request, and what became of this one is open.
    pub(crate) fn is_about_another(&self) -> bool {
        let reasons = ["NotFound", "AlreadyExists", "Conflict"];
        reasons.contains(&self.reason)
            && !matches!(self.about, DetailsMatch::Subject | DetailsMatch::Related)
    }

    /// Returns true if the list that was to be continued is too old (410): it has to begin again.
    #[must_use]
    pub fn is_continue_token_expired(&self) -> bool {
        self.reason == "Gone" || self.matches_reason("Expired", StatusCode::GONE)
    }

    /// We, or all together, ask too much.
    #[must_use]
    pub fn is_too_many_requests(&self) -> bool {
        self.matches_reason("TooManyRequests", StatusCode::TOO_MANY_REQUESTS)
    }

    /// The server, or what stands before it, failed; what was asked may have been done.
    #[must_use]
    pub fn is_server_fault(&self) -> bool {
        let reasons = ["InternalError", "ServerTimeout", "ServiceUnavailable", "Timeout"];
        self.code.is_server_error() || reasons.contains(&self.reason)
    }

    /// The object was refused because its namespace is being deleted, and everything in it with it.
    #[must_use]
    pub fn is_namespace_terminating(&self) -> bool {
        self.namespace_terminating
    }

    /// Returns what denied the request behind the authorizers, if the API server's message says so.
    ///
    /// `None` proves nothing: admission plugins have words of their own.
    #[must_use]
    pub fn post_authorization_denial(&self) -> Option<&PostAuthorizationDenial> {
        self.denial.as_deref()
    }

    /// The reason decides if there is one: several reasons share a code.
    fn matches_reason(&self, reason: &str, code: StatusCode) -> bool {
        if self.reason.is_empty() { self.code == code } else { self.reason == reason }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.code.as_u16())?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, " {}", self.reason) }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawStatus {
    kind: String,
    reason: String,
    message: String,
    details: Option<RawDetails>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawDetails {
    group: String,
    kind: String,
    name: String,
    retry_after_seconds: Option<u64>,
    causes: Option<Vec<RawCause>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawCause {
    reason: String,
}

/// The reasons that Kubernetes gives (`StatusReason` in `k8s.io/apimachinery`).
const KNOWN_STATUS_REASONS: [&str; 18] = [
    "AlreadyExists",
    "BadRequest",
    "Conflict",
    "Expired",
    "Forbidden",
    "Gone",
    "InternalError",
    "Invalid",
    "MethodNotAllowed",
    "NotAcceptable",
    "NotFound",
    "RequestEntityTooLarge",
    "ServerTimeout",
    "ServiceUnavailable",
    "Timeout",
    "TooManyRequests",
    "Unauthorized",
    "UnsupportedMediaType",
];

#[cfg(test)]
mod tests;
