//! The audit events of leases: one for each thing that is recorded, in its step.

use chrono::TimeDelta;
use lease_core::{AuditEventType, AuditLogId, Closing, EndReason, LeaseId, LeaseMode};

use super::bench::{AUDIT_RETENTION, Bench, RENEWED, SETTLED, T0, TIMES, TTL, at, auditor, ending};
use lease_store::{
    AuditFinding, AuditQuery, AuditRecord, AuditVerifyCursor, KeyValue, LedgerId, StoredLease,
};

/// The events of the log, newest first.
fn events<K: KeyValue>(bench: &Bench<'_, K>, limit: usize) -> Vec<AuditRecord> {
    let query = AuditQuery { logs: vec![AuditLogId::Leases(bench.log)], since: None, limit };
    let (mut all, mut from) = (vec![], None);
    loop {
        let page = bench.audit().read_page(&query, from.as_ref(), |_| true).expect("reads");
        assert!(page.items.len() <= limit && page.unreadable == 0);
        all.extend(page.items);
        match page.next {
            Some(next) => from = Some(next.to_string().parse().expect("a cursor")),
            None => return all,
        }
    }
}

/// The ids of the events of the log, without its number, with their types.
fn told<K: KeyValue>(bench: &Bench<'_, K>, limit: usize) -> Vec<String> {
    let tell = |record: AuditRecord| {
        assert!(record.is_genuine, "{}", record.place);
        let id = record.place.to_string();
        let (_, id) = id.split_once('.').expect("two parts");
        format!("{id} {}", record.event.event_type)
    };
    events(bench, limit).into_iter().map(tell).collect()
}

/// Returns the findings of a verification of the log.
fn findings<K: KeyValue>(bench: &Bench<'_, K>) -> Vec<AuditFinding> {
    let mut from: AuditVerifyCursor = format!("{}-1", bench.log).parse().expect("a cursor");
    let mut found = vec![];
    loop {
        let part = bench.audit().verify_events_part(Some(&from), at(T0)).expect("verifies");
        found.extend(part.findings);
        // What follows are the logs of others.
        match part.next.filter(|next| next.to_string().starts_with(&format!("{}-", bench.log))) {
            Some(next) => from = next,
            None => break,
        }
    }
    found.retain(|finding| is_of(finding, bench.log));
    found
}

fn is_of(finding: &AuditFinding, log: u64) -> bool {
    let name = log.to_string();
    match finding {
        AuditFinding::Altered { id } | AuditFinding::Missing { id } => {
            id.log == AuditLogId::Leases(log)
        }
        AuditFinding::MissingNumbers { log, .. } | AuditFinding::CounterSetBack { log, .. } => {
            *log == name
        }
        AuditFinding::MarkAltered { key } => key.split('.').nth(1) == Some(&name),
    }
}

fn closing() -> Closing {
    let obstacle = Some("it does not answer".to_owned());
    Closing { why: EndReason::Revoked, since: at(T0), obstacle, work: None }
}

fn renew<K: KeyValue>(bench: &Bench<'_, K>, held: &StoredLease) {
    let renewal = bench.leases().take_renewal_number(held).expect("begins");
    bench.leases().record_renewal(&renewal, at(T0 + TTL), &RENEWED).expect("confirms");
}

pub(super) fn each_step_of_a_lease_has_its_event<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    // 1: expires. 2: revoked at once, with renewals. 3: revoked later. 4: fails. 5: is given up. 6: is never heard of.
    // 7: a plain token. 8: is found in its cluster. 9: is written off.
    bench.issue(LeaseMode::Existing, None);
    let revoked = bench.issue(LeaseMode::Existing, None);
    renew(&bench, &revoked);
    // The second was never recorded.
    bench.leases().take_renewal_number(&revoked).expect("begins");
    renew(&bench, &revoked);
    bench.leases().record_end(&revoked, &ending(EndReason::Revoked, T0)).expect("finishes");
    let later = bench.issue(LeaseMode::Existing, None);
    bench.leases().record_postponed_end(&later, &closing()).expect("postpones");
    let failed = (bench.number(), bench.lease(LeaseMode::Existing));
    bench.leases().record_pending_lease(&failed.0, &failed.1, None).expect("begins");
    let place = failed.0.place();
    bench
        .leases()
        .record_failed_issue(place, &failed.1, at(T0), "the role is gone")
        .expect("fails");
    bench.leases().void_number(&bench.number(), None, "it was refused", at(T0)).expect("gives up");
    bench.number();
    bench.issue(LeaseMode::Plain, None);
    let found = super::bench::active(&bench.lease(LeaseMode::Existing));
    bench.leases().adopt_lease(bench.log, &found, None, at(T0)).expect("adopts");
    let lost = bench.issue(LeaseMode::Existing, None);
    let note = Some("the cluster is gone".to_owned());
    let ended = lease_core::Ending { why: EndReason::Lost, at: at(T0), note };
    bench.leases().record_end(&lost, &ended).expect("finishes");
    for now in [T0, SETTLED, SETTLED + 80, T0 + TTL, T0 + TTL + 10] {
        bench.sweep(now);
    }
    let mut all = [
        "1.issue issue",
        "1.end expiry",
        "2.issue issue",
        "2.renewal.1 renewal",
        "2.renewal.3 renewal",
        "2.end revocation",
        "3.issue issue",
        "3.closing revocation_begun",
        "3.end revocation",
        "4.end issue_failed",
        "5.end issue_failed",
        "6.end issue_failed",
        "7.issue issue",
        "7.end expiry",
        "8.issue adoption",
        "8.end expiry",
        "9.issue issue",
        "9.end write_off",
    ];
    all.sort_unstable();
    for limit in [1, 4, 100] {
        let mut seen = told(&bench, limit);
        seen.sort_unstable();
        assert_eq!(seen, all, "pages of {limit}");
    }
    assert_eq!(findings(&bench), []);
    let trail =
        events(&bench, 100).into_iter().find(|record| record.place.to_string().ends_with("2.end"));
    let trail = trail.and_then(|record| record.event.trail).expect("has a trail");
    assert_eq!((trail.issue, trail.renewals, trail.missing), (true, 3, vec![2]));
}

