//! Lists of leases, and taking many back.

use lease_testing::Fault;
use serde_json::{Value, json};

use super::{code, installation};
use crate::testing::{ADMIN, EXISTING, Installation, PLAIN, TEMPORARY};

const REVOKE: &str = "/api/v1/leases/revoke";

/// The ids on all pages, and how many pages they took.
fn all(app: &Installation, query: &str) -> (Vec<Value>, usize) {
    let (mut ids, mut pages, mut cursor) = (vec![], 0, String::new());
    loop {
        let page = app.send("GET", &format!("/api/v1/leases?{query}{cursor}"), ADMIN, "");
        assert_eq!(page.status, 200, "{query}: {}", page.json);
        let items = page.json["items"].as_array().expect("a list");
        ids.extend(items.iter().map(|item| item["lease_id"].clone()));
        pages += 1;
        let Some(next) = page.json["next_cursor"].as_str() else { return (ids, pages) };
        cursor = format!("&cursor={next}");
    }
}

/// Three leases of `ci`, of which one was taken back, and two plain ones of `other`.
fn five() -> (Installation, Vec<Value>) {
    let app = installation(TEMPORARY, "");
    app.put_dynamic_secret("other", PLAIN, "");
    let mut ids = vec![];
    for name in ["ci", "ci", "ci", "other", "other"] {
        let path = format!("/api/v1/dynamic-secrets/{name}/leases");
        let issued = app.send("POST", &path, ADMIN, "");
        assert_eq!(issued.status, 201, "{}", issued.json);
        if ids.is_empty() {
            app.send("DELETE", &issued.lease_path(), ADMIN, "");
        }
        ids.push(issued.json["lease_id"].clone());
        app.pass(1);
    }
    (app, ids)
}

#[test]
fn leases_are_listed_by_page_and_filter() {
    let (app, ids) = five();
    for (query, listed) in [
        ("", &ids[..]),
        ("dynamic_secret=ci", &ids[..3]),
        ("dynamic_secret=other", &ids[3..]),
        ("dynamic_secret=none", &[]),
        ("target=prod&namespace=apps", &ids[..]),
        ("target=none", &[]),
        ("namespace=web", &[]),
        ("state=revoked", &ids[..1]),
        ("state=active&dynamic_secret=ci", &ids[1..3]),
        ("state=lost", &[]),
    ] {
        assert_eq!(all(&app, query).0, listed, "{query}");
        let (one_by_one, pages) = all(&app, &format!("{query}&limit=1"));
        assert_eq!(one_by_one, listed, "{query} in pages");
        assert!(pages >= listed.len(), "{query}: {pages} pages");
    }
    let page = app.send("GET", "/api/v1/leases?dynamic_secret=other&limit=1", ADMIN, "").json;
    let path = format!("/api/v1/leases/{}", ids[3].as_str().expect("an id"));
    assert_eq!(page["items"][0], app.send("GET", &path, ADMIN, "").json);
}

#[test]
fn a_list_refuses_what_it_does_not_take() {
    let app = Installation::default();
    for query in [
        "limit=0",
        "limit=501",
        "limit=x",
        "cursor=1",
        "cursor=x.1",
        "state=gone",
        "all=true",
        "limit=1&limit=1",
        "target=A",
    ] {
        let answer = app.send("GET", &format!("/api/v1/leases?{query}"), ADMIN, "");
        assert_eq!(code(&answer), (422, "invalid_query"), "{query}");
    }
}

#[test]
fn many_leases_are_taken_back_page_by_page() {
    let (app, _) = five();
    let mut body = json!({"target": "prod", "limit": 1});
    let mut total = json!({"revoked": 0, "revoking": 0, "not_revocable": 0});
    for _ in 0..20 {
        let answer = app.send("POST", REVOKE, ADMIN, &body.to_string());
        assert_eq!(answer.status, 200, "{}", answer.json);
        for key in ["revoked", "revoking", "not_revocable"] {
            let sum = total[key].as_u64().unwrap_or_default()
                + answer.json[key].as_u64().expect("a count");
            total[key] = json!(sum);
        }
        let Some(next) = answer.json.get("next_cursor") else { break };
        body["cursor"] = next.clone();
    }
    assert_eq!(total, json!({"revoked": 2, "revoking": 0, "not_revocable": 2}));
    assert_eq!(all(&app, "state=active&dynamic_secret=ci").0, Vec::<Value>::new());
}

#[test]
fn what_cannot_be_taken_back_now_is_accepted() {
    let app = installation(EXISTING, "");
    app.issue("");
    app.ports.http.fail_all(Fault::Unreachable, |_| true);
    let answer = app.send("POST", REVOKE, ADMIN, r#"{"dynamic_secret":"ci"}"#);
    let counts = json!({"revoked": 0, "revoking": 1, "not_revocable": 0});
    assert_eq!((answer.status, answer.json), (202, counts));
    assert_eq!(all(&app, "state=revoking").0.len(), 1);
}
