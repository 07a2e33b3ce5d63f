//! Who we are, and what we may do.

use serde::{Deserialize, Serialize};

use crate::call_subject::CallSubject;
use crate::{Api, Call};

/// The user for whom the API server takes us.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "SelfReview")]
pub struct UserInfo {
    /// As `system:serviceaccount:kubelease:broker`.
    pub username: String,
    /// As `system:serviceaccounts`.
    pub groups: Vec<String>,
}

/// The answer to an access review: true if we may do what was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "SelfAccessReview")]
pub struct AccessReview {
    /// The authorizers' word.
    pub allowed: bool,
}

/// An action, as authorizers see it. An absent namespace or name stands for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceAttributes<'a> {
    /// As `create`.
    pub verb: &'a str,
    /// As `rbac.authorization.k8s.io`; empty for the core group.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub group: &'a str,
    /// As `serviceaccounts`.
    pub resource: &'a str,
    /// As `token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<&'a str>,
    /// The namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<&'a str>,
    /// To which object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
}

impl Api<'_> {
    /// Asks for whom the API server takes us. Kubernetes 1.28 and later; open to all who are
    /// authenticated.
    pub fn who_am_i(&self) -> Call<UserInfo> {
        let (group, resource) = ("authentication.k8s.io", "selfsubjectreviews");
        let subject = CallSubject::for_collection(group, resource);
        self.post_json(
            self.path_address(&["apis", group, "v1", resource], subject),
            &SelfReviewRequest::NEW,
        )
    }

    /// Asks if we may do something. Open to all who are authenticated.
    pub fn may_i(&self, what: &ResourceAttributes<'_>) -> Call<AccessReview> {
        let (group, resource) = ("authorization.k8s.io", "selfsubjectaccessreviews");
        let subject = CallSubject::for_collection(group, resource);
        self.post_json(
            self.path_address(&["apis", group, "v1", resource], subject),
            &AccessReviewRequest::from_attributes(what),
        )
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SelfReviewRequest {
    api_version: &'static str,
    kind: &'static str,
}

impl SelfReviewRequest {
    const NEW: Self = Self { api_version: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessReviewRequest<'a> {
    api_version: &'static str,
    kind: &'static str,
    spec: AccessReviewSpec<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessReviewSpec<'a> {
    resource_attributes: &'a ResourceAttributes<'a>,
}

impl<'a> AccessReviewRequest<'a> {
    fn from_attributes(what: &'a ResourceAttributes<'a>) -> Self {
        Self {
            api_version: "authorization.k8s.io/v1",
            kind: "SelfSubjectAccessReview",
            spec: AccessReviewSpec { resource_attributes: what },
        }
    }
}

#[derive(Deserialize)]
struct SelfReview {
    status: SelfReviewStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SelfReviewStatus {
    user_info: RawUserInfo,
}

#[derive(Deserialize)]
struct RawUserInfo {
    username: String,
    #[serde(default)]
    groups: Vec<String>,
}

impl From<SelfReview> for UserInfo {
    fn from(review: SelfReview) -> Self {
        let RawUserInfo { username, groups } = review.status.user_info;
        Self { username, groups }
    }
}

#[derive(Deserialize)]
struct SelfAccessReview {
    status: AccessReviewStatus,
}

#[derive(Deserialize)]
struct AccessReviewStatus {
    allowed: bool,
}

impl From<SelfAccessReview> for AccessReview {
    fn from(review: SelfAccessReview) -> Self {
        Self { allowed: review.status.allowed }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{api, sent};

    #[test]
    fn each_question_is_the_request_that_kubernetes_documents() {
        let line = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews".to_owned();
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        assert_eq!(sent(api().who_am_i()), (line, "json", body));

        let token = ResourceAttributes {
            verb: "create",
            group: "",
            resource: "serviceaccounts",
            subresource: Some("token"),
            namespace: Some("apps"),
            name: Some("deployer"),
        };
        let bind = ResourceAttributes {
            verb: "bind",
            group: "rbac.authorization.k8s.io",
            resource: "clusterroles",
            subresource: None,
            namespace: None,
            name: Some("view"),
        };
        for (what, attributes) in [
            (
                token,
                json!({
                    "verb": "create", "resource": "serviceaccounts", "subresource": "token",
                    "namespace": "apps", "name": "deployer",
                }),
            ),
            (
                bind,
                json!({
                    "verb": "bind", "group": "rbac.authorization.k8s.io",
                    "resource": "clusterroles", "name": "view",
                }),
            ),
        ] {
            let line = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews".to_owned();
            let body = json!({
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes},
            });
            assert_eq!(sent(api().may_i(&what)), (line, "json", body));
        }
    }

    #[test]
    fn answers_of_a_real_server_are_read() {
        // As kube-apiserver 1.36.3 answered.
        let review = r#"{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1",
            "metadata":{"creationTimestamp":"2026-11-22T06:50:00Z"},
            "status":{"userInfo":{"username":"system:serviceaccount:kubelease:broker",
            "uid":"0d3f7c3a-8b8e-4a53-9d4b-0c64cf1b2a11",
            "groups":["system:serviceaccounts","system:authenticated"],
            "extra":{"authentication.kubernetes.io/credential-id":["JTI=5a0f"]}}}}"#;
        let user: UserInfo = serde_json::from_str(review).expect("reads");
        assert_eq!(user.username, "system:serviceaccount:kubelease:broker");
        assert_eq!(user.groups, ["system:serviceaccounts", "system:authenticated"]);

        for (status, allowed) in [
            (r#"{"allowed":true,"reason":"RBAC: allowed by RoleBinding"}"#, true),
            (r#"{"allowed":false}"#, false),
            (r#"{"allowed":false,"denied":true}"#, false),
        ] {
            let review =
                format!(r#"{{"kind":"SelfSubjectAccessReview","spec":{{}},"status":{status}}}"#);
            let review: AccessReview = serde_json::from_str(&review).expect("reads");
            assert_eq!(review.allowed, allowed, "{status}");
        }
    }
}
