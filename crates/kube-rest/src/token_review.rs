//! What the API server thinks of a token.

use serde::{Deserialize, Serialize};

use crate::call_subject::CallSubject;
use crate::{Api, Call};

/// Whose token it is, if it is anybody's. The server's own text about it is not kept: it may quote it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "TokenReviewAnswer")]
pub struct TokenReview {
    /// True if the token is accepted now; an ended one is for some ten seconds more.
    pub authenticated: bool,
    /// As `system:serviceaccount:apps:deployer`; empty if it is not accepted.
    pub username: String,
    /// The UID of the user; may be empty.
    pub uid: String,
    /// As `system:serviceaccounts`.
    pub groups: Vec<String>,
    /// The audiences of the token, of those that were asked about.
    pub audiences: Vec<String>,
}

impl Api<'_> {
    /// Has a token looked at, for any of `audiences`; none stands for the API server's own.
    ///
    /// Needs `create` on `tokenreviews`.
    pub fn review_token(&self, token: &str, audiences: &[String]) -> Call<TokenReview> {
        let (group, resource) = ("authentication.k8s.io", "tokenreviews");
        let subject = CallSubject::for_collection(group, resource);
        let path = self.path_address(&["apis", group, "v1", resource], subject);
        let request = TokenReviewRequest {
            api_version: "authentication.k8s.io/v1",
            kind: "TokenReview",
            spec: TokenReviewSpec { token, audiences },
        };
        self.post_json(path, &request)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenReviewRequest<'a> {
    api_version: &'static str,
    kind: &'static str,
    spec: TokenReviewSpec<'a>,
}

#[derive(Serialize)]
struct TokenReviewSpec<'a> {
    token: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    audiences: &'a [String],
}

#[derive(Deserialize)]
struct TokenReviewAnswer {
    status: TokenReviewStatus,
}

#[derive(Deserialize)]
struct TokenReviewStatus {
    /// Left out where it is false.
    #[serde(default)]
    authenticated: bool,
    user: Option<TokenReviewUser>,
    audiences: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenReviewUser {
    username: String,
    uid: String,
    groups: Option<Vec<String>>,
}

impl From<TokenReviewAnswer> for TokenReview {
    fn from(TokenReviewAnswer { status }: TokenReviewAnswer) -> Self {
        let user = status.user.unwrap_or_default();
        Self {
            authenticated: status.authenticated,
            username: user.username,
            uid: user.uid,
            groups: user.groups.unwrap_or_default(),
            audiences: status.audiences.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{answered, api, sent};

    #[test]
    fn a_token_is_reviewed_for_its_audiences() {
        let line = "POST /apis/authentication.k8s.io/v1/tokenreviews";
        for (audiences, spec) in [
            (vec![], json!({"token": "a.b.c"})),
            (vec!["x".to_owned()], json!({"token": "a.b.c", "audiences": ["x"]})),
        ] {
            let body = json!({
                "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec,
            });
            let call = api().review_token("a.b.c", &audiences);
            assert_eq!(sent(call), (line.to_owned(), "json", body));
        }
    }

    #[test]
    fn an_accepted_token_is_told_from_one_that_is_not() {
        // As kube-apiserver 1.36.3 answered.
        let yes = r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","metadata":{
            "managedFields":[{"manager":"kubelease","operation":"Update",
            "apiVersion":"authentication.k8s.io/v1","time":"2026-11-25T02:28:09Z",
            "fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:token":{}}}}]},"spec":{"token":"canary"},
            "status":{"authenticated":true,"user":{"username":"system:serviceaccount:apps:a1",
            "uid":"f75f4218-cc17-4167-9214-4b111d6e7ac9","groups":["system:serviceaccounts",
            "system:serviceaccounts:apps","system:authenticated"],"extra":{
            "authentication.kubernetes.io/credential-id":["JTI=015de030-21a5-4e0d-a9d2-fdb5405c0b0b"]}},
            "audiences":["https://kubernetes.default.svc"]}}"#;
        let no = r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","metadata":{
            "managedFields":[{"manager":"kubelease","operation":"Update",
            "apiVersion":"authentication.k8s.io/v1","time":"2026-11-25T02:28:09Z",
            "fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:audiences":{},"f:token":{}}}}]},
            "spec":{"token":"canary","audiences":["x"]},
            "status":{"user":{},"error":"invalid bearer token canary"}}"#;
        let review = answered(api().review_token("t", &[]), 201, yes).expect("reads");
        assert!(review.authenticated);
        assert_eq!(review.username, "system:serviceaccount:apps:a1");
        assert_eq!(review.uid, "f75f4218-cc17-4167-9214-4b111d6e7ac9");
        assert_eq!(review.groups.len(), 3);
        assert_eq!(review.audiences, ["https://kubernetes.default.svc"]);
        assert!(!format!("{review:?}").contains("canary"));

        let review = answered(api().review_token("t", &[]), 201, no).expect("reads");
        assert!(!review.authenticated && review.username.is_empty());
        assert!(!format!("{review:?}").contains("canary"));
    }
}
