//! Lists that are refused, end early or are too old.

use super::*;

#[test]
fn a_lease_is_not_lost_as_long_as_its_token_is_good() {
    // What shows it is gone; what it is bound to is there. Nor is a plain token ever lost.
    let engine = warm(EXISTING);
    let issued = issue(&engine).expect("issues");
    let name = issued.held.lease.objects[0].name.clone();
    assert!(engine.ports.http.remove("Lease", "apps", &name));
    assert_eq!(found(&reconcile(&engine)), (0, 0, 0));
    assert_eq!(state(&engine, issued.held.lease.id), LeaseState::Active);
    let engine = warm(PLAIN);
    let issued = issue(&engine).expect("issues");
    assert_eq!(found(&reconcile(&engine)), (0, 0, 0));
    assert_eq!(state(&engine, issued.held.lease.id), LeaseState::Active);
}

#[test]
fn nothing_is_lost_by_a_list_that_is_not_whole() {
    for answer in [
        Answer::Reply(500, "{}".to_owned()),
        Answer::Reply(200, r#"{"kind":"PodList","metadata":{},"items":[]}"#.to_owned()),
        Answer::Reply(403, forbidden("serviceaccounts")),
        Answer::Reply(403, forbidden("secrets")),
        Answer::Reply(200, empty_page("ServiceAccountList", "more")),
    ] {
        let engine = warm(RULES);
        let lease = issue(&engine).expect("issues").held.lease;
        engine.ports.http.on_call({
            let answer = answer.clone();
            move |cluster, sent| {
                if sent.asks("list", "serviceaccounts") {
                    cluster.script([answer.clone()]);
                }
            }
        });
        let engine = crate::fixtures::restarted(&engine);
        // As one that asks for ever would, the last of them is stopped by the budget.
        let ports = engine.ports.clone();
        engine.ports.http.on_call(move |_, _| {
            ports.set_now(ports.now() + chrono::TimeDelta::milliseconds(200));
        });
        let report = reconcile(&engine);
        assert_eq!(found(&report), (0, 0, 0), "{answer:?}");
        assert_eq!(state(&engine, lease.id), LeaseState::Active, "{answer:?}");
    }
}

fn forbidden(resource: &str) -> String {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": "Forbidden", "details": {"kind": resource}, "code": 403})
    .to_string()
}

pub(super) fn empty_page(kind: &str, next: &str) -> String {
    json!({"kind": kind, "metadata": {"continue": next}, "items": []}).to_string()
}

#[test]
fn a_list_that_has_become_too_old_begins_anew() {
    let engine = warm(RULES);
    issue(&engine).expect("issues");
    lose_store(&engine, RULES);
    let expired = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": "Expired", "code": 410});
    let answers = std::cell::RefCell::new(vec![
        Answer::Reply(410, expired.to_string()),
        Answer::Reply(200, empty_page("ServiceAccountList", "0")),
    ]);
    engine.ports.http.on_call(move |cluster, sent| {
        if sent.asks("list", "serviceaccounts") {
            cluster.script(answers.borrow_mut().pop());
        }
    });
    assert_eq!(found(&reconcile(&engine)), (1, 0, 0));
}

#[test]
fn where_the_cluster_may_not_be_listed_its_namespaces_are() {
    let engine = warm(RULES);
    issue(&engine).expect("issues");
    lose_store(&engine, RULES);
    engine.ports.http.fail_all(Fault::Forbid, |sent| {
        sent.access().is_some_and(|access| access.verb == "list" && access.namespace.is_none())
    });
    let report = reconcile(&engine);
    assert_eq!(found(&report), (1, 0, 0));
    assert_eq!(report.targets.len(), 0, "all its namespaces are known by name");
}

#[test]
fn a_lease_whose_account_was_not_listed_keeps_its_rights() {
    for mode in [RULES, CLUSTER_RULES] {
        let engine = warm(mode);
        let issued = issue(&engine).expect("issues");
        pass(&engine, 600);
        let before = made(&engine);
        lose_store(&engine, mode);
        engine.ports.http.deny("list", "serviceaccounts");
        let report = reconcile(&engine);
        assert_eq!((found(&report), report.reconciled.parked), ((0, 0, 0), 1), "{mode:?}");
        assert_eq!(made(&engine), before, "{mode:?}");
        engine.ports.http.permit("list", "serviceaccounts");
        pass(&engine, 29);
        assert_eq!(found(&sweep(&engine)), (0, 0, 0), "{mode:?}: not at once");
        pass(&engine, 1);
        assert_eq!(found(&sweep(&engine)), (1, 0, 0), "{mode:?}: and before its usual time");
        assert!(revoke(&engine, issued.held.lease.id), "{mode:?}");
        assert_eq!(made(&engine), [""; 0], "{mode:?}: it was known whole");
    }
}
