use lease_core::{ClusterIdentity, ObjectKind, ObjectMarks, ObjectRef, TargetInput};
use serde_json::Value;

use super::*;
use crate::fixtures::{
    BOUND, EXISTING, LeaseKind as Kind, MANIFEST, PLAIN, RULES, block_on, chain, held, issue,
    issue_of, live, made, name_of, object_of, pass, prod, put_secret, restarted, revoke, sweep,
    warm,
};
use crate::{ClusterError, RevocationOutcome};
use lease_testing::{Death, Fault, TestPorts};

fn renew(engine: &Engine<TestPorts>, id: LeaseId, ttl: &str) -> Result<RenewedLease, RenewError> {
    block_on(engine.renew_lease(id, ttl.parse().ok()))
}

/// The object that can be listed, and says when the lease ends.
fn listed(engine: &Engine<TestPorts>, lease: &Lease) -> Value {
    let kind = if lease.mode == LeaseMode::Existing { "Lease" } else { "ServiceAccount" };
    object_of(engine, lease, kind)
}

fn engine_and_lease(kind: Kind, ttl: &str) -> (Engine<TestPorts>, Lease) {
    let engine = warm(kind);
    let lease = issue_of(&engine, ttl).expect("issues").held.lease;
    engine.ports.http.forget();
    (engine, lease)
}

#[test]
fn a_renewal_moves_the_end_and_gives_a_token_of_the_same_account() {
    for kind in BOUND {
        let (engine, lease) = engine_and_lease(kind, "1h");
        pass(&engine, 1800);
        let before = engine.ports.store.number_of_writes();
        let renewal =
            renew(&engine, lease.id, "").unwrap_or_else(|e| panic!("{kind:?}: {}", chain(&e)));
        assert_eq!(engine.ports.store.number_of_writes() - before, 2, "{kind:?}");
        assert_eq!(engine.ports.http.rounds(), 3, "read, patch, token: {kind:?}");
        let end = engine.now() + TimeDelta::hours(1);
        assert_eq!(renewal.held.expires_at, end, "{kind:?}");
        assert_eq!(held(&engine, lease.id).expires_at, end, "{kind:?}");
        assert_eq!(renewal.warnings, [""; 0], "{kind:?}");
        let claims = renewal.token.parse_claims().expect("has claims");
        assert_eq!(claims.account_uid(), lease.account_uid.as_deref(), "{kind:?}");
        assert_eq!(claims.expires_at, end, "{kind:?}");
        // It ends when it says, and not when it first said.
        pass(&engine, 1801);
        sweep(&engine);
        assert!(engine.ports.http.accepts(renewal.token.expose_secret()), "{kind:?}");
        pass(&engine, 1800);
        sweep(&engine);
        assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{kind:?}");
    }
}

#[test]
fn the_new_end_is_on_the_object_that_is_listed_before_the_token_is_asked_for() {
    for kind in BOUND {
        let (engine, lease) = engine_and_lease(kind, "1h");
        pass(&engine, 600);
        renew(&engine, lease.id, "2h").expect("renews");
        let object = listed(&engine, &lease);
        let annotations = &object["metadata"]["annotations"];
        assert_eq!(annotations["kubelease.dev/deadline"], "2026-11-22T09:10:00Z", "{kind:?}");
        assert_eq!(annotations["kubelease.dev/issued-at"], "2026-11-22T07:00:00Z", "{kind:?}");
        assert!(is_proved(&lease, &object, &engine), "{kind:?}");
        if kind == EXISTING {
            assert_eq!(object["spec"]["leaseDurationSeconds"], 7200);
            assert_eq!(object["spec"]["renewTime"], "2026-11-22T07:10:00.000000Z");
            assert_eq!(object["spec"]["acquireTime"], "2026-11-22T07:00:00.000000Z");
        }
        let verbs: Vec<_> =
            engine.ports.http.sent().iter().map(|sent| sent.method.clone()).collect();
        assert_eq!(verbs, ["GET", "PATCH", "POST"], "{kind:?}");
        // And it is still known for ours: it can be taken back without its UID on record.
        assert!(revoke(&engine, lease.id), "{kind:?}");
    }
}

