use lease_core::LeaseState;
use serde_json::json;

use super::*;
use crate::fixtures::{
    ALL, BOUND, CLUSTER_ROLE, EXISTING, PLAIN, ROLE, RULES, all_leases, asked, block_on, chain,
    engine, issue, issue_for, live, made, name_of, pass, prod, put_secret, secret, state, sweep,
    warm, with_secret,
};
use crate::{Config, IssueError};
use lease_testing::{Death, Fault, TestPorts};

mod own_targets;
mod unread_manifest;

fn put(
    engine: &Engine<TestPorts>,
    account: &str,
    rest: &str,
) -> Result<Vec<String>, DynamicSecretError> {
    block_on(engine.put_dynamic_secret(secret(account, rest))).map(|(_, warnings)| warnings)
}

fn delete(
    engine: &Engine<TestPorts>,
    force: bool,
    revoke: bool,
) -> Result<DynamicSecretDeletion, DynamicSecretError> {
    block_on(engine.delete_dynamic_secret(&name_of("ci"), force, revoke))
}

#[test]
fn a_dynamic_secret_is_for_a_target_that_exists_or_comes_with_it() {
    let engine = engine();
    let outcome = put(&engine, RULES.1, "");
    assert!(matches!(outcome, Err(DynamicSecretError::UnknownTarget(_))), "{outcome:?}");
    let inline = |url: &str| DynamicSecretInput {
        target: Some(prod(url, Some("t0ken"))),
        ..secret(RULES.1, "")
    };
    let (put, _) = block_on(engine.put_dynamic_secret(inline("https://a.example"))).expect("puts");
    assert!(put.definition.inline_target);
    issue(&engine).unwrap_or_else(|error| panic!("{}", chain(&error)));
    let refused =
        DynamicSecretInput { target: Some(prod("https://b.example", None)), ..secret(RULES.1, "") };
    let outcome = block_on(engine.put_dynamic_secret(refused));
    assert!(matches!(outcome, Err(DynamicSecretError::Target(_))), "{outcome:?}");
}