pub(super) fn each_event_is_told_once_and_only_if_it_is_on_record<K: KeyValue>(store: &K) {
    thread_local! {
        static TOLD: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(vec![]) };
    }
    let bench = Bench::new(store);
    let on_record = |place: &lease_core::AuditPlace, _: &lease_core::AuditEvent| {
        TOLD.with_borrow_mut(|told| told.push(place.to_string()));
    };
    let leases = lease_store::Leases::new(
        &bench.store,
        lease_store::AuditContext { on_record, ..auditor() },
    );
    let lease = bench.lease(LeaseMode::Existing);
    let numbered = bench.number();
    leases.record_pending_lease(&numbered, &lease, None).expect("begins");
    bench.store.stop_after(0);
    leases
        .record_active_lease(numbered.place(), &super::bench::active(&lease), None, at(T0))
        .expect_err("stops");
    assert_eq!(TOLD.take(), [""; 0], "nothing is on record");
    let bench = Bench::new(store);
    let leases = lease_store::Leases::new(
        &bench.store,
        lease_store::AuditContext { on_record, ..auditor() },
    );
    let held = bench.issue(LeaseMode::Existing, None);
    let renewal = leases.take_renewal_number(&held).expect("begins");
    leases.record_renewal(&renewal, at(T0 + TTL), &RENEWED).expect("confirms");
    leases.record_end(&held, &ending(EndReason::Revoked, T0)).expect("finishes");
    let log = bench.log;
    assert_eq!(TOLD.take(), [format!("{log}.1.renewal.1"), format!("{log}.1.end")]);
}

pub(super) fn the_events_of_a_lease_stand_together_and_are_found_by_its_id<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let held = bench.issue(LeaseMode::Existing, None);
    renew(&bench, &held);
    bench.issue(LeaseMode::Existing, None);
    bench.leases().record_end(&held, &ending(EndReason::Revoked, T0 + 60)).expect("finishes");
    let together = ["1.end revocation", "1.renewal.1 renewal", "1.issue issue"];
    assert_eq!(told(&bench, 100)[1..], together);
    let found = bench.audit().read_lease_events(held.lease.id).expect("reads").expect("is there");
    let slots: Vec<_> = found.iter().map(|record| record.event.event_type).collect();
    assert_eq!(slots, [AuditEventType::Revocation, AuditEventType::Renewal, AuditEventType::Issue]);
    assert_eq!(bench.audit().read_lease_events(LeaseId::new([9; 16])).expect("reads"), None);
}

pub(super) fn each_event_of_a_lease_that_is_touched_is_found<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let held = bench.issue(LeaseMode::Existing, None);
    renew(&bench, &held);
    bench.leases().record_postponed_end(&held, &closing()).expect("postpones");
    bench.leases().record_end(&held, &ending(EndReason::Revoked, T0)).expect("finishes");
    let lives = bench.issue(LeaseMode::Existing, None);
    renew(&bench, &lives);
    bench.leases().void_number(&bench.number(), None, "it was refused", at(T0)).expect("gives up");
    bench.sweep(T0);
    assert_eq!(findings(&bench), []);
    let key = |id: &str| format!("event.{}.{id}", bench.log);
    for id in ["1.issue", "1.renewal.1", "1.closing", "1.end", "2.issue", "2.renewal.1", "3.end"] {
        let (key, other) = (key(id), key(if id == "1.issue" { "2.issue" } else { "1.issue" }));
        let was = store.get(&key).expect("reads").expect("is there");
        let text = String::from_utf8(was.clone()).expect("a text");
        let edited = text.replacen("administrator", "nobody", 1).into_bytes();
        let moved = store.get(&other).expect("reads").expect("is there");
        for (what, value) in [("edited", edited), ("another's", moved)] {
            assert_ne!(value, was);
            store.set_many(&[(key.clone(), value)]).expect("writes");
            let id = key["event.".len()..].parse().expect("an id");
            assert_eq!(findings(&bench), [AuditFinding::Altered { id }], "{key} {what}");
        }
        store.delete_many(std::slice::from_ref(&key)).expect("deletes");
        assert_eq!(findings(&bench).len(), 1, "{key} is removed: {:?}", findings(&bench));
        store.set_many(&[(key, was)]).expect("writes");
        assert_eq!(findings(&bench), []);
    }
}

