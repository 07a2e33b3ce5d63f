use serde_json::json;

use super::*;
use crate::{AccountRef, RoleRef};

/// As kube-apiserver 1.36.3 answered a create; `managedFields` as it writes them.
fn answer(kind: Kind, namespaced: bool, rest: &Value) -> Value {
    let mut answer = json!({
        "kind": kind.name(),
        "apiVersion": kind.api_version(),
        "metadata": {
            "name": "a1",
            "uid": "f75f4218-cc17-4167-9214-4b111d6e7ac9",
            "resourceVersion": "234",
            "creationTimestamp": "2026-11-25T02:27:39Z",
            "labels": {"app.kubernetes.io/managed-by": "kubelease"},
            "annotations": {"kubelease.dev/lease": "l1"},
            "managedFields": [{
                "manager": "kubelease", "operation": "Update", "apiVersion": kind.api_version(),
                "time": "2026-11-25T02:27:39Z", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:metadata": {
                    "f:annotations": {".": {}, "f:kubelease.dev/lease": {}},
                    "f:labels": {".": {}, "f:app.kubernetes.io/managed-by": {}},
                }},
            }],
        },
    });
    if namespaced {
        answer["metadata"]["namespace"] = json!("apps");
    }
    for (key, value) in rest.as_object().expect("an object") {
        answer[key] = value.clone();
    }
    answer
}

fn read(answer: &Value) -> StoredObject {
    serde_json::from_str(&answer.to_string()).expect("reads")
}

fn sent(namespaced: bool, body: NewObjectBody) -> NewObject {
    let of = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    NewObject {
        name: "a1".to_owned(),
        namespace: namespaced.then(|| "apps".to_owned()),
        labels: of("app.kubernetes.io/managed-by", "kubelease"),
        annotations: of("kubelease.dev/lease", "l1"),
        body,
    }
}

fn binding(kind: Kind) -> NewBinding {
    NewBinding {
        role: RoleRef { kind, name: "view".to_owned() },
        account: AccountRef { namespace: "apps".to_owned(), name: "a1".to_owned() },
    }
}

fn lease() -> CoordinationLeaseSpec {
    let time = DateTime::from_timestamp_nanos(1_795_330_200_000_001_999);
    CoordinationLeaseSpec {
        holder_identity: "x".to_owned(),
        lease_duration_seconds: 600,
        acquire_time: time,
        renew_time: time,
    }
}

