use lease_core::{LeaseState, TargetInput};
use lease_store::KeyValue;
use serde_json::{Value, json};

use super::*;
use crate::LeaseFilter;
use crate::fixtures::{
    ALL, BOUND, EXISTING, PLAIN, ROLE, RULES, all_leases, block_on, chain, held, issue, live, made,
    name_of, pass, prod, restarted, revoke, state, sweep, warm,
};
use lease_testing::{Fault, Sent, TestPorts};

/// What stands in the way of a lease, as an operator is told.
fn obstacle(engine: &Engine<TestPorts>, id: LeaseId) -> String {
    let closing = held(engine, id).closing;
    closing.and_then(|closing| closing.obstacle).unwrap_or_default()
}

#[test]
fn a_revocation_costs_one_round_and_one_write() {
    for mode in BOUND {
        let engine = warm(mode);
        let issued = issue(&engine).expect("issues");
        engine.ports.http.forget();
        let before = engine.ports.store.number_of_writes();
        assert!(revoke(&engine, issued.held.lease.id), "{mode:?}");
        assert_eq!(engine.ports.store.number_of_writes() - before, 1, "{mode:?}");
        assert_eq!(engine.ports.http.rounds(), 1, "{mode:?}");
        assert_eq!(made(&engine), [""; 0], "{mode:?}");
        assert!(!engine.ports.http.accepts(issued.token.expose_secret()), "{mode:?}");
        assert_eq!(state(&engine, issued.held.lease.id), LeaseState::Revoked, "{mode:?}");
    }
}

#[test]
fn one_that_cannot_be_finished_costs_two_writes() {
    for mode in BOUND {
        let engine = warm(mode);
        let id = issue(&engine).expect("issues").held.lease.id;
        engine.ports.http.fail_all(Fault::Unreachable, |_| true);
        let before = engine.ports.store.number_of_writes();
        assert!(!revoke(&engine, id), "{mode:?}");
        assert_eq!(engine.ports.store.number_of_writes() - before, 2, "{mode:?}");
        assert_eq!(state(&engine, id), LeaseState::Revoking, "{mode:?}");
        assert_eq!(obstacle(&engine, id), "target `prod` cannot be reached", "{mode:?}");
        // Asked again it tries again, and writes nothing where nothing has changed.
        let before = engine.ports.store.number_of_writes();
        assert!(!revoke(&engine, id), "{mode:?}");
        assert_eq!(engine.ports.store.number_of_writes(), before, "{mode:?}");
        engine.ports.http.heal();
        pass(&engine, 60);
        sweep(&restarted(&engine));
        assert_eq!(state(&engine, id), LeaseState::Revoked, "{mode:?}");
        assert_eq!(made(&engine), [""; 0], "{mode:?}");
    }
}

#[test]
fn one_that_a_sweep_took_for_dead_is_recorded_anew_and_found_before_its_end() {
    let engine = warm(RULES);
    let id = issue(&engine).expect("issues").held.lease.id;
    // A sweep voided the number that the revocation is going to take.
    let void = ("void.work.1".to_owned(), b"{}".to_vec());
    engine.ports.store.set_many(&[void]).expect("the store answers");
    engine.ports.http.fail_all(Fault::Unreachable, |_| true);
    assert!(!revoke(&engine, id));
    engine.ports.http.heal();
    pass(&engine, 60);
    assert_eq!(sweep(&engine).done, 1);
    assert_eq!(state(&engine, id), LeaseState::Revoked);
}

#[test]
fn every_deletion_names_a_uid_also_where_a_body_is_dropped() {
    for mode in BOUND {
        let engine = warm(mode);
        let lease = issue(&engine).expect("issues").held.lease;
        engine.ports.http.forget();
        assert!(revoke(&engine, lease.id), "{mode:?}");
        let deletions: Vec<Sent> =
            engine.ports.http.sent().into_iter().filter(|sent| sent.method == "DELETE").collect();
        assert_eq!(deletions.len(), lease.objects.len(), "{mode:?}");
        for sent in deletions {
            let uid = sent.query.get("uid").expect("in the query");
            assert_eq!(sent.body["preconditions"]["uid"], uid.as_str(), "{mode:?}");
            assert!(lease.objects.iter().any(|object| object.uid.as_ref() == Some(uid)));
        }
    }
}

#[test]
fn what_a_stranger_made_under_our_name_survives() {
    for mode in BOUND {
        let engine = warm(mode);
        let lease = issue(&engine).expect("issues").held.lease;
        let mut strangers = vec![];
        for object in engine.ports.http.made() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (kind, metadata) = (text(&object["kind"]), object["metadata"].clone());
            let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
            assert!(engine.ports.http.remove(&kind, &namespace, &name));
            let mut copy = object.clone();
            copy["metadata"].as_object_mut().expect("an object").remove("uid");
            engine.ports.http.put(copy);
            strangers.push((kind, namespace, name));
        }
        assert!(revoke(&engine, lease.id), "{mode:?}");
        for (kind, namespace, name) in strangers {
            let stands = engine.ports.http.object(&kind, &namespace, &name);
            assert!(stands.is_some(), "{mode:?}: {kind} {name} is gone");
        }
    }
}

