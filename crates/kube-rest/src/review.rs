//! Who we are, and what we may do.

use serde::{Deserialize, Serialize};

/// Who the API server takes us for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "SelfReview")]
pub struct UserInfo {
    /// As `system:serviceaccount:kubelease:broker`.
    pub username: String,
    /// As `system:serviceaccounts`.
    pub groups: Vec<String>,
}

/// Whether we may do what was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "SelfAccessReview")]
pub struct AccessReview {
    /// The authorizers' word.
    pub allowed: bool,
}

/// One thing to do, as authorizers see it. An absent namespace or name stands for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceAttributes<'a> {
    /// As `create`.
    pub verb: &'a str,
    /// As `serviceaccounts`, of the core API group.
    pub resource: &'a str,
    /// As `token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<&'a str>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<&'a str>,
    /// To which object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SelfReviewRequest {
    api_version: &'static str,
    kind: &'static str,
}

impl SelfReviewRequest {
    pub(crate) const NEW: Self =
        Self { api_version: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessReviewRequest<'a> {
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
    pub(crate) fn of(what: &'a ResourceAttributes<'a>) -> Self {
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
    use super::*;

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
