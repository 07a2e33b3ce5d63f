//! What is left where one call of an issue fails.

use super::*;

/// What can go wrong with a call, and whether it is then not known whether it was done.
const FAULTS: [(Fault, bool); 10] = [
    (Fault::Forbid, false),
    (Fault::Unreachable, false),
    (Fault::Busy(60), false),
    (Fault::Fail(500), true),
    (Fault::Fail(503), true),
    (Fault::FailAfter(504), true),
    (Fault::Lose, true),
    (Fault::LoseAnswer, true),
    (Fault::BreakAnswer, true),
    (Fault::Late, true),
];

/// How many calls an issue makes.
fn calls_of(mode: LeaseKind) -> usize {
    let engine = warm(mode);
    issue(&engine).expect("issues");
    engine.ports.http.calls()
}

#[test]
fn whichever_call_fails_for_good_nothing_is_left() {
    for mode in ALL {
        for call in 0..calls_of(mode) {
            for (fault, _) in FAULTS {
                let engine = warm(mode);
                let before = live(&engine).len();
                // The same request fails again and again, and all else goes well.
                let sample = warm(mode);
                issue(&sample).expect("issues");
                let line = sample.ports.http.sent()[call].line();
                engine.ports.http.fail_all(fault, move |sent| sent.line() == line);
                let row = format!("{mode:?}, call {call}, {fault:?}");
                let outcome = issue(&engine);
                engine.ports.http.heal();
                if outcome.is_ok() {
                    // What was made all the same was found by name and mark. A role that may not be read is
                    // bound with a warning.
                    let reads_role = sample.ports.http.sent()[call]
                        .asks("get", "clusterroles.rbac.authorization.k8s.io");
                    let survived = fault_may_be_survived(fault);
                    assert!(survived || (reads_role && fault == Fault::Forbid), "{row}");
                    assert_eq!(live(&engine).len(), before + 1, "{row}");
                    continue;
                }
                if fault == Fault::Forbid || fault == Fault::Unreachable {
                    assert_eq!(made(&engine), [""; 0], "{row}: at once");
                    assert_eq!(live(&engine).len(), before, "{row}: at once");
                }
                engine.ports.http.land();
                sweep_what_stopped(&engine);
                assert_eq!(made(&engine), [""; 0], "{row}");
                assert_eq!(live(&engine).len(), before, "{row}: {:?}", live(&engine));
            }
        }
    }
}

/// Whether a call that fails so was done in the end.
fn fault_may_be_survived(fault: Fault) -> bool {
    matches!(fault, Fault::FailAfter(_) | Fault::LoseAnswer | Fault::BreakAnswer)
}

#[test]
fn whichever_call_fails_once_the_lease_is_whole_or_nothing_is_left() {
    for mode in ALL {
        for call in 0..calls_of(mode) {
            for (fault, _) in FAULTS {
                let engine = warm(mode);
                let before = live(&engine).len();
                engine.ports.http.fail_call(call, fault);
                let row = format!("{mode:?}, call {call}, {fault:?}");
                let outcome = issue(&engine);
                engine.ports.http.land();
                match outcome {
                    Ok(issued) => {
                        assert!(engine.ports.http.accepts(issued.token.expose_secret()), "{row}");
                        let objects = issued.held.lease.objects.len();
                        assert_eq!(made(&engine).len(), objects, "{row}: {:?}", made(&engine));
                        // Where a try had no answer, another of its objects may come as long as it may land.
                        if mode != PLAIN && !revoke(&engine, issued.held.lease.id) {
                            assert!(
                                !engine.ports.http.accepts(issued.token.expose_secret()),
                                "{row}"
                            );
                            sweep_what_stopped(&engine);
                        }
                    }
                    Err(_) => sweep_what_stopped(&engine),
                }
                assert_eq!(made(&engine), [""; 0], "{row}");
                let left = live(&engine).len() - usize::from(mode == PLAIN);
                assert!(left <= before, "{row}");
            }
        }
    }
}

