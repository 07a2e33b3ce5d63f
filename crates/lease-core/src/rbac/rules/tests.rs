//! What is read as rules, and what is refused, by name.

use serde_json::json;

use super::*;
use crate::rbac::{MAX_ENTRIES, MAX_ENTRY_BYTES};

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let own = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    PolicyRule {
        api_groups: own(groups),
        resources: own(resources),
        verbs: own(verbs),
        ..PolicyRule::default()
    }
}

#[test]
fn rules_are_read_in_every_way_they_are_written() {
    let list = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]);
    let object = json!({ "rules": &list });
    let wanted =
        PolicyRules::new(vec![rule(&[""], &["pods"], &["get", "list"])]).expect("good rules");
    for written in [
        list.clone(),
        object.clone(),
        json!(list.to_string()),
        json!(object.to_string()),
        json!(serde_json::to_string_pretty(&object).expect("serialises")),
        json!(format!("\"rules\": {list}")),
        json!(
            "\"rules\": [\n{\n\"apiGroups\": [\"\"], \"resources\": [\"pods\"],\n\"verbs\": [\"get\", \"list\"]\n}\n]"
        ),
        json!("rules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n"),
        json!("---\n- apiGroups: ['']\n  resources:\n  - pods\n  verbs:\n  - get\n  - list\n---\n"),
        json!("- {apiGroups: [''], resources: [pods], verbs: [get, list], resourceNames: }"),
    ] {
        let read = serde_json::from_value::<PolicyRules>(written.clone());
        assert_eq!(read.map_err(|e| e.to_string()), Ok(wanted.clone()), "{written}");
    }
    assert_eq!(serde_json::to_value(&wanted).expect("serialises"), list);
}

#[test]
fn rules_are_written_as_kubernetes_writes_them() {
    for rules in [
        json!([{"verbs": ["get"], "nonResourceURLs": ["/healthz"]}]),
        json!([
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"], "resourceNames": ["a"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
        ]),
    ] {
        let read: PolicyRules = serde_json::from_value(rules.clone()).expect("good rules");
        assert_eq!(serde_json::to_value(&read).expect("serialises"), rules);
    }
}

#[test]
fn order_counts() {
    let one = rule(&[""], &["pods"], &["get"]);
    let two = rule(&["apps"], &["deployments"], &["get"]);
    let ab = PolicyRules::new(vec![one.clone(), two.clone()]).expect("good rules");
    let ba = PolicyRules::new(vec![two, one]).expect("good rules");
    assert_ne!(ab, ba);
    assert_ne!(rule(&[""], &["pods"], &["get", "list"]), rule(&[""], &["pods"], &["list", "get"]));
}

