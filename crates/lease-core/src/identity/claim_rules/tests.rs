use serde_json::json;

use super::*;

fn rules(spec: &Value) -> Result<ClaimRules, String> {
    serde_json::from_value(spec.clone()).map_err(|error| error.to_string())
}

/// The claims of a GitLab job, a `CircleCI` job and a GitHub job, as far as they differ in kind.
fn claims() -> Map<String, Value> {
    let claims = json!({
        "sub": "project_path:acme/app:ref_type:branch:ref:main",
        "repository_id": "123", "ref": "refs/heads/main", "ref_protected": "true", "runner_id": 7,
        "fork": false, "groups_direct": ["acme/dev", "acme/ops"], "ci_config_ref_uri": null, "empty": "",
        "oidc.circleci.com/project-id": "0b7e", "nested": {"a": {"b/c": ["x", 1]}, "list": [{"id": "z"}]},
        "mixed": [7, "7", true, ["inner"], null],
    });
    claims.as_object().expect("an object").clone()
}

#[test]
fn claims_are_and_values_are_or() {
    for (claim_rules, fits) in [
        (json!({}), true),
        (json!({"repository_id": ["123"]}), true),
        (json!({"repository_id": ["122", "123"]}), true),
        (json!({"repository_id": ["12"]}), false),
        (json!({"repository_id": [123]}), false),
        (json!({"repository_id": ["123"], "ref": ["refs/heads/main"]}), true),
        (json!({"repository_id": ["123"], "ref": ["refs/heads/dev"]}), false),
        (json!({"absent": ["x"]}), false),
        (json!({"ci_config_ref_uri": ["x"]}), false),
        (json!({"ref_protected": ["true"]}), true),
        (json!({"ref_protected": [true]}), false),
        (json!({"fork": [false]}), true),
        (json!({"fork": ["false"]}), false),
        (json!({"runner_id": [7]}), true),
        (json!({"runner_id": ["7"]}), false),
        (json!({"groups_direct": ["acme/ops"]}), true),
        (json!({"groups_direct": ["acme"]}), false),
        (json!({"mixed": ["7"]}), true),
        (json!({"mixed": [true]}), true),
        (json!({"mixed": ["inner"]}), false),
        (json!({"oidc.circleci.com/project-id": ["0b7e"]}), true),
        (json!({"/oidc.circleci.com~1project-id": ["0b7e"]}), true),
        (json!({"/nested/a/b~1c": ["x"]}), true),
        (json!({"/nested/a/b~1c/1": [1]}), true),
        (json!({"/nested/list/0/id": ["z"]}), true),
        (json!({"/nested/list/1/id": ["z"]}), false),
        (json!({"/nested": ["x"]}), false),
        (json!({"nested": ["x"]}), false),
        (json!({"/": ["x"]}), false),
        (json!({"ref": ["refs/heads/*"]}), false),
    ] {
        let rules = rules(&json!({ "claims": claim_rules })).expect("rules");
        assert_eq!(rules.check_claims(&claims()).is_ok(), fits, "{claim_rules}");
    }
}

#[test]
fn patterns_are_for_texts_alone() {
    for (claim_rules, fits) in [
        (json!({"ref": ["refs/heads/*"]}), true),
        (json!({"ref": ["refs/*"]}), false),
        (json!({"ref": ["refs/**"]}), true),
        (json!({"runner_id": ["7*"]}), false),
        (json!({"runner_id": [7]}), true),
        (json!({"groups_direct": ["acme/*"]}), true),
        (json!({"sub": ["project_path:acme/*:ref_type:branch:ref:main"]}), true),
        (json!({"sub": ["project_path:acme/*"]}), false),
    ] {
        let rules =
            rules(&json!({ "claims": claim_rules, "claims_match": "glob" })).expect("rules");
        assert_eq!(rules.check_claims(&claims()).is_ok(), fits, "{claim_rules}");
    }
}

#[test]
fn the_first_rule_that_fails_is_named() {
    let rules = rules(&json!({"claims": {"ref": ["x"], "absent": ["y"]}})).expect("rules");
    let refused = rules.check_claims(&claims()).expect_err("does not fit").to_string();
    assert_eq!(refused, "claim `absent` is missing");
    let all: Vec<_> =
        rules.check_each_rule(&claims()).map(|(_, _, checked)| checked.is_ok()).collect();
    assert_eq!(all, [false, false]);
}

#[test]
fn rules_that_bind_nothing_are_refused() {
    for (spec, error) in [
        (json!({"claims": {"ref": []}}), "needs at least one value"),
        (json!({"claims": {"ref": ["*"]}, "claims_match": "glob"}), "has only `*`"),
        (json!({"claims": {"ref": ["main", "**"]}, "claims_match": "glob"}), "has only `*`"),
        (json!({"claims": {"iss": ["x"]}}), "`issuer`"),
        (json!({"claims": {"/aud": ["x"]}}), "`audiences`"),
        (json!({"claims": {"/aud/0": ["x"]}}), "`audiences`"),
        (json!({"claims": {"/iss/": ["x"]}}), "`issuer`"),
        (json!({"claims": {"": ["x"]}}), "1 to 512"),
        (json!({"claims": {"ref": [""]}}), "1 to 512"),
        (json!({"claims": {"ref": ["x".repeat(513)]}}), "1 to 512"),
        (json!({"claims": {"ref": vec!["x"; 65]}}), "64 values"),
        (json!({"claims": {"ref": [null]}}), "did not match"),
        (json!({"claims": {"ref": [1.5]}}), "did not match"),
        (json!({"claims": {"ref": "main"}}), "invalid type"),
        (json!({"claims": {"ref": ["x"]}, "claims_match": "regex"}), "unknown variant"),
        (json!({"claim": {}}), "unknown field"),
    ] {
        let refused = rules(&spec).expect_err(&spec.to_string());
        assert!(refused.contains(error), "{spec}: {refused}");
    }
    // A star is a letter like any other where patterns are not asked for.
    assert!(rules(&json!({"claims": {"ref": ["*"]}})).is_ok());
}

#[test]
fn rules_are_kept_as_they_are_written() {
    let spec =
        json!({"claims": {"/a/b": ["x", 7, true], "ref": ["main*"]}, "claims_match": "glob"});
    let kept = serde_json::to_value(rules(&spec).expect("rules")).expect("serialises");
    assert_eq!(kept, spec);
}
