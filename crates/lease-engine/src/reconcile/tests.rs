use std::collections::BTreeMap;

use lease_core::{EndReason, LeaseState};
use serde_json::json;

use super::orphans::MAX_REMOVALS;
use crate::fixtures::{
    ALL, BOUND, CLUSTER_RULES, EXISTING, LeaseKind, PLAIN, RULES, all_leases, asked, block_on,
    held, issue, issue_for, issue_of, kinds, made, name_of, pass, prod, put_secret, revoke, state,
    sweep, sweep_with, warm,
};
use crate::{Engine, IssueError, ReconcileCounts, SweepOptions, SweepReport, TargetState};
use lease_testing::{Answer, Fault, Sent, TestPorts};

mod lists;
mod misplaced;

const RECONCILE: SweepOptions = SweepOptions { dry_run: false, reconcile: true };

fn reconcile(engine: &Engine<TestPorts>) -> SweepReport {
    sweep_with(engine, RECONCILE)
}

/// The store is lost, and an administrator puts back the definitions.
fn lose_store(engine: &Engine<TestPorts>, mode: LeaseKind) {
    engine.ports.store.replace_contents(BTreeMap::new());
    engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
    put_secret(engine, mode.1, "");
}

fn found(report: &SweepReport) -> (usize, usize, usize) {
    let ReconcileCounts { adopted, removed, lost, .. } = report.reconciled;
    (adopted, removed, lost)
}

#[test]
fn a_store_that_was_lost_comes_back_from_the_cluster() {
    for mode in BOUND {
        let engine = warm(mode);
        let short = issue_of(&engine, "20m").expect("issues");
        let long = issue_of(&engine, "2h").expect("issues");
        pass(&engine, 600);
        block_on(engine.renew_lease(short.held.lease.id, Some(name_of("1h")))).expect("renews");
        let before = held(&engine, short.held.lease.id);
        lose_store(&engine, mode);
        assert_eq!(found(&reconcile(&engine)), (2, 0, 0), "{mode:?}");
        for lease in [&short, &long] {
            let id = lease.held.lease.id;
            assert_eq!(state(&engine, id), LeaseState::Active, "{mode:?}");
            assert!(engine.ports.http.accepts(lease.token.expose_secret()), "{mode:?}");
        }
        let after = held(&engine, short.held.lease.id);
        assert_eq!(after.expires_at, before.expires_at, "{mode:?}: with its renewal");
        for (of, before, after) in [
            ("account", &before.lease.account_uid, &after.lease.account_uid),
            (
                "requester",
                &Some(before.lease.requester.clone()),
                &Some(after.lease.requester.clone()),
            ),
        ] {
            assert!(mode == EXISTING || before == after, "{mode:?}: {of}");
        }
        assert_eq!(found(&reconcile(&engine)), (0, 0, 0), "{mode:?}: once");
        let renewed = block_on(engine.renew_lease(long.held.lease.id, None));
        assert!(renewed.is_ok(), "{mode:?}: {renewed:?}");
        assert!(revoke(&engine, long.held.lease.id), "{mode:?}");
        assert!(!engine.ports.http.accepts(long.token.expose_secret()), "{mode:?}");
        pass(&engine, 3601);
        assert_eq!(sweep(&engine).done, 1, "{mode:?}");
        assert_eq!(kinds(&engine), Vec::<String>::new(), "{mode:?}");
        assert_eq!(state(&engine, short.held.lease.id), LeaseState::Expired, "{mode:?}");
    }
}

#[test]
fn what_expired_while_the_store_was_lost_goes() {
    for mode in BOUND {
        let engine = warm(mode);
        issue_of(&engine, "10m").expect("issues");
        lose_store(&engine, mode);
        pass(&engine, 601);
        assert_eq!(found(&reconcile(&engine)), (0, 1, 0), "{mode:?}");
        assert_eq!(made(&engine), Vec::<String>::new(), "{mode:?}");
    }
}

