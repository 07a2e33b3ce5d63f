use serde_json::{Value, json};

use crate::testing::{ADMIN, EXISTING, Installation, TEMPORARY};

const PATH: &str = "/api/v1/dynamic-secrets/ci/namespaces";

/// Puts identity `bot` with these grants, and makes a token of it.
fn token_of_bot(app: &Installation, grants: &Value) -> String {
    let body = json!({"auth": [{"type": "token"}], "grants": grants}).to_string();
    app.send("PUT", "/api/v1/identities/bot", ADMIN, &body);
    let made = app.send("POST", "/api/v1/identities/bot/tokens", ADMIN, "");
    made.json["access_token"].as_str().expect("a token").to_owned()
}

#[test]
fn named_namespaces_are_shown_page_by_page() {
    let app = Installation::with_target();
    app.put_dynamic_secret("ci", EXISTING, r#","description":"x""#);
    let whole = app.send("GET", PATH, ADMIN, "");
    let expected = json!({"dynamic_secret": "ci", "target": "prod", "any_namespace": false,
        "items": ["apps"], "complete": true});
    assert_eq!((whole.status, &whole.json), (200, &expected));
    let body = json!({"target": "prod", "account": serde_json::from_str::<Value>(EXISTING).expect("JSON"),
        "namespaces": ["d", "a", "c", "b", "e"]});
    app.send("PUT", "/api/v1/dynamic-secrets/ci", ADMIN, &body.to_string());
    let (mut seen, mut cursor) = (vec![], String::new());
    for _ in 0..3 {
        let page = app.send("GET", &format!("{PATH}?limit=2{cursor}"), ADMIN, "");
        let items = page.json["items"].as_array().expect("a list").clone();
        seen.extend(items.iter().filter_map(Value::as_str).map(str::to_owned));
        cursor = format!("&cursor={}", page.json["next_cursor"].as_str().unwrap_or("end"));
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    assert_eq!(cursor, "&cursor=end");
    for query in ["?cursor=A", "?cursor=", "?limit=0", "?namespace=a"] {
        let answer = app.send("GET", &format!("{PATH}{query}"), ADMIN, "");
        assert_eq!(
            (answer.status, &answer.json["code"]),
            (422, &json!("invalid_query")),
            "{query}"
        );
    }
}

#[test]
fn an_identity_sees_where_it_may_ask_and_nothing_else() {
    let app = Installation::with_target();
    app.put_dynamic_secret(
        "ci",
        TEMPORARY,
        r#","namespace_selector":{"matchLabels":{"team":"a"}},"namespace_match":"any""#,
    );
    for name in ["a1", "a2", "web-1"] {
        app.ports.http.put_namespace(name, &json!({"team": "a"}), None);
    }
    let all = app.send("GET", PATH, ADMIN, "");
    assert_eq!(all.json["items"], json!(["a1", "a2", "apps", "web-1"]), "{}", all.json);
    let grant = |secrets: &str, namespaces: Value, action: &str| json!({"dynamic_secrets": [secrets], "namespaces": namespaces, "actions": [action]});
    for (grants, status, items) in [
        (json!([]), 403, Value::Null),
        (json!([grant("other", json!(["*"]), "issue")]), 403, Value::Null),
        (json!([grant("ci", json!(["*"]), "read")]), 403, Value::Null),
        (json!([grant("ci", json!(["a*"]), "issue")]), 200, json!(["a1", "a2", "apps"])),
        (
            json!([
                grant("c*", json!(["a1"]), "issue"),
                grant("ci", json!(["web-*"]), "issue"),
                grant("ci", json!(["apps"]), "read")
            ]),
            200,
            json!(["a1", "web-1"]),
        ),
    ] {
        let token = token_of_bot(&app, &grants);
        let answer = app.send("GET", PATH, &token, "");
        assert_eq!(
            (answer.status, &answer.json["items"]),
            (status, &items),
            "{grants}: {}",
            answer.json
        );
        // One that does not exist is not told from one that is not granted.
        let unknown = app.send("GET", "/api/v1/dynamic-secrets/nope/namespaces", &token, "");
        assert_eq!((unknown.status, &unknown.json["code"]), (403, &json!("not_granted")));
        app.pass(1);
    }
    let token = token_of_bot(&app, &json!([grant("ci", json!(["web-*", "a1"]), "issue")]));
    app.put_dynamic_secret("ci", TEMPORARY, "");
    let body = json!({"target": "prod", "account": serde_json::from_str::<Value>(TEMPORARY).expect("JSON"), "namespaces": ["*", "a1"]});
    app.send("PUT", "/api/v1/dynamic-secrets/ci", ADMIN, &body.to_string());
    let answer = app.send("GET", PATH, &token, "");
    let expected = json!({"dynamic_secret": "ci", "target": "prod", "any_namespace": true,
        "granted": ["a1", "web-*"], "items": ["a1"], "complete": true});
    assert_eq!(answer.json, expected);
}

#[test]
fn what_could_not_be_leased_anyway_is_refused_as_an_issue_is() {
    let app = Installation::with_dynamic_secret(r#","disabled":true"#);
    for (path, status, code) in [
        (PATH, 409, "disabled"),
        ("/api/v1/dynamic-secrets/nope/namespaces", 404, "unknown_dynamic_secret"),
        ("/api/v1/dynamic-secrets/Nope/namespaces", 422, "invalid_name"),
    ] {
        let answer = app.send("GET", path, ADMIN, "");
        assert_eq!((answer.status, &answer.json["code"]), (status, &json!(code)), "{path}");
    }
}
