//! What a waiver waives, and what it does not.

use serde_json::json;

use super::super::parse_live_role_rules;
use super::*;
use crate::rbac::RoleKind;

fn waivers(texts: &[&str]) -> Waivers {
    serde_json::from_value(json!(texts)).expect("good waivers")
}

fn apps() -> Reach {
    Reach::in_namespace(&"apps".parse().expect("a good name"))
}

fn found(group: &str, resource: &str, verb: &str) -> Vec<Danger> {
    let rule = json!([{"apiGroups": [group], "resources": [resource], "verbs": [verb]}]);
    find_dangers(&parse_live_role_rules(rule).expect("good rules"), apps())
}

#[test]
fn a_waiver_has_one_text() {
    for (text, good) in [
        ("core/secrets:get", true),
        ("core/pods/exec:create", true),
        ("core/*/exec:create", true),
        ("*/*:*", true),
        ("rbac.authorization.k8s.io/roles:bind", true),
        ("core/users:impersonate:user-info", true),
        ("nonResourceURLs/*:get", true),
        ("nonResourceURLs/logs:get", true),
        ("nonResourceURLs/Logs/a:b:get", true),
        ("role:cluster-admin", true),
        ("role:system:node", true),
        ("", false),
        ("*", false),
        ("secrets:get", false),
        ("/secrets:get", false),
        ("core/secrets", false),
        ("core/secrets:", false),
        ("core/:get", false),
        ("core/secrets:GET", false),
        ("Core/secrets:get", false),
        (" core/secrets:get", false),
        ("core/secrets:get\n", false),
        ("core/secrets:get,list", false),
        ("core/secrets/name?:get", false),
        ("?/secrets:get", false),
        ("nonResourceURLs*:get", false),
        ("nonResourceURLs:get", false),
        ("nonResourceURLs/a b:get", false),
        ("nonResourceURLs?:get", false),
        ("role:", false),
        ("role:*", false),
        ("role:a/b", false),
        ("role:..", false),
        ("clusterrole:admin", false),
    ] {
        let read = text.parse::<Waiver>();
        assert_eq!(read.is_ok(), good, "{text:?}");
        if let Ok(waiver) = read {
            assert_eq!(waiver.to_string(), text);
            assert_eq!(serde_json::to_value(&waiver).expect("serialises"), json!(text));
        }
    }
}

#[test]
fn only_every_verb_of_a_named_resource_waives_more_than_itself() {
    for (waiver, (group, resource, verb), waives) in [
        ("core/secrets:get", ("", "secrets", "get"), true),
        ("core/secrets:get", ("", "secrets", "list"), false),
        ("core/secrets:*", ("", "secrets", "get"), true),
        ("core/secrets:*", ("", "secrets", "*"), true),
        ("core/secrets:get", ("", "secrets", "*"), false),
        ("core/pods:*", ("", "pods", "create"), true),
        ("core/pods:*", ("", "pods/exec", "create"), false),
        ("core/pods/*:*", ("", "pods/exec", "create"), false),
        ("core/*:*", ("", "secrets", "get"), false),
        ("core/*:*", ("", "*", "*"), true),
        ("core/*:*", ("", "*", "get"), false),
        ("*/secrets:*", ("", "secrets", "get"), false),
        ("*/*:*", ("*", "*", "*"), true),
        ("*/*:*", ("*", "*", "get"), false),
        ("*/*:*", ("", "secrets", "get"), false),
        ("extensions/deployments:create", ("apps", "deployments", "create"), false),
        ("role:secrets", ("", "secrets", "get"), false),
    ] {
        let found = found(group, resource, verb);
        let covers = waiver.parse::<Waiver>().expect("a good waiver").covers_danger(&found[0]);
        assert_eq!(covers, waives, "{waiver} of {}", found[0]);
    }
}

#[test]
fn a_role_is_waived_by_name_or_by_all_that_it_holds() {
    let held = json!([{"apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["get"]}]);
    let held = parse_live_role_rules(held).expect("good rules");
    for (name, rules, allowed, left) in [
        ("view", [].as_slice(), [].as_slice(), [].as_slice()),
        ("edit", &[], &[], &["role:edit"]),
        ("edit", &[], &["role:edit"], &[]),
        ("edit", &[], &["role:admin"], &["role:edit"]),
        ("edit", held.as_slice(), &[], &["role:edit", "core/secrets:get"]),
        ("edit", &held, &["role:edit"], &[]),
        ("edit", &held, &["core/secrets:get"], &["role:edit"]),
        ("deployer", &held, &[], &["core/secrets:get"]),
        ("deployer", &held, &["core/secrets:get"], &[]),
        ("deployer", &held, &["role:deployer"], &[]),
    ] {
        let role =
            ExistingRole { kind: RoleKind::ClusterRole, name: name.parse().expect("a name") };
        let checked = waivers(allowed).check_role_waived(&role, rules, apps());
        let said = checked.err().map(|left| left.0).unwrap_or_default();
        let said: Vec<String> = said.iter().map(Danger::waiver_text).collect();
        assert_eq!(said, left, "{name} with {} rules, {allowed:?}", rules.len());
    }
}

#[test]
fn what_only_an_api_server_can_say_is_not_repeated_and_not_waived() {
    let found = found("Canary/x", "ca:nary\"", "impersonate canary");
    let said = UnwaivedDangers(found).to_string();
    assert!(said.contains("?/?:?") && !said.to_lowercase().contains("canary"), "{said}");
}

#[test]
fn an_error_names_every_danger_and_what_would_allow_it() {
    let said = UnwaivedDangers(found("", "secrets", "get")).to_string();
    assert_eq!(
        said,
        "dangerous, and not waived: `core/secrets:get`: it reaches Secrets, which hold the \
         credentials of others. To allow this, set `\"allow_dangerous\":[\"core/secrets:get\"]`"
    );

    let verbs: Vec<String> = (0..MAX_WAIVERS).map(|i| format!("v{i}")).collect();
    let rules = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}]);
    let rules = parse_live_role_rules(rules).expect("good rules");
    let said = waivers(&[]).check_rules_waived(&rules, apps()).unwrap_err().to_string();
    for verb in verbs {
        let text = format!("core/secrets:{verb}");
        assert!(said.contains(&format!("`{text}`")), "{text}: {said}");
        assert!(said.contains(&format!("\"{text}\"")), "{text}: {said}");
    }
    assert_eq!(said.matches("reaches Secrets").count(), 1, "{said}");
}