#[test]
fn what_kubernetes_would_refuse_is_refused_by_name() {
    let long = "a".repeat(MAX_ENTRY_BYTES + 1);
    let many = vec!["a"; MAX_ENTRIES + 1];
    let good = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]});
    let with = |field: &str, value: serde_json::Value| {
        let mut rule = good.clone();
        rule[field] = value;
        json!([good.clone(), rule])
    };
    let url = |url: &str| json!([{"nonResourceURLs": [url], "verbs": ["get"]}]);
    for (rules, error) in [
        (json!([]), "1 to 64 rules"),
        (json!(vec![good.clone(); MAX_RULES + 1]), "1 to 64 rules"),
        (json!({"rules": good}), "rules are a list"),
        (json!({"rules": null}), "rules are a list"),
        (json!({"rules": [good], "canary": 1}), "rules are a list"),
        (json!({"rule": [good]}), "rules are a list"),
        (json!({}), "rules are a list"),
        (json!(null), "rules are a list"),
        (json!(""), "rules are a list"),
        (json!("rules:"), "rules are a list"),
        (json!("pods"), "rules are a list"),
        (json!("rules: []\nkind: Role"), "rules are a list"),
        (json!("[]\n---\n[]"), "rules are a list"),
        (json!(1), "rules are a list"),
        (json!("rules: ["), "line 1, column 8: this is neither YAML nor JSON"),
        (json!(["canary"]), "`rules[0]`: a rule is a map"),
        (with("verbs", json!([])), "`rules[1]`: a rule needs at least one verb"),
        (with("verbs", json!(null)), "`rules[1]`: a rule needs at least one verb"),
        (with("verbs", json!("canary")), "`rules[1].verbs`: this must be a list"),
        (with("verbs", json!([["canary"]])), "`rules[1].verbs[0]`: this must be a string"),
        (with("verbs", json!([null])), "`rules[1].verbs[0]`: this must be a string"),
        (with("verbs", json!([true])), "`rules[1].verbs[0]`: this must be a string, not a number"),
        (with("verbs", json!(1)), "`rules[1].verbs`: this must be a list"),
        (with("canary canary", json!(1)), "`rules[1].(unreadable)`: no such field"),
        (
            json!("rules:\n- verbs: [get]\n  resources: [1]"),
            "`rules[0].resources[0]`: line 3, column 15: YAML may",
        ),
        (json!("rules:\n- verbs: [yes]\n  verb: a"), "`rules[0].verb`: no such field"),
        (json!("rules:\n- 1: a"), "`rules[0].1`: no such field"),
        (with("verbs", json!(["get", "Get"])), "`rules[1].verbs[1]`: write this verb in lower"),
        (with("verbs", json!(["DELETECOLLECTION"])), "`rules[1].verbs[0]`: write this verb"),
        (with("verbs", json!(["Impersonate"])), "`rules[1].verbs[0]`: write this verb"),
        (
            with("verbs", json!(["read canary"])),
            "`rules[1].verbs[0]`: this must be 1 to 253 letters",
        ),
        (with("verbs", json!(["get,canary"])), "`rules[1].verbs[0]`: this must be"),
        (with("verbs", json!([""])), "`rules[1].verbs[0]`: this must be"),
        (with("verbs", json!(many)), "`rules[1].verbs`: a list has at most"),
        (with("apiGroups", json!([])), "`rules[1]`: a rule for resources needs"),
        (with("apiGroups", json!(["core"])), "`rules[1].apiGroups[0]`: write the core group"),
        (
            with("apiGroups", json!([null])),
            "`rules[1].apiGroups[0]`: Kubernetes reads `null` as the core",
        ),
        (
            json!("- apiGroups:\n  -\n  resources: [pods]\n  verbs: [get]"),
            "`rules[0].apiGroups[0]`: Kubernetes reads",
        ),
        (with("resources", json!([null])), "`rules[1].resources[0]`: this must be a string"),
        (with("apiGroups", json!([" "])), "`rules[1].apiGroups[0]`: this must be"),
        (with("resources", json!([])), "`rules[1]`: a rule needs at least one resource"),
        (with("resources", json!(["pods canary"])), "`rules[1].resources[0]`: this must be"),
        (with("resources", json!(["pods\u{0}"])), "`rules[1].resources[0]`: this must be"),
        (with("resources", json!(["sécrets"])), "`rules[1].resources[0]`: this must be"),
        (with("resources", json!([long])), "`rules[1].resources[0]`: this must be"),
        (with("resourceNames", json!([""])), "`rules[1].resourceNames[0]`: this must be"),
        (with("resourceNames", json!(["a\nb"])), "`rules[1].resourceNames[0]`: this must be"),
        (
            with("resourceNames", json!(["canary\u{7f}"])),
            "`rules[1].resourceNames[0]`: this must be a name",
        ),
        (
            with("resourceNames", json!(["canary\u{9b}"])),
            "`rules[1].resourceNames[0]`: this must be a name",
        ),
        (with("resourcenames", json!(["a"])), "`rules[1].resourcenames`: no such field"),
        (with("canary canary", json!(["a"])), "`rules[1].(unreadable)`: no such field"),
        (
            with("nonResourceURLs", json!(["/a"])),
            "`rules[1]`: a rule must be for `nonResourceURLs` or",
        ),
        (url("canary"), "`rules[0].nonResourceURLs[0]`: this must be `*`, or a path"),
        (url("/a b"), "`rules[0].nonResourceURLs[0]`: this must be"),
        (json!([{"nonResourceURLs": ["/a"]}]), "`rules[0]`: a rule needs at least one verb"),
    ] {
        let told = serde_json::from_value::<PolicyRules>(rules.clone()).unwrap_err().to_string();
        assert!(told.contains(error), "{rules}: {told}");
        assert!(!told.to_lowercase().contains("canary"), "{rules}: {told}");
    }
}

#[test]
fn what_rbac_compares_by_the_letter_is_taken_as_it_is() {
    let long = "ou=a,".repeat(100);
    for rules in [
        json!([{"apiGroups": ["a.example"], "resources": ["things"], "verbs": ["readThing", "Approve-All"]}]),
        json!([{"nonResourceURLs": ["/a"], "verbs": ["Read"]}]),
        json!([{
            "apiGroups": [""], "resources": ["groups"], "verbs": ["impersonate"],
            "resourceNames": [
                "cn=ops,ou=groups,dc=example", "Jörg Müller", "a\\b", "o'neil \"x\"", "`", long, "system:masters"
            ]
        }]),
    ] {
        let read = serde_json::from_value::<PolicyRules>(rules.clone()).map_err(|e| e.to_string());
        assert_eq!(read.map(|read| serde_json::to_value(&read).expect("serialises")), Ok(rules));
    }
}

