//! Access tokens: logging in, and who is logged in.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::client::Call;
use crate::{Client, Error, Name, Token};

/// A login by a JWT of somebody else's.
#[derive(Debug, Clone)]
pub struct LoginRequest {
    /// The identity to log in as; may be left out if the token fits only one.
    pub identity: Option<Name>,
    /// The token that is shown.
    pub jwt: Token,
}

/// An access token, in the one answer that has it.
#[derive(Debug, Clone, Deserialize)]
pub struct AccessToken {
    /// The token.
    pub access_token: Token,
    /// For how many seconds it is good.
    pub expires_in: i64,
    /// For how many seconds it is good with all renewals.
    pub max_expires_in: i64,
    /// The public name, for a revocation.
    pub accessor: String,
    /// Whose it is.
    pub identity: Name,
}

/// The one who asks, and what is granted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Caller {
    /// The identity; none for the first administrator.
    pub identity: Option<Name>,
    /// If it may do whatever an administrator may.
    #[serde(default)]
    pub admin: bool,
    /// The access token by which it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<AccessTokenInfo>,
    /// The dynamic secrets of which it may ask for leases now.
    #[serde(default)]
    pub dynamic_secrets: Vec<Name>,
    /// All other fields of the answer.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// An access token, without the token itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessTokenInfo {
    /// The public name.
    pub accessor: String,
    /// The way in which it was logged in.
    pub auth_method: String,
    /// The end of its time.
    pub expires_at: DateTime<Utc>,
    /// The end of its time with all renewals.
    pub max_expires_at: DateTime<Utc>,
    /// The number of requests for which it is still good, if that is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses_left: Option<u64>,
    /// All other fields of the answer.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Client {
    /// Logs in by the token of a `ServiceAccount`.
    ///
    /// # Errors
    /// Fails if the token lets nobody in, or the server cannot be reached.
    pub fn log_in_by_kubernetes(&self, request: &LoginRequest) -> Result<AccessToken, Error> {
        self.log_in("kubernetes", request)
    }

    /// Logs in by the ID token of a CI job.
    ///
    /// # Errors
    /// Fails if the token lets nobody in, or the server cannot be reached.
    pub fn log_in_by_oidc(&self, request: &LoginRequest) -> Result<AccessToken, Error> {
        self.log_in("oidc", request)
    }

    /// Not sent twice: an identity may let a token in only once.
    fn log_in(&self, method: &str, request: &LoginRequest) -> Result<AccessToken, Error> {
        let mut body = json!({ "jwt": request.jwt.expose_secret() });
        if let Some(identity) = &request.identity {
            body["identity"] = json!(identity);
        }
        self.send_with_retries(&Call::post(format!("/api/v1/auth/{method}/login"), &body))?
            .parse_json()
    }

    /// Asks who the bearer of the token is.
    ///
    /// # Errors
    /// Fails if the token is not good, or the server cannot be reached.
    pub fn get_caller(&self) -> Result<Caller, Error> {
        self.send_with_retries(&Call::get("/api/v1/auth/token"))?.parse_json()
    }

    /// Returns another access token of the same login, which is good for longer.
    ///
    /// # Errors
    /// Fails if it is at its maximum or not good, or if the server cannot be reached.
    pub fn renew_access_token(&self) -> Result<AccessToken, Error> {
        self.send_with_retries(&Call::post("/api/v1/auth/token/renew", &json!({})).allow_repeats())?
            .parse_json()
    }

    /// Revokes the access token that is shown, with all that it was renewed to.
    ///
    /// # Errors
    /// Fails if it is not good, or the server cannot be reached.
    pub fn revoke_own_token(&self) -> Result<(), Error> {
        // Sent again after it was done, it would be refused as a token that is not good.
        self.send_with_retries(&Call::post("/api/v1/auth/token/revoke", &json!({}))).map(drop)
    }
}
