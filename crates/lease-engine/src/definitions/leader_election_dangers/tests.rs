use lease_core::{TargetInput, TargetName};
use serde_json::json;

use super::*;
use crate::fixtures::{
    CLUSTER_ROLE, EXISTING, PLAIN, ROLE, block_on, chain, engine, live, made, name_of, prod, secret,
};
use crate::{DynamicSecretError, DynamicSecretInput, IssueError};
use lease_testing::TestPorts;

/// An operator that elects its leader.
const OPERATOR: &str = r#"{"type":"temporary","scope":"namespace","rules":[
    {"apiGroups":["coordination.k8s.io"],"resources":["leases"],"verbs":["create","get","update"]}]}"#;

/// The waiver of all of it.
const WAIVED: &str = r#","allow_dangerous":["coordination.k8s.io/leases:*"]"#;

/// An engine with targets `prod` and `other`, which lead to one cluster if both were met.
fn two_targets() -> Engine<TestPorts> {
    let engine = engine();
    for name in ["prod", "other"] {
        let name: TargetName = name_of(name);
        let target = TargetInput { name, ..prod("https://a.example", Some("t0ken")) };
        engine.put_target(target).expect("puts");
    }
    engine
}

fn put(
    engine: &Engine<TestPorts>,
    name: &str,
    account: &str,
    rest: &str,
) -> Result<Vec<String>, DynamicSecretError> {
    let definition = DynamicSecretInput { name: name_of(name), ..secret(account, rest) };
    block_on(engine.put_dynamic_secret(definition)).map(|(_, warnings)| warnings)
}

#[test]
fn an_election_alone_in_its_namespace_is_a_warning() {
    let engine = two_targets();
    let warnings = put(&engine, "operator", OPERATOR, "").expect("puts");
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    let named = "`coordination.k8s.io/leases:create`, `coordination.k8s.io/leases:update` can";
    assert!(warning.starts_with(named), "{warning}");
    assert_eq!(put(&engine, "operator", OPERATOR, &WAIVED[1..]).expect("puts"), [""; 0]);
}

