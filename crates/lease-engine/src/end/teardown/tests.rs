//! What proves that an object is gone, and what does not.

use lease_core::{Lease, LeaseState, ObjectKind};

use crate::Engine;
use crate::fixtures::{
    BOUND, LeaseKind, issue, live, made, pass, revoke, state, sweep, sweep_what_stopped, warm,
};
use crate::objects::object_builder::resource_name;
use lease_testing::{Fault, Sent, TestPorts};

/// The word of an API server on the very object that was asked for.
const GENUINE: [Fault; 2] = [
    Fault::Misplace(404, "NotFound", r#"{"name":"NAME","group":"GROUP","kind":"KIND"}"#),
    Fault::Misplace(
        404,
        "NotFound",
        r#"{"name":"NAME","group":"GROUP","kind":"KIND","uid":"x","causes":[]}"#,
    ),
];

/// Refusals that say nothing of the object that was asked for.
const MISPLACED: [Fault; 14] = [
    // Of a resource that is not served.
    Fault::Misplace(404, "NotFound", "{}"),
    Fault::Misplace(404, "NotFound", "null"),
    Fault::Misplace(404, "NotFound", r#"{"name":"other","group":"GROUP","kind":"KIND"}"#),
    Fault::Misplace(404, "NotFound", r#"{"name":"NAME","group":"GROUP","kind":"pods"}"#),
    Fault::Misplace(404, "NotFound", r#"{"name":"NAME","group":"example.com","kind":"KIND"}"#),
    Fault::Misplace(404, "NotFound", r#"{"group":"GROUP","kind":"KIND"}"#),
    Fault::Misplace(404, "NotFound", r#"{"name":"NAME"}"#),
    Fault::Misplace(404, "NotFound", r#"{"name":"apps","kind":"namespaces"}"#),
    Fault::Misplace(409, "Conflict", "{}"),
    Fault::Misplace(409, "Conflict", r#"{"name":"other","group":"GROUP","kind":"KIND"}"#),
    Fault::Misplace(409, "Conflict", r#"{"name":"NAME","group":"GROUP","kind":"pods"}"#),
    Fault::Misplace(409, "Conflict", r#"{"name":"NAME","group":"example.com","kind":"KIND"}"#),
    Fault::Misplace(404, "", "{}"),
    Fault::Misplace(410, "Gone", r#"{"name":"NAME","group":"GROUP","kind":"KIND"}"#),
];

/// Returns true for a request that deletes the object of this kind, or reads it.
fn ends(kind: ObjectKind, verbs: &'static [&'static str]) -> impl Fn(&Sent) -> bool + 'static {
    move |sent| verbs.iter().any(|verb| sent.asks(verb, &resource_name(kind)))
}

/// Every kind of lease with each kind of object that it has.
fn objects() -> impl Iterator<Item = (LeaseKind, ObjectKind)> {
    BOUND.into_iter().flat_map(|mode| {
        let lease = issue(&warm(mode)).expect("issues").held.lease;
        lease.objects.into_iter().map(move |object| (mode, object.kind))
    })
}

fn issued(mode: LeaseKind) -> (Engine<TestPorts>, Lease) {
    let engine = warm(mode);
    let lease = issue(&engine).expect("issues").held.lease;
    (engine, lease)
}

#[test]
fn every_kind_of_object_is_among_them() {
    for kind in kube_rest::Kind::ALL {
        assert!(
            objects().any(|(_, of)| crate::objects::object_builder::api_kind(of) == kind),
            "{kind}"
        );
    }
}

#[test]
fn a_refusal_that_does_not_name_the_object_does_not_end_its_lease() {
    for (mode, kind) in objects() {
        for fault in MISPLACED {
            let row = format!("{mode:?}, {kind:?}, {fault:?}");
            let (engine, lease) = issued(mode);
            engine.ports.http.fail_all(fault, ends(kind, &["delete"]));
            assert!(!revoke(&engine, lease.id), "{row}");
            assert_eq!(state(&engine, lease.id), LeaseState::Revoking, "{row}");
            assert_eq!(made(&engine).len(), 1, "{row}: the others are gone");
            pass(&engine, 900);
            assert_eq!(sweep(&engine).done, 0, "{row}");
            engine.ports.http.heal();
            pass(&engine, 900);
            assert_eq!(sweep(&engine).done, 1, "{row}");
            assert_eq!(state(&engine, lease.id), LeaseState::Revoked, "{row}");
            assert_eq!(made(&engine), [""; 0], "{row}");
        }
    }
}

#[test]
fn a_refusal_that_names_the_object_ends_its_lease() {
    for (mode, kind) in objects() {
        for fault in GENUINE {
            let (engine, lease) = issued(mode);
            engine.ports.http.fail_all(fault, ends(kind, &["delete"]));
            assert!(revoke(&engine, lease.id), "{mode:?}, {kind:?}, {fault:?}");
        }
    }
}

/// The two shapes of a `Conflict` that name the object: of the precondition on its UID, which names the kind,
/// and of a change meanwhile, which names the resource.
fn conflicts(kind: ObjectKind) -> [Fault; 2] {
    let name = crate::objects::object_builder::api_kind(kind).name();
    let details = format!(r#"{{"name":"NAME","group":"GROUP","kind":"{name}"}}"#);
    [details.leak(), r#"{"name":"NAME","group":"GROUP","kind":"KIND"}"#]
        .map(|details| Fault::Misplace(409, "Conflict", details))
}

/// Returns true for the deletion itself, and not for the dry run.
fn deletes(kind: ObjectKind) -> impl Fn(&Sent) -> bool + 'static {
    move |sent| ends(kind, &["delete"])(sent) && !sent.is_dry()
}

#[test]
fn a_conflict_does_not_end_the_lease_of_an_object_that_is_still_there() {
    for (mode, kind) in objects() {
        for fault in conflicts(kind) {
            let row = format!("{mode:?}, {kind:?}, {fault:?}");
            let (engine, lease) = issued(mode);
            engine.ports.http.fail_all(fault, deletes(kind));
            assert!(!revoke(&engine, lease.id), "{row}");
            assert_eq!(state(&engine, lease.id), LeaseState::Revoking, "{row}");
            assert_eq!(made(&engine).len(), 1, "{row}: the others are gone");
            engine.ports.http.heal();
            pass(&engine, 900);
            assert_eq!(sweep(&engine).done, 1, "{row}");
            assert_eq!(made(&engine), [""; 0], "{row}");
        }
    }
}

#[test]
fn a_conflict_that_passes_is_tried_again_at_once() {
    for (mode, kind) in objects() {
        for fault in conflicts(kind) {
            let (engine, lease) = issued(mode);
            engine.ports.http.fail_once(fault, deletes(kind));
            assert!(revoke(&engine, lease.id), "{mode:?}, {kind:?}, {fault:?}");
            assert_eq!(made(&engine), [""; 0], "{mode:?}, {kind:?}, {fault:?}");
        }
    }
}

#[test]
fn a_conflict_ends_the_lease_of_an_object_that_has_gone_or_that_another_has_replaced() {
    for (mode, kind) in objects() {
        let cases = conflicts(kind).into_iter().flat_map(|fault| [(fault, false), (fault, true)]);
        for (fault, replaced) in cases {
            let row = format!("{mode:?}, {kind:?}, {fault:?}");
            let (engine, lease) = issued(mode);
            let object = lease.objects.iter().find(|object| object.kind == kind).expect("is made");
            let place = object.namespace.as_ref().map(lease_core::Namespace::as_str);
            let of = crate::objects::object_builder::api_kind(kind).name();
            let http = &engine.ports.http;
            assert!(http.remove(of, place.unwrap_or_default(), &object.name), "{row}");
            if replaced {
                http.put(serde_json::json!({
                    "kind": of, "apiVersion": "v1",
                    "metadata": {"namespace": place, "name": object.name},
                }));
            }
            http.fail_all(fault, deletes(kind));
            assert!(revoke(&engine, lease.id), "{row}");
            let stays = http.remove(of, place.unwrap_or_default(), &object.name);
            assert_eq!(stays, replaced, "{row}: a stranger's stays");
        }
    }
}

#[test]
fn a_conflict_over_an_object_that_cannot_be_looked_at_ends_nothing() {
    for (mode, kind) in objects() {
        for fault in conflicts(kind) {
            let row = format!("{mode:?}, {kind:?}, {fault:?}");
            let (engine, lease) = issued(mode);
            engine.ports.http.fail_all(fault, deletes(kind));
            engine.ports.http.fail_all(Fault::Fail(503), ends(kind, &["get", "delete"]));
            assert!(!revoke(&engine, lease.id), "{row}");
            assert_eq!(state(&engine, lease.id), LeaseState::Revoking, "{row}");
        }
    }
}

#[test]
fn what_was_never_answered_is_not_gone_before_a_refusal_names_it() {
    for (mode, kind) in objects() {
        for fault in MISPLACED {
            let row = format!("{mode:?}, {kind:?}, {fault:?}");
            let engine = warm(mode);
            // It is made, and nobody learns its UID.
            engine.ports.http.fail_all(Fault::LoseAnswer, ends(kind, &["create"]));
            engine.ports.http.fail_all(fault, ends(kind, &["get", "delete"]));
            issue(&engine).expect_err("is not known to be made");
            sweep_what_stopped(&engine);
            assert_eq!(live(&engine).len(), 1, "{row}: it stays on record");
            assert_eq!(made(&engine).len(), 1, "{row}: {:?}", made(&engine));
            engine.ports.http.heal();
            pass(&engine, 900);
            sweep(&engine);
            assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{row}");
        }
    }
}
