use lease_core::LeaseState;

use super::*;
use crate::fixtures::{
    BOUND, PLAIN, RULES, all_leases, block_on, chain, held, issue, live, made, name_of, pass,
    revoke, state, sweep, warm,
};
use crate::{ClusterError, IssueError};
use lease_testing::{SYSTEM_UID, TestPorts};

fn known(engine: &Engine<TestPorts>) -> KnownCluster {
    engine.get_target(&name_of("prod")).expect("is there").cluster.expect("was met")
}

/// An engine with a lease, whose target leads to another cluster, which was noticed.
fn changed() -> (Engine<TestPorts>, lease_core::LeaseId) {
    let engine = warm(RULES);
    let id = issue(&engine).expect("issues").held.lease.id;
    engine.ports.http.go_to(1);
    issue(&engine).expect_err("another cluster");
    (engine, id)
}

#[test]
fn where_another_cluster_was_seen_nothing_is_issued_until_somebody_says_which_is_true() {
    let (engine, _) = changed();
    // Not even if the first one is back.
    engine.ports.http.go_to(0);
    let error = issue(&engine).expect_err("nobody has said");
    assert!(
        matches!(&error, IssueError::Cluster(ClusterError::Changed { .. })),
        "{}",
        chain(&error)
    );
    let known = known(&engine);
    assert_eq!(known.identity.uid, SYSTEM_UID);
    let found = known.changed.expect("was noticed").found;
    for uid in ["", "other"] {
        let outcome = engine.accept_cluster(&name_of("prod"), uid);
        assert!(matches!(outcome, Err(TargetError::NotSeen(_))), "{uid:?}: {outcome:?}");
    }
    engine.accept_cluster(&name_of("prod"), SYSTEM_UID).expect("accepts");
    issue(&engine).unwrap_or_else(|error| panic!("{}", chain(&error)));
    let outcome = engine.accept_cluster(&name_of("prod"), &found.uid);
    assert!(matches!(outcome, Err(TargetError::NotSeen(_))), "it is said: {outcome:?}");
}

#[test]
fn the_new_cluster_can_be_the_true_one_and_the_leases_of_the_old_one_stay() {
    let (engine, id) = changed();
    let found = known(&engine).changed.expect("was noticed").found;
    engine.accept_cluster(&name_of("prod"), &found.uid).expect("accepts");
    let issued = issue(&engine).unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert!(engine.ports.http.accepts(issued.token.expose_secret()));
    assert!(revoke(&engine, issued.held.lease.id));
    assert!(!revoke(&engine, id), "nothing of it is found there");
    assert_eq!(state(&engine, id), LeaseState::Revoking);
}

#[test]
fn leases_of_a_cluster_that_is_gone_end_as_lost() {
    for mode in BOUND {
        let engine = warm(mode);
        let ids: Vec<_> = (0..3).map(|_| issue(&engine).expect("issues").held.lease.id).collect();
        engine.ports.http.go_to(1);
        assert!(!revoke(&engine, ids[0]), "{mode:?}");
        let done = engine
            .write_off_some_leases(&name_of("prod"), "the cluster burnt")
            .expect("writes off");
        assert_eq!(done, WriteOffProgress { ended: 3, more: false }, "{mode:?}");
        for id in ids {
            assert_eq!(state(&engine, id), LeaseState::Lost, "{mode:?}");
            let note = held(&engine, id).ending.and_then(|ending| ending.note);
            assert_eq!(note.as_deref(), Some("the cluster burnt"), "{mode:?}");
        }
        pass(&engine, 3700);
        assert_eq!(sweep(&engine).postponed, 0, "{mode:?}");
        // What answers there is met anew.
        issue(&engine).unwrap_or_else(|error| panic!("{mode:?}: {}", chain(&error)));
        assert_ne!(known(&engine).identity.uid, SYSTEM_UID, "{mode:?}");
    }
}

#[test]
fn what_is_written_off_stays_so() {
    let (engine, id) = changed();
    engine.write_off_some_leases(&name_of("prod"), "gone").expect("writes off");
    engine.ports.http.go_to(0);
    assert!(revoke(&engine, id), "it has ended");
    assert_eq!(state(&engine, id), LeaseState::Lost);
    assert_eq!(made(&engine).len(), 3, "and nothing is done there");
    let unknown = engine.write_off_some_leases(&name_of("other"), "gone");
    assert!(matches!(unknown, Err(TargetError::Unknown(_))), "{unknown:?}");
}

#[test]
fn where_kube_system_is_not_readable_the_lease_s_own_namespace_tells_the_cluster() {
    let engine = crate::fixtures::engine();
    engine.put_target(crate::fixtures::prod("https://a.example", Some("t0ken"))).expect("puts");
    crate::fixtures::put_secret(&engine, RULES.1, "");
    engine.ports.http.fail_all(lease_testing::Fault::Forbid, |sent| {
        sent.path == "/api/v1/namespaces/kube-system"
    });
    let id = issue(&engine).unwrap_or_else(|error| panic!("{}", chain(&error))).held.lease.id;
    assert_eq!(known(&engine).identity.namespace.as_str(), "apps");
    assert!(revoke(&engine, id));
    issue(&engine).expect("issues");
    // The namespace was made anew: that is another cluster as far as can be told.
    engine.ports.http.put_namespace("apps", &serde_json::json!({}), None);
    let error = issue(&engine).expect_err("another");
    assert!(matches!(&error, IssueError::Cluster(ClusterError::Changed { .. })));
}

#[test]
fn a_target_that_is_put_anew_is_met_anew() {
    let engine = warm(PLAIN);
    pass(&engine, 1);
    engine.put_target(crate::fixtures::prod("https://b.example", Some("t1"))).expect("puts");
    engine.ports.http.go_to(1);
    engine.ports.http.forget();
    let error = issue(&engine).expect_err("another cluster");
    assert!(matches!(&error, IssueError::Cluster(ClusterError::Changed { .. })));
    assert!(engine.ports.http.tokens().len() <= 1, "no token was asked for there");
    let lines: Vec<_> = engine.ports.http.sent().iter().map(lease_testing::Sent::line).collect();
    assert!(lines.iter().all(|line| !line.contains("/token")), "{lines:?}");
    assert_eq!(all_leases(&engine).len(), live(&engine).len());
    block_on(engine.check_target(&name_of("prod"))).expect("checks");
}

#[test]
fn leases_of_the_cluster_that_was_accepted_are_not_written_off_with_those_of_the_one_before() {
    let (engine, old) = changed();
    let found = known(&engine).changed.expect("was noticed").found;
    engine.accept_cluster(&name_of("prod"), &found.uid).expect("accepts");
    let new = issue(&engine).expect("issues").held.lease;
    let done =
        engine.write_off_some_leases(&name_of("prod"), "the old one burnt").expect("writes off");
    assert_eq!(done, WriteOffProgress { ended: 1, more: false });
    assert_eq!(state(&engine, old), LeaseState::Lost);
    assert_eq!(state(&engine, new.id), LeaseState::Active);
    assert_eq!(known(&engine).identity, found, "and it is still known");
    assert!(revoke(&engine, new.id));
    assert_eq!(made(&engine), [""; 0]);
}
