//! Answers, as kube-apiserver 1.36 gives them.

use http::Response;
use kube_rest::TransportError;
use serde_json::{Value, json};

use super::token::token;

/// What is done with one request that is not the cluster's own doing.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It is answered with a status and a body.
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

    /// A refusal with Kubernetes' own reason.
    pub(super) fn refusal(code: u16, reason: &str, message: &str) -> Self {
        Self::json(
            code,
            &json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": reason, "details": {}, "code": code,
            }),
        )
    }

    pub(super) fn not_found(what: &str, name: &str) -> Self {
        Self::refusal(404, "NotFound", &format!("{what} \"{name}\" not found"))
    }

    pub(super) fn conflict(what: &str, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {what} \"{name}\": {why}");
        Self::refusal(409, "Conflict", &message)
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
