use chrono::{DateTime, TimeDelta, Utc};
use lease_core::{AuditActor, AuditDecision, AuditEventType, MasterKey};
use serde_json::json;

use super::*;
use crate::{Definitions, MemoryStore, StoredDefinition};

mod tend;

const TIMES: AuditSweepDurations =
    AuditSweepDurations { landing: TimeDelta::seconds(75), retention: TimeDelta::days(90) };

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("in range")
}

fn keys(current: &str, previous: &[&str]) -> Keyring {
    let key = |letter: &str| {
        MasterKey::from_base64(&format!("{}=", letter.repeat(43))).expect("a good key")
    };
    let previous: Vec<_> = previous.iter().map(|letter| key(letter)).collect();
    Keyring::new(&key(current), &previous)
}

fn event(seconds: i64) -> AuditEvent {
    let actor = AuditActor::of_requester("administrator");
    AuditEvent::new(AuditEventType::Login, AuditDecision::Allowed, &actor, at(seconds))
}

/// A log with an event in each of so many seconds, which a sweep has seen.
fn filled<'a>(store: &'a MemoryStore, keys: &'a Keyring, count: i64) -> AuditLog<'a, MemoryStore> {
    let log = AuditLog::new(store, keys);
    for second in 1..=count {
        log.record_general_event(&event(second)).expect("records");
    }
    log.settle_and_forget_events(at(count), TIMES).expect("tends");
    log
}

fn query(limit: usize) -> AuditQuery {
    AuditQuery { logs: vec![AuditLogId::General], since: None, limit }
}

/// A whole verification, part by part.
fn verified<K: KeyValue>(log: &AuditLog<'_, K>, seconds: i64) -> AuditVerification {
    let mut all = AuditVerification::default();
    loop {
        let part = log.verify_events_part(all.next.as_ref(), at(seconds)).expect("verifies");
        all.checked += part.checked;
        all.voids += part.voids;
        all.unsettled += part.unsettled;
        all.findings.extend(part.findings);
        all.next = part.next;
        if all.next.is_none() {
            return all;
        }
    }
}

/// All numbers that pages show, in their order.
fn paged(log: &AuditLog<'_, MemoryStore>, limit: usize) -> Vec<u64> {
    let (mut numbers, mut from) = (vec![], None);
    loop {
        let page = log.read_page(&query(limit), from.as_ref(), |_| true).expect("reads");
        assert!(page.items.len() <= limit && page.unreadable == 0);
        numbers.extend(page.items.iter().map(|record| record.place.number));
        // Clients have it as a text.
        match page.next {
            Some(next) => from = Some(next.to_string().parse().expect("a cursor")),
            None => return numbers,
        }
    }
}

#[test]
fn an_event_costs_two_writes_and_is_read_as_it_was_written() {
    let (store, keys) = (MemoryStore::default(), keys("A", &[]));
    let log = AuditLog::new(&store, &keys);
    let place = log.record_general_event(&event(1)).expect("records");
    assert_eq!((place.to_string().as_str(), store.number_of_writes()), ("audit.1", 2));
    let page = log.read_page(&query(9), None, |_| true).expect("reads");
    let record = AuditRecord { place, event: event(1), is_genuine: true };
    assert_eq!((page.items, page.next), (vec![record], None));
    assert_eq!(store.number_of_writes(), 2, "reading writes nothing");
}

