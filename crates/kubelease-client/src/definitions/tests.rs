use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

/// Collects the paths of all fields of a schema; branches of one place are taken together.
fn fields(root: &Value, schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    if let Some(pointer) = schema["$ref"].as_str() {
        let pointed = root.pointer(pointer.trim_start_matches('#')).expect("it is there");
        return fields(root, pointed, at, found);
    }
    for branches in ["oneOf", "anyOf", "allOf"] {
        for branch in schema[branches].as_array().into_iter().flatten() {
            fields(root, branch, at, found);
        }
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        found.insert(at.clone());
        fields(root, schema, &at, found);
    }
    if schema["items"].is_object() {
        fields(root, &schema["items"], &format!("{at}[]"), found);
    }
}

#[test]
fn the_schemas_have_the_fields_of_the_api() {
    let document = include_str!("../../../../docs/openapi.json");
    let document: Value = serde_json::from_str(document).expect("JSON");
    for kind in DefinitionKind::ALL {
        let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
        let schema = document_schema(kind);
        fields(&schema, &schema["properties"]["spec"], "", &mut ours);
        let name = format!("{}Input", kind.as_str());
        fields(&document, &document["components"]["schemas"][name], "", &mut theirs);
        // The set is said on the command line, and a target has a document of its own.
        theirs.retain(|field| field != ".apply_set" && !field.starts_with(".target."));
        assert_eq!(ours, theirs, "{kind}");
    }
}

#[test]
fn a_secret_is_named_by_its_place_and_refused_itself() {
    for (text, place) in [
        ("${TOKEN}", Some(SecretReference::Variable("TOKEN".to_owned()))),
        ("${_a1}", Some(SecretReference::Variable("_a1".to_owned()))),
        ("file:/run/token", Some(SecretReference::File("/run/token".into()))),
        ("file:token", Some(SecretReference::File("token".into()))),
        ("file:", None),
        ("${}", None),
        ("${1}", None),
        ("${A B}", None),
        ("$TOKEN", None),
        ("eyJcanary", None),
    ] {
        let read = serde_json::from_value::<SecretReference>(json!(text));
        match (read, place) {
            (Ok(read), Some(place)) => {
                assert_eq!(read, place);
                assert_eq!(json!(read), json!(text));
            }
            (Err(error), None) => assert!(!error.to_string().contains("canary"), "{error}"),
            (read, _) => panic!("{text}: {read:?}"),
        }
    }
}

#[test]
fn secrets_are_found_where_they_are() {
    let reviewed = |reviewer: Value| {
        json!({"type": "kubernetes", "target": "prod", "reviewer": reviewer, "allowed_names": ["a"],
            "allowed_namespaces": ["b"], "allowed_audience": "c"})
    };
    let target = |auth: Value| json!({"url": "https://a.example", "auth": auth});
    for (kind, spec, pointers) in [
        (
            DefinitionKind::Target,
            target(json!({"type": "token", "token": "${A}"})),
            vec!["/auth/token"],
        ),
        (DefinitionKind::Target, target(json!({"type": "token"})), vec![]),
        (DefinitionKind::Target, target(json!({"type": "client_certificate"})), vec![]),
        (
            DefinitionKind::Target,
            target(json!({"type": "gateway", "header": {"name": "x-a", "value": "file:b"}})),
            vec!["/auth/header/value"],
        ),
        (
            DefinitionKind::Identity,
            json!({"auth": [{"type": "token"}, reviewed(json!({"token": "${A}"})),
                reviewed(json!({"token": null})), reviewed(json!("client"))]}),
            vec!["/auth/1/reviewer/token"],
        ),
    ] {
        let read = DefinitionSpec::from_json(kind, spec.clone()).expect("it fits");
        let found: Vec<_> =
            read.secret_references().into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!(found, pointers);
        // The type writes what it read, but for what says nothing.
        assert_eq!(json!(read), spec, "{kind}");
    }
}

#[test]
fn a_kind_is_known_by_each_of_its_names() {
    for (text, kind) in [
        ("Target", Some(DefinitionKind::Target)),
        ("targets", Some(DefinitionKind::Target)),
        ("dynamic-secret", Some(DefinitionKind::DynamicSecret)),
        ("ds", Some(DefinitionKind::DynamicSecret)),
        ("identities", Some(DefinitionKind::Identity)),
        ("identity", Some(DefinitionKind::Identity)),
        ("Pod", None),
        ("", None),
    ] {
        assert_eq!(text.parse().ok(), kind, "{text}");
    }
}