#[test]
fn what_a_finalizer_holds_is_not_done() {
    for mode in BOUND {
        let engine = warm(mode);
        let id = issue(&engine).expect("issues").held.lease.id;
        engine.ports.http.change_made(|object| {
            object["metadata"]["finalizers"] = json!(["example.com/hold"]);
        });
        assert!(!revoke(&engine, id), "{mode:?}");
        assert!(
            obstacle(&engine, id).contains("a finalizer blocks the deletion of the "),
            "{mode:?}"
        );
        pass(&engine, 60);
        let report = sweep(&engine);
        // In the log of its dynamic secret it may be due too.
        assert!(report.done == 0 && report.postponed >= 1, "{mode:?}: {report:?}");
        assert_eq!(state(&engine, id), LeaseState::Revoking, "{mode:?}");
        engine.ports.http.change_made(|object| object["metadata"]["finalizers"] = json!([]));
        pass(&engine, 900);
        assert_eq!(sweep(&engine).done, 1, "{mode:?}");
        assert_eq!(state(&engine, id), LeaseState::Revoked, "{mode:?}");
    }
}

#[test]
fn what_goes_at_once_once_it_is_looked_at_again_is_done() {
    let engine = warm(RULES);
    let id = issue(&engine).expect("issues").held.lease.id;
    engine.ports.http.change_made(|object| object["metadata"]["finalizers"] = json!(["a/b"]));
    engine.ports.http.on_call(|http, sent| {
        if sent.method == "DELETE" && sent.round == 2 {
            http.change_made(|object| object["metadata"]["finalizers"] = json!([]));
        }
    });
    engine.ports.http.forget();
    assert!(revoke(&engine, id));
    assert_eq!(made(&engine), [""; 0]);
}

#[test]
fn a_missing_permission_postpones_the_end_and_is_told() {
    for (mode, resource) in [
        (EXISTING, "secrets"),
        (EXISTING, "leases.coordination.k8s.io"),
        (ROLE, "serviceaccounts"),
        (ROLE, "rolebindings.rbac.authorization.k8s.io"),
        (RULES, "roles.rbac.authorization.k8s.io"),
    ] {
        let engine = warm(mode);
        let id = issue(&engine).expect("issues").held.lease.id;
        engine.ports.http.deny("delete", resource);
        assert!(!revoke(&engine, id), "{mode:?} {resource}");
        let told = obstacle(&engine, id);
        assert!(
            told.contains(&format!("may not `delete` `{resource}` in namespace `apps`")),
            "{told}"
        );
        // The others are gone all the same.
        assert_eq!(made(&engine).len(), 1, "{mode:?} {resource}: {:?}", made(&engine));
        for _ in 0..3 {
            pass(&engine, 900);
            assert!(sweep(&engine).postponed >= 1, "{mode:?} {resource}");
        }
        engine.ports.http.permit("delete", resource);
        pass(&engine, 900);
        assert_eq!(sweep(&engine).done, 1, "{mode:?} {resource}");
        assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{mode:?} {resource}");
    }
}

#[test]
fn that_nothing_is_there_counts_only_beside_the_same_cluster() {
    for mode in BOUND {
        for fault in [Fault::Forbid, Fault::Lose, Fault::Fail(503), Fault::Unreachable] {
            let engine = warm(mode);
            let id = issue(&engine).expect("issues").held.lease.id;
            let objects = engine.ports.http.made();
            for object in objects {
                let text =
                    |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
                let kind = object["kind"].as_str().expect("a kind");
                assert!(engine.ports.http.remove(kind, &text("namespace"), &text("name")));
            }
            engine.ports.http.fail_all(fault, |sent| sent.asks("get", "namespaces"));
            assert!(!revoke(&engine, id), "{mode:?} {fault:?}");
            engine.ports.http.heal();
            assert!(revoke(&engine, id), "{mode:?} {fault:?}");
        }
    }
}

#[test]
fn where_all_was_seen_to_go_the_identity_need_not_be_readable() {
    for mode in BOUND {
        let engine = warm(mode);
        let id = issue(&engine).expect("issues").held.lease.id;
        engine.ports.http.deny("get", "namespaces");
        assert!(revoke(&engine, id), "{mode:?}: {}", obstacle(&engine, id));
    }
}