#[test]
fn a_new_store_knows_what_is_out_before_it_gives_its_first_lease() {
    for mode in BOUND {
        let engine = warm(mode);
        issue(&engine).expect("issues");
        engine.ports.store.replace_contents(BTreeMap::new());
        engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
        put_secret(&engine, mode.1, r#""max_live_leases":1"#);
        let refused = issue(&engine).expect_err("is full");
        assert!(matches!(refused, IssueError::Full { cap: 1, .. }), "{mode:?}: {refused:?}");
    }
}

#[test]
fn leases_wait_for_their_dynamic_secret_to_be_put_back() {
    let engine = warm(RULES);
    let issued = issue(&engine).expect("issues");
    engine.ports.store.replace_contents(BTreeMap::new());
    engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
    let mut other = crate::fixtures::secret(RULES.1, "");
    other.name = name_of("other");
    block_on(engine.put_dynamic_secret(other)).expect("puts");
    let report = reconcile(&engine);
    assert_eq!((report.reconciled.orphans, report.reconciled.parked), (1, 1));
    put_secret(&engine, RULES.1, r#""max_live_leases":1"#);
    let refused = issue(&engine).expect_err("is full");
    assert!(matches!(refused, IssueError::Full { .. }), "{refused:?}");
    assert_eq!(state(&engine, issued.held.lease.id), LeaseState::Active);
}

#[test]
fn a_request_has_its_lease_also_after_the_loss() {
    for mode in BOUND {
        let engine = warm(mode);
        let first = issue_for(&engine, asked("1h"), Some("k")).expect("issues");
        lose_store(&engine, mode);
        let again = issue_for(&engine, asked("1h"), Some("k")).expect("issues");
        assert_eq!(again.held.lease.id, first.held.lease.id, "{mode:?}");
        assert!(again.again, "{mode:?}");
    }
}

#[test]
fn what_was_deleted_by_hand_is_closed_as_lost() {
    for mode in BOUND {
        let engine = warm(mode);
        let lease = issue(&engine).expect("issues").held.lease;
        for object in &lease.objects {
            let namespace = object.namespace.as_ref().map(ToString::to_string).unwrap_or_default();
            let bearer = ["ServiceAccount", "Lease", "Secret"].contains(&object.kind.as_str());
            if bearer {
                engine.ports.http.remove(object.kind.as_str(), &namespace, &object.name);
            }
        }
        assert_eq!(found(&reconcile(&engine)), (0, 0, 1), "{mode:?}");
        assert_eq!(held(&engine, lease.id).ending.expect("ended").why, EndReason::Lost, "{mode:?}");
        assert_eq!(made(&engine), Vec::<String>::new(), "{mode:?}: the rest goes too");
    }
}

#[test]
fn one_refusal_does_not_make_another_cluster_of_the_one_that_it_was() {
    for mode in BOUND {
        let engine = warm(mode);
        issue(&engine).expect("issues");
        lose_store(&engine, mode);
        let is_identity = |sent: &Sent| sent.path == "/api/v1/namespaces/kube-system";
        engine.ports.http.fail_once(Fault::Forbid, is_identity);
        reconcile(&engine);
        assert_eq!(found(&reconcile(&engine)), (0, 0, 0), "{mode:?}: once");
        assert_eq!(all_leases(&engine).len(), 1, "{mode:?}");
    }
}

#[test]
fn a_removal_that_stops_anywhere_is_gone_on_with() {
    for mode in BOUND {
        for number in 0..objects_of(mode) {
            let engine = warm(mode);
            let issued = issue_of(&engine, "10m").expect("issues");
            let denied = crate::objects::object_builder::resource_name(
                issued.held.lease.objects[number].kind,
            );
            pass(&engine, 601);
            lose_store(&engine, mode);
            engine.ports.http.deny("delete", &denied);
            assert_eq!(found(&reconcile(&engine)), (0, 0, 0), "{mode:?} without {denied}");
            engine.ports.http.permit("delete", &denied);
            assert_eq!(found(&reconcile(&engine)), (0, 1, 0), "{mode:?} with {denied}");
            assert_eq!(made(&engine), [""; 0], "{mode:?} with {denied}");
            assert!(
                !engine.ports.http.accepts(issued.token.expose_secret()),
                "{mode:?} with {denied}"
            );
        }
    }
}

/// Returns the number of objects of a lease.
fn objects_of(mode: LeaseKind) -> usize {
    issue(&warm(mode)).expect("issues").held.lease.objects.len()
}

#[test]
fn what_a_lease_that_has_ended_has_left_goes_and_a_copy_of_it_stays() {
    for mode in BOUND {
        let engine = warm(mode);
        let lease = issue(&engine).expect("issues").held.lease;
        let ours = engine.ports.http.made();
        assert!(revoke(&engine, lease.id), "{mode:?}");
        // The same objects land late; of those that somebody makes from a copy, none is touched.
        for object in &ours {
            engine.ports.http.put(object.clone());
        }
        let report = reconcile(&engine);
        assert_eq!(found(&report), (0, 1, 0), "{mode:?}");
        let mut copies = vec![];
        for mut object in ours {
            let metadata = object["metadata"].as_object_mut().expect("an object");
            metadata.remove("uid");
            metadata.remove("creationTimestamp");
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let metadata = &object["metadata"];
            let place = (text(&metadata["namespace"]), text(&metadata["name"]));
            copies.push((text(&object["kind"]), place.0, place.1));
            engine.ports.http.put(object);
        }
        assert_eq!(found(&reconcile(&engine)), (0, 0, 0), "{mode:?}");
        for (kind, namespace, name) in copies {
            assert!(
                engine.ports.http.object(&kind, &namespace, &name).is_some(),
                "{mode:?}: {kind}"
            );
        }
    }
}

#[test]
fn no_more_is_removed_without_a_record_than_one_run_may() {
    let engine = warm(EXISTING);
    for _ in 0..MAX_REMOVALS + 20 {
        issue_of(&engine, "10m").expect("issues");
    }
    lose_store(&engine, EXISTING);
    pass(&engine, 601);
    let report = sweep(&engine);
    assert_eq!((report.reconciled.removed, report.reconciled.parked), (MAX_REMOVALS, 20));
    assert_eq!(report.targets.get(&name_of("prod")), Some(&TargetState::OrphansParked));
    pass(&engine, 601);
    let report = sweep(&engine);
    assert_eq!(
        (report.reconciled.removed, report.reconciled.parked),
        (0, 20),
        "until it is asked for"
    );
    assert_eq!(report.targets.get(&name_of("prod")), Some(&TargetState::OrphansParked));
    let report = reconcile(&engine);
    assert_eq!((report.reconciled.removed, report.reconciled.parked), (20, 0));
    assert!(report.targets.is_empty(), "{report:?}");
    assert_eq!(made(&engine), Vec::<String>::new());
}

#[test]
fn a_store_that_was_rolled_back_forgets_nothing_that_lives() {
    for mode in BOUND {
        let engine = warm(mode);
        let revoked = issue_of(&engine, "2h").expect("issues");
        let renewed = issue_of(&engine, "30m").expect("issues");
        let copy = engine.ports.store.all_contents();
        assert!(revoke(&engine, revoked.held.lease.id));
        let later = block_on(engine.renew_lease(renewed.held.lease.id, Some(name_of("2h"))));
        let later = later.expect("renews");
        let new = issue_of(&engine, "2h").expect("issues");
        engine.ports.store.replace_contents(copy);
        let report = reconcile(&engine);
        assert_eq!(found(&report), (1, 0, 1), "{mode:?}");
        assert_eq!(report.reconciled.extended, 1, "{mode:?}");
        assert_eq!(state(&engine, new.held.lease.id), LeaseState::Active, "{mode:?}");
        assert_eq!(state(&engine, revoked.held.lease.id), LeaseState::Lost, "{mode:?}");
        let end = held(&engine, renewed.held.lease.id).expires_at;
        assert!((end - later.held.expires_at).abs().num_seconds() <= 1, "{mode:?}: {end}");
        pass(&engine, 1801);
        sweep(&engine);
        assert!(engine.ports.http.accepts(later.token.expose_secret()), "{mode:?}");
    }
}

#[test]
fn a_dry_run_tells_the_same_and_changes_nothing() {
    for mode in BOUND {
        let engine = warm(mode);
        let lost = issue_of(&engine, "2h").expect("issues").held.lease;
        lose_store(&engine, mode);
        let (objects, keys) = (made(&engine), engine.ports.store.all_contents());
        let report = sweep_with(&engine, SweepOptions { dry_run: true, reconcile: true });
        assert_eq!(found(&report), (1, 0, 0), "{mode:?}");
        assert_eq!(made(&engine), objects, "{mode:?}");
        let leases = |key: &&String| key.starts_with("lease.") || key.starts_with("place.");
        let contents = engine.ports.store.all_contents();
        assert_eq!(contents.keys().filter(leases).count(), keys.keys().filter(leases).count());
        assert!(engine.read_visible_lease(lost.id).is_err(), "{mode:?}");
    }
}

#[test]
fn an_engine_without_leases_lists_and_finds_nothing() {
    for mode in ALL {
        let engine = warm(mode);
        let report = reconcile(&engine);
        assert_eq!(found(&report), (0, 0, 0), "{mode:?}");
        assert_eq!(report.reconciled.targets, 1, "{mode:?}");
    }
}

#[test]
fn whatever_stops_while_it_compares_is_made_up_for() {
    use lease_testing::Death;
    for mode in [EXISTING, RULES, crate::fixtures::CLUSTER_RULES] {
        for death in [Death::Before, Death::After, Death::Late] {
            let mut step = 0;
            loop {
                let engine = warm(mode);
                let kept = issue_of(&engine, "2h").expect("issues");
                issue_of(&engine, "10m").expect("issues");
                let hand = issue_of(&engine, "2h").expect("issues").held.lease;
                let copy = engine.ports.store.all_contents();
                lose_store(&engine, mode);
                pass(&engine, 601);
                engine.ports.die_at(step, death);
                let _ = block_on(engine.run_sweep(RECONCILE));
                let died = engine.ports.revive();
                let row = format!("{mode:?}, step {step}, {death:?}");
                let engine = crate::fixtures::restarted(&engine);
                engine.ports.http.land();
                pass(&engine, 106);
                reconcile(&engine);
                reconcile(&engine);
                for id in [kept.held.lease.id, hand.id] {
                    assert_eq!(state(&engine, id), LeaseState::Active, "{row}");
                }
                assert!(engine.ports.http.accepts(kept.token.expose_secret()), "{row}");
                assert_eq!(made(&engine).len(), 2 * hand.objects.len(), "{row}");
                assert_eq!(crate::fixtures::live(&engine).len(), 2, "{row}");
                // The same where one that is on record was deleted by hand.
                engine.ports.store.replace_contents(copy);
                assert!(revoke(&engine, kept.held.lease.id), "{row}");
                assert!(revoke(&engine, hand.id), "{row}");
                if !died {
                    break;
                }
                step += 1;
            }
            assert!(step > 5, "{mode:?}: {step} steps");
        }
    }
}