#[test]
fn no_dynamic_secret_gives_longer_leases_than_the_installation() {
    let mut engine = engine();
    engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
    engine.config = Config { max_ttl: "2h".parse().expect("a ttl"), ..engine.config };
    let outcome = put(&engine, RULES.1, "");
    assert!(matches!(outcome, Err(DynamicSecretError::MaxTooLong { .. })), "{outcome:?}");
    put(&engine, RULES.1, r#""max_ttl":"2h""#).expect("puts");
    // It was put before the installation became stricter.
    engine.config = Config { max_ttl: "1h".parse().expect("a ttl"), ..engine.config };
    issue_for(&engine, asked("2h"), None).expect_err("too long");
    let issued = issue_for(&engine, asked("1h"), None).expect("issues");
    assert_eq!((issued.held.lease.latest_end - issued.held.lease.issued_at).num_seconds(), 3600);
}

#[test]
fn our_own_account_is_never_leased() {
    for mode in [PLAIN, EXISTING] {
        let engine = with_secret(mode, "");
        engine.ports.http.set_username("system:serviceaccount:apps:deployer");
        // It is learnt when the target is put anew and met.
        pass(&engine, 1);
        engine.put_target(prod("https://a.example", None)).expect("puts");
        let outcome = issue(&engine);
        assert!(matches!(outcome, Err(IssueError::OwnAccount(_))), "{mode:?}: {outcome:?}");
        let outcome = put(&engine, mode.1, "");
        assert!(matches!(outcome, Err(DynamicSecretError::OwnAccount(_))), "{mode:?}: {outcome:?}");
        put(&engine, mode.1, r#""namespaces":["web"]"#).expect("another account of that name");
    }
}

#[test]
fn the_namespace_of_our_own_account_is_not_meant_by_a_star() {
    let engine = engine();
    engine.ports.http.set_username("system:serviceaccount:web:broker");
    engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
    let request = |namespace: &str| lease_core::IssueRequest {
        namespace: Some(name_of(namespace)),
        ..lease_core::IssueRequest::default()
    };
    put_secret(&engine, RULES.1, r#""namespaces":["*"]"#);
    issue_for(&engine, request("apps"), None).expect("issues");
    for namespace in ["web", "kube-system", "default"] {
        let outcome = issue_for(&engine, request(namespace), None);
        assert!(matches!(outcome, Err(IssueError::NotGranted { .. })), "{namespace}: {outcome:?}");
    }
    put_secret(&engine, RULES.1, r#""namespaces":["*","web"]"#);
    issue_for(&engine, request("web"), None).expect("it is named");
}

#[test]
fn a_role_that_is_bound_is_looked_through() {
    let role = |rules: serde_json::Value| {
        json!({
            "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1",
            "metadata": {"name": "view"}, "rules": rules,
        })
    };
    for mode in [ROLE, CLUSTER_ROLE] {
        let engine = with_secret(mode, "");
        engine
            .ports
            .http
            .put(role(json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}])));
        let outcome = put(&engine, mode.1, "");
        assert!(matches!(outcome, Err(DynamicSecretError::Role(_))), "{mode:?}: {outcome:?}");
        let warnings = put(&engine, mode.1, r#""allow_dangerous":["core/secrets:get"]"#);
        assert_eq!(warnings.expect("it was weighed"), [""; 0], "{mode:?}");
        for (fault, told) in [
            (Fault::Forbid, "kubelease may not read it"),
            (Fault::Lose, "the target did not answer"),
        ] {
            engine.ports.http.fail_once(fault, |sent| sent.path.ends_with("/clusterroles/view"));
            let warnings = put(&engine, mode.1, "").expect("puts");
            assert!(warnings[0].ends_with(told), "{mode:?}: {warnings:?}");
        }
        engine.ports.http.remove("ClusterRole", "", "view");
        let warnings = put(&engine, mode.1, "").expect("puts");
        assert!(warnings[0].ends_with("it does not exist yet"), "{mode:?}: {warnings:?}");
    }
}

#[test]
fn a_disabled_one_issues_nothing_and_its_leases_end() {
    for mode in BOUND {
        let engine = warm(mode);
        let id = issue(&engine).expect("issues").held.lease.id;
        put_secret(&engine, mode.1, r#""disabled":true"#);
        let calls = engine.ports.http.calls();
        let outcome = issue(&engine);
        assert!(matches!(outcome, Err(IssueError::NotGranted { .. })), "{mode:?}: {outcome:?}");
        assert_eq!(engine.ports.http.calls(), calls, "{mode:?}");
        assert!(crate::fixtures::revoke(&engine, id), "{mode:?}");
    }
}

#[test]
fn a_change_of_what_is_granted_revokes_where_that_is_said() {
    for mode in BOUND {
        for (on_change, change, revoked) in [
            ("keep", r#""max_ttl":"20h""#, false),
            ("revoke", r#""description":"another""#, false),
            ("revoke", r#""max_ttl":"20h""#, true),
            ("revoke", r#""namespaces":["apps","web"]"#, true),
        ] {
            let on_change = format!(r#""on_change":"{on_change}""#);
            let engine = with_secret(mode, &on_change);
            let id = issue(&engine).expect("issues").held.lease.id;
            put_secret(&engine, mode.1, &format!("{on_change},{change}"));
            let state = state(&engine, id);
            let row = format!("{mode:?} {on_change} {change}");
            assert_eq!(state == LeaseState::Revoked, revoked, "{row}: {state:?}");
            assert_eq!(made(&engine).is_empty(), revoked, "{row}");
            // What is issued from now on is of the new definition, and stays.
            let request = lease_core::IssueRequest {
                namespace: Some(name_of("apps")),
                ..lease_core::IssueRequest::default()
            };
            let id = issue_for(&engine, request, None).expect("issues").held.lease.id;
            sweep(&engine);
            sweep(&engine);
            assert_eq!(crate::fixtures::state(&engine, id), LeaseState::Active, "{row}");
        }
    }
}

#[test]
fn what_a_change_could_not_revoke_now_is_gone_on_with() {
    let on_change = r#""on_change":"revoke""#;
    let engine = with_secret(RULES, on_change);
    let ids: Vec<_> = (0..3).map(|_| issue(&engine).expect("issues").held.lease.id).collect();
    engine.ports.http.fail_all(Fault::Unreachable, |sent| sent.method == "DELETE");
    put_secret(&engine, RULES.1, &format!(r#"{on_change},"max_ttl":"20h""#));
    engine.ports.http.heal();
    pass(&engine, 60);
    sweep(&engine);
    for id in ids {
        assert_eq!(state(&engine, id), LeaseState::Revoked);
    }
    assert_eq!(made(&engine), [""; 0]);
}

#[test]
fn one_that_is_protected_is_deleted_only_by_force() {
    let engine = with_secret(RULES, r#""delete_protection":true"#);
    let outcome = delete(&engine, false, false);
    assert!(matches!(outcome, Err(DynamicSecretError::Protected(_))), "{outcome:?}");
    let outcome = delete(&engine, false, true);
    assert!(matches!(outcome, Err(DynamicSecretError::Protected(_))), "{outcome:?}");
    assert_eq!(delete(&engine, true, false).expect("deletes"), DynamicSecretDeletion::Gone);
    let outcome = delete(&engine, true, false);
    assert!(matches!(outcome, Err(DynamicSecretError::Unknown(_))), "{outcome:?}");
    let outcome = issue(&engine);
    assert!(matches!(outcome, Err(IssueError::UnknownSecret(_))), "{outcome:?}");
}

#[test]
fn one_with_live_leases_is_deleted_only_with_them() {
    for mode in BOUND {
        let engine = with_secret(mode, "");
        let id = issue(&engine).expect("issues").held.lease.id;
        let outcome = delete(&engine, true, false);
        assert!(matches!(outcome, Err(DynamicSecretError::LiveLeases(_))), "{mode:?}: {outcome:?}");
        assert_eq!(
            delete(&engine, false, true).expect("deletes"),
            DynamicSecretDeletion::Gone,
            "{mode:?}"
        );
        assert_eq!(state(&engine, id), LeaseState::Revoked, "{mode:?}");
        assert_eq!(made(&engine), [""; 0], "{mode:?}");
    }
}

#[test]
fn what_a_deletion_could_not_revoke_now_is_gone_on_with() {
    for mode in ALL {
        let engine = with_secret(mode, "");
        for _ in 0..3 {
            issue(&engine).expect("issues");
        }
        engine.ports.http.fail_all(Fault::Unreachable, |sent| sent.method == "DELETE");
        let outcome = delete(&engine, false, true).expect("deletes");
        assert_eq!(outcome, DynamicSecretDeletion::Revoking, "{mode:?}");
        engine.ports.http.heal();
        assert_eq!(live(&engine).len(), 3, "{mode:?}");
        // One of the same name is another, and its leases are its own.
        put_secret(&engine, mode.1, "");
        let kept = issue(&engine).expect("issues").held.lease;
        pass(&engine, 60);
        sweep(&engine);
        let left: Vec<_> = live(&engine).iter().map(|held| held.lease.id).collect();
        if mode == PLAIN {
            assert_eq!(left.len(), 4, "they end by themselves");
        } else {
            assert_eq!(left, [kept.id], "{mode:?}");
            assert_eq!(made(&engine).len(), kept.objects.len(), "{mode:?}");
        }
        pass(&engine, 3601);
        sweep(&engine);
        assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{mode:?}");
    }
}

#[test]
fn a_log_goes_with_the_last_events_of_its_leases() {
    let engine = with_secret(RULES, "");
    issue(&engine).expect("issues");
    delete(&engine, false, true).expect("deletes");
    for _ in 0..4 {
        pass(&engine, 8 * 86400);
        sweep(&engine);
    }
    assert_eq!(all_leases(&engine), []);
    assert_eq!(
        engine.leases().list_ledgers().expect("reads").len(),
        1,
        "its events are kept for longer"
    );
    for _ in 0..12 {
        pass(&engine, 8 * 86400);
        sweep(&engine);
    }
    assert_eq!(engine.leases().list_ledgers().expect("reads"), []);
}

#[test]
fn a_deletion_that_died_at_any_step_can_be_made_again_and_leaves_nothing() {
    for mode in BOUND {
        for death in [Death::Before, Death::After, Death::Late] {
            let mut step = 0;
            loop {
                let engine = with_secret(mode, "");
                for _ in 0..2 {
                    issue(&engine).expect("issues");
                }
                engine.ports.die_at(step, death);
                let _ = delete(&engine, false, true);
                if !engine.ports.revive() {
                    break;
                }
                let row = format!("{mode:?}, step {step}, {death:?}");
                let engine = crate::fixtures::restarted(&engine);
                match delete(&engine, false, true) {
                    Ok(_) | Err(DynamicSecretError::Unknown(_)) => {}
                    Err(error) => panic!("{row}: {}", chain(&error)),
                }
                engine.ports.http.land();
                pass(&engine, 60);
                sweep(&engine);
                assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{row}");
                step += 1;
            }
            assert!(step > 3, "{mode:?} {death:?}: only {step} steps");
        }
    }
}

/// Lets `act` happen while the account of the first issue is read, before anything is written for it.
fn meanwhile(engine: &Engine<TestPorts>, act: impl Fn(&Engine<TestPorts>) + 'static) {
    let other = crate::fixtures::restarted(engine);
    let done = std::cell::Cell::new(false);
    engine.ports.http.on_call(move |_, sent| {
        if sent.asks("get", "serviceaccounts") && !done.replace(true) {
            act(&other);
        }
    });
}

#[test]
fn what_is_deleted_while_it_is_issued_is_not_issued() {
    for mode in [PLAIN, EXISTING] {
        for again in [false, true] {
            let engine = with_secret(mode, "");
            meanwhile(&engine, move |other| {
                delete(other, false, false).expect("nothing lives");
                sweep(other);
                sweep(other);
                if again {
                    put_secret(other, mode.1, "");
                }
            });
            let outcome = issue(&engine);
            assert!(matches!(outcome, Err(IssueError::UnknownSecret(_))), "{mode:?}: {outcome:?}");
            assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{mode:?}");
            assert_eq!(issue(&engine).is_ok(), again, "{mode:?}");
        }
    }
}

#[test]
fn what_is_changed_while_it_is_issued_is_issued_only_where_it_would_have_been_kept() {
    for (on_change, issued) in [("keep", true), ("revoke", false)] {
        for mode in [PLAIN, EXISTING] {
            let on_change = format!(r#""on_change":"{on_change}""#);
            let engine = with_secret(mode, &on_change);
            let changed = format!(r#"{on_change},"max_ttl":"20h""#);
            meanwhile(&engine, move |other| put_secret(other, mode.1, &changed));
            let outcome = issue(&engine);
            assert_eq!(outcome.is_ok(), issued, "{mode:?} {on_change}: {outcome:?}");
            assert_eq!(live(&engine).len(), usize::from(issued), "{mode:?} {on_change}");
            issue(&engine).unwrap_or_else(|error| panic!("{mode:?}: {}", chain(&error)));
        }
    }
}

#[test]
fn a_change_that_died_at_any_step_revokes_all_the_same_once_it_is_made_again() {
    for death in [Death::Before, Death::After, Death::Late] {
        let mut step = 0;
        loop {
            let on_change = r#""on_change":"revoke""#;
            let engine = with_secret(RULES, on_change);
            issue(&engine).expect("issues");
            engine.ports.die_at(step, death);
            let change = || secret(RULES.1, &format!(r#"{on_change},"max_ttl":"20h""#));
            let _ = block_on(engine.put_dynamic_secret(change()));
            if !engine.ports.revive() {
                break;
            }
            let engine = crate::fixtures::restarted(&engine);
            block_on(engine.put_dynamic_secret(change())).expect("puts");
            engine.ports.http.land();
            pass(&engine, 60);
            sweep(&engine);
            let row = format!("step {step}, {death:?}");
            assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{row}");
            step += 1;
        }
        assert!(step > 3, "{death:?}: only {step} steps");
    }
}
