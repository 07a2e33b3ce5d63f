use lease_core::IssueRequest;
use serde_json::json;

use super::*;
use crate::fixtures::{EXISTING, RULES, block_on, issue_for, name_of, with_secret};
use lease_testing::TestPorts;

fn found(engine: &Engine<TestPorts>) -> LeasableNamespaces {
    block_on(engine.find_leasable_namespaces(&name_of("ci"))).expect("finds them")
}

fn names(found: &LeasableNamespaces) -> Vec<&str> {
    found.names.iter().map(Namespace::as_str).collect()
}

#[test]
fn what_is_found_is_where_a_lease_is_issued() {
    let team_a = r#""namespace_selector":{"matchLabels":{"team":"a"}}"#;
    let not_b = r#""namespace_selector":{"matchExpressions":[
        {"key":"team","operator":"NotIn","values":["b"]},{"key":"team","operator":"Exists"}]}"#;
    let cases = [
        (r#""namespaces":["apps","web"]"#.to_owned(), false, vec!["apps", "web"]),
        (r#""namespaces":["*","kube-system"]"#.to_owned(), true, vec!["kube-system"]),
        (format!(r#""namespaces":null,{team_a}"#), false, vec!["a1", "a2"]),
        (format!(r#""namespaces":null,{not_b}"#), false, vec!["a1", "a2", "c1"]),
        (format!(r#"{team_a},"namespace_match":"any""#), false, vec!["a1", "a2", "apps"]),
        (format!(r#"{team_a},"namespace_match":"all""#), false, vec![]),
        (
            format!(r#""namespaces":["a1","web"],{team_a},"namespace_match":"all""#),
            false,
            vec!["a1"],
        ),
        (
            format!(r#""namespaces":["*"],{team_a},"namespace_match":"all""#),
            false,
            vec!["a1", "a2"],
        ),
        (format!(r#""namespaces":["*","b1"],{team_a},"namespace_match":"any""#), true, vec!["b1"]),
    ];
    for (rest, any, expected) in cases {
        let engine = with_secret(RULES, &rest);
        for (name, team) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c")] {
            engine.ports.http.put_namespace(name, &json!({"team": team}), None);
        }
        // It meets the selector, and has to be named all the same.
        engine.ports.http.put_namespace("default", &json!({"team": "a"}), None);
        engine.ports.http.put_namespace("kubelease", &json!({"team": "a"}), None);
        let found = found(&engine);
        assert_eq!((found.any, names(&found)), (any, expected), "{rest}");
        assert!(found.is_complete && found.granted.is_none(), "{rest}");
        for place in ["a1", "a2", "apps", "b1", "c1", "default", "kube-system", "kubelease", "web"]
        {
            let is_found = names(&found).contains(&place);
            let has_to_be_named = ["default", "kube-system", "kubelease"].contains(&place);
            let covered = is_found || (found.any && !has_to_be_named);
            let request =
                IssueRequest { namespace: Some(name_of(place)), ..IssueRequest::default() };
            let issued = issue_for(&engine, request, None).is_ok();
            assert_eq!(issued, covered, "{place} of {rest}");
        }
    }
}

#[test]
fn a_named_list_asks_the_target_for_nothing() {
    let engine = with_secret(EXISTING, "");
    assert_eq!(names(&found(&engine)), ["apps"]);
    assert_eq!(engine.ports.http.calls(), 0);
}

#[test]
fn a_list_that_may_not_be_read_is_told() {
    let selector = r#""namespaces":null,"namespace_selector":{"matchLabels":{"team":"a"}}"#;
    let engine = with_secret(RULES, selector);
    engine.ports.http.deny("list", "namespaces");
    let error = block_on(engine.find_leasable_namespaces(&name_of("ci"))).expect_err("refused");
    assert!(error.to_string().contains("could not `list` `namespaces`"), "{error}");
}
