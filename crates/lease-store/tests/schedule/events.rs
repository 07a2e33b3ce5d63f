//! What must hold of audit events: each is written in one step with what it is about, and is signed for its place.

use std::collections::BTreeMap;

use lease_core::{
    AuditEvent, AuditEventType, AuditLogId, AuditPlace, AuditRecordKind, AuditSlot, EndReason,
    Ending, LeaseId,
};
use lease_store::LeaseKey;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::actors;
use crate::facts::Facts;

/// The events on record.
#[derive(Default)]
pub struct Events {
    kept: BTreeMap<AuditPlace, AuditEvent>,
}

#[derive(Deserialize)]
struct Versioned<T> {
    value: T,
}

#[derive(Deserialize)]
struct Signed {
    content: Box<RawValue>,
    mac: String,
}

#[derive(Deserialize)]
struct Record {
    lease: lease_core::Lease,
}

impl Events {
    /// Takes note of what is written in one step; told is what is wrong with it.
    pub fn written(&mut self, entries: &[(String, Vec<u8>)]) -> Option<String> {
        for (key, value) in entries {
            let Some(place) = key.strip_prefix("event.") else { continue };
            let Signed { content, mac } = read(value);
            let kind = AuditRecordKind::Event;
            if !actors::keys().verifies_audit(kind, place, content.get(), &mac) {
                return Some(format!("the MAC of event {place} is not good"));
            }
            let event = serde_json::from_str(content.get()).expect("an event");
            self.kept.insert(place.parse().expect("a place"), event);
        }
        let step: Vec<AuditPlace> = entries
            .iter()
            .filter_map(|(key, _)| key.strip_prefix("event.")?.parse().ok())
            .collect();
        entries.iter().find_map(|(key, value)| self.what_lacks_its_event(key, value, &step))
    }

    fn what_lacks_its_event(&self, key: &str, value: &[u8], step: &[AuditPlace]) -> Option<String> {
        let has = |id: LeaseId, fits: &dyn Fn(&AuditPlace, &AuditEvent) -> bool| {
            let mut events = step.iter().filter_map(|place| self.kept.get_key_value(place));
            events.any(|(place, event)| event.lease_id == Some(id) && fits(place, event))
        };
        let parts: Vec<_> = key.split('.').collect();
        let is_there = match parts[..] {
            ["ended", id] => {
                let ending: Ending = read(value);
                has(id.parse().expect("an id"), &|place, event| {
                    place.slot == AuditSlot::End && fits(ending.why, event.event_type)
                })
            }
            ["renewal", id, number] => {
                let slot = AuditSlot::Renewal(number.parse().expect("a number"));
                has(id.parse().expect("an id"), &|place, _| place.slot == slot)
            }
            ["lease", ..] => {
                let Record { lease } = read(value);
                lease.phase == lease_core::IssuePhase::Pending
                    || has(lease.id, &|place, _| place.slot == AuditSlot::Issue)
            }
            _ => true,
        };
        (!is_there).then(|| format!("{key} is written without its event"))
    }

    /// Says what is wrong with the events of the leases that were answered, if anything is.
    pub fn check(&self, facts: &Facts) -> Option<String> {
        let mut answered = facts.answered.values().map(|answer| (answer.id, answer.place));
        answered.find_map(|(id, place)| self.check_lease(id, place, facts.ended.contains(&id)))
    }

    fn check_lease(&self, id: LeaseId, place: LeaseKey, has_ended: bool) -> Option<String> {
        let at =
            |slot| AuditPlace { log: AuditLogId::Leases(place.ledger), number: place.number, slot };
        let is_of = |slot| self.kept.get(&at(slot)).is_some_and(|event| event.lease_id == Some(id));
        if !is_of(AuditSlot::Issue) {
            return Some(format!("lease {place:?} was answered and has no event of its issue"));
        }
        let terminal = self.kept.range(at(AuditSlot::Only)..=at(AuditSlot::End));
        let terminal =
            terminal.filter(|(_, event)| event.event_type.is_last_event_of_lease()).count();
        if terminal != usize::from(has_ended) || is_of(AuditSlot::End) != has_ended {
            return Some(format!("lease {place:?} has {terminal} last events, ended: {has_ended}"));
        }
        None
    }
}

fn fits(why: EndReason, event_type: AuditEventType) -> bool {
    event_type
        == match why {
            EndReason::Revoked => AuditEventType::Revocation,
            EndReason::Expired => AuditEventType::Expiry,
            EndReason::Failed => AuditEventType::IssueFailed,
            EndReason::Lost => AuditEventType::Loss,
        }
}

fn read<T: serde::de::DeserializeOwned>(value: &[u8]) -> T {
    serde_json::from_slice::<Versioned<T>>(value).expect("a record").value
}
