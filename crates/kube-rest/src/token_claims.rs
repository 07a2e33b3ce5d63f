//! What a service-account token says of itself.

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// The claims of a service-account token, as far as we read them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TokenClaims {
    /// Whose token it is, as `system:serviceaccount:apps:deployer`.
    #[serde(rename = "sub")]
    pub subject: String,
    /// The audience of the token.
    #[serde(rename = "aud")]
    pub audience: AudienceClaim,
    /// When it was issued.
    #[serde(rename = "iat", with = "chrono::serde::ts_seconds")]
    pub issued_at: DateTime<Utc>,
    /// When it ends.
    #[serde(rename = "exp", with = "chrono::serde::ts_seconds")]
    pub expires_at: DateTime<Utc>,
    /// The token's own id; absent before Kubernetes 1.29.
    #[serde(rename = "jti")]
    pub id: Option<String>,
    /// The issuer.
    #[serde(rename = "iss")]
    pub issuer: Option<String>,
    /// The claims of Kubernetes: the account, and the object that the token is bound to.
    #[serde(rename = "kubernetes.io")]
    pub private: Option<PrivateClaims>,
}

/// The claims that Kubernetes alone makes: what must still exist, so that the token is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PrivateClaims {
    /// The namespace of all of them.
    pub namespace: Option<String>,
    /// The account.
    #[serde(rename = "serviceaccount")]
    pub service_account: Option<ObjectClaim>,
    /// The secret, where it is bound to one.
    pub secret: Option<ObjectClaim>,
}

/// An object by name and UID.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ObjectClaim {
    /// The name.
    pub name: String,
    /// The UID, which differs from that of another object of the same name.
    pub uid: String,
}

/// An audience or several: RFC 7519 §4.1.3 allows both.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum AudienceClaim {
    /// `"aud": "a"`
    One(String),
    /// `"aud": ["a"]`
    Several(Vec<String>),
}

/// Why a text is no token of a service account. The text itself is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the token is not a JWT with the claims of a ServiceAccount")]
pub struct ClaimsError;

impl TokenClaims {
    /// Reads the claims of `token` without looking at its signature.
    ///
    /// For a token that the signer itself has just handed over; of any other it proves nothing.
    ///
    /// # Errors
    /// Fails if it is no JWT, or lacks one of the claims.
    pub fn read_unverified(token: &str) -> Result<Self, ClaimsError> {
        // The decoder's own error may quote what it read.
        jsonwebtoken::dangerous::insecure_decode(token)
            .map(|data| data.claims)
            .map_err(|_| ClaimsError)
    }

    /// Returns true if the token is one of this account.
    #[must_use]
    pub fn is_of_account(&self, namespace: &str, service_account: &str) -> bool {
        self.subject
            .strip_prefix("system:serviceaccount:")
            .and_then(|rest| rest.split_once(':'))
            .is_some_and(|account| account == (namespace, service_account))
    }

    /// The UID of its account, where it says one.
    #[must_use]
    pub fn account_uid(&self) -> Option<&str> {
        Some(&self.private.as_ref()?.service_account.as_ref()?.uid)
    }

    /// The UID of the secret that it is bound to, if it is to one.
    #[must_use]
    pub fn secret_uid(&self) -> Option<&str> {
        Some(&self.private.as_ref()?.secret.as_ref()?.uid)
    }

    /// Returns the audiences of the token.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        match &self.audience {
            AudienceClaim::One(audience) => std::slice::from_ref(audience),
            AudienceClaim::Several(audiences) => audiences,
        }
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
        assert!(claims.is_of_account("apps", "deployer"));
        assert!(!claims.is_of_account("app", "s:deployer"));
        assert!(!claims.is_of_account("apps", "deploy"));
        assert_eq!(claims.expires_at.timestamp(), 1_795_337_400);
        assert_eq!((claims.expires_at - claims.issued_at).num_seconds(), 3600);
        assert_eq!(claims.id.as_deref(), Some("5a0f"));
        let audience = AudienceClaim::Several(vec!["https://kubernetes.default.svc".to_owned()]);
        assert_eq!(claims.audience, audience);
    }

    /// The claims of a token of kube-apiserver 1.36.3 that is bound to a secret.
    const BOUND: &str = r#"{"aud":["https://kubernetes.default.svc"],"exp":1795574289,"iat":1795573689,
        "iss":"https://kubernetes.default.svc","jti":"015de030-21a5-4e0d-a9d2-fdb5405c0b0b",
        "kubernetes.io":{"namespace":"apps","secret":{"name":"s1","uid":"9362aa50-0173-43cb-afe2-14ef934d8a81"},
        "serviceaccount":{"name":"a1","uid":"f75f4218-cc17-4167-9214-4b111d6e7ac9"}},
        "nbf":1795573689,"sub":"system:serviceaccount:apps:a1"}"#;

    #[test]
    fn what_a_token_ends_with_is_told() {
        let claims: TokenClaims = serde_json::from_str(BOUND).expect("reads");
        assert_eq!(claims.account_uid(), Some("f75f4218-cc17-4167-9214-4b111d6e7ac9"));
        assert_eq!(claims.secret_uid(), Some("9362aa50-0173-43cb-afe2-14ef934d8a81"));
        assert_eq!(claims.issuer.as_deref(), Some("https://kubernetes.default.svc"));
        assert_eq!(claims.private.and_then(|p| p.namespace).as_deref(), Some("apps"));
        let plain = TokenClaims::read_unverified(TOKEN).expect("reads");
        assert_eq!((plain.account_uid(), plain.secret_uid()), (None, None));
    }

    #[test]
    fn one_audience_is_as_good_as_a_list_of_one() {
        for (aud, want) in [(r#""a""#, &["a"][..]), (r#"["a","b"]"#, &["a", "b"]), ("[]", &[])] {
            let claims = BOUND.replace(r#"["https://kubernetes.default.svc"]"#, aud);
            let claims: TokenClaims = serde_json::from_str(&claims).expect("reads");
            assert_eq!(claims.audiences(), want, "{aud}");
        }
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