fn is_proved(lease: &Lease, object: &Value, engine: &Engine<TestPorts>) -> bool {
    let map = |key: &str| serde_json::from_value(object["metadata"][key].clone()).expect("texts");
    let marks = ObjectMarks { labels: map("labels"), annotations: map("annotations") };
    let name = object["metadata"]["name"].as_str().expect("a name");
    let kind = if lease.mode == LeaseMode::Existing {
        ObjectKind::Lease
    } else {
        ObjectKind::ServiceAccount
    };
    let identity: &ClusterIdentity = &lease.cluster;
    let bearer = ObjectRef { kind, namespace: Some(&lease.namespace), name, cluster: identity };
    bearer.verifies_marks(lease.id, &marks, &engine.keys)
}

#[test]
fn no_renewal_passes_the_latest_end() {
    for kind in BOUND {
        let (engine, lease) = engine_and_lease(kind, "20h");
        pass(&engine, 10 * 3600);
        let renewal = renew(&engine, lease.id, "20h").expect("renews");
        assert_eq!(renewal.held.expires_at, lease.latest_end, "{kind:?}");
        let told = "no renewal reaches beyond 2026-11-23T07:00:00Z (`max_expires_at`), which is sooner than requested";
        assert_eq!(renewal.warnings, [told], "{kind:?}");
        let claims = renewal.token.parse_claims().expect("has claims");
        assert_eq!(claims.expires_at, lease.latest_end, "{kind:?}");
        let outcome = renew(&engine, lease.id, "1h");
        assert!(matches!(outcome, Err(RenewError::AtLatestEnd(_))), "{kind:?}: {outcome:?}");
        let outcome = renew(&engine, lease.id, "25h");
        assert!(matches!(outcome, Err(RenewError::TooLong { .. })), "{kind:?}: {outcome:?}");
        let outcome = renew(&engine, lease.id, "9s");
        assert!(matches!(outcome, Err(RenewError::TooShort(_))), "{kind:?}: {outcome:?}");
    }
}

#[test]
fn no_renewal_shortens_also_in_parallel() {
    use futures::future::join_all;
    for kind in BOUND {
        let (engine, lease) = engine_and_lease(kind, "1h");
        let ttls = ["2h", "10m", "5h", "1h", "10s"];
        let outcomes =
            block_on(join_all(ttls.map(|ttl| engine.renew_lease(lease.id, ttl.parse().ok()))));
        let mut ends = vec![];
        for (ttl, outcome) in ttls.iter().zip(outcomes) {
            match outcome {
                Ok(renewal) => {
                    assert!(renewal.held.expires_at >= lease.expires_at, "{kind:?} {ttl}");
                    ends.push(renewal.held.expires_at);
                }
                // The object changed too fast for one of them: it may ask again.
                Err(RenewError::Cluster(ClusterError::WrongAnswer { .. })) => {}
                Err(error) => panic!("{kind:?} {ttl}: {}", chain(&error)),
            }
        }
        let end = held(&engine, lease.id).expires_at;
        assert_eq!(Some(end), ends.iter().max().copied(), "{kind:?}");
        let object = listed(&engine, &lease);
        let deadline = object["metadata"]["annotations"]["kubelease.dev/deadline"].as_str();
        let deadline: DateTime<Utc> = deadline.expect("a deadline").parse().expect("a time");
        assert!(deadline >= end, "{kind:?}");
        assert!(is_proved(&lease, &object, &engine), "{kind:?}");
    }
}

#[test]
fn a_token_that_the_cluster_shortens_is_told_with_an_end_that_can_be_moved_on() {
    for kind in BOUND {
        for (ttl, asked, cut) in
            [("", "08:30", false), ("2h", "09:30", false), ("24h", "2026-11-23T07:00", true)]
        {
            let (engine, lease) = engine_and_lease(kind, "1h");
            engine.ports.http.set_longest_token(2400);
            pass(&engine, 1800);
            let renewal = renew(&engine, lease.id, ttl).expect("renews");
            let row = format!("{kind:?} {ttl}: {:?}", renewal.warnings);
            let end = engine.now() + TimeDelta::minutes(40);
            assert_eq!(renewal.held.expires_at, end, "{row}");
            assert_eq!(held(&engine, lease.id).expires_at, end, "{row}");
            let told = &renewal.warnings[0];
            assert!(told.contains("ends at 2026-11-22T08:10:00Z instead of"), "{row}");
            assert!(told.contains(&format!("{asked}:00Z; the lease ends with it")), "{row}");
            assert!(
                told.ends_with("renewed until 2026-11-23T07:00:00Z (`max_expires_at`)"),
                "{row}"
            );
            assert_eq!(renewal.warnings.len(), 1 + usize::from(cut), "{row}");
            // What it says is so.
            pass(&engine, 600);
            let again = renew(&engine, lease.id, ttl).expect("renews");
            assert_eq!(again.held.expires_at, end + TimeDelta::minutes(10), "{row}");
        }
    }
}

