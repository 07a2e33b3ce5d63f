//! What fits together, what is weighed, and what is read again.

use super::*;
use crate::{IssueRequest, NotGrantedReason, ObjectKind};

/// Reads a definition as it is put: parsed as parts, and weighed.
fn put(json: &str) -> Result<DynamicSecretDefinition, String> {
    let parts = serde_json::from_str(json).map_err(|error| error.to_string())?;
    DynamicSecretDefinition::new(parts).map_err(|error| error.to_string())
}

/// Reads a definition as it was stored.
fn read(json: &str) -> Result<DynamicSecretDefinition, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn parts_that_do_not_hold_together_are_told_what_would() {
    let existing = r#""account":{"type":"existing","name":"d"}"#;
    let plain = r#""account":{"type":"existing","name":"d","revocable":false}"#;
    let view = r#""account":{"type":"temporary","scope":"namespace",
        "role":{"kind":"ClusterRole","name":"view"}}"#;
    let edit = view.replace("view", "edit");
    for (account, rest, error) in [
        (existing, r#""namespaces":["apps"]"#, None),
        (view, r#""namespaces":["*"]"#, None),
        (view, r#""namespace_selector":{"matchLabels":{"team":"a"}}"#, None),
        (existing, r#""namespaces":["*"]"#, Some("listed by name")),
        (existing, r#""namespace_selector":{"matchLabels":{"team":"a"}}"#, Some("listed by name")),
        (existing, r#""default_ttl":"60s","namespaces":["apps"]"#, None),
        (plain, r#""default_ttl":"60s","namespaces":["apps"]"#, Some("10m")),
        (view, r#""default_ttl":"2h","max_ttl":"1h","namespaces":["a"]"#, Some("max_ttl")),
        (view, r#""max_ttl":"769h","namespaces":["a"]"#, Some("max_ttl")),
        (edit.as_str(), r#""namespaces":["a"]"#, Some("allow_dangerous")),
        (view, r#""namespaces":[]"#, Some("namespaces")),
    ] {
        let json = format!(r#"{{"target":"prod",{account},{rest}}}"#);
        match (put(&json), error) {
            (Ok(definition), None) => {
                let written = serde_json::to_string(&definition).expect("serialises");
                assert_eq!(read(&written).as_ref(), Ok(&definition), "{written}");
            }
            (Err(told), Some(error)) => assert!(told.contains(error), "{json}: {told}"),
            (read, error) => panic!("{json}: {read:?}, expected {error:?}"),
        }
    }
}

#[test]
fn a_definition_that_has_become_dangerous_is_still_read_and_no_longer_passes() {
    let rules = |resource: &str| {
        format!(
            r#"{{"target":"prod","namespaces":["a"],"account":{{"type":"temporary","scope":"namespace",
                "rules":[{{"apiGroups":[""],"resources":["{resource}"],"verbs":["get"]}}]}}}}"#
        )
    };
    for (resource, dangerous) in [("pods", false), ("secrets", true)] {
        let json = rules(resource);
        assert_eq!(put(&json).is_err(), dangerous, "{resource}");
        let kept = read(&json).expect("what was kept is read");
        assert_eq!(kept.check_dangers_waived().is_err(), dangerous, "{resource}");
        assert_eq!(kept.check_bound_role_rules_waived(&[]).is_err(), dangerous, "{resource}");
    }
}

#[test]
fn a_definition_whose_manifest_is_read_no_more_is_still_read_and_issues_nothing() {
    let manifest = |comment: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1 # {comment}\nkind: Role\nmetadata: {{name: a}}\nrules:\n\
             - {{apiGroups: [''], resources: [pods], verbs: [get]}}\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: a}}\n\
             roleRef: {{kind: Role, name: a}}\n"
        )
    };
    for (comment, is_read) in
        [("why", true), ("why\u{85}", false), ("why\rnow", false), ("\u{feff}", false)]
    {
        let account = serde_json::json!({
            "type": "temporary", "scope": "namespace", "manifest": manifest(comment),
        });
        let json = format!(r#"{{"target":"prod","namespaces":["a"],"account":{account}}}"#);
        let told = put(&json).err();
        assert_eq!(told.is_none(), is_read, "{comment:?}: {told:?}");
        let kept = read(&json).expect("what was kept is read");
        let shown = serde_json::to_value(&kept).expect("serialises");
        assert_eq!(shown["account"], account, "{comment:?}");
        assert_eq!(kept.spec().check_manifest_readable().err().map(|e| e.to_string()), told);
        // Nothing is known of its role, and so nothing of it is dangerous, or expected in a cluster.
        assert_eq!(kept.check_dangers_waived(), Ok(()), "{comment:?}");
        assert_eq!(kept.object_kinds().contains(&ObjectKind::Role), is_read, "{comment:?}");
        let secret = DynamicSecret {
            name: "ci".parse().expect("a good name"),
            definition: kept,
            inline_target: false,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        };
        let granted = secret.grant_terms(IssueRequest::default(), Ttl::DAY);
        assert_eq!(granted.is_ok(), is_read, "{comment:?}");
        let refused = granted.err();
        assert!(matches!(refused, None | Some(NotGrantedReason::Manifest(_))), "{refused:?}");
    }
}

#[test]
fn a_definition_is_weighed_where_it_applies() {
    let definition = |scope: &str, namespaces: &str, resource: &str| {
        format!(
            r#"{{"target":"prod","namespaces":{namespaces},"account":{{"type":"temporary","scope":"{scope}",
                "rules":[{{"apiGroups":["","coordination.k8s.io"],"resources":["{resource}"],
                "verbs":["update"]}}]}}}}"#
        )
    };
    for (scope, namespaces, resource, refused, cautions) in [
        ("namespace", r#"["a"]"#, "configmaps", false, 0),
        ("namespace", r#"["*"]"#, "configmaps", false, 0),
        ("namespace", r#"["a","kube-system"]"#, "configmaps", true, 0),
        ("cluster", r#"["a"]"#, "configmaps", true, 0),
        ("namespace", r#"["a"]"#, "leases", false, 1),
        ("namespace", r#"["*"]"#, "leases", false, 1),
        ("namespace", r#"["kube-node-lease"]"#, "leases", true, 0),
        ("cluster", r#"["a"]"#, "leases", true, 0),
    ] {
        let json = definition(scope, namespaces, resource);
        let told = put(&json).err();
        assert_eq!(told.is_some(), refused, "{json}: {told:?}");
        let kept = read(&json).expect("what was kept is read");
        assert_eq!(kept.find_cautions(&[]).len(), cautions, "{json}");
        let beside = kept.reach().beside_existing_accounts();
        let refused = refused || cautions > 0;
        assert_eq!(kept.check_dangers_are_waived(&[], beside).is_err(), refused, "{json}");
    }
}

#[test]
fn lifetimes_that_are_left_out_fit_those_that_are_said() {
    for (said, default, max) in [
        ("", "1h", "24h"),
        (r#","max_ttl":1800"#, "30m", "30m"),
        (r#","default_ttl":"90m","max_ttl":"2d""#, "1h30m", "2d"),
        (r#","default_ttl":"2d""#, "2d", "2d"),
    ] {
        let json = format!(
            r#"{{"target":"prod","account":{{"type":"existing","name":"d"}},"namespaces":["a"]{said}}}"#
        );
        let definition = read(&json).expect("reads");
        let told = |ttl: Option<Ttl>| ttl.map(|ttl| ttl.to_string());
        let parts = definition.spec();
        assert_eq!(told(parts.default_ttl).as_deref(), Some(default), "{said}");
        assert_eq!(told(parts.max_ttl).as_deref(), Some(max), "{said}");
    }
}
