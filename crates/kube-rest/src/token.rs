//! `TokenRequest`: how a token of a service account is asked for, and the token.
//!
//! <https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/>

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::call_subject::CallSubject;
use crate::{Api, Call, Error, Kind, TokenClaims};

/// The terms of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenSpec {
    /// The audiences; none stands for the API server itself.
    pub audiences: Vec<String>,
    /// The lifetime in seconds. Under 600 is refused; over the server's own maximum is shortened in
    /// silence.
    pub expiration_seconds: u32,
    /// The object with which the token ends, besides its account.
    #[serde(rename = "boundObjectRef", skip_serializing_if = "Option::is_none")]
    pub bound_object: Option<BoundObject>,
    /// The UID that the account must have, else the request is a conflict ([`Error::is_conflict`]).
    ///
    /// A server may be too old to look at it, so the claims of the token must be compared too.
    #[serde(skip)]
    pub account_uid: Option<String>,
}

/// An object that a token ends with, in the namespace of its account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BoundObject {
    /// As `Secret`.
    pub kind: String,
    /// As `v1`.
    pub api_version: String,
    /// The name.
    pub name: String,
    /// The UID that it must have, else the request is a conflict.
    pub uid: String,
}

/// A service-account token: delivered once, in one response; never stored, never logged.
#[derive(Deserialize)]
#[serde(from = "TokenAnswer")]
pub struct IssuedToken(String);

impl IssuedToken {
    /// Returns the claims of the token.
    ///
    /// It came over an authenticated connection from the server that signed it, so its signature is not
    /// verified again.
    ///
    /// # Errors
    /// Fails if it is no token of a service account.
    pub fn parse_claims(&self) -> Result<TokenClaims, Error> {
        TokenClaims::read_unverified(&self.0).map_err(Error::Token)
    }

    /// The token itself, for the one response that delivers it.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuedToken(redacted)")
    }
}

impl BoundObject {
    /// The Secret of this name and UID.
    #[must_use]
    pub fn for_secret(name: &str, uid: &str) -> Self {
        Self {
            kind: Kind::Secret.name().to_owned(),
            api_version: Kind::Secret.api_version().to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
        }
    }
}

impl Api<'_> {
    /// Asks for a token of a service account (`TokenRequest`).
    ///
    /// Needs `create` on `serviceaccounts/token`. Never send it as a dry run: it answers with a real
    /// token.
    pub fn create_token(
        &self,
        namespace: &str,
        service_account: &str,
        spec: &TokenSpec,
    ) -> Call<IssuedToken> {
        let mut subject =
            CallSubject::for_account_token(service_account).in_namespace(Some(namespace));
        if let Some(bound) = &spec.bound_object {
            subject = subject.bound_to(&bound.kind, &bound.name);
        }
        let account = self.item_address(Kind::ServiceAccount, Some(namespace), service_account);
        self.post_json(
            account.append_path_segment("token", subject),
            &TokenRequest::from_spec(spec),
        )
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenRequest<'a> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<UidPrecondition<'a>>,
    spec: &'a TokenSpec,
}

#[derive(Serialize)]
struct UidPrecondition<'a> {
    uid: &'a str,
}

impl<'a> TokenRequest<'a> {
    fn from_spec(spec: &'a TokenSpec) -> Self {
        let metadata = spec.account_uid.as_deref().map(|uid| UidPrecondition { uid });
        Self { api_version: "authentication.k8s.io/v1", kind: "TokenRequest", metadata, spec }
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
    use serde_json::json;

    use super::*;
    use crate::testing::{answered, api, refused, sent};

    fn spec() -> TokenSpec {
        TokenSpec {
            audiences: vec![],
            expiration_seconds: 3600,
            bound_object: None,
            account_uid: None,
        }
    }

    #[test]
    fn a_token_request_names_what_the_token_ends_with() {
        let plain = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"audiences": [], "expirationSeconds": 3600},
        });
        let bound = TokenSpec {
            audiences: vec!["https://a".to_owned()],
            expiration_seconds: 600,
            bound_object: Some(BoundObject::for_secret("s1", "u1")),
            account_uid: Some("u2".to_owned()),
        };
        let bound_body = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "metadata": {"uid": "u2"},
            "spec": {
                "audiences": ["https://a"], "expirationSeconds": 600,
                "boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": "s1", "uid": "u1"},
            },
        });
        for (spec, body) in [(spec(), plain), (bound, bound_body)] {
            let line = "POST /api/v1/namespaces/apps/serviceaccounts/deployer/token".to_owned();
            assert_eq!(sent(api().create_token("apps", "deployer", &spec)), (line, "json", body));
        }
    }

    #[test]
    fn no_name_can_change_whose_token_it_is() {
        for name in ["", ".", "..", "a/b", "a?b", "a#b", "a%2fb", "a b", "ä", "a\r\nb"] {
            for call in
                [api().create_token(name, "x", &spec()), api().create_token("x", name, &spec())]
            {
                let error = refused(call);
                assert!(matches!(&error, Error::Segment(n) if n == name), "{name:?}: {error}");
            }
        }
    }

    #[test]
    fn the_token_of_a_real_answer_is_read_and_not_printed() {
        // As kube-apiserver 1.36.3 answered, the token cut.
        let answer = r#"{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1",
            "metadata":{"name":"a1","namespace":"apps","uid":"f75f4218-cc17-4167-9214-4b111d6e7ac9",
            "creationTimestamp":"2026-11-25T02:28:09Z","managedFields":[{"manager":"kubelease",
            "operation":"Update","apiVersion":"authentication.k8s.io/v1","time":"2026-11-25T02:28:09Z",
            "fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:audiences":{},"f:boundObjectRef":{
            "f:apiVersion":{},"f:kind":{},"f:name":{},"f:uid":{}},"f:expirationSeconds":{}}},
            "subresource":"token"}]},"spec":{"audiences":["https://kubernetes.default.svc"],
            "expirationSeconds":600,"boundObjectRef":{"kind":"Secret","apiVersion":"v1","name":"s1",
            "uid":"9362aa50-0173-43cb-afe2-14ef934d8a81"}},
            "status":{"token":"eyJhbGciOi.J9.x","expirationTimestamp":"2026-11-25T02:38:09Z"}}"#;
        let call = api().create_token("apps", "a1", &spec());
        let token = answered(call, 201, answer).expect("reads");
        assert_eq!(token.expose_secret(), "eyJhbGciOi.J9.x");
        assert_eq!(format!("{token:?}"), "IssuedToken(redacted)");
    }
}
