use kubelease_client::{DefinitionKind, document_schema};

use super::super::yaml;
use super::*;

/// Returns what is wrong with the specification of a definition, as `LINE:COLUMN text`.
fn faults(kind: DefinitionKind, spec: &str) -> Vec<String> {
    let text = format!(
        "apiVersion: kubelease.dev/v1\nkind: {}\nmetadata: {{name: a}}\nspec:\n{spec}",
        kind.as_str()
    );
    let nodes = yaml::read_documents(&text).expect("it is YAML");
    let mut faults = vec![];
    check_node(&document_schema(kind), &nodes[0], &mut faults);
    faults.iter().map(|fault| format!("{} {}", fault.place, fault.text)).collect()
}

#[test]
fn what_fits_is_let_pass() {
    for (kind, spec) in [
        (
            DefinitionKind::Target,
            "  url: https://a.example\n  auth: {type: token, token: \"${A}\"}\n",
        ),
        (
            DefinitionKind::Target,
            "  url: https://a.example\n  auth: {type: client_certificate}\n  ca: null\n",
        ),
        (
            DefinitionKind::DynamicSecret,
            "  target: a\n  account: {type: existing, name: b, revocable: false}\n  namespaces: [\"*\"]\n  max_ttl: 90\n",
        ),
        (
            DefinitionKind::DynamicSecret,
            "  target: a\n  default_ttl: 15m\n  labels: {b/c: d}\n  account:\n    type: temporary\n    scope: namespace\n    rules:\n    - {apiGroups: [\"\"], resources: [pods], verbs: [get]}\n",
        ),
        (
            DefinitionKind::DynamicSecret,
            "  target: a\n  account:\n    type: temporary\n    scope: cluster\n    rules: {rules: [{verbs: [get]}]}\n",
        ),
        (
            DefinitionKind::DynamicSecret,
            "  target: a\n  account: {type: temporary, scope: cluster, rules: \"rules: []\"}\n",
        ),
        (
            DefinitionKind::Identity,
            "  auth:\n  - {type: token}\n  - type: oidc\n    issuer: https://i.example\n    audiences: [k]\n    claims: {id: [\"1\", 2, true]}\n",
        ),
        (
            DefinitionKind::Identity,
            "  auth:\n  - {type: kubernetes, target: a, reviewer: {token: null}, allowed_names: [b], allowed_namespaces: [c], allowed_audience: d}\n  grants:\n  - {dynamic_secrets: [a], namespaces: [b], actions: [issue, read], of: all}\n",
        ),
    ] {
        assert_eq!(faults(kind, spec), Vec::<String>::new(), "{spec}");
    }
}

#[test]
fn what_does_not_fit_is_told_with_its_place_and_what_is_near() {
    let target = "  url: https://a.example\n";
    let secret = "  target: a\n";
    for (kind, spec, told) in [
        (
            DefinitionKind::Target,
            format!("{target}  auth: {{type: token}}\n  descripton: x\n"),
            "7:3 unknown field `descripton`: did you mean `description`?",
        ),
        (
            DefinitionKind::Target,
            format!("{target}  auth:\n    type: token\n    tokn: \"${{A}}\"\n"),
            "8:5 unknown field `tokn`: did you mean `token`?",
        ),
        (
            DefinitionKind::Target,
            format!("{target}  auth: {{type: tocken}}\n"),
            "6:16 unknown value `tocken`: did you mean `token`?",
        ),
        (
            DefinitionKind::Target,
            format!("{target}  auth: {{token: \"${{A}}\"}}\n"),
            "6:9 the field `type` is missing: it is `token`, `gateway` or `client_certificate`",
        ),
        (DefinitionKind::Target, "  auth: {type: gateway}\n".to_owned(), "5:3 the field `url` is missing"),
        (
            DefinitionKind::Target,
            format!("{target}  auth: {{type: gateway}}\n  ca: public\n"),
            "7:7 unknown value `public`: expected `system` or `custom`",
        ),
        (
            DefinitionKind::Target,
            format!("{target}  auth: {{type: gateway}}\n  disabled: 1\n"),
            "7:13 expected `true` or `false`, found a number",
        ),
        (
            DefinitionKind::Target,
            format!("{target}  auth: {{type: token, token: eyJcanary}}\n"),
            "6:30 a secret must not be in a file of definitions: write `${NAME}` for an environment variable, or `file:PATH`",
        ),
        (
            DefinitionKind::DynamicSecret,
            format!("{secret}  account: {{type: existing, name: [b]}}\n"),
            "6:35 expected a text, found a list",
        ),
        (
            DefinitionKind::DynamicSecret,
            format!("{secret}  account: {{type: existing, name: b}}\n  namespaces: b\n"),
            "7:15 expected a list, found a text",
        ),
        (
            DefinitionKind::DynamicSecret,
            format!("{secret}  account: {{type: existing, name: b}}\n  max_ttl: [1]\n"),
            "7:12 expected a text or a whole number, found a list",
        ),
        (
            DefinitionKind::DynamicSecret,
            "  target: {url: x}\n  account: {type: existing, name: b}\n".to_owned(),
            "5:11 expected a text, found a map",
        ),
        (
            DefinitionKind::DynamicSecret,
            format!("{secret}  account:\n    type: temporary\n    scope: namespace\n    rules:\n    - verb: [get]\n"),
            "10:7 unknown field `verb`: did you mean `verbs`?",
        ),
        (
            DefinitionKind::Identity,
            "  grants:\n  - dynamic_secrets: [a]\n    namespaces: [b]\n    actions: [isue]\n".to_owned(),
            "8:15 unknown value `isue`: did you mean `issue`?",
        ),
        (
            DefinitionKind::Identity,
            "  auth:\n  - type: kubernetes\n    target: a\n    reviewer: clint\n    allowed_names: [b]\n    allowed_namespaces: [c]\n    allowed_audience: d\n".to_owned(),
            "8:15 unknown value `clint`: did you mean `client`?",
        ),
        (
            DefinitionKind::Identity,
            "  auth:\n  - type: kubernetes\n    target: a\n    reviewer: {tokn: null}\n    allowed_names: [b]\n    allowed_namespaces: [c]\n    allowed_audience: d\n".to_owned(),
            "8:16 unknown field `tokn`: did you mean `token`?",
        ),
    ] {
        let found = faults(kind, &spec);
        assert!(found.iter().any(|fault| fault == told), "{spec}: {found:#?}, expected {told}");
        assert!(!found.concat().contains("canary"), "{found:?}");
    }
}
