//! The role that a lease is bound to, read again for each lease.

use serde_json::{Value, json};

use super::*;

const ROLES: [LeaseKind; 2] = [ROLE, CLUSTER_ROLE];

const DANGEROUS: &str = r#"[{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}]"#;

/// Puts the role `view` in place of the one that is there.
fn put_role(engine: &Engine<TestPorts>, rules: &str) {
    let rules: Value = serde_json::from_str(rules).expect("rules");
    engine.ports.http.put(json!({
        "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "view"}, "rules": rules,
    }));
}

fn remove_role(engine: &Engine<TestPorts>) {
    assert!(engine.ports.http.remove("ClusterRole", "", "view"));
}

fn is_no_role(error: &IssueError) -> bool {
    matches!(error, IssueError::Cluster(ClusterError::NoRole { .. }))
}

#[test]
fn a_role_that_is_not_there_is_not_leased() {
    for mode in ROLES {
        let engine = warm(mode);
        let given = engine.ports.http.tokens();
        remove_role(&engine);
        let error = issue(&engine).expect_err("no role");
        assert!(is_no_role(&error), "{mode:?}: {}", chain(&error));
        assert_eq!(error.to_string(), "target `prod` has no ClusterRole `view`");
        assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{mode:?}");
        assert_eq!(engine.ports.http.tokens(), given, "{mode:?}: nothing was given");
        put_role(&engine, "[]");
        issue(&engine).unwrap_or_else(|error| panic!("{mode:?}: {}", chain(&error)));
    }
}

#[test]
fn a_role_of_a_namespace_is_looked_for_there() {
    let account =
        r#"{"type":"temporary","scope":"namespace","role":{"kind":"Role","name":"view"}}"#;
    let engine = with_secret(LeaseKind::named("role of a namespace", account), "");
    let error = issue(&engine).expect_err("there is a ClusterRole of that name, and no Role");
    assert_eq!(error.to_string(), "target `prod` has no Role `view` in namespace `apps`");
    engine.ports.http.put(json!({
        "kind": "Role", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"namespace": "apps", "name": "view"}, "rules": [],
    }));
    issue(&engine).expect("issues");
}

#[test]
fn a_role_that_has_become_dangerous_is_not_leased() {
    for mode in ROLES {
        let engine = warm(mode);
        put_role(&engine, DANGEROUS);
        let error = issue(&engine).expect_err("dangerous");
        assert!(matches!(error, IssueError::DangerousRole { .. }), "{mode:?}: {}", chain(&error));
        assert!(chain(&error).contains("core/secrets:get"), "{mode:?}: {}", chain(&error));
        assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{mode:?}");
        // It was weighed.
        put_secret(&engine, mode.1, r#""allow_dangerous":["core/secrets:get"]"#);
        let lease = issue(&engine).expect("issues").held.lease;
        assert_eq!(lease.warnings, [""; 0], "{mode:?}");
    }
}

/// Rules of which not all can be looked through, and the reason: too many grants, and an unknown field.
fn unclear() -> [(String, &'static str); 2] {
    let junk = json!({"apiGroups": vec!["a"; 300], "resources": vec!["b"; 300], "verbs": ["get"]});
    let odd = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "unless": ["x"]});
    [
        (json!([junk]).to_string(), "more than 65,536"),
        (json!([odd]).to_string(), "known to kubelease"),
    ]
}

