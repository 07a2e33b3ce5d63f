use std::collections::BTreeMap;

use serde_json::json;

use super::super::{AuditClaims, MAX_AUDIT_TEXT_BYTES};
use super::*;
use crate::{AuthMethodKind, LeaseId};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn actor() -> AuditActor {
    AuditActor {
        requester: AuditText::new("identity:ci"),
        identity: Some("ci".parse().expect("a name")),
        auth_method: Some(AuthMethodKind::Oidc),
        claims: AuditClaims::new(&BTreeMap::from([("ref".to_owned(), "main".to_owned())])),
        accessor: Some(Accessor::new([10; 10], 0x0a0a_0a0a_0a0a)),
        address: Some("10.0.0.7".parse().expect("an address")),
        request_id: Some(AuditText::new("r-1")),
        trace_id: None,
    }
}

fn lease() -> Lease {
    serde_json::from_value(json!({
        "id": LeaseId::new([1; 16]),
        "dynamic_secret": "deploy",
        "target": "prod",
        "cluster": {"namespace": "kube-system", "uid": "c"},
        "mode": "existing",
        "namespace": "apps",
        "service_account": "deployer",
        "account_uid": null,
        "audiences": [],
        "requester": "identity:ci",
        "phase": "active",
        "begun_at": "2026-11-28T03:00:00Z",
        "issue_deadline": "2026-11-28T03:00:30Z",
        "issued_at": "2026-11-28T03:00:00Z",
        "expires_at": "2026-11-28T03:15:00Z",
        "latest_end": "2026-11-28T04:00:00Z",
        "objects": [],
        "jti": "7c1b",
        "warnings": [],
    }))
    .expect("a lease")
}

#[test]
fn an_event_is_shown_as_documented_and_read_as_it_was_written() {
    let event = AuditEvent::of_issue(&lease(), &actor(), at("2026-11-28T03:00:00.123456Z"));
    let shown = serde_json::to_value(&event).expect("serialises");
    assert_eq!(
        shown,
        json!({
            "time": "2026-11-28T03:00:00.123Z",
            "event": "issue",
            "decision": "allowed",
            "requester": "identity:ci",
            "identity": "ci",
            "auth_method": "oidc",
            "claims": {"ref": "main"},
            "accessor": "0a".repeat(16),
            "address": "10.0.0.7",
            "request_id": "r-1",
            "dynamic_secret": "deploy",
            "target": "prod",
            "namespace": "apps",
            "lease_id": "01".repeat(16),
            "jti": "7c1b",
            "ttl_seconds": 900,
        })
    );
    let text = serde_json::to_string(&event).expect("serialises");
    assert_eq!(serde_json::from_str::<AuditEvent>(&text).expect("reads"), event);
}

#[test]
fn each_end_has_its_own_type_and_all_of_them_are_terminal() {
    let trail = RecordedEvents { issue: true, renewals: 3, ..RecordedEvents::default() };
    for (why, note, named, decision) in [
        (EndReason::Revoked, None, "revocation", "allowed"),
        (EndReason::Expired, None, "expiry", "allowed"),
        (EndReason::Failed, None, "issue_failed", "failed"),
        (EndReason::Failed, Some("the role is dangerous"), "issue_failed", "failed"),
        (EndReason::Lost, None, "loss", "allowed"),
        (EndReason::Lost, Some("the cluster is gone"), "write_off", "allowed"),
    ] {
        let ending = Ending { why, at: at("2026-11-28T03:00:00Z"), note: note.map(str::to_owned) };
        let event = AuditEvent::of_end(&lease(), &ending, &actor(), trail.clone());
        assert!(event.event_type.is_last_event_of_lease());
        assert_eq!((event.event_type.as_str(), event.decision.as_str()), (named, decision));
        assert_eq!(event.reason.as_ref().map(AuditText::as_str), note);
        assert_eq!(event.trail.as_ref(), Some(&trail));
    }
}

#[test]
fn an_event_is_never_large() {
    let long = "\u{fffd}\"".repeat(MAX_AUDIT_TEXT_BYTES);
    let claims = (0..99).map(|n| (format!("{n}{long}"), long.clone())).collect();
    let actor = AuditActor {
        claims: AuditClaims::new(&claims),
        requester: AuditText::new(&long),
        request_id: Some(AuditText::new(&long)),
        trace_id: Some(AuditText::new(&long)),
        ..actor()
    };
    let lease = Lease { jti: Some(long.clone()), ..lease() };
    let event = AuditEvent::of_issue(&lease, &actor, DateTime::UNIX_EPOCH).with_reason(&long);
    let size = serde_json::to_vec(&event).expect("serialises").len();
    assert!(size <= 20 * 1024, "{size}");
}

#[test]
fn each_type_is_read_by_its_name() {
    for event_type in AuditEventType::ALL {
        let name = event_type.as_str();
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert_eq!(name.parse(), Ok(*event_type));
        assert_eq!(serde_json::to_value(event_type).expect("serialises"), name);
    }
    assert_eq!("reissue".parse::<AuditEventType>(), Err(()));
}