#[test]
fn a_missing_permission_is_named() {
    for (mode, verb, resource) in [
        (PLAIN, "create", "serviceaccounts/token"),
        (EXISTING, "create", "serviceaccounts/token"),
        (EXISTING, "create", "secrets"),
        (EXISTING, "create", "leases.coordination.k8s.io"),
        (ROLE, "create", "serviceaccounts"),
        (ROLE, "create", "rolebindings.rbac.authorization.k8s.io"),
        (CLUSTER_ROLE, "create", "clusterrolebindings.rbac.authorization.k8s.io"),
        (RULES, "create", "roles.rbac.authorization.k8s.io"),
        (RULES, "create", "serviceaccounts/token"),
        (CLUSTER_RULES, "create", "clusterroles.rbac.authorization.k8s.io"),
        (MANIFEST, "create", "clusterroles.rbac.authorization.k8s.io"),
        (MANIFEST, "get", "namespaces"),
    ] {
        let engine = warm(mode);
        engine.ports.http.deny(verb, resource);
        let error = issue(&engine).expect_err("refused");
        let IssueError::Cluster(error) = &error else { panic!("{mode:?} {resource}: {error}") };
        let told = error.public_message();
        assert!(told.contains(&format!("may not `{verb}` `{resource}`")), "{mode:?}: {told}");
        assert_eq!(made(&engine), [""; 0], "{mode:?} {resource}");
        assert_eq!(live(&engine).len(), usize::from(mode == PLAIN), "{mode:?} {resource}");
    }
    for mode in [PLAIN, EXISTING] {
        let engine = with_secret(mode, "");
        engine.ports.http.deny("get", "serviceaccounts");
        let error = issue(&engine).expect_err("refused");
        let IssueError::Cluster(error) = &error else { panic!("{mode:?}: {error}") };
        assert!(
            error.public_message().contains("may not `get` `serviceaccounts`"),
            "{}",
            error.public_message()
        );
        assert_eq!(all_leases(&engine), [], "{mode:?}");
    }
}

#[test]
fn what_may_not_be_undone_stays_on_record_and_ends_once_it_may() {
    for (mode, resource) in [
        (EXISTING, "secrets"),
        (ROLE, "serviceaccounts"),
        (RULES, "roles.rbac.authorization.k8s.io"),
        (CLUSTER_RULES, "clusterroles.rbac.authorization.k8s.io"),
    ] {
        let engine = warm(mode);
        engine.ports.http.deny("delete", resource);
        engine.ports.http.deny("create", "serviceaccounts/token");
        issue(&engine).expect_err("no token");
        assert_eq!(made(&engine).len(), 1, "{mode:?}: {:?}", made(&engine));
        assert_eq!(live(&engine).len(), 1, "{mode:?}");
        sweep_what_stopped(&engine);
        let left = live(&engine);
        let [left] = &left[..] else { panic!("{mode:?}: {left:?}") };
        assert_eq!(left.state_at(engine.now()), LeaseState::Revoking, "{mode:?}");
        let obstacle = left.closing.as_ref().and_then(|closing| closing.obstacle.as_deref());
        let obstacle = obstacle.expect("an obstacle");
        assert!(obstacle.contains(&format!("may not `delete` `{resource}`")), "{obstacle}");
        engine.ports.http.permit("delete", resource);
        pass(&engine, 900);
        sweep(&engine);
        assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{mode:?}");
        assert_eq!(state(&engine, left.lease.id), LeaseState::Failed, "{mode:?}");
    }
}

#[test]
fn an_answer_that_was_lost_is_found_by_name_and_mark() {
    for mode in BOUND {
        for verb in ["secrets", "serviceaccounts", "roles", "clusterroles"] {
            let engine = warm(mode);
            engine.ports.http.fail_once(Fault::BreakAnswer, move |sent| {
                sent.method == "POST" && sent.path.ends_with(&format!("/{verb}"))
            });
            let issued =
                issue(&engine).unwrap_or_else(|e| panic!("{mode:?} {verb}: {}", chain(&e)));
            assert!(engine.ports.http.accepts(issued.token.expose_secret()), "{mode:?} {verb}");
            assert_eq!(made(&engine).len(), issued.held.lease.objects.len(), "{mode:?} {verb}");
        }
    }
}

#[test]
fn a_server_that_is_busy_is_asked_again_when_it_says() {
    for mode in ALL {
        let engine = warm(mode);
        engine.ports.http.fail_call(0, Fault::Busy(7));
        let before = engine.now();
        issue(&engine).expect("issues");
        assert_eq!((engine.now() - before).num_seconds(), 7, "{mode:?}");
        // Longer than there is time.
        engine.ports.http.fail_call(0, Fault::Busy(50));
        let before = engine.now();
        issue(&engine).expect_err("too busy");
        assert_eq!((engine.now() - before).num_seconds(), 0, "{mode:?}");
    }
}

#[test]
fn what_lands_late_stays_on_record_until_it_cannot_any_more() {
    for mode in BOUND {
        for call in 0..calls_of(mode) {
            let engine = warm(mode);
            let mut sample = false;
            engine.ports.http.fail_call(call, Fault::Late);
            let number = engine.ports.http.calls() + call;
            // From then on nothing is answered: it is not known whether it landed.
            engine.ports.http.fail_all(Fault::Lose, move |sent| sent.number > number);
            if issue(&engine).is_ok() {
                continue;
            }
            engine.ports.http.heal();
            pass(&engine, 31);
            sweep(&engine);
            let lands = engine.ports.http.land();
            sample |= lands > 0;
            sweep_what_stopped(&engine);
            let row = format!("{mode:?}, call {call}");
            assert_eq!(made(&engine), [""; 0], "{row}");
            assert_eq!(live(&engine), [], "{row}");
            assert!(sample, "{row}: nothing was late");
        }
    }
}
