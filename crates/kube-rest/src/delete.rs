//! Taking objects back.

use chrono::{DateTime, Utc};
use http::{Method, Response, StatusCode};
use serde::{Deserialize, Serialize};

use crate::{Api, Call, Error, Kind};

/// The outcome of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "DeleteAnswer")]
pub enum ObjectDeletion {
    /// The object is gone.
    Gone,
    /// The deletion has begun and something holds it, a finalizer as a rule: the object must be
    /// read again.
    Terminating {
        /// Since when, where the answer tells.
        since: Option<DateTime<Utc>>,
    },
}

impl Api<'_> {
    /// Deletes the object of this name if it is the one with this UID. Needs `delete`.
    ///
    /// Two refusals have a meaning, if they name this very object: [`Error::is_not_found`], there is nothing of
    /// that name, and [`Error::is_conflict`], there is another object of that name, which stays, or this one was
    /// changed meanwhile, which only a look at it tells. That ours is gone is said only if it is known that the
    /// cluster is still the same.
    ///
    /// What is asked stands in the query too. Something on the way may drop the body of a DELETE (RFC 9110
    /// §9.3.5 gives it no meaning), and without the UID a stranger's object would go.
    pub fn delete_object(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        name: &str,
        uid: &str,
    ) -> Call<ObjectDeletion> {
        if uid.is_empty() {
            return Call::refused_before_sending(Error::Improper(NO_UID_GIVEN_MESSAGE));
        }
        let query = [("propagationPolicy", "Background"), ("uid", uid)];
        let path = self.item_address(kind, namespace, name).with_query(&query);
        let body = DeleteOptions {
            api_version: "v1",
            kind: "DeleteOptions",
            preconditions: Preconditions { uid },
            propagation_policy: "Background",
        };
        self.call_with_body(Method::DELETE, "application/json", path, &body)
            .with_decoder(decode_deletion)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeleteOptions<'a> {
    api_version: &'static str,
    kind: &'static str,
    preconditions: Preconditions<'a>,
    propagation_policy: &'static str,
}

#[derive(Serialize)]
struct Preconditions<'a> {
    uid: &'a str,
}

/// The object, or a `Status` where it is gone: which of them depends on the kind of object.
#[derive(Deserialize)]
struct DeleteAnswer {
    kind: String,
    status: Option<String>,
    metadata: DeletedObjectMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeletedObjectMetadata {
    deletion_timestamp: Option<DateTime<Utc>>,
}

impl TryFrom<DeleteAnswer> for ObjectDeletion {
    type Error = &'static str;

    fn try_from(answer: DeleteAnswer) -> Result<Self, Self::Error> {
        if answer.kind == "Status" {
            let success = answer.status.as_deref() == Some("Success");
            return if success { Ok(Self::Gone) } else { Err("the status is no success") };
        }
        if !Kind::ALL.iter().any(|kind| kind.name() == answer.kind) {
            return Err("it is neither a status nor one of our objects");
        }
        Ok(match answer.metadata.deletion_timestamp {
            None => Self::Gone,
            since => Self::Terminating { since },
        })
    }
}

/// 202 is a promise, whatever its body says.
fn decode_deletion(response: &Response<Vec<u8>>) -> serde_json::Result<ObjectDeletion> {
    let deletion = serde_json::from_slice(response.body())?;
    Ok(match deletion {
        ObjectDeletion::Gone if response.status() != StatusCode::OK => {
            ObjectDeletion::Terminating { since: None }
        }
        deletion => deletion,
    })
}

const NO_UID_GIVEN_MESSAGE: &str = "what is deleted is named by its UID too, and none is given";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{answered, api, refused, sent};

    const UID: &str = "f75f4218-cc17-4167-9214-4b111d6e7ac9";

    fn call() -> Call<ObjectDeletion> {
        api().delete_object(Kind::ServiceAccount, Some("apps"), "a1", UID)
    }

