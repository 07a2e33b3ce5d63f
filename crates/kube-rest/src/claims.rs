//! What a service-account token says of itself.

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// The claims of a service-account token, as far as we read them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TokenClaims {
    /// Whose token it is, as `system:serviceaccount:apps:deployer`.
    #[serde(rename = "sub")]
    pub subject: String,
    /// Who may accept it.
    #[serde(rename = "aud")]
    pub audience: Audience,
    /// When it was issued.
    #[serde(rename = "iat", with = "chrono::serde::ts_seconds")]
    pub issued_at: DateTime<Utc>,
    /// When it ends.
    #[serde(rename = "exp", with = "chrono::serde::ts_seconds")]
    pub expires_at: DateTime<Utc>,
    /// Its own id; absent before Kubernetes 1.29.
    #[serde(rename = "jti")]
    pub id: Option<String>,
}

/// One audience or several: RFC 7519 §4.1.3 allows both.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// `"aud": "a"`
    One(String),
    /// `"aud": ["a"]`
    Several(Vec<String>),
}

/// Why a text is no token of a service account. The text itself is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no JWT with the claims of a service account")]
pub struct ClaimsError;

impl TokenClaims {
    /// Reads the claims of `token` without looking at its signature.
    ///
    /// For a token that the signer itself has just handed over; of any other it proves nothing.
    ///
    /// # Errors
    /// Fails where it is no JWT, or lacks one of the claims.
    pub fn read_unverified(token: &str) -> Result<Self, ClaimsError> {
        // The decoder's own error may quote what it read.
        jsonwebtoken::dangerous::insecure_decode(token)
            .map(|data| data.claims)
            .map_err(|_| ClaimsError)
    }

    /// Whether the token is one of this account.
    #[must_use]
    pub fn is_of(&self, namespace: &str, service_account: &str) -> bool {
        self.subject
            .strip_prefix("system:serviceaccount:")
            .and_then(|rest| rest.split_once(':'))
            .is_some_and(|account| account == (namespace, service_account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token of kube-apiserver 1.36.3, its signature cut.
    const TOKEN: &str = concat!(
        "eyJhbGciOiJFUzI1NiIsImtpZCI6IngifQ.",
        "eyJhdWQiOlsiaHR0cHM6Ly9rdWJlcm5ldGVzLmRlZmF1bHQuc3ZjIl0sImV4cCI6MTc5NTMzNzQwMCwiaWF0IjoxNzk1",
        "MzMzODAwLCJpc3MiOiJodHRwczovL2t1YmVybmV0ZXMuZGVmYXVsdC5zdmMiLCJqdGkiOiI1YTBmIiwic3ViIjoic3lz",
        "dGVtOnNlcnZpY2VhY2NvdW50OmFwcHM6ZGVwbG95ZXIifQ.c2ln",
    );

    #[test]
    fn the_claims_of_a_real_token_are_read() {
        let claims = TokenClaims::read_unverified(TOKEN).expect("reads");
        assert!(claims.is_of("apps", "deployer"));
        assert!(!claims.is_of("app", "s:deployer"));
        assert!(!claims.is_of("apps", "deploy"));
        assert_eq!(claims.expires_at.timestamp(), 1_795_337_400);
        assert_eq!((claims.expires_at - claims.issued_at).num_seconds(), 3600);
        assert_eq!(claims.id.as_deref(), Some("5a0f"));
        let audience = Audience::Several(vec!["https://kubernetes.default.svc".to_owned()]);
        assert_eq!(claims.audience, audience);
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_repeated() {
        let no_exp = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4IiwiYXVkIjoieSIsImlhdCI6MX0.c2ln";
        for token in ["", "secret-canary", "a.b.c", no_exp] {
            let error = TokenClaims::read_unverified(token).expect_err(token);
            assert!(!error.to_string().contains("canary"));
        }
    }
}