#[test]
fn a_role_that_cannot_all_be_looked_through_is_leased_only_if_it_is_waived_by_its_name() {
    for mode in ROLES {
        for (rules, why) in unclear() {
            let engine = warm(mode);
            put_role(&engine, &rules);
            let error = issue(&engine).expect_err("nobody can weigh it");
            assert!(matches!(error, IssueError::UnclearRole { .. }), "{mode:?}: {}", chain(&error));
            assert!(error.to_string().contains(why), "{mode:?}: {error}");
            assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{mode:?}");
            put_secret(&engine, mode.1, r#""allow_dangerous":["role:view"]"#);
            let lease = issue(&engine).expect("issues").held.lease;
            assert_eq!(lease.warnings, [""; 0], "{mode:?}");
        }
    }
}

#[test]
fn what_is_dangerous_is_refused_beside_what_cannot_be_looked_through() {
    for mode in ROLES {
        for (rules, _) in unclear() {
            let rules = format!("{},{}", &DANGEROUS[..DANGEROUS.len() - 1], &rules[1..]);
            let engine = warm(mode);
            put_role(&engine, &rules);
            let error = issue(&engine).expect_err("dangerous");
            assert!(chain(&error).contains("core/secrets:get"), "{mode:?}: {}", chain(&error));
            assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{mode:?}");
        }
    }
}

#[test]
fn a_role_that_may_not_be_read_is_leased_with_a_warning_that_is_kept() {
    for mode in ROLES {
        let engine = warm(mode);
        engine.ports.http.deny("get", "clusterroles.rbac.authorization.k8s.io");
        let issued = issue(&engine).expect("issues");
        let warning = "the rules of ClusterRole `view` were not checked: kubelease may not read it";
        assert_eq!(issued.held.lease.warnings, [warning], "{mode:?}");
        assert_eq!(held(&engine, issued.held.lease.id).lease.warnings, [warning], "{mode:?}");
    }
}

#[test]
fn a_role_that_could_not_be_read_is_not_bound() {
    for fault in [Fault::Fail(503), Fault::Lose, Fault::Unreachable] {
        let engine = warm(ROLE);
        engine.ports.http.fail_all(fault, |sent| sent.path.ends_with("/clusterroles/view"));
        issue(&engine).expect_err("nobody knows what it grants");
        engine.ports.http.heal();
        sweep_what_stopped(&engine);
        assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{fault:?}");
    }
}

#[test]
fn nothing_is_bound_before_the_role_was_read() {
    for mode in ROLES {
        let engine = warm(mode);
        issue(&engine).expect("issues");
        let sent = engine.ports.http.sent();
        let read = sent.iter().find(|sent| sent.path.ends_with("/clusterroles/view"));
        assert_eq!(read.map(|sent| sent.round), Some(1), "{mode:?}");
        assert_eq!(engine.ports.http.rounds(), 2, "{mode:?}");
    }
}

#[test]
fn the_same_request_is_answered_again_only_for_a_role_that_may_be_leased() {
    for mode in ROLES {
        let engine = warm(mode);
        let ask = || issue_for(&engine, IssueRequest::default(), Some("k"));
        ask().expect("issues");
        put_role(&engine, DANGEROUS);
        let error = ask().expect_err("dangerous");
        assert!(matches!(error, IssueError::DangerousRole { .. }), "{mode:?}: {}", chain(&error));
        remove_role(&engine);
        assert!(is_no_role(&ask().expect_err("no role")), "{mode:?}");
        put_role(&engine, "[]");
        assert!(ask().expect("answers").again, "{mode:?}");
    }
}

#[test]
fn whoever_may_not_bind_is_told_that_and_of_which_role() {
    for (mode, bindings) in [(ROLE, "rolebindings"), (CLUSTER_ROLE, "clusterrolebindings")] {
        let role = "clusterroles.rbac.authorization.k8s.io";
        let engine = warm(mode);
        engine.ports.http.deny("bind", role);
        let error = issue(&engine).expect_err("may not bind");
        let IssueError::Cluster(error) = &error else { panic!("{mode:?}: {error}") };
        let told = error.public_message();
        assert!(told.contains(&format!("may not `bind` `{role}` of `view`")), "{mode:?}: {told}");
        assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{mode:?}");
        // Nor read it: that it is not there is said by the binding's own refusal.
        engine.ports.http.deny("get", role);
        remove_role(&engine);
        assert!(is_no_role(&issue(&engine).expect_err("no role")), "{mode:?}");
        // Where the binding may not be created, that is what is missing.
        engine.ports.http.deny("create", &format!("{bindings}.rbac.authorization.k8s.io"));
        let error = issue(&engine).expect_err("may not create");
        let IssueError::Cluster(error) = &error else { panic!("{mode:?}: {error}") };
        assert!(
            error.public_message().contains("may not `create`"),
            "{mode:?}: {}",
            error.public_message()
        );
    }
}
