//! The API server of one cluster, and the calls we make of it.

use std::fmt;

use serde::Deserialize;

use crate::review::{AccessReviewRequest, SelfReviewRequest};
use crate::token::TokenRequest;
use crate::{AccessReview, Call, Error, IssuedToken, ResourceAttributes, TokenSpec, UserInfo};

/// The API server at one address, as one bearer of a token.
pub struct Api<'a> {
    base: &'a str,
    bearer: &'a str,
}

/// The version of an API server, from `GET /version`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Version {
    /// As `v1.36.3`.
    #[serde(rename = "gitVersion")]
    pub git_version: String,
}

impl<'a> Api<'a> {
    /// `base` is the address without a slash at its end, as `https://10.0.0.1:6443`.
    #[must_use]
    pub fn new(base: &'a str, bearer: &'a str) -> Self {
        Self { base, bearer }
    }

    /// Which version answers. `GET /version`; open to all who are authenticated.
    pub fn version(&self) -> Call<Version> {
        Call::get(self.uri(&["version"]), self.bearer)
    }

    /// Who the API server takes us for. Kubernetes 1.28 and later; open to all who are authenticated.
    pub fn who_am_i(&self) -> Call<UserInfo> {
        let uri = self.uri(&["apis", "authentication.k8s.io", "v1", "selfsubjectreviews"]);
        Call::post(uri, self.bearer, &SelfReviewRequest::NEW)
    }

    /// Whether we may do something. Open to all who are authenticated.
    pub fn may_i(&self, what: &ResourceAttributes<'_>) -> Call<AccessReview> {
        let uri = self.uri(&["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"]);
        Call::post(uri, self.bearer, &AccessReviewRequest::of(what))
    }

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
        let uri = self.uri(&[
            "api",
            "v1",
            "namespaces",
            namespace,
            "serviceaccounts",
            service_account,
            "token",
        ]);
        Call::post(uri, self.bearer, &TokenRequest::of(spec))
    }

    /// Joins path segments, none of which may be taken for anything but one segment.
    fn uri(&self, segments: &[&str]) -> Result<String, Error> {
        let mut uri = self.base.to_owned();
        for segment in segments {
            let good = |b: u8| b.is_ascii_alphanumeric() || b"-._:".contains(&b);
            if matches!(*segment, "" | "." | "..") || !segment.bytes().all(good) {
                return Err(Error::Segment((*segment).to_owned()));
            }
            uri.push('/');
            uri.push_str(segment);
        }
        Ok(uri)
    }
}

impl fmt::Debug for Api<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Api({}, redacted)", self.base)
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::{Value, json};

    use super::*;

    fn parts<T: serde::de::DeserializeOwned>(call: Call<T>) -> (Method, String, Value) {
        let request = call.into_request().expect("the request can be written");
        assert_eq!(request.headers()["authorization"], "Bearer t0ken");
        let body = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
        (request.method().clone(), request.uri().to_string(), body)
    }

    #[test]
    fn each_call_is_the_request_that_kubernetes_documents() {
        let api = Api::new("https://10.0.0.1:6443/k8s", "t0ken");
        let spec = TokenSpec { audiences: vec![], expiration_seconds: 3600 };
        let what = ResourceAttributes {
            verb: "create",
            resource: "serviceaccounts",
            subresource: Some("token"),
            namespace: Some("apps"),
            name: Some("deployer"),
        };
        for ((method, uri, body), (want_method, want_uri, want_body)) in [
            (parts(api.version()), (Method::GET, "/version", Value::Null)),
            (
                parts(api.who_am_i()),
                (
                    Method::POST,
                    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                    json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}),
                ),
            ),
            (
                parts(api.may_i(&what)),
                (
                    Method::POST,
                    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                    json!({
                        "apiVersion": "authorization.k8s.io/v1",
                        "kind": "SelfSubjectAccessReview",
                        "spec": {"resourceAttributes": {
                            "verb": "create", "resource": "serviceaccounts", "subresource": "token",
                            "namespace": "apps", "name": "deployer",
                        }},
                    }),
                ),
            ),
            (
                parts(api.create_token("apps", "deployer", &spec)),
                (
                    Method::POST,
                    "/api/v1/namespaces/apps/serviceaccounts/deployer/token",
                    json!({
                        "apiVersion": "authentication.k8s.io/v1",
                        "kind": "TokenRequest",
                        "spec": {"audiences": [], "expirationSeconds": 3600},
                    }),
                ),
            ),
        ] {
            assert_eq!(method, want_method, "{want_uri}");
            assert_eq!(uri, format!("https://10.0.0.1:6443/k8s{want_uri}"));
            assert_eq!(body, want_body, "{want_uri}");
        }
    }

    #[test]
    fn no_name_can_change_which_object_is_meant() {
        let api = Api::new("https://10.0.0.1", "t0ken");
        let spec = TokenSpec { audiences: vec![], expiration_seconds: 3600 };
        for name in ["", ".", "..", "a/b", "a?b", "a#b", "a%2fb", "a b", "ä", "a\r\nb"] {
            for call in [api.create_token(name, "x", &spec), api.create_token("x", name, &spec)] {
                let error = call.into_request().expect_err("no such request");
                assert!(matches!(&error, Error::Segment(n) if n == name), "{name:?}: {error}");
            }
        }
    }

    #[test]
    fn the_bearer_is_not_printed() {
        let api = Api::new("https://10.0.0.1", "t0ken");
        assert!(!format!("{api:?}").contains("t0ken"));
        let request = api.version().into_request().expect("the request can be written");
        assert!(!format!("{request:?}").contains("t0ken"));
    }
}
