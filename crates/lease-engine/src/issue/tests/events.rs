//! The audit events of leases, as the engine has them written.

use lease_core::{AuditDecision, AuditEvent, AuditEventType, AuditText};

use super::*;
use crate::{AuditFilter, Origin};

fn events(engine: &Engine<TestPorts>, id: LeaseId) -> Vec<AuditEvent> {
    let events = engine.audit_log().read_lease_events(id).expect("reads").expect("is on record");
    assert!(events.iter().all(|record| record.is_genuine));
    events.into_iter().map(|record| record.event).collect()
}

/// An engine that acts for somebody who comes from somewhere.
fn asked_from(engine: Engine<TestPorts>, request: &str) -> Engine<TestPorts> {
    let origin = Origin {
        address: Some("192.0.2.7".parse().expect("an address")),
        request_id: Some(request.to_owned()),
        trace_id: Some("4bf92f".to_owned()),
    };
    engine.acting_for(Requester::first_administrator().from(origin))
}

#[test]
fn each_token_of_a_lease_is_in_an_event_with_who_has_asked_for_it() {
    for mode in ALL {
        let engine = asked_from(with_secret(mode, ""), "r-1");
        let issued = issue(&engine).expect("issues");
        let id = issued.held.lease.id;
        let [event] = &events(&engine, id)[..] else { panic!("{mode:?}: one event") };
        assert_eq!(event.event_type, AuditEventType::Issue);
        let jti = |token: &kube_rest::IssuedToken| token.parse_claims().expect("has claims").id;
        let of = |event: &AuditEvent| event.jti.as_ref().map(|jti| jti.as_str().to_owned());
        assert_eq!((of(event), of(event).is_some()), (jti(&issued.token), true), "{mode:?}");
        assert_eq!(event.actor.requester.as_str(), "administrator");
        assert_eq!(event.actor.address, Some("192.0.2.7".parse().expect("an address")));
        assert_eq!(event.actor.request_id.as_ref().map(AuditText::as_str), Some("r-1"));
        assert_eq!(event.actor.trace_id.as_ref().map(AuditText::as_str), Some("4bf92f"));
        let lease = &issued.held.lease;
        assert_eq!(event.dynamic_secret.as_ref(), Some(&lease.dynamic_secret));
        assert_eq!(event.target.as_ref(), Some(&lease.target));
        assert_eq!(event.namespace.as_ref(), Some(&lease.namespace));
        assert_eq!(event.ttl_seconds, Some(3600), "{mode:?}");
        if mode == PLAIN {
            continue;
        }
        let engine = asked_from(engine, "r-2");
        pass(&engine, 60);
        let renewal = block_on(engine.renew_lease(id, None)).expect("renews");
        let engine = asked_from(engine, "r-3");
        revoke(&engine, id);
        let told: Vec<_> = events(&engine, id)
            .iter()
            .map(|event| {
                let request = event.actor.request_id.as_ref().map(|id| id.as_str().to_owned());
                (event.event_type, request, of(event))
            })
            .collect();
        let request = |id: &str| Some(id.to_owned());
        let issued_jti = jti(&issued.token);
        let renewed_jti = jti(&renewal.token);
        assert_ne!(issued_jti, renewed_jti);
        assert_eq!(
            told,
            [
                (AuditEventType::Revocation, request("r-3"), None),
                (AuditEventType::Renewal, request("r-2"), renewed_jti),
                (AuditEventType::Issue, request("r-1"), issued_jti),
            ],
            "{mode:?}"
        );
    }
}

#[test]
fn a_token_for_the_same_request_again_has_an_event_of_its_own() {
    for mode in [PLAIN, RULES] {
        let engine = with_secret(mode, "");
        issue_for(&engine, asked("1h"), Some("k")).expect("issues");
        pass(&engine, 60);
        let engine = asked_from(engine, "r-2");
        let before = engine.ports.store.number_of_writes();
        let again = issue_for(&engine, asked("1h"), Some("k")).expect("issues again");
        assert_eq!(engine.ports.store.number_of_writes() - before, 2, "{mode:?}");
        let filter = AuditFilter {
            lease_id: Some(again.held.lease.id),
            event_type: Some(AuditEventType::IssueRepeated),
            ..AuditFilter::default()
        };
        let page = engine.list_audit_event_page(&filter, None, 10).expect("reads");
        let [record] = &page.items[..] else { panic!("{mode:?}: {:?}", page.items) };
        let jti = again.token.parse_claims().expect("has claims").id;
        assert_eq!(record.event.jti.as_ref().map(AuditText::as_str), jti.as_deref(), "{mode:?}");
        assert_eq!(record.event.lease_id, Some(again.held.lease.id), "{mode:?}");
        assert_eq!(record.event.ttl_seconds, Some(3540), "{mode:?}");
        let request = record.event.actor.request_id.as_ref().map(AuditText::as_str);
        assert_eq!(request, Some("r-2"), "{mode:?}");
    }
}

#[test]
fn no_token_is_given_again_without_its_event() {
    let engine = with_secret(RULES, "");
    issue_for(&engine, asked("1h"), Some("k")).expect("issues");
    for step in 0.. {
        engine.ports.die_at(step, Death::Before);
        let outcome = issue_for(&engine, asked("1h"), Some("k"));
        if !engine.ports.revive() {
            assert!(outcome.expect("issues again").again);
            assert!(step >= 2, "two of the steps are writes");
            break;
        }
        assert!(outcome.is_err(), "at step {step}");
    }
}

#[test]
fn what_fails_expires_or_is_adopted_has_its_event() {
    let engine = warm(RULES);
    let issued = issue(&engine).expect("issues");
    pass(&engine, 3601);
    sweep(&engine);
    let id = issued.held.lease.id;
    assert_eq!(state(&engine, id), LeaseState::Expired);
    let told: Vec<_> = events(&engine, id).iter().map(|event| event.event_type).collect();
    assert_eq!(told, [AuditEventType::Expiry, AuditEventType::Issue]);

    let binds = "rolebindings.rbac.authorization.k8s.io";
    engine.ports.http.fail_all(Fault::Forbid, move |sent| sent.asks("create", binds));
    issue(&engine).expect_err("is refused");
    let failed = all_leases(&engine).into_iter().next_back().expect("is on record");
    let [event] = &events(&engine, failed.lease.id)[..] else { panic!("one event") };
    assert_eq!(
        (event.event_type, event.decision),
        (AuditEventType::IssueFailed, AuditDecision::Failed)
    );
    assert!(event.reason.is_some(), "it says why");
}