#[test]
fn a_change_of_a_definition_and_its_event_are_one_write() {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Thing(String);

    impl StoredDefinition for Thing {
        type Name = str;
        const KIND: &'static str = "thing";

        fn name(&self) -> &str {
            &self.0
        }
    }

    let (store, keys) = (MemoryStore::default(), keys("A", &[]));
    let log = AuditLog::new(&store, &keys);
    let things = Definitions::<_, Thing>::new(&store);
    things.put_definition(&Thing("a".to_owned())).expect("puts");
    let writes = store.number_of_writes();
    let prepared = log.number_and_sign_general_event(&event(1)).expect("prepares");
    assert_eq!(prepared.place().number, 1);
    assert!(paged(&log, 9).is_empty(), "it is not written yet");
    things.put_definition_with_entries(&Thing("a".to_owned()), prepared.entries()).expect("puts");
    assert_eq!(store.number_of_writes() - writes, 2, "one more than without an event");
    assert_eq!(paged(&log, 9), [1]);

    let prepared = log.number_and_sign_general_event(&event(2)).expect("prepares");
    assert!(things.delete_definition_with_entries("a", prepared.entries()).expect("deletes"));
    assert_eq!((things.get("a").expect("reads"), paged(&log, 9)), (None, vec![2, 1]));
    let prepared = log.number_and_sign_general_event(&event(3)).expect("prepares");
    assert!(
        !things.delete_definition_with_entries("a", prepared.entries()).expect("deletes nothing")
    );
    assert_eq!(paged(&log, 9), [2, 1]);
}