    #[test]
    fn only_the_object_of_the_uid_is_deleted() {
        let body = json!({
            "apiVersion": "v1", "kind": "DeleteOptions",
            "preconditions": {"uid": UID}, "propagationPolicy": "Background",
        });
        let rbac = "/apis/rbac.authorization.k8s.io/v1";
        for (kind, namespace, path) in [
            (Kind::ServiceAccount, Some("apps"), "/api/v1/namespaces/apps/serviceaccounts/a1"),
            (Kind::Secret, Some("apps"), "/api/v1/namespaces/apps/secrets/a1"),
            (Kind::ClusterRoleBinding, None, &format!("{rbac}/clusterrolebindings/a1")),
        ] {
            let line = format!("DELETE {path}?propagationPolicy=Background&uid={UID}");
            assert_eq!(
                sent(api().delete_object(kind, namespace, "a1", UID)),
                (line, "json", body.clone())
            );
        }
        let error = refused(api().delete_object(Kind::Secret, Some("apps"), "a1", ""));
        assert!(matches!(error, Error::Improper(_)), "{error}");
    }

    #[test]
    fn gone_is_told_from_what_is_held() {
        // As kube-apiserver 1.36.3 answered, of a role, of an account, and of one with a finalizer.
        let status = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":
            {"name":"a1","group":"rbac.authorization.k8s.io","kind":"roles",
            "uid":"dc135de2-3816-45c2-88cc-939329fb18c1"}}"#;
        let account = r#"{"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"a1",
            "namespace":"apps","uid":"f75f4218-cc17-4167-9214-4b111d6e7ac9","resourceVersion":"252",
            "creationTimestamp":"2026-11-25T02:27:39Z"},"automountServiceAccountToken":false}"#;
        let held = r#"{"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"f1",
            "namespace":"apps","uid":"9f151a2a-1b8c-4104-aff3-3f2813bc6979","resourceVersion":"249",
            "creationTimestamp":"2026-11-25T02:28:09Z","deletionTimestamp":"2026-11-25T02:28:10Z",
            "deletionGracePeriodSeconds":0,"finalizers":["example.com/hold"]}}"#;
        let since = DateTime::from_timestamp_secs(1_795_573_690);
        for (code, body, deletion) in [
            (200, status, Some(ObjectDeletion::Gone)),
            (200, account, Some(ObjectDeletion::Gone)),
            (200, held, Some(ObjectDeletion::Terminating { since })),
            (202, held, Some(ObjectDeletion::Terminating { since })),
            (202, status, Some(ObjectDeletion::Terminating { since: None })),
            (202, account, Some(ObjectDeletion::Terminating { since: None })),
            (200, r#"{"kind":"Status","metadata":{},"status":"Failure"}"#, None),
            (200, r#"{"kind":"Pod","metadata":{}}"#, None),
            (200, "{}", None),
            (200, "", None),
        ] {
            assert_eq!(answered(call(), code, body).ok(), deletion, "{code} {body}");
        }
    }

    #[test]
    fn ours_is_gone_only_if_a_refusal_names_it() {
        let status = |reason: &str, details: &str| {
            format!(
                r#"{{"kind":"Status","status":"Failure","reason":"{reason}","details":{details}}}"#
            )
        };
        let ours = r#"{"name":"a1","kind":"serviceaccounts"}"#;
        for (code, body, not_found, conflict) in [
            (404, status("NotFound", ours), true, false),
            (409, status("Conflict", ours), false, true),
            (409, status("Conflict", r#"{"name":"a1","kind":"ServiceAccount"}"#), false, true),
            (404, status("NotFound", "{}"), false, false),
            (404, status("NotFound", "null"), false, false),
            (404, status("NotFound", r#"{"name":"a2","kind":"serviceaccounts"}"#), false, false),
            (404, status("NotFound", r#"{"name":"a1","kind":"secrets"}"#), false, false),
            (404, status("NotFound", r#"{"kind":"serviceaccounts"}"#), false, false),
            (404, status("NotFound", r#"{"name":"apps","kind":"namespaces"}"#), false, false),
            (409, status("Conflict", r#"{"name":"a2","kind":"ServiceAccount"}"#), false, false),
            (409, status("Conflict", "{}"), false, false),
            (404, "404 page not found".to_owned(), false, false),
            (409, String::new(), false, false),
        ] {
            let error = answered(call(), code, &body).expect_err("refused");
            let told = (error.is_not_found(), error.is_conflict());
            assert_eq!(told, (not_found, conflict), "{body}");
        }
    }
}
