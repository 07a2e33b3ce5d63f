//! What Kubernetes says when it says no.

use std::time::Duration;

use http::{Response, StatusCode, header};
use serde::Deserialize;

use crate::denial::Denial;
use crate::subject::{About, Subject};

/// A refusal: Kubernetes' `Status` object, or what is known of one that carried no such object.
///
/// Its `message` is not kept, but for what [`Denial`] reads in it. Whatever stands at a target's address writes
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
    /// Kubernetes' machine-readable reason, as `Forbidden`; empty where it gave none that we know.
    pub reason: &'static str,
    /// How long it asks us to wait, at most [`MAX_RETRY_AFTER`]; in whole seconds.
    pub retry_after: Option<Duration>,
    /// Boxed, as errors are moved often and refusals are few.
    details: Box<Details>,
    about: About,
    namespace_terminating: bool,
    denial: Option<Box<Denial>>,
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
    pub fn read(response: &Response<Vec<u8>>) -> Self {
        Self::read_about(response, &Subject::default())
    }

    /// Reads the refusal of a call that is about `subject`.
    pub(crate) fn read_about(response: &Response<Vec<u8>>, subject: &Subject) -> Self {
        let status: RawStatus = serde_json::from_slice(response.body()).unwrap_or_default();
        let status = if status.kind == "Status" { status } else { RawStatus::default() };
        let known = REASONS.iter().find(|known| **known == status.reason);
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
            about: subject.compare(&details),
            details: Box::new(details),
            namespace_terminating: raw
                .causes
                .iter()
                .flatten()
                .any(|cause| cause.reason == "NamespaceTerminating"),
            denial: Denial::read(&status.message).map(Box::new),
        }
    }

    /// The credential was not accepted.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        self.is("Unauthorized", StatusCode::UNAUTHORIZED)
    }

    /// The credential was accepted and may not do this: for what people are told. What is decided by it is
    /// decided by [`crate::Error::is_forbidden`].
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.is("Forbidden", StatusCode::FORBIDDEN)
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
        self.is("Invalid", StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// Returns true if it gives this reason, of the very object or collection of the call.
    pub(crate) fn says(&self, reason: &str) -> bool {
        self.reason == reason && self.about == About::Subject
    }

    /// Returns true if the authorizers or the admission forbid this very call. A `create` has no name in its
    /// path, by which alone the authorizers go.
    pub(crate) fn forbids(&self) -> bool {
        self.reason == "Forbidden" && matches!(self.about, About::Subject | About::Resource)
    }

    /// Returns true if Kubernetes does not find what it was asked for, and names nothing: it does not serve the
    /// resource.
    pub(crate) fn is_not_served(&self) -> bool {
        self.reason == "NotFound" && self.about == About::Nothing
    }

    /// Returns true for a word on the state of an object that names none, or one that the request has not named.
    /// It may be the answer to another request, and what became of this one is open.
    pub(crate) fn is_about_another(&self) -> bool {
        let reasons = ["NotFound", "AlreadyExists", "Conflict"];
        reasons.contains(&self.reason) && !matches!(self.about, About::Subject | About::Related)
    }

    /// What was asked to be continued is too long ago (410): the list begins anew.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.reason == "Gone" || self.is("Expired", StatusCode::GONE)
    }

    /// We, or all together, ask too much.
    #[must_use]
    pub fn is_too_many_requests(&self) -> bool {
        self.is("TooManyRequests", StatusCode::TOO_MANY_REQUESTS)
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

    /// What denied the request behind the authorizers, if the API server's message says so.
    ///
    /// Its absence proves nothing: admission plugins have words of their own.
    #[must_use]
    pub fn denial(&self) -> Option<&Denial> {
        self.denial.as_deref()
    }

    /// The reason decides where there is one: several reasons share a code.
    fn is(&self, reason: &str, code: StatusCode) -> bool {
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
const REASONS: [&str; 18] = [
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
mod tests {
    use super::*;
    use crate::Kind;

    /// As kube-apiserver 1.36.3 answered a request without the right to make it.
    const FORBIDDEN: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
        "message":"serviceaccounts \"deployer\" is forbidden: User \"system:serviceaccount:kubelease:broker\" cannot create resource \"serviceaccounts/token\" in API group \"\" in the namespace \"apps\"",
        "reason":"Forbidden","details":{"name":"deployer","kind":"serviceaccounts"},"code":403}"#;

    /// As it answered the create of an account in a namespace that was being deleted.
    const TERMINATING: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
        "message":"serviceaccounts \"late\" is forbidden: unable to create new content in namespace apps because it is being terminated",
        "reason":"Forbidden","details":{"name":"late","kind":"serviceaccounts","causes":[
        {"reason":"NamespaceTerminating","message":"namespace apps is being terminated","field":"metadata.namespace"}]},
        "code":403}"#;

    /// As it answered a DELETE whose UID was another.
    const CONFLICT: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
        "message":"Operation cannot be fulfilled on ServiceAccount \"f1\": the UID in the precondition (nope) does not match the UID in record (9f151a2a-1b8c-4104-aff3-3f2813bc6979). The object might have been deleted and then recreated",
        "reason":"Conflict","details":{"name":"f1","kind":"ServiceAccount"},"code":409}"#;

    /// As it answered the second create of a name.
    const EXISTS: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
        "message":"clusterroles.rbac.authorization.k8s.io \"a1\" already exists","reason":"AlreadyExists",
        "details":{"name":"a1","group":"rbac.authorization.k8s.io","kind":"clusterroles"},"code":409}"#;

    fn status(code: u16, retry_after: Option<&str>, body: &str) -> Status {
        let mut response = Response::builder().status(code);
        if let Some(seconds) = retry_after {
            response = response.header("retry-after", seconds);
        }
        Status::read(&response.body(body.as_bytes().to_vec()).expect("an answer"))
    }

    /// Every question, by the name of what it asks.
    fn answers(status: &Status) -> Vec<&'static str> {
        [
            ("unauthorized", status.is_unauthorized()),
            ("forbidden", status.is_forbidden()),
            ("invalid", status.is_invalid()),
            ("expired", status.is_expired()),
            ("too many", status.is_too_many_requests()),
            ("fault", status.is_server_fault()),
            ("terminating", status.is_namespace_terminating()),
        ]
        .into_iter()
        .filter_map(|(question, yes)| yes.then_some(question))
        .collect()
    }

    #[test]
    fn the_reason_decides_before_the_code() {
        let reason = |reason| format!(r#"{{"kind":"Status","reason":"{reason}"}}"#);
        for (code, body, yes) in [
            (403, FORBIDDEN, &["forbidden"][..]),
            (403, TERMINATING, &["forbidden", "terminating"]),
            (403, &TERMINATING.replace(r#""Status""#, r#""Pod""#), &["forbidden"]),
            (403, "<html>no</html>", &["forbidden"]),
            (401, "", &["unauthorized"]),
            (404, &reason("NotFound"), &[]),
            (404, "404 page not found", &[]),
            (403, &reason("Expired"), &["expired"]),
            (404, r#"{"kind":"Pod","reason":"NotFound"}"#, &[]),
            (409, CONFLICT, &[]),
            (409, EXISTS, &[]),
            (409, "<html>", &[]),
            (410, &reason("Expired"), &["expired"]),
            (410, &reason("Gone"), &["expired"]),
            (410, "", &["expired"]),
            (422, &reason("Invalid"), &["invalid"]),
            (429, &reason("TooManyRequests"), &["too many"]),
            (429, "Too many requests, please try again later.", &["too many"]),
            (500, &reason("ServerTimeout"), &["fault"]),
            (503, "", &["fault"]),
            (504, &reason("Timeout"), &["fault"]),
            (500, &reason("Forbidden"), &["forbidden", "fault"]),
        ] {
            assert_eq!(answers(&status(code, None, body)), yes, "{code} {body}");
        }
    }

    /// As it answered the DELETE of what was not there.
    const MISSING: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
        "message":"leases.coordination.k8s.io \"l1\" not found","reason":"NotFound",
        "details":{"name":"l1","group":"coordination.k8s.io","kind":"leases"},"code":404}"#;

    #[test]
    fn a_real_refusal_names_its_object() {
        let account = |name| Subject::object(Kind::ServiceAccount, name);
        for (body, subject, reason) in [
            (FORBIDDEN, Subject::token_of("deployer"), "Forbidden"),
            (TERMINATING, account("late"), "Forbidden"),
            (CONFLICT, account("f1"), "Conflict"),
            (EXISTS, Subject::object(Kind::ClusterRole, "a1"), "AlreadyExists"),
            (MISSING, Subject::object(Kind::Lease, "l1"), "NotFound"),
        ] {
            let response =
                || Response::builder().body(body.as_bytes().to_vec()).expect("an answer");
            assert!(Status::read_about(&response(), &subject).says(reason), "{body}");
            let another = Subject::object(Kind::Lease, "l2");
            assert!(!Status::read_about(&response(), &another).says(reason), "{body}");
            assert!(!Status::read(&response()).says(reason), "{body}: no call is known");
        }
    }

    #[test]
    fn what_is_not_found_may_be_another_thing_that_was_needed() {
        let body = MISSING.replace("l1", "apps").replace("leases", "namespaces");
        for (body, resource, name, yes) in [
            (body.as_str(), "namespaces", "apps", true),
            (&body, "namespaces", "web", false),
            (&body, "secrets", "apps", false),
            (MISSING, "leases", "l1", true),
            (EXISTS, "clusterroles", "a1", false),
            (r#"{"kind":"Status","reason":"NotFound","details":{}}"#, "", "", false),
            ("404 page not found", "namespaces", "apps", false),
        ] {
            let told = status(404, None, body).is_not_found_of(resource, name);
            assert_eq!(told, yes, "{body} {resource} {name}");
        }
    }

    #[test]
    fn a_server_may_ask_for_a_minute_at_most() {
        let details = |seconds: &str| {
            format!(
                r#"{{"kind":"Status","reason":"ServerTimeout","details":{{"retryAfterSeconds":{seconds}}}}}"#
            )
        };
        for (header, body, seconds) in [
            (None, String::new(), None),
            (Some("1"), String::new(), Some(1)),
            (Some("1"), details("5"), Some(1)),
            (None, details("5"), Some(5)),
            (None, details("0"), None),
            (None, details("100000"), Some(60)),
            (Some("0"), String::new(), Some(0)),
            (Some("61"), String::new(), Some(60)),
            (Some("99999999999999999999"), String::new(), None),
            (Some("-1"), String::new(), None),
            (Some("Wed, 25 Nov 2026 02:28:15 GMT"), details("5"), Some(5)),
        ] {
            let asked = status(503, header, &body).retry_after.map(|after| after.as_secs());
            assert_eq!(asked, seconds, "{header:?} {body}");
        }
    }

    #[test]
    fn nothing_that_the_server_writes_freely_is_kept() {
        let body = r#"{"kind":"Status","reason":"canary","message":"canary"}"#;
        for body in [body, &FORBIDDEN.replace("apps", "canary"), "canary"] {
            let status = status(403, None, body);
            let told = format!("{status} {status:?}");
            assert!(status.is_forbidden() && !told.contains("canary"), "{told}");
        }
    }

    #[test]
    fn what_denied_is_read_of_a_status_alone() {
        let body = r#"{"kind":"Status","reason":"Forbidden","message":"secrets \"s\" is forbidden: exceeded quota: canary, requested"}"#;
        let told = status(403, None, body);
        assert_eq!(told.denial().and_then(Denial::name), Some("canary"));
        assert!(!format!("{told} {told:?}").contains("canary"), "{told:?}");
        assert_eq!(status(403, None, &body.replace("Status", "Pod")).denial(), None);
        assert_eq!(status(403, None, FORBIDDEN).denial(), None);
    }
}