#[test]
fn a_field_twice_is_refused() {
    let json = r#"[{"verbs":["get"],"apiGroups":[""],"resources":["pods"],"verbs":["list"]}]"#;
    let told = serde_json::from_str::<PolicyRules>(json).unwrap_err().to_string();
    assert!(told.contains("a key occurs twice"), "{told}");
    let told = json.parse::<PolicyRules>().unwrap_err().to_string();
    assert!(told.contains("a key occurs twice"), "{told}");
}

#[test]
fn rules_that_say_too_much_are_refused() {
    let texts = |count: usize, bytes: usize| {
        (0..count).map(|i| format!("a{i:0>width$}", width = bytes - 1)).collect::<Vec<_>>()
    };
    let wide = |count, bytes| PolicyRule {
        api_groups: texts(count, bytes),
        resources: texts(count, bytes),
        verbs: vec!["get".to_owned()],
        ..PolicyRule::default()
    };
    let grants = |rules: usize| PolicyRules::new(vec![wide(128, 4); rules]).map(|_| ());
    assert_eq!(grants(4), Ok(()));
    assert_eq!(grants(5), Err(RulesError::TooManyGrants));
    assert_eq!(PolicyRules::new(vec![wide(30, 253); 5]).map(|_| ()), Err(RulesError::TooLarge));
}

#[test]
fn paths_need_a_cluster_role() {
    let resources = PolicyRules::new(vec![rule(&[""], &["pods"], &["get"])]).expect("good rules");
    let urls: PolicyRules =
        r#"[{"nonResourceURLs":["/healthz"],"verbs":["get"]}]"#.parse().expect("good");
    assert_eq!(resources.check_fit_role_kind(RoleKind::Role), Ok(()));
    assert_eq!(resources.check_fit_role_kind(RoleKind::ClusterRole), Ok(()));
    assert_eq!(urls.check_fit_role_kind(RoleKind::ClusterRole), Ok(()));
    let told = urls.check_fit_role_kind(RoleKind::Role).unwrap_err().to_string();
    assert!(told.starts_with("`rules[0].nonResourceURLs`: "), "{told}");
}

#[test]
fn what_an_api_server_accepted_can_be_looked_through() {
    let odd = json!([
        {"apiGroups": ["Core"], "resources": ["Pods", ""], "verbs": ["GET"], "resourceNames": [""]},
        {"verbs": ["get"]}
    ]);
    let many =
        json!(vec![json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}); 500]);
    let large =
        json!([{"apiGroups": vec!["a"; 300], "resources": vec!["b"; 300], "verbs": ["get"]}]);
    for (rules, count) in [
        (json!(null), Some(0)),
        (json!([]), Some(0)),
        (odd, Some(2)),
        (many, Some(500)),
        (json!([{"verbs": ["get"], "expressions": ["x"]}]), None),
        (json!([{"verbs": [1]}]), None),
        (json!({}), None),
        (large, None),
    ] {
        let read = parse_live_role_rules(rules.clone());
        assert_eq!(read.ok().map(|rules| rules.len()), count, "{rules}");
    }
}

#[test]
fn what_is_known_of_rules_is_looked_through_beside_what_is_not() {
    let secrets = json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]});
    let junk = json!({"apiGroups": vec!["a"; 300], "resources": vec!["b"; 300], "verbs": ["get"]});
    let half = json!({"apiGroups": vec!["a"; 200], "resources": vec!["b"; 200], "verbs": ["get"]});
    let mut odd = secrets.clone();
    odd["expressions"] = json!(["x"]);
    for (rules, count) in [
        (json!([secrets, junk]), 1),
        (json!([junk, secrets]), 1),
        (json!([half, half, secrets]), 2),
        (json!([odd]), 1),
        (json!([{"verbs": [1]}, 1, secrets]), 1),
        (json!({}), 0),
        (json!(null), 0),
    ] {
        let known = parse_known_rule_fields(&rules);
        assert_eq!(known.len(), count, "{}", &rules.to_string()[..20.min(rules.to_string().len())]);
        let is_secrets = known.last().is_none_or(|rule| rule.resources == ["secrets"]);
        assert!(is_secrets, "{known:?}");
    }
}
