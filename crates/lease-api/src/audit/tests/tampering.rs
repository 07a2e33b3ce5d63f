//! Whoever can write to the store, and has no key, changes nothing unseen.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::testing::{ADMIN, Installation};

type Contents = BTreeMap<String, Vec<u8>>;

/// Returns the findings of a verification, part by part.
fn findings(app: &Installation) -> Vec<Value> {
    let (mut findings, mut cursor) = (vec![], String::new());
    for _ in 0..100 {
        let part = app.send("GET", &format!("/api/v1/audit/verify{cursor}"), ADMIN, "");
        assert_eq!(part.status, 200, "{}", part.json);
        findings.extend(part.json["findings"].as_array().expect("findings").iter().cloned());
        match part.json["next_cursor"].as_str() {
            Some(next) => cursor = format!("?cursor={next}"),
            None => return findings,
        }
    }
    panic!("the verification does not end")
}

/// An installation with some events, which a sweep has accounted for.
fn installation() -> Installation {
    let app = Installation::with_dynamic_secret("");
    for name in ["a", "b", "c", "d"] {
        let path = format!("/api/v1/identities/{name}");
        assert_eq!(app.send("PUT", &path, ADMIN, "{}").status, 201);
    }
    app.issue("");
    let revoked = app.issue("").lease_path();
    app.send("DELETE", &revoked, ADMIN, "");
    app.pass(600);
    app.send("POST", "/api/v1/sweep", ADMIN, "");
    assert_eq!(findings(&app), Vec::<Value>::new());
    app
}

fn replace(contents: &mut Contents, key: &str, from: &str, to: &str) {
    let value = contents.get_mut(key).expect(key);
    let text = String::from_utf8(value.clone()).expect("text");
    assert!(text.contains(from), "{key}: {text}");
    *value = text.replace(from, to).into_bytes();
}

fn swap(contents: &mut Contents, one: &str, other: &str) {
    let (first, second) = (contents[one].clone(), contents[other].clone());
    contents.insert(one.to_owned(), second);
    contents.insert(other.to_owned(), first);
}

fn copy(contents: &mut Contents, from: &str, to: &str) {
    let value = contents[from].clone();
    contents.insert(to.to_owned(), value);
}

#[test]
fn each_way_to_change_an_event_is_found() {
    type Tamper = fn(&mut Contents);
    let altered = |id: &str| json!({"finding": "altered", "id": id});
    let cases: [(&str, Tamper, Vec<Value>); 12] = [
        ("nothing", |_| {}, vec![]),
        (
            "an edit in the general log",
            |all| replace(all, "event.audit.4", "administrator", "administratox"),
            vec![altered("audit.4")],
        ),
        (
            "a swap in the general log",
            |all| swap(all, "event.audit.3", "event.audit.4"),
            vec![altered("audit.3"), altered("audit.4")],
        ),
        (
            "an insertion: one event once more, under the number of another",
            |all| copy(all, "event.audit.3", "event.audit.5"),
            vec![altered("audit.5")],
        ),
        (
            "a gap in the general log",
            |all| _ = all.remove("event.audit.4"),
            vec![json!({"finding": "missing_numbers", "log": "audit", "from": 4, "to": 4})],
        ),
        (
            "the end of the general log",
            |all| _ = all.remove("event.audit.6"),
            vec![json!({"finding": "missing_numbers", "log": "audit", "from": 6, "to": 6})],
        ),
        (
            "an edit of a lease's event",
            |all| replace(all, "event.1.1.issue", "administrator", "administratox"),
            vec![altered("1.1.issue")],
        ),
        (
            "a swap of two leases' events",
            |all| swap(all, "event.1.1.issue", "event.1.2.issue"),
            vec![altered("1.1.issue"), altered("1.2.issue")],
        ),
        (
            "an insertion: an end of a lease that lives",
            |all| copy(all, "event.1.2.end", "event.1.1.end"),
            vec![altered("1.1.end")],
        ),
        (
            "a gap: an issue is gone",
            |all| _ = all.remove("event.1.1.issue"),
            vec![json!({"finding": "missing", "id": "1.1.issue"})],
        ),
        (
            "a gap: an end is gone",
            |all| _ = all.remove("event.1.2.end"),
            vec![json!({"finding": "missing", "id": "1.2.end"})],
        ),
        (
            "an event that is no event",
            |all| _ = all.insert("event.audit.2".to_owned(), b"{}".to_vec()),
            vec![altered("audit.2")],
        ),
    ];
    for (what, tamper, expected) in cases {
        let app = installation();
        let mut contents = app.ports.store.all_contents();
        tamper(&mut contents);
        app.ports.store.replace_contents(contents);
        let mut found = findings(&app);
        found.sort_by_key(ToString::to_string);
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn an_altered_event_is_shown_as_such() {
    let app = installation();
    let mut contents = app.ports.store.all_contents();
    replace(&mut contents, "event.audit.4", "administrator", "administratox");
    contents.insert("event.audit.3".to_owned(), b"no JSON".to_vec());
    app.ports.store.replace_contents(contents);
    let page = app.send("GET", "/api/v1/audit?identity=b", ADMIN, "").json;
    assert_eq!(page["items"][0]["altered"], json!(true), "{page}");
    assert_eq!(page["items"][0]["requester"], "administratox");
    let all = app.send("GET", "/api/v1/audit?type=identity_put", ADMIN, "").json;
    assert_eq!(all["unreadable"], 1, "{all}");
    assert_eq!(all["items"].as_array().map(Vec::len), Some(3), "{all}");
}