#[test]
fn a_shortened_token_leaves_a_lease_that_reaches_further_its_end() {
    let (engine, lease) = engine_and_lease(RULES, "10h");
    engine.ports.http.set_longest_token(3600);
    let renewal = renew(&engine, lease.id, "2h").expect("renews");
    assert_eq!(renewal.held.expires_at, lease.expires_at);
    let [told] = &renewal.warnings[..] else { panic!("{:?}", renewal.warnings) };
    assert!(told.contains("it ends at 2026-11-22T08:00:00Z"), "{told}");
    assert!(
        told.contains("; the lease ends at 2026-11-22T17:00:00Z, and may be renewed"),
        "{told}"
    );
}

#[test]
fn a_shorter_renewal_keeps_the_end() {
    let (engine, lease) = engine_and_lease(RULES, "10h");
    let renewal = renew(&engine, lease.id, "1h").expect("renews");
    assert_eq!(renewal.held.expires_at, lease.expires_at);
    assert_eq!(renewal.token.parse_claims().expect("has claims").expires_at, lease.expires_at);
}

#[test]
fn what_has_begun_to_end_is_not_renewed() {
    for kind in BOUND {
        for how in ["revoking", "revoked", "over"] {
            let (engine, lease) = engine_and_lease(kind, "1h");
            match how {
                "revoking" => {
                    engine.ports.http.fail_all(Fault::Unreachable, |_| true);
                    assert!(!revoke(&engine, lease.id));
                    engine.ports.http.heal();
                }
                "revoked" => assert!(revoke(&engine, lease.id)),
                _ => pass(&engine, 3600),
            }
            let calls = engine.ports.http.calls();
            let outcome = renew(&engine, lease.id, "1h");
            assert!(
                matches!(outcome, Err(RenewError::NotActive(_))),
                "{kind:?} {how}: {outcome:?}"
            );
            assert_eq!(engine.ports.http.calls(), calls, "{kind:?} {how}");
        }
    }
}

#[test]
fn an_end_that_is_decided_while_it_is_renewed_wins() {
    for kind in BOUND {
        let (engine, lease) = engine_and_lease(kind, "1h");
        let other = restarted(&engine);
        engine.ports.http.on_call(move |http, sent| {
            if sent.asks("create", "serviceaccounts/token") {
                // Another instance takes it back and cannot finish.
                http.fail_all(Fault::Unreachable, |sent| sent.method == "DELETE");
                let held = other.leases().find(lease.id).expect("reads").expect("is there");
                let why = lease_core::EndReason::Revoked;
                let closing =
                    lease_core::Closing { why, since: other.now(), obstacle: None, work: None };
                other.leases().record_postponed_end(&held, &closing).expect("postpones");
            }
        });
        let outcome = renew(&engine, lease.id, "2h");
        assert!(matches!(outcome, Err(RenewError::NotActive(_))), "{kind:?}: {outcome:?}");
        engine.ports.http.heal();
        pass(&engine, 120);
        sweep(&engine);
        assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{kind:?}");
    }
}

#[test]
fn what_was_made_anew_or_changed_by_others_is_not_renewed() {
    for kind in BOUND {
        let (engine, lease) = engine_and_lease(kind, "1h");
        let mut copy = listed(&engine, &lease);
        copy["metadata"].as_object_mut().expect("an object").remove("uid");
        engine.ports.http.put(copy);
        let outcome = renew(&engine, lease.id, "1h");
        assert!(
            matches!(outcome, Err(RenewError::Cluster(ClusterError::WrongAnswer { .. }))),
            "{kind:?}: {outcome:?}"
        );
        let (engine, lease) = engine_and_lease(kind, "1h");
        engine.ports.http.change_made(|object| {
            object["metadata"]["annotations"]["kubelease.dev/latest-end"] =
                "2027-01-01T00:00:00Z".into();
        });
        let outcome = renew(&engine, lease.id, "1h");
        assert!(
            matches!(outcome, Err(RenewError::Cluster(ClusterError::WrongAnswer { .. }))),
            "{kind:?}: {outcome:?}"
        );
        assert_eq!(held(&engine, lease.id).expires_at, lease.expires_at, "{kind:?}");
    }
}