#[test]
fn an_election_is_refused_beside_leases_of_existing_accounts() {
    for (account, theirs, mine, refused) in [
        (EXISTING, r#""namespaces":["apps"]"#, r#""namespaces":["apps"]"#, true),
        (EXISTING, r#""namespaces":["web","apps"]"#, r#""namespaces":["apps","db"]"#, true),
        (EXISTING, r#""namespaces":["apps"]"#, r#""namespaces":["*"]"#, true),
        (
            EXISTING,
            r#""namespaces":["apps"]"#,
            r#""namespaces":null,"namespace_selector":{"matchLabels":{"a":"b"}}"#,
            true,
        ),
        (EXISTING, r#""namespaces":["web"]"#, r#""namespaces":["apps"]"#, false),
        // `*` does not mean it.
        (EXISTING, r#""namespaces":["default"]"#, r#""namespaces":["*"]"#, false),
        // A plain token leaves nothing in the cluster.
        (PLAIN, r#""namespaces":["apps"]"#, r#""namespaces":["apps"]"#, false),
    ] {
        let engine = two_targets();
        put(&engine, "deployer", account.1, theirs).expect("puts");
        let outcome = put(&engine, "operator", OPERATOR, mine);
        let told = format!("{mine} beside {theirs} of {account:?}: {outcome:?}");
        assert_eq!(matches!(outcome, Err(DynamicSecretError::Elections(_))), refused, "{told}");
        assert_eq!(outcome.is_ok(), !refused, "{told}");
        let waived = put(&engine, "operator", OPERATOR, &format!("{mine}{WAIVED}"));
        assert_eq!(waived.expect("it was weighed"), [""; 0], "{told}");
    }
}

#[test]
fn targets_of_one_cluster_are_seen_through() {
    for met in [false, true] {
        let engine = two_targets();
        put(&engine, "deployer", EXISTING.1, r#""target":"other""#).expect("puts");
        if met {
            for name in ["prod", "other"] {
                block_on(engine.check_target(&name_of(name))).expect("checks");
            }
        }
        let outcome = put(&engine, "operator", OPERATOR, "");
        assert_eq!(outcome.is_err(), met, "{outcome:?}");
    }
}

#[test]
fn what_is_replaced_is_not_beside_what_replaces_it() {
    let engine = two_targets();
    put(&engine, "operator", EXISTING.1, "").expect("puts");
    put(&engine, "operator", OPERATOR, "").expect("puts");
    assert_eq!(put(&engine, "operator", EXISTING.1, "").expect("puts"), [""; 0]);
}

#[test]
fn an_existing_account_is_warned_of_elections_beside_its_leases() {
    let engine = two_targets();
    put(&engine, "operator", OPERATOR, "").expect("puts");
    let warnings = put(&engine, "deployer", EXISTING.1, "").expect("puts");
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert!(warning.contains("leases of `operator` may write coordination Leases"), "{warning}");
    let elsewhere = put(&engine, "deployer", EXISTING.1, r#""namespaces":["web"]"#);
    assert_eq!(elsewhere.expect("puts"), [""; 0]);
    put(&engine, "operator", OPERATOR, &WAIVED[1..]).expect("puts");
    assert_eq!(put(&engine, "deployer", EXISTING.1, "").expect("puts"), [""; 0]);
}

/// Has the role `view` elect a leader, too.
fn view_elects(engine: &Engine<TestPorts>) {
    let rules = json!([{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["update"]}]);
    engine.ports.http.put(json!({
        "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "view"}, "rules": rules,
    }));
}

fn issue(engine: &Engine<TestPorts>, name: &str) -> Result<(), IssueError> {
    let request = lease_core::IssueRequest::default();
    block_on(engine.issue_lease(&name_of(name), request, None)).map(|_| ())
}

/// Returns the problem that a check sees in issuing leases of a dynamic secret.
fn checked(engine: &Engine<TestPorts>, name: &str) -> Option<String> {
    let check = block_on(engine.check_target(&name_of("prod"))).expect("checks");
    let mut secrets = check.dynamic_secrets.into_iter();
    secrets.find(|check| check.dynamic_secret == name_of(name)).expect("it was checked").problem
}

#[test]
fn a_role_that_elects_is_weighed_as_rules_are() {
    let engine = two_targets();
    view_elects(&engine);
    let warnings = put(&engine, "operator", ROLE.1, "").expect("puts");
    assert!(warnings[0].starts_with("`coordination.k8s.io/leases:update` can"), "{warnings:?}");
    assert_eq!(
        put(&engine, "operator", ROLE.1, r#""allow_dangerous":["role:view"]"#).expect("puts"),
        [""; 0]
    );
    let outcome = put(&engine, "operator", CLUSTER_ROLE.1, "");
    assert!(matches!(outcome, Err(DynamicSecretError::Role(_))), "{outcome:?}");
    put(&engine, "deployer", EXISTING.1, "").expect("puts");
    let outcome = put(&engine, "operator", ROLE.1, "");
    assert!(matches!(outcome, Err(DynamicSecretError::Elections(_))), "{outcome:?}");
}

#[test]
fn nothing_more_is_issued_of_an_election_once_existing_accounts_are_beside_it() {
    for account in [OPERATOR, ROLE.1] {
        let engine = two_targets();
        view_elects(&engine);
        put(&engine, "operator", account, "").expect("puts");
        issue(&engine, "operator").unwrap_or_else(|error| panic!("{account}: {}", chain(&error)));
        let before = (made(&engine), live(&engine));
        put(&engine, "deployer", EXISTING.1, "").expect("puts");
        let problem = checked(&engine, "operator").expect("what an issue would say");
        assert!(problem.contains("`coordination.k8s.io/leases:update`"), "{account}: {problem}");
        let error = issue(&engine, "operator").expect_err("not weighed");
        assert!(chain(&error).contains("coordination.k8s.io/leases:update"), "{}", chain(&error));
        assert_eq!((made(&engine), live(&engine)), before, "{account}: nothing is left of it");
        put(&engine, "operator", account, &WAIVED[1..]).expect("puts");
        assert_eq!(checked(&engine, "operator"), None, "{account}");
        issue(&engine, "operator").unwrap_or_else(|error| panic!("{account}: {}", chain(&error)));
    }
}

#[test]
fn what_has_become_dangerous_since_it_was_put_is_not_issued() {
    let engine = two_targets();
    let account = OPERATOR.replace("coordination.k8s.io", "").replace("leases", "secrets");
    // The fixture reads a definition as the store does: it was put before `secrets` were on the list.
    put(&engine, "operator", &account, "").expect("puts");
    let problem = checked(&engine, "operator").expect("what an issue would say");
    assert!(problem.contains("`core/secrets:get`"), "{problem}");
    let error = issue(&engine, "operator").expect_err("dangerous");
    assert!(matches!(error, IssueError::DangerousRules { .. }), "{}", chain(&error));
    assert_eq!((made(&engine), live(&engine)), (vec![], vec![]));
    put(&engine, "operator", &account, r#""allow_dangerous":["core/secrets:*"]"#).expect("puts");
    issue(&engine, "operator").unwrap_or_else(|error| panic!("{}", chain(&error)));
}