#[test]
fn in_another_cluster_nothing_ends_and_it_is_told() {
    for mode in BOUND {
        let engine = warm(mode);
        let id = issue(&engine).expect("issues").held.lease.id;
        engine.ports.http.go_to(1);
        assert!(!revoke(&engine, id), "{mode:?}");
        assert_eq!(state(&engine, id), LeaseState::Revoking, "{mode:?}");
        let told = obstacle(&engine, id);
        assert_eq!(told, "target `prod` leads to a different cluster than before", "{mode:?}");
        let known =
            engine.get_target(&name_of("prod")).expect("is there").cluster.expect("was met");
        let changed = known.changed.expect("was noticed");
        assert_ne!(changed.found, known.identity, "{mode:?}");
        for _ in 0..3 {
            pass(&engine, 900);
            sweep(&engine);
        }
        assert_eq!(state(&engine, id), LeaseState::Revoking, "{mode:?}");
        // The first one is back, and the administrator says that it is the true one.
        engine.ports.http.go_to(0);
        engine.accept_cluster(&name_of("prod"), &known.identity.uid).expect("accepts");
        pass(&engine, 900);
        sweep(&engine);
        assert_eq!(state(&engine, id), LeaseState::Revoked, "{mode:?}");
        assert_eq!(made(&engine), [""; 0], "{mode:?}");
    }
}

#[test]
fn a_plain_token_cannot_be_taken_back_before_it_ends() {
    let engine = warm(PLAIN);
    let id = issue(&engine).expect("issues").held.lease.id;
    let before = (engine.ports.store.number_of_writes(), engine.ports.http.calls());
    let outcome = block_on(engine.revoke_lease(id));
    assert!(matches!(outcome, Err(RevokeError::Plain(_))), "{outcome:?}");
    assert_eq!((engine.ports.store.number_of_writes(), engine.ports.http.calls()), before);
    pass(&engine, 3600);
    assert!(revoke(&engine, id), "it has ended by itself");
    let unknown = block_on(engine.revoke_lease(LeaseId::new([7; 16])));
    assert!(matches!(unknown, Err(RevokeError::Unknown(_))), "{unknown:?}");
}

#[test]
fn twice_is_once() {
    use futures::future::join_all;
    for mode in BOUND {
        let engine = warm(mode);
        let id = issue(&engine).expect("issues").held.lease.id;
        let at_once = block_on(join_all((0..4).map(|_| engine.revoke_lease(id))));
        for outcome in at_once {
            assert!(matches!(outcome, Ok(RevocationOutcome::Done(_))), "{mode:?}: {outcome:?}");
        }
        let before = (engine.ports.store.number_of_writes(), engine.ports.http.calls());
        let ending = held(&engine, id).ending;
        assert!(revoke(&engine, id), "{mode:?}");
        assert_eq!(
            (engine.ports.store.number_of_writes(), engine.ports.http.calls()),
            before,
            "{mode:?}"
        );
        assert_eq!(held(&engine, id).ending, ending, "{mode:?}");
    }
}

#[test]
fn a_lease_outlives_neither_its_definition_nor_a_disabled_target() {
    for mode in BOUND {
        let engine = warm(mode);
        let id = issue(&engine).expect("issues").held.lease.id;
        let disabled = TargetInput { disabled: true, ..prod("https://a.example", None) };
        engine.put_target(disabled).expect("puts");
        engine.dynamic_secrets().delete_definition(&name_of("ci")).expect("deletes");
        assert!(revoke(&engine, id), "{mode:?}");
        assert_eq!(made(&engine), [""; 0], "{mode:?}");
    }
}

#[test]
fn a_pending_lease_ends_when_nothing_of_it_can_land_any_more() {
    for mode in BOUND {
        let engine = warm(mode);
        engine.ports.http.fail_all(Fault::Late, |sent| sent.method == "POST");
        engine.ports.http.fail_all(Fault::Lose, |sent| sent.method == "DELETE");
        issue(&engine).expect_err("nothing is answered");
        engine.ports.http.heal();
        let id = live(&engine).first().expect("is on record").lease.id;
        assert!(!revoke(&engine, id), "{mode:?}");
        assert!(obstacle(&engine, id).contains("may still take effect"), "{mode:?}");
        engine.ports.http.land();
        pass(&engine, 120);
        sweep(&engine);
        assert_eq!(state(&engine, id), LeaseState::Revoked, "{mode:?}");
        assert_eq!(made(&engine), [""; 0], "{mode:?}");
    }
}

#[test]
fn many_are_taken_back_at_once_and_plain_ones_are_counted() {
    for mode in ALL {
        let engine = warm(mode);
        for _ in 0..5 {
            issue(&engine).expect("issues");
        }
        let filter = LeaseFilter::default();
        let mut from = None;
        let (mut revoked, mut plain) = (0, 0);
        loop {
            let done = block_on(engine.revoke_matching_leases_up_to(&filter, from, 2));
            let done = done.unwrap_or_else(|error| panic!("{}", chain(&error)));
            (revoked, plain) = (revoked + done.revoked, plain + done.plain);
            assert!(done.revoked + done.plain <= 2, "{mode:?}");
            from = done.next;
            if from.is_none() {
                break;
            }
        }
        let want = if mode == PLAIN { (0, 6) } else { (5, 0) };
        assert_eq!((revoked, plain), want, "{mode:?}");
        assert_eq!(made(&engine), [""; 0], "{mode:?}");
        assert_eq!(all_leases(&engine).len(), 6, "{mode:?}");
    }
}
