//! Explanations: what would come of a login and an issue, rule by rule.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::client::Call;
use crate::{Client, Error, Name, Token};

/// The request that is to be explained.
#[derive(Debug, Clone)]
pub struct ExplainRequest {
    /// The identity.
    pub identity: Name,
    /// A token that is verified as at a login.
    pub jwt: Option<Token>,
    /// Claims that are taken as given.
    pub claims: Option<Map<String, Value>>,
    /// The dynamic secret; only the login is explained without one.
    pub dynamic_secret: Option<Name>,
    /// The namespace.
    pub namespace: Option<Name>,
    /// The lifetime of the lease.
    pub ttl: Option<String>,
    /// The address that it would come from.
    pub address: Option<String>,
}

/// The outcome that the request would have.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Explanation {
    /// If both would succeed, as far as they were asked about.
    pub allowed: bool,
    /// The answer to the first request that fails.
    pub refusal: Option<ExplainedRefusal>,
    /// All other fields of the answer.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The answer to a refused request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExplainedRefusal {
    /// The code.
    pub code: String,
    /// The detail that its caller would be told.
    pub detail: String,
    /// The reason that its caller would not be told.
    pub reason: Option<String>,
    /// All other fields of the answer.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Client {
    /// Has a login and an issue explained. Nothing is changed by it.
    ///
    /// # Errors
    /// Fails if the caller may not, or the server cannot be reached.
    pub fn explain_request(&self, request: &ExplainRequest) -> Result<Explanation, Error> {
        let mut body = json!({ "identity": request.identity });
        // The body that is sent is the one place for the token.
        let jwt = request.jwt.as_ref().map(|jwt| json!(jwt.expose_secret()));
        for (field, value) in [
            ("jwt", jwt),
            ("claims", request.claims.clone().map(Value::Object)),
            ("dynamic_secret", request.dynamic_secret.as_ref().map(|it| json!(it))),
            ("namespace", request.namespace.as_ref().map(|it| json!(it))),
            ("ttl", request.ttl.as_ref().map(|it| json!(it))),
            ("address", request.address.as_ref().map(|it| json!(it))),
        ] {
            if let Some(value) = value {
                body[field] = value;
            }
        }
        self.send_with_retries(&Call::post("/api/v1/explain", &body).allow_repeats())?.parse_json()
    }
}