/// Each kind as it is sent, and as it is answered.
fn pairs() -> Vec<(NewObject, Value)> {
    let rules = json!([
        {"apiGroups": [""], "resources": ["pods"], "resourceNames": [], "verbs": ["list"]},
        {"nonResourceURLs": ["/healthz"], "verbs": ["get"]},
    ]);
    let stored_rules = json!([
        {"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]},
        {"verbs": ["get"], "nonResourceURLs": ["/healthz"]},
    ]);
    let bound = |kind: &str| {
        json!({
            "subjects": [{"kind": "ServiceAccount", "name": "a1", "namespace": "apps"}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "view"},
        })
    };
    let spec = json!({
        "holderIdentity": "x", "leaseDurationSeconds": 600,
        "acquireTime": "2026-11-22T06:50:00.000001Z", "renewTime": "2026-11-22T06:50:00.000001Z",
    });
    let secret = NewObjectBody::Secret { secret_type: "kubelease.dev/lease".to_owned() };
    [
        (true, NewObjectBody::ServiceAccount, json!({"automountServiceAccountToken": false})),
        (true, secret, json!({"type": "kubelease.dev/lease"})),
        (true, NewObjectBody::Lease(lease()), json!({"spec": spec})),
        (true, NewObjectBody::Role(rules.clone()), json!({"rules": stored_rules})),
        (false, NewObjectBody::ClusterRole(rules), json!({"rules": stored_rules})),
        (false, NewObjectBody::ClusterRole(json!([])), json!({"rules": null})),
        (true, NewObjectBody::RoleBinding(binding(Kind::ClusterRole)), bound("ClusterRole")),
        (
            false,
            NewObjectBody::ClusterRoleBinding(binding(Kind::ClusterRole)),
            bound("ClusterRole"),
        ),
    ]
    .into_iter()
    .map(|(namespaced, body, rest)| {
        let object = sent(namespaced, body);
        let answer = answer(object.kind(), namespaced, &rest);
        (object, answer)
    })
    .collect()
}

#[test]
fn what_is_stored_as_it_was_sent_has_no_mismatch() {
    for (object, answer) in pairs() {
        let stored = read(&answer);
        assert_eq!(stored.find_field_unlike_sent(&object), None, "{object:?}");
        assert!(stored.is_object_named(object.kind(), object.namespace.as_deref(), "a1"));
        assert!(!stored.is_object_named(object.kind(), Some("other"), "a1"));
        assert_eq!(stored.uid, "f75f4218-cc17-4167-9214-4b111d6e7ac9");
        assert_eq!(stored.resource_version, "234");
        assert_eq!(stored.creation_timestamp.timestamp(), 1_795_573_659);
        assert_eq!((stored.deletion_timestamp, stored.finalizers.len()), (None, 0));
    }
}

#[test]
fn what_a_webhook_strips_or_changes_is_named() {
    let meta = |key: &str, value: Value| (format!("/metadata/{key}"), value);
    let at = |path: &str, value: Value| (path.to_owned(), value);
    let escaped = "labels/app.kubernetes.io~1managed-by";
    // In which kinds, where, what it becomes, and what is named.
    for (kinds, (path, value), named) in [
        (&Kind::ALL[..], meta("name", json!("a2")), "metadata.name"),
        (&Kind::ALL, meta("labels", json!({})), "metadata.labels"),
        (&Kind::ALL, meta(escaped, json!("helm")), "metadata.labels"),
        (&Kind::ALL, meta("annotations", Value::Null), "metadata.annotations"),
        (&[Kind::Role], meta("namespace", json!("other")), "metadata.namespace"),
        (
            &[Kind::ServiceAccount],
            at("/automountServiceAccountToken", json!(true)),
            "automountServiceAccountToken",
        ),
        (&[Kind::Secret], at("/type", json!("Opaque")), "type"),
        (&[Kind::CoordinationLease], at("/spec/holderIdentity", json!("y")), "spec"),
        (
            &[Kind::CoordinationLease],
            at("/spec/renewTime", json!("2026-11-22T06:50:00.000002Z")),
            "spec",
        ),
        (&[Kind::CoordinationLease], at("/spec", Value::Null), "spec"),
        (&[Kind::Role], at("/rules", Value::Null), "rules"),
        (&[Kind::Role], at("/rules/0/verbs", json!(["list", "get"])), "rules"),
        (&[Kind::Role], at("/rules/0/resources", json!(["*"])), "rules"),
        (&[Kind::Role], at("/rules/0/apiGroups", json!([])), "rules"),
        (&[Kind::RoleBinding], at("/roleRef/name", json!("admin")), "roleRef"),
        (&[Kind::RoleBinding], at("/roleRef/kind", json!("Role")), "roleRef"),
        (&[Kind::RoleBinding], at("/roleRef/apiGroup", json!("x")), "roleRef"),
        (&[Kind::RoleBinding], at("/subjects", json!([])), "subjects"),
        (&[Kind::ClusterRoleBinding], at("/subjects/0/namespace", json!("b")), "subjects"),
        (&[Kind::ClusterRoleBinding], at("/subjects/0/kind", json!("User")), "subjects"),
        (&[Kind::ClusterRoleBinding], at("/subjects/0/name", json!("a2")), "subjects"),
    ] {
        let mut tried = 0;
        for (object, mut answer) in pairs() {
            if kinds.contains(&object.kind()) {
                *answer.pointer_mut(&path).expect("is there") = value.clone();
                assert_eq!(
                    read(&answer).find_field_unlike_sent(&object),
                    Some(named),
                    "{object:?} {path}"
                );
                tried += 1;
            }
        }
        assert!(tried >= kinds.len(), "{path}");
    }
}

#[test]
fn what_is_added_to_a_grant_is_named_and_other_additions_are_not() {
    let other = json!({"kind": "User", "name": "eve", "apiGroup": "rbac.authorization.k8s.io"});
    for (object, mut answer) in pairs() {
        answer["metadata"]["labels"]["team"] = json!("a");
        answer["metadata"]["annotations"]["seen-by"] = json!("a webhook");
        assert_eq!(read(&answer).find_field_unlike_sent(&object), None, "{object:?}");
        let named = match object.kind() {
            Kind::Role | Kind::ClusterRole => {
                let rule = json!({"verbs": ["*"], "nonResourceURLs": ["*"]});
                match answer["rules"].as_array_mut() {
                    Some(rules) => rules.push(rule),
                    None => answer["rules"] = json!([rule]),
                }
                "rules"
            }
            Kind::RoleBinding | Kind::ClusterRoleBinding => {
                answer["subjects"].as_array_mut().expect("subjects").push(other.clone());
                "subjects"
            }
            _ => continue,
        };
        assert_eq!(read(&answer).find_field_unlike_sent(&object), Some(named), "{object:?}");
    }
}

#[test]
fn a_role_that_kubernetes_would_fill_is_not_what_was_sent() {
    for (object, mut answer) in pairs() {
        answer["aggregationRule"] = json!({"clusterRoleSelectors": []});
        let named = matches!(object.kind(), Kind::Role | Kind::ClusterRole);
        assert_eq!(
            read(&answer).find_field_unlike_sent(&object),
            named.then_some("aggregationRule")
        );
    }
}

#[test]
fn resource_names_that_are_dropped_are_missed() {
    // Without them the rule is for every object.
    let rules = json!([{"apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"], "verbs": ["get"]}]);
    let stored = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    let answer = answer(Kind::Role, true, &json!({"rules": stored}));
    assert_eq!(
        read(&answer).find_field_unlike_sent(&sent(true, NewObjectBody::Role(rules))),
        Some("rules")
    );
}

#[test]
fn the_data_of_a_secret_is_not_kept() {
    let data = json!({"type": "Opaque", "data": {"k": "Y2FuYXJ5"}, "stringData": {"k": "canary"}});
    let stored = read(&answer(Kind::Secret, true, &data));
    let told = format!("{stored:?}");
    assert!(!told.contains("canary") && !told.contains("Y2FuYXJ5"), "{told}");
}

#[test]
fn a_stranger_s_objects_are_read_too() {
    let binding = answer(
        Kind::ClusterRoleBinding,
        false,
        &json!({
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "Group", "name": "ops", "apiGroup": "rbac.authorization.k8s.io"}],
        }),
    );
    assert_eq!(read(&binding).subjects[0].namespace, None);
    let spec = json!({"holderIdentity": "scheduler", "leaseTransitions": 3, "acquireTime": null});
    assert_eq!(read(&answer(Kind::CoordinationLease, true, &json!({"spec": spec}))).lease, None);
    let status = r#"{"kind":"Status","metadata":{},"status":"Success"}"#;
    assert!(serde_json::from_str::<StoredObject>(status).is_err(), "a status is no object");
}