#[test]
fn the_names_of_many_dangers_stay_a_sentence() {
    let names = |count: usize| {
        let verbs: Vec<String> = (0..count).map(|i| format!("v{i}")).collect();
        let rules = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}]);
        let rules = parse_live_role_rules(rules).expect("good rules");
        waivers(&[]).check_rules_waived(&rules, apps()).unwrap_err().names_text()
    };
    assert_eq!(names(2), "`core/secrets:v0`, `core/secrets:v1`");
    assert!(
        names(MAX_NAMED_DANGERS).ends_with("`core/secrets:v7`"),
        "{}",
        names(MAX_NAMED_DANGERS)
    );
    assert!(
        names(MAX_NAMED_DANGERS + 2).ends_with(" and 2 more"),
        "{}",
        names(MAX_NAMED_DANGERS + 2)
    );
}

#[test]
fn an_error_tells_dangers_of_one_harm_together() {
    let rules = json!([
        {"apiGroups": ["batch", ""], "resources": ["jobs", "pods"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    ]);
    let rules = parse_live_role_rules(rules).expect("good rules");
    let said = waivers(&[]).check_rules_waived(&rules, apps()).unwrap_err().to_string();
    let told = "not waived: `batch/jobs:create`, `core/pods:create`: each runs pods as any account \
                of the namespace, with its Secrets; `core/secrets:get`: it reaches Secrets";
    assert!(said.contains(told), "{said}");
}

#[test]
fn more_dangers_than_waivers_are_told_and_how_fewer_waivers_do() {
    let verbs: Vec<String> = (0..=MAX_WAIVERS).map(|i| format!("v{i}")).collect();
    let rules = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}]);
    let rules = parse_live_role_rules(rules).expect("good rules");
    let said = waivers(&[]).check_rules_waived(&rules, apps()).unwrap_err().to_string();
    assert!(said.contains("`core/secrets:v128`") && said.contains("`group/resource:*`"), "{said}");
    assert!(!said.contains("\"allow_dangerous\":["), "{said}");
    assert_eq!(waivers(&["core/secrets:*"]).check_rules_waived(&rules, apps()), Ok(()));
}

#[test]
fn an_error_of_all_that_lists_can_multiply_to_stays_as_long_as_rules_may_be() {
    let names = |of: &str| (0..120).map(|i| format!("{i}{}", of.repeat(240))).collect::<Vec<_>>();
    let verbs = ["escalate", "bind", "impersonate"];
    let rules = json!([{"apiGroups": names("g"), "resources": names("r"), "verbs": verbs}]);
    let rules = parse_live_role_rules(rules).expect("good rules");
    let left = waivers(&[]).check_rules_waived(&rules, apps()).unwrap_err();
    let said = left.to_string();
    assert_eq!(left.0.len(), 120 * 120 * 3);
    assert!(said.len() < 2 * MAX_TEXT_BYTES && said.contains(" more. "), "{}", said.len());
}

#[test]
fn waivers_are_few_each_once_and_known_to_be_of_use() {
    let many: Vec<String> = (0..=MAX_WAIVERS).map(|i| format!("core/secrets:v{i}")).collect();
    for (texts, error) in [
        (json!([]), None),
        (json!(["core/secrets:get", "role:edit"]), None),
        (json!(["role:edit", "role:edit"]), Some("`allow_dangerous` has `role:edit` twice")),
        (json!(many), Some("at most 128 entries")),
        (json!(["canary"]), Some("a waiver is `group/resource:verb`")),
    ] {
        let read = serde_json::from_value::<Waivers>(texts.clone());
        let told = read.err().map(|error| error.to_string());
        assert_eq!(told.is_some(), error.is_some(), "{texts}: {told:?}");
        assert!(told.unwrap_or_default().contains(error.unwrap_or_default()), "{texts}");
    }
    let all = waivers(&["core/secrets:get", "core/secret:get"]);
    let idle: Vec<String> =
        all.unused_waivers(&found("", "secrets", "get")).map(Waiver::to_string).collect();
    assert_eq!(idle, ["core/secret:get"]);
}
