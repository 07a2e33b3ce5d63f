//! Answers, as kube-apiserver 1.36 gives them.

use http::Response;
use kube_rest::TransportError;
use serde_json::{Value, json};

use super::sent::Access;
use super::token::token;

/// A scripted answer to one request, in place of the cluster's own.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The request is answered with a status and a body.
    Reply(u16, String),
    /// No answer comes.
    Fail(TransportError),
}

impl Answer {
    /// The answer to a `TokenRequest` that is granted: a token that is bound to nothing.
    #[must_use]
    pub fn token(namespace: &str, account: &str, issued: i64, expires: i64) -> Self {
        let token = token(namespace, account, issued, expires);
        Self::Reply(201, json!({"status": {"token": token}}).to_string())
    }
}

/// A response in the making.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) body: String,
    pub(super) retry_after: Option<u64>,
}

impl Reply {
    pub(super) fn json(code: u16, body: &Value) -> Self {
        Self { code, body: body.to_string(), retry_after: None }
    }

    /// A refusal with Kubernetes' own reason that names nothing.
    pub(super) fn refusal(code: u16, reason: &str, message: &str) -> Self {
        Self::refusal_of(code, reason, message, &json!({}))
    }

    fn refusal_of(code: u16, reason: &str, message: &str, details: &Value) -> Self {
        Self::json(
            code,
            &json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": reason, "details": details, "code": code,
            }),
        )
    }

    /// A refusal whose `details` are given as they are written, with `NAME`, `GROUP` and `KIND` for what the
    /// request names.
    pub(super) fn misplaced(
        access: Option<&Access>,
        code: u16,
        reason: &str,
        details: &str,
    ) -> Self {
        let resource = access.map_or("", |access| access.resource.as_str());
        let (kind, group) = resource.split_once('.').unwrap_or((resource, ""));
        let name = access.and_then(|access| access.name.as_deref()).unwrap_or_default();
        let details = details.replace("NAME", name).replace("GROUP", group).replace("KIND", kind);
        let details: Value = serde_json::from_str(&details).unwrap_or_default();
        Self::refusal_of(code, reason, "misplaced", &details)
    }

    pub(super) fn not_found(what: &str, name: &str) -> Self {
        let message = format!("{what} \"{name}\" not found");
        Self::refusal_of(404, "NotFound", &message, &details(what, name))
    }

    pub(super) fn already_exists(what: &str, name: &str) -> Self {
        let message = format!("{what} \"{name}\" already exists");
        Self::refusal_of(409, "AlreadyExists", &message, &details(what, name))
    }

    pub(super) fn conflict(what: &str, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {what} \"{name}\": {why}");
        Self::refusal_of(409, "Conflict", &message, &details(what, name))
    }

    /// A refusal of the authorizers; a request that everybody may make has no `access`.
    pub(super) fn forbidden(access: Option<&Access>, message: &str) -> Self {
        let details = match access {
            Some(Access { resource, name, .. }) => {
                let what = match resource.split_once('/') {
                    Some((resource, _)) => resource,
                    None => resource,
                };
                details(what, name.as_deref().unwrap_or_default())
            }
            None => json!({}),
        };
        Self::refusal_of(403, "Forbidden", message, &details)
    }

    pub(super) fn into_response(self) -> Result<Response<Vec<u8>>, TransportError> {
        let mut response = Response::builder().status(self.code);
        if let Some(seconds) = self.retry_after {
            response = response.header("retry-after", seconds);
        }
        let response = response.body(self.body.into_bytes());
        response.map_err(|error| TransportError::Broken(error.to_string()))
    }
}

/// The `details` of a refusal: `what` is a resource with its group, as in `roles.rbac.authorization.k8s.io`.
fn details(what: &str, name: &str) -> Value {
    let (kind, group) = what.split_once('.').unwrap_or((what, ""));
    let mut details = json!({});
    // What is empty is left out.
    for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
        if !value.is_empty() {
            details[key] = json!(value);
        }
    }
    details
}