#[test]
fn pages_make_up_the_log_with_bounded_reads() {
    let (store, keys) = (MemoryStore::default(), keys("A", &[]));
    let log = filled(&store, &keys, 2500);
    let all: Vec<u64> = (1..=2500).rev().collect();
    for limit in [500, 2500, 9999] {
        assert_eq!(paged(&log, limit), all);
    }
    let (mut from, mut pages) = (None, 0);
    loop {
        let before = store.number_of_reads();
        let page = log.read_page(&query(10), from.as_ref(), |_| false).expect("reads");
        assert!(
            store.number_of_reads() - before <= 1020,
            "{} reads",
            store.number_of_reads() - before
        );
        assert!(page.items.is_empty());
        pages += 1;
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert!((3..10).contains(&pages), "{pages} pages");
    // What comes meanwhile does not shift what follows.
    let page = log.read_page(&query(2), None, |_| true).expect("reads");
    log.record_general_event(&event(3000)).expect("records");
    let next = log.read_page(&query(2), page.next.as_ref(), |_| true).expect("reads");
    let numbers: Vec<u64> = next.items.iter().map(|record| record.place.number).collect();
    assert_eq!(numbers, [2498, 2497]);
    // What is long before `since` is not looked for.
    let since = AuditQuery { since: Some(at(2500 + 7200)), ..query(9999) };
    let recent = log.read_page(&since, None, |_| true).expect("reads");
    assert_eq!((recent.items.len(), recent.next), (0, None));
}

/// A change to the store by somebody who has no key.
type Tampering = fn(&MemoryStore);

fn value(store: &MemoryStore, key: &str) -> Vec<u8> {
    store.get(key).expect("reads").unwrap_or_else(|| panic!("no `{key}`"))
}

fn set(store: &MemoryStore, key: &str, value: Vec<u8>) {
    store.set_many(&[(key.to_owned(), value)]).expect("writes");
}

fn delete(store: &MemoryStore, numbers: impl IntoIterator<Item = u64>) {
    let keys: Vec<_> = numbers.into_iter().map(|number| format!("event.audit.{number}")).collect();
    store.delete_many(&keys).expect("deletes");
}

fn replace(store: &MemoryStore, key: &str, from: &str, to: &str) {
    let text = String::from_utf8(value(store, key)).expect("a text");
    assert!(text.contains(from), "{text}");
    set(store, key, text.replacen(from, to, 1).into_bytes());
}

#[test]
fn every_change_of_the_log_is_found() {
    let altered = |number: u64| json!({"finding": "altered", "id": format!("audit.{number}")});
    let missing = |from: u64, to: u64| json!({"finding": "missing_numbers", "log": "audit", "from": from, "to": to});
    let mark = |key: &str| json!({"finding": "mark_altered", "key": key});
    let rows: Vec<(&str, Tampering, Vec<serde_json::Value>)> = vec![
        ("nothing", |_| {}, vec![]),
        (
            "an edit",
            |store| replace(store, "event.audit.5", "administrator", "nobody"),
            vec![altered(5)],
        ),
        (
            "an edit that changes no meaning",
            |store| replace(store, "event.audit.5", "\"content\":{", "\"content\":{ "),
            vec![altered(5)],
        ),
        (
            "an edit of the MAC",
            |store| replace(store, "event.audit.5", "\"mac\":\"1.", "\"mac\":\"2."),
            vec![altered(5)],
        ),
        ("nonsense", |store| set(store, "event.audit.5", b"?".to_vec()), vec![altered(5)]),
        (
            "another version",
            |store| replace(store, "event.audit.5", "{\"v\":2", "{\"v\":3"),
            vec![altered(5)],
        ),
        (
            "a swap",
            |store| {
                let (three, seven) = (value(store, "event.audit.3"), value(store, "event.audit.7"));
                set(store, "event.audit.3", seven);
                set(store, "event.audit.7", three);
            },
            vec![altered(3), altered(7)],
        ),
        (
            "a copy in place of what was removed",
            |store| set(store, "event.audit.3", value(store, "event.audit.7")),
            vec![altered(3)],
        ),
        ("a gap", |store| delete(store, [5]), vec![missing(5, 5)]),
        ("gaps", |store| delete(store, [1, 2, 3, 8]), vec![missing(1, 3), missing(8, 8)]),
        ("the end of it", |store| delete(store, 9..=10), vec![missing(9, 10)]),
        ("all of it", |store| delete(store, 1..=10), vec![missing(1, 10)]),
        (
            "an insertion where one was removed",
            |store| {
                let event = value(store, "event.audit.4");
                delete(store, [5]);
                set(store, "event.audit.5", event);
            },
            vec![altered(5)],
        ),
        (
            "a word that it is void",
            |store| {
                delete(store, [5]);
                let mark = value(store, "settled.audit");
                set(store, "void.audit.5", mark);
            },
            vec![mark("void.audit.5")],
        ),
        (
            "a word that all of it is forgotten",
            |store| {
                delete(store, 1..=10);
                set(store, "forgotten.audit", value(store, "settled.audit"));
            },
            vec![mark("forgotten.audit"), missing(1, 10)],
        ),
        (
            "another settled mark",
            |store| replace(store, "settled.audit", "\"up_to\":10", "\"up_to\":1"),
            vec![mark("settled.audit")],
        ),
        (
            "a counter that is set back",
            |store| set(store, "count.audit", 7_u64.to_le_bytes().to_vec()),
            vec![json!({"finding": "counter_set_back", "log": "audit", "last": 7, "known": 10})],
        ),
    ];
    for (what, tamper, findings) in rows {
        let (store, keys) = (MemoryStore::default(), keys("A", &[]));
        let log = filled(&store, &keys, 10);
        tamper(&store);
        let found = serde_json::to_value(verified(&log, 20).findings).expect("serialises");
        assert_eq!(found, json!(findings), "{what}");
    }
}

#[test]
fn what_is_removed_before_the_sweep_is_missed_a_day_later() {
    let (store, keys) = (MemoryStore::default(), keys("A", &[]));
    let log = AuditLog::new(&store, &keys);
    for second in 1..=10 {
        log.record_general_event(&event(second)).expect("records");
    }
    delete(&store, [5]);
    let found = verified(&log, 20);
    assert_eq!((found.findings.len(), found.unsettled, found.checked), (0, 1, 9));
    assert_eq!(verified(&log, 90_000).findings.len(), 1);
}

#[test]
fn an_event_that_was_signed_under_an_earlier_key_is_genuine() {
    let (store, first) = (MemoryStore::default(), keys("A", &[]));
    filled(&store, &first, 3);
    for (keys, genuine) in [(keys("I", &["A"]), true), (keys("I", &[]), false)] {
        let log = AuditLog::new(&store, &keys);
        let page = log.read_page(&query(9), None, |_| true).expect("reads");
        assert_eq!(page.items.len(), 3);
        assert!(page.items.iter().all(|record| record.is_genuine == genuine));
        assert_eq!(verified(&log, 20).findings.is_empty(), genuine);
    }
}
