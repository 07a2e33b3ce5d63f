//! What Kubernetes says when it says no.

use http::StatusCode;
use serde::Deserialize;

/// A refusal: Kubernetes' `Status` object, or what is known of one that carried no such object.
///
/// Its `message` is not kept. Whatever stands at a target's address writes it, and could write our own
/// credential back into it: it would end in a log.
///
/// <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The HTTP status code.
    pub code: StatusCode,
    /// Kubernetes' machine-readable reason, as `Forbidden`; empty where it gave none that we know.
    pub reason: &'static str,
}

impl Status {
    /// Reads a refusal. A proxy's error page is one too: it has a code and nothing else to say.
    #[must_use]
    pub fn read(code: StatusCode, body: &[u8]) -> Self {
        let status: RawStatus = serde_json::from_slice(body).unwrap_or_default();
        let known =
            REASONS.iter().find(|known| status.kind == "Status" && **known == status.reason);
        Self { code, reason: known.copied().unwrap_or_default() }
    }

    /// The credential was not accepted.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        self.is("Unauthorized", StatusCode::UNAUTHORIZED)
    }

    /// The credential was accepted and may not do this.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.is("Forbidden", StatusCode::FORBIDDEN)
    }

    /// Kubernetes itself says that the object does not exist. A 404 without its word may come from
    /// anything that is not the API server, a wrong prefix for one.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.reason == "NotFound"
    }

    /// The payload was understood and refused.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.is("Invalid", StatusCode::UNPROCESSABLE_ENTITY)
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

    /// As kube-apiserver 1.36.3 answered a request without the right to make it.
    const FORBIDDEN: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
        "message":"serviceaccounts \"deployer\" is forbidden: User \"system:serviceaccount:kubelease:broker\" cannot create resource \"serviceaccounts/token\" in API group \"\" in the namespace \"apps\"",
        "reason":"Forbidden","details":{"name":"deployer","kind":"serviceaccounts"},"code":403}"#;

    #[test]
    fn the_reason_decides_before_the_code() {
        for (code, body, unauthorized, forbidden, not_found) in [
            (403, FORBIDDEN, false, true, false),
            (403, "<html>no</html>", false, true, false),
            (401, "", true, false, false),
            (404, r#"{"kind":"Status","reason":"NotFound"}"#, false, false, true),
            (404, "404 page not found", false, false, false),
            (403, r#"{"kind":"Status","reason":"Expired"}"#, false, false, false),
            (404, r#"{"kind":"Pod","reason":"NotFound"}"#, false, false, false),
        ] {
            let status = Status::read(StatusCode::from_u16(code).expect("a code"), body.as_bytes());
            let got = (status.is_unauthorized(), status.is_forbidden(), status.is_not_found());
            assert_eq!(got, (unauthorized, forbidden, not_found), "{code} {body}");
        }
    }

    #[test]
    fn nothing_that_the_server_writes_freely_is_kept() {
        let body = br#"{"kind":"Status","reason":"canary","message":"canary"}"#;
        for body in [body.as_slice(), FORBIDDEN.replace("apps", "canary").as_bytes(), b"canary"] {
            let status = Status::read(StatusCode::FORBIDDEN, body);
            let told = format!("{status} {status:?}");
            assert!(status.is_forbidden() && !told.contains("canary"), "{told}");
        }
    }
}
