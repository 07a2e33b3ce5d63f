//! `TokenRequest`: how a token of a service account is asked for, and the token.
//!
//! <https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/>

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, TokenClaims};

/// What token is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenSpec {
    /// Who may accept it; none stands for the API server itself.
    pub audiences: Vec<String>,
    /// Its life in seconds. Under 600 is refused; over the server's own maximum is shortened in silence.
    pub expiration_seconds: u32,
}

/// A service-account token: delivered once, in one response; never stored, never logged.
#[derive(Deserialize)]
#[serde(from = "TokenAnswer")]
pub struct IssuedToken(String);

impl IssuedToken {
    /// What the token says of itself.
    ///
    /// It came over an authenticated connection from the server that signed it, so its signature is not
    /// verified again.
    ///
    /// # Errors
    /// Fails where it is no token of a service account.
    pub fn claims(&self) -> Result<TokenClaims, Error> {
        TokenClaims::read_unverified(&self.0).map_err(Error::Token)
    }

    /// The token itself, for the one response that delivers it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuedToken(redacted)")
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenRequest<'a> {
    api_version: &'static str,
    kind: &'static str,
    spec: &'a TokenSpec,
}

impl<'a> TokenRequest<'a> {
    pub(crate) fn of(spec: &'a TokenSpec) -> Self {
        Self { api_version: "authentication.k8s.io/v1", kind: "TokenRequest", spec }
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    status: TokenStatus,
}

#[derive(Deserialize)]
struct TokenStatus {
    token: String,
}

impl From<TokenAnswer> for IssuedToken {
    fn from(answer: TokenAnswer) -> Self {
        Self(answer.status.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_a_real_answer_is_read_and_not_printed() {
        // As kube-apiserver 1.36.3 answered, the token cut.
        let answer = r#"{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1",
            "metadata":{"name":"deployer","namespace":"apps","creationTimestamp":"2026-11-22T06:50:00Z"},
            "spec":{"audiences":["https://kubernetes.default.svc"],"expirationSeconds":3600,
            "boundObjectRef":null},
            "status":{"token":"eyJhbGciOi.J9.x","expirationTimestamp":"2026-11-22T07:50:00Z"}}"#;
        let token: IssuedToken = serde_json::from_str(answer).expect("reads");
        assert_eq!(token.expose(), "eyJhbGciOi.J9.x");
        assert_eq!(format!("{token:?}"), "IssuedToken(redacted)");
    }
}
