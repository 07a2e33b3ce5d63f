//! Reading one object back.

use http::{Method, Response};
use serde::Serialize;

use crate::{Api, Call, Error, Kind, StoredObject};

impl Api<'_> {
    /// Reads one object. Needs `get`. Of a secret there is no such call: [`Api::read_secret_metadata_by_dry_delete`].
    pub fn get_object(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        name: &str,
    ) -> Call<StoredObject> {
        if kind == Kind::Secret {
            return Call::refused_before_sending(Error::Improper(SECRETS_NEVER_READ_MESSAGE));
        }
        self.get(self.item_address(kind, namespace, name))
    }

    /// Reads the metadata of a secret, without the right to read secrets.
    ///
    /// To know the UID of a secret whose creation was never answered, it must be seen; but the right to
    /// `get` a secret is the right to its data, and no name can be known beforehand to narrow it to. So it
    /// is asked for by what `delete` shows: a dry run of a delete that would orphan stores nothing and
    /// answers with the object itself, as it would stand with the finalizer `orphan`. Ours hold no data,
    /// and of what a stranger's may hold none is kept.
    ///
    /// That finalizer is taken off, and with it the time of a deletion that never began. Where other
    /// finalizers remain it stays: the secret is then perhaps really being deleted.
    ///
    /// What is asked stands in the query too. Something on the way may drop the body of a DELETE (RFC 9110
    /// §9.3.5 gives it no meaning), and what is left must not be a delete.
    pub fn read_secret_metadata_by_dry_delete(
        &self,
        namespace: &str,
        name: &str,
    ) -> Call<StoredObject> {
        let query = [("dryRun", "All"), ("propagationPolicy", "Orphan")];
        let path = self.item_address(Kind::Secret, Some(namespace), name);
        let body = DryDelete {
            api_version: "v1",
            kind: "DeleteOptions",
            dry_run: ["All"],
            propagation_policy: "Orphan",
        };
        self.call_with_body(Method::DELETE, "application/json", path.with_query(&query), &body)
            .with_decoder(decode_dry_deleted)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DryDelete {
    api_version: &'static str,
    kind: &'static str,
    dry_run: [&'static str; 1],
    propagation_policy: &'static str,
}

fn decode_dry_deleted(response: &Response<Vec<u8>>) -> serde_json::Result<StoredObject> {
    let mut stored: StoredObject = serde_json::from_slice(response.body())?;
    stored.finalizers.retain(|finalizer| finalizer != "orphan");
    if stored.finalizers.is_empty() {
        stored.deletion_timestamp = None;
    }
    Ok(stored)
}

pub(crate) const SECRETS_NEVER_READ_MESSAGE: &str = "secrets are never read or listed";

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{answered, api, refused, sent};

    /// As kube-apiserver 1.36.3 answered the dry run.
    const DRY: &str = r#"{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s1","namespace":"apps",
        "uid":"9362aa50-0173-43cb-afe2-14ef934d8a81","resourceVersion":"235",
        "creationTimestamp":"2026-11-25T02:27:39Z","deletionTimestamp":"2026-11-25T02:27:39Z",
        "deletionGracePeriodSeconds":0,"labels":{"app.kubernetes.io/managed-by":"kubelease"},
        "annotations":{"kubelease.dev/lease":"l1"},"finalizers":["orphan"],"managedFields":[
        {"manager":"kubelease","operation":"Update","apiVersion":"v1","time":"2026-11-25T02:27:39Z",
        "fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:annotations":{".":{},"f:kubelease.dev/lease":{}},
        "f:labels":{".":{},"f:app.kubernetes.io/managed-by":{}}},"f:type":{}}}]},
        "type":"kubelease.dev/lease"}"#;

    #[test]
    fn an_object_is_read_by_its_place_and_name() {
        let rbac = "/apis/rbac.authorization.k8s.io/v1";
        for (kind, namespace, path) in [
            (Kind::ServiceAccount, Some("apps"), "/api/v1/namespaces/apps/serviceaccounts/a:1"),
            (
                Kind::CoordinationLease,
                Some("apps"),
                "/apis/coordination.k8s.io/v1/namespaces/apps/leases/a:1",
            ),
            (Kind::Role, Some("apps"), &format!("{rbac}/namespaces/apps/roles/a:1")),
            (Kind::ClusterRole, None, &format!("{rbac}/clusterroles/a:1")),
            (Kind::RoleBinding, Some("apps"), &format!("{rbac}/namespaces/apps/rolebindings/a:1")),
            (Kind::ClusterRoleBinding, None, &format!("{rbac}/clusterrolebindings/a:1")),
        ] {
            let call = api().get_object(kind, namespace, "a:1");
            assert_eq!(sent(call), (format!("GET {path}"), "", Value::Null));
        }
        for (kind, namespace) in [
            (Kind::Secret, Some("apps")),
            (Kind::ServiceAccount, None),
            (Kind::ClusterRole, Some("apps")),
        ] {
            let error = refused(api().get_object(kind, namespace, "a1"));
            assert!(matches!(error, Error::Improper(_)), "{kind}: {error}");
        }
    }

    #[test]
    fn a_secret_is_seen_by_a_delete_that_is_none() {
        let body = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"], "propagationPolicy": "Orphan",
        });
        let uri = "/api/v1/namespaces/apps/secrets/s1?dryRun=All&propagationPolicy=Orphan";
        let call = api().read_secret_metadata_by_dry_delete("apps", "s1");
        assert_eq!(sent(call), (format!("DELETE {uri}"), "json", body));
    }

    #[test]
    fn a_dry_delete_leaves_no_mark_on_what_is_read() {
        for (finalizers, left, deleted) in [
            (r#"["orphan"]"#, &[][..], false),
            (r#"["example.com/hold","orphan"]"#, &["example.com/hold"], true),
        ] {
            let answer = DRY.replace(r#"["orphan"]"#, finalizers);
            let call = api().read_secret_metadata_by_dry_delete("apps", "s1");
            let secret = answered(call, 200, &answer).expect("reads");
            assert_eq!(secret.uid, "9362aa50-0173-43cb-afe2-14ef934d8a81");
            assert_eq!(secret.secret_type.as_deref(), Some("kubelease.dev/lease"));
            assert_eq!(secret.finalizers, left);
            assert_eq!(secret.deletion_timestamp.is_some(), deleted, "{finalizers}");
        }
    }
}
