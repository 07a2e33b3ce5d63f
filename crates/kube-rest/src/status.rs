//! What Kubernetes says when it says no.

use http::StatusCode;
use serde::Deserialize;

/// A refusal: Kubernetes' `Status` object, or what is known of one that carried no such object.
///
/// <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The HTTP status code.
    pub code: StatusCode,
    /// Kubernetes' machine-readable reason, as `Forbidden`; empty where the answer was no `Status`.
    pub reason: String,
    /// Kubernetes' explanation; empty where the answer was no `Status`.
    pub message: String,
}

impl Status {
    /// Reads a refusal. A proxy's error page is one too: it has a code and nothing else to say.
    #[must_use]
    pub fn read(code: StatusCode, body: &[u8]) -> Self {
        let RawStatus { reason, message, .. } = serde_json::from_slice(body)
            .ok()
            .filter(|status: &RawStatus| status.kind == "Status")
            .unwrap_or_default();
        Self { code, reason, message: shortened(message) }
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
        if !self.reason.is_empty() {
            write!(f, " {}", self.reason)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawStatus {
    kind: String,
    reason: String,
    message: String,
}

/// A message goes into logs; one that is larger than any of Kubernetes' own is cut there.
fn shortened(mut message: String) -> String {
    if message.len() > MAX_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        message.push('…');
    }
    message
}

const MAX_MESSAGE_BYTES: usize = 1024;

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
    fn a_huge_message_is_cut() {
        let body = format!(r#"{{"kind":"Status","message":"{}"}}"#, "ü".repeat(5000));
        let status = Status::read(StatusCode::BAD_REQUEST, body.as_bytes());
        assert!(status.message.len() <= MAX_MESSAGE_BYTES + '…'.len_utf8());
        assert!(status.message.starts_with('ü'));
    }
}
