//! Changing the annotations of what stands.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use http::Method;
use serde::Serialize;

use crate::new_object::micro_time;
use crate::{Api, Call, Error, Kind, StoredObject};

/// A change of annotations, of one object in one of its states.
#[derive(Debug, Clone, Copy)]
pub struct ObjectPatch<'a> {
    /// The UID that the object must have.
    pub uid: &'a str,
    /// The version in which it was read.
    pub resource_version: &'a str,
    /// The annotations to set; others stay.
    pub annotations: &'a BTreeMap<String, String>,
    /// Of a Lease, also this.
    pub renewal: Option<CoordinationLeasePatch>,
}

/// The new end of a Lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CoordinationLeasePatch {
    /// When it was renewed.
    #[serde(serialize_with = "micro_time")]
    pub renew_time: DateTime<Utc>,
    /// For how long from then, in seconds.
    pub lease_duration_seconds: u32,
}

impl Api<'_> {
    /// Sets annotations of a service account or a Lease, unless it was changed meanwhile. Needs `patch`.
    ///
    /// [`Error::is_conflict`] says that it was changed, or made anew: no two objects ever share a version.
    /// (A right version with a wrong UID is [`crate::Status::is_invalid`]; no object is both.)
    pub fn patch_object_annotations(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        patch: &ObjectPatch<'_>,
    ) -> Call<StoredObject> {
        let good = match kind {
            Kind::ServiceAccount => patch.renewal.is_none(),
            Kind::CoordinationLease => true,
            _ => false,
        };
        if !good {
            return Call::refused_before_sending(Error::Improper(UNPATCHABLE_KIND_MESSAGE));
        }
        // To Kubernetes an empty one is none at all.
        if patch.uid.is_empty() || patch.resource_version.is_empty() {
            return Call::refused_before_sending(Error::Improper(MISSING_PRECONDITION_MESSAGE));
        }
        let payload = PatchPayload {
            metadata: PatchMetadata {
                uid: patch.uid,
                resource_version: patch.resource_version,
                annotations: patch.annotations,
            },
            spec: patch.renewal,
        };
        let object = self.item_address(kind, Some(namespace), name);
        let object = object.with_query(&[("fieldValidation", "Strict")]);
        self.call_with_body(Method::PATCH, "application/merge-patch+json", object, &payload)
    }
}

#[derive(Serialize)]
struct PatchPayload<'a> {
    metadata: PatchMetadata<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<CoordinationLeasePatch>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PatchMetadata<'a> {
    uid: &'a str,
    resource_version: &'a str,
    annotations: &'a BTreeMap<String, String>,
}

const UNPATCHABLE_KIND_MESSAGE: &str =
    "only service accounts and Leases are changed, and only a Lease is renewed";
const MISSING_PRECONDITION_MESSAGE: &str =
    "what is changed is named by its UID and version, and one is missing";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{answered, api, refused, sent};

    /// As kube-apiserver 1.36.3 answered.
    const PATCHED: &str = r#"{"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{"name":"l1",
        "namespace":"apps","uid":"4fa17b88-1142-4ddf-9197-a0856a4fafc2","resourceVersion":"247",
        "creationTimestamp":"2026-11-25T02:27:39Z","labels":{"app.kubernetes.io/managed-by":"kubelease"},
        "annotations":{"kubelease.dev/lease":"l1","x/y":"2"}},"spec":{"holderIdentity":"x",
        "leaseDurationSeconds":1200,"acquireTime":"2026-11-22T06:50:00.000000Z",
        "renewTime":"2026-11-22T07:50:00.000000Z"}}"#;

    fn renewal() -> CoordinationLeasePatch {
        let renew_time = DateTime::from_timestamp_secs(1_795_333_800).expect("a time");
        CoordinationLeasePatch { renew_time, lease_duration_seconds: 1200 }
    }

    #[test]
    fn a_patch_names_the_object_and_its_state() {
        let annotations = BTreeMap::from([("x/y".to_owned(), "2".to_owned())]);
        let patch = ObjectPatch {
            uid: "u",
            resource_version: "236",
            annotations: &annotations,
            renewal: None,
        };
        let metadata = json!({"uid": "u", "resourceVersion": "236", "annotations": {"x/y": "2"}});
        let spec =
            json!({"renewTime": "2026-11-22T07:50:00.000000Z", "leaseDurationSeconds": 1200});
        let account = "/api/v1/namespaces/apps/serviceaccounts/l1";
        let lease = "/apis/coordination.k8s.io/v1/namespaces/apps/leases/l1";
        for (kind, path, renewal, want) in [
            (Kind::ServiceAccount, account, None, json!({"metadata": metadata})),
            (Kind::CoordinationLease, lease, None, json!({"metadata": metadata})),
            (
                Kind::CoordinationLease,
                lease,
                Some(renewal()),
                json!({"metadata": metadata, "spec": spec}),
            ),
        ] {
            let call = api().patch_object_annotations(
                kind,
                "apps",
                "l1",
                &ObjectPatch { renewal, ..patch },
            );
            let line = format!("PATCH {path}?fieldValidation=Strict");
            assert_eq!(sent(call), (line, "merge-patch", want));
        }
        for (kind, broken) in [
            (Kind::Secret, patch),
            (Kind::Role, patch),
            (Kind::ClusterRole, patch),
            (Kind::ServiceAccount, ObjectPatch { renewal: Some(renewal()), ..patch }),
            (Kind::CoordinationLease, ObjectPatch { uid: "", ..patch }),
            (Kind::CoordinationLease, ObjectPatch { resource_version: "", ..patch }),
        ] {
            let error = refused(api().patch_object_annotations(kind, "apps", "l1", &broken));
            assert!(matches!(error, Error::Improper(_)), "{kind} {broken:?}: {error}");
        }
    }

    #[test]
    fn the_answer_is_the_object_as_it_is_now() {
        let annotations = BTreeMap::from([("x/y".to_owned(), "2".to_owned())]);
        let patch = ObjectPatch {
            uid: "4fa17b88-1142-4ddf-9197-a0856a4fafc2",
            resource_version: "236",
            annotations: &annotations,
            renewal: Some(renewal()),
        };
        let call = || api().patch_object_annotations(Kind::CoordinationLease, "apps", "l1", &patch);
        let stored = answered(call(), 200, PATCHED).expect("reads");
        assert_eq!(stored.resource_version, "247");
        assert_eq!(stored.annotations["x/y"], "2");
        let lease = stored.lease.expect("a whole spec");
        assert_eq!(lease.renew_time, renewal().renew_time);
        assert_eq!(lease.lease_duration_seconds, 1200);
        // As it answered for a version that was no longer so.
        let conflict = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
            "message":"Operation cannot be fulfilled on leases.coordination.k8s.io \"l1\": the object has been modified; please apply your changes to the latest version and try again",
            "reason":"Conflict","details":{"name":"l1","group":"coordination.k8s.io","kind":"leases"},"code":409}"#;
        assert!(answered(call(), 409, conflict).expect_err("refused").is_conflict());
    }
}