pub(super) fn a_lease_that_is_removed_whole_is_missed<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let held = bench.issue(LeaseMode::Existing, None);
    bench.issue(LeaseMode::Existing, None);
    bench.sweep(T0);
    let gone = [
        lease_store::testing::keys::record_key(LedgerId::DynamicSecret(bench.log), 1),
        lease_store::testing::keys::location_key(held.lease.id),
        format!("event.{}.1.issue", bench.log),
    ];
    store.delete_many(&gone).expect("deletes");
    let log = bench.log.to_string();
    assert_eq!(findings(&bench), [AuditFinding::MissingNumbers { log, from: 1, to: 1 }]);
}

pub(super) fn of_two_that_end_a_lease_one_event_stands<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let held = bench.issue(LeaseMode::Existing, None);
    bench.sweep(T0);
    // The sweep decides that it has expired, and somebody revokes it before that is carried out.
    let which = LedgerId::DynamicSecret(bench.log);
    let due = bench.others().read_due_batch(which, at(T0 + TTL), 100, TIMES).expect("reads");
    let mut batch = due.expect("is due");
    let tasks = batch.close_due_and_list_ends().expect("closes");
    bench.leases().record_end(&held, &ending(EndReason::Revoked, T0 + TTL)).expect("finishes");
    for task in &tasks {
        batch.note_ended(task, ending(task.why, T0 + TTL));
    }
    batch.forget_old_and_write_batch().expect("finishes");
    let ended = bench.held(held.place).ending.expect("has ended");
    assert_eq!(ended.why, EndReason::Revoked);
    assert_eq!(told(&bench, 9), ["1.end revocation", "1.issue issue"]);
    // Who asks again changes nothing.
    bench
        .leases()
        .record_failed_issue(held.place, &held.lease, at(T0 + 2 * TTL), "it failed")
        .expect("is told");
    assert_eq!(told(&bench, 9), ["1.end revocation", "1.issue issue"]);
}

pub(super) fn who_has_asked_for_a_revocation_is_named_by_its_end<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let held = bench.issue(LeaseMode::Existing, None);
    bench.leases().record_postponed_end(&held, &closing()).expect("postpones");
    let sweeper = lease_core::AuditActor::of_requester("sweeper");
    let sweeper = lease_store::AuditContext { actor: &sweeper, ..auditor() };
    let leases = lease_store::Leases::new(store, sweeper);
    while super::bench::batch(&leases, LedgerId::PendingRevocations, T0, 100)
        .is_some_and(|summary| summary.more)
    {}
    let end = events(&bench, 9).remove(0).event;
    assert_eq!(end.event_type, AuditEventType::Revocation);
    assert_eq!(end.actor.requester.as_str(), "administrator");
    // What nobody has asked for is the sweep's.
    let expires = bench.issue(LeaseMode::Existing, None);
    for now in [T0 + TTL, T0 + TTL + 10] {
        while super::bench::batch(&leases, LedgerId::DynamicSecret(bench.log), now, 100)
            .is_some_and(|summary| summary.more)
        {}
    }
    let end = events(&bench, 9).remove(0).event;
    assert_eq!((end.lease_id, end.event_type), (Some(expires.lease.id), AuditEventType::Expiry));
    assert_eq!(end.actor.requester.as_str(), "sweeper");
}

pub(super) fn events_of_a_lease_outlive_it_and_go_in_order<K: KeyValue>(store: &K) {
    let bench = Bench::new(store);
    let held = bench.issue(LeaseMode::Existing, None);
    renew(&bench, &held);
    let mut long = bench.lease(LeaseMode::Existing);
    long.expires_at = at(T0 + 3 * AUDIT_RETENTION);
    bench.issue_as(&bench.number(), &long, None);
    let forgotten = T0 + TTL + TIMES.retention.num_seconds() + TimeDelta::days(1).num_seconds();
    for now in [T0, T0 + TTL, forgotten] {
        bench.sweep(now);
    }
    assert_eq!(bench.others().find(held.lease.id).expect("reads"), None, "the lease is forgotten");
    bench.tend(forgotten);
    let seen = ["2.issue issue", "1.end expiry", "1.renewal.1 renewal", "1.issue issue"];
    assert_eq!(told(&bench, 9), seen);
    assert_eq!(findings(&bench), []);
    bench.tend(T0 + TTL + AUDIT_RETENTION + 1);
    assert_eq!(told(&bench, 9), ["2.issue issue"], "what lives stays");
    assert_eq!(findings(&bench), []);
    for left in ["1.issue", "1.renewal.1", "1.end"] {
        let key = format!("event.{}.{left}", bench.log);
        assert_eq!(store.get(&key).expect("reads"), None, "{key} is left");
    }
    bench.tend(T0 + 2 * AUDIT_RETENTION);
    assert_eq!(told(&bench, 9), ["2.issue issue"], "it lives, however old its issue is");
}