#[test]
fn what_may_not_be_renewed_says_why() {
    let engine = warm(PLAIN);
    let id = issue(&engine).expect("issues").held.lease.id;
    let outcome = renew(&engine, id, "1h");
    assert!(matches!(outcome, Err(RenewError::Plain(_))), "{outcome:?}");
    let unknown = renew(&engine, LeaseId::new([7; 16]), "1h");
    assert!(matches!(unknown, Err(RenewError::Unknown(_))), "{unknown:?}");

    let (engine, lease) = engine_and_lease(MANIFEST, "1h");
    put_secret(&engine, MANIFEST.1, r#""disabled":true"#);
    let outcome = renew(&engine, lease.id, "1h");
    assert!(matches!(outcome, Err(RenewError::Disabled(_))), "{outcome:?}");
    put_secret(&engine, MANIFEST.1, "");
    let disabled = TargetInput { disabled: true, ..prod("https://a.example", None) };
    engine.put_target(disabled).expect("puts");
    let outcome = renew(&engine, lease.id, "1h");
    assert!(matches!(outcome, Err(RenewError::Disabled(_))), "{outcome:?}");
    engine.put_target(prod("https://a.example", None)).expect("puts");
    renew(&engine, lease.id, "1h").expect("renews");
    engine.dynamic_secrets().delete_definition(&name_of("ci")).expect("deletes");
    let outcome = renew(&engine, lease.id, "1h");
    assert!(matches!(outcome, Err(RenewError::Disabled(_))), "{outcome:?}");
}

#[test]
fn a_missing_permission_is_named_and_the_lease_stays_as_it_is() {
    for (kind, verb, resource) in [
        (EXISTING, "get", "leases.coordination.k8s.io"),
        (EXISTING, "patch", "leases.coordination.k8s.io"),
        (RULES, "patch", "serviceaccounts"),
        (RULES, "create", "serviceaccounts/token"),
    ] {
        let (engine, lease) = engine_and_lease(kind, "1h");
        engine.ports.http.deny(verb, resource);
        let outcome = renew(&engine, lease.id, "2h").map(drop);
        let Err(RenewError::Cluster(error)) = outcome else { panic!("{kind:?}: {outcome:?}") };
        let told = error.public_message();
        assert!(told.contains(&format!("may not `{verb}` `{resource}`")), "{told}");
        assert_eq!(held(&engine, lease.id).expires_at, lease.expires_at, "{kind:?} {resource}");
    }
}

#[test]
fn a_patch_whose_answer_is_lost_is_seen_by_reading() {
    for kind in BOUND {
        for fault in [Fault::LoseAnswer, Fault::BreakAnswer, Fault::FailAfter(502)] {
            let (engine, lease) = engine_and_lease(kind, "1h");
            engine.ports.http.fail_once(fault, |sent| sent.method == "PATCH");
            let outcome = renew(&engine, lease.id, "2h").map(drop);
            assert!(outcome.is_ok(), "{kind:?} {fault:?}: {outcome:?}");
        }
    }
}

#[test]
fn a_crash_at_any_step_of_a_renewal_leaves_a_lease_that_ends() {
    for kind in BOUND {
        for death in [Death::Before, Death::After, Death::Late] {
            let mut step = 0;
            loop {
                let (engine, lease) = engine_and_lease(kind, "1h");
                pass(&engine, 600);
                engine.ports.die_at(step, death);
                let _ = renew(&engine, lease.id, "2h");
                if !engine.ports.revive() {
                    break;
                }
                let row = format!("{kind:?}, step {step}, {death:?}");
                let engine = restarted(&engine);
                let end = held(&engine, lease.id).expires_at;
                assert!(end >= lease.expires_at, "{row}");
                engine.ports.http.land();
                let renewed = renew(&engine, lease.id, "1h");
                let renewed = renewed.unwrap_or_else(|error| panic!("{row}: {}", chain(&error)));
                assert!(renewed.held.expires_at >= end, "{row}");
                pass(&engine, 2 * 3600 + 1);
                sweep(&engine);
                assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{row}");
                step += 1;
            }
            assert!(step >= 4, "{kind:?} {death:?}: only {step} steps");
        }
    }
}

#[test]
fn a_renewed_lease_can_be_taken_back() {
    for kind in BOUND {
        let (engine, lease) = engine_and_lease(kind, "1h");
        let renewal = renew(&engine, lease.id, "2h").expect("renews");
        let outcome = block_on(engine.revoke_lease(lease.id)).expect("revokes");
        assert!(matches!(outcome, RevocationOutcome::Done(_)), "{kind:?}");
        assert!(!engine.ports.http.accepts(renewal.token.expose_secret()), "{kind:?}");
    }
}
