use lease_core::AuditEventType;
use serde_json::json;

use super::{events, put_bot, with_bot};
use crate::testing::ADMIN;

#[test]
fn events_are_found_by_what_they_are_and_page_by_page() {
    let (app, token) = with_bot(&json!({}));
    let since = app.ports.now();
    app.pass(10);
    app.send("GET", "/api/v1/targets", &token, "");
    app.send("PUT", "/api/v1/identities/other", ADMIN, "{}");
    let text = since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    for (query, found) in [
        (
            "",
            vec![
                "identity_put",
                "refusal",
                "access_token_created",
                "identity_put",
                "dynamic_secret_put",
                "target_put",
            ],
        ),
        (
            "limit=2",
            vec![
                "identity_put",
                "refusal",
                "access_token_created",
                "identity_put",
                "dynamic_secret_put",
                "target_put",
            ],
        ),
        ("identity=bot", vec!["refusal", "access_token_created", "identity_put"]),
        ("identity=nobody", vec![]),
        ("type=identity_put", vec!["identity_put", "identity_put"]),
        ("dynamic_secret=ci", vec!["dynamic_secret_put"]),
        (&format!("until={text}"), vec![]),
        ("until=2026-11-22T07:00:05Z&type=target_put", vec!["target_put"]),
        ("since=2026-11-22T07:00:05%2B00:00", vec!["identity_put", "refusal"]),
        ("since=2026-11-22T07:00:11Z", vec![]),
    ] {
        let events = events(&app, query);
        let types: Vec<_> =
            events.iter().map(|event| event["event"].as_str().unwrap_or_default()).collect();
        assert_eq!(types, found, "{query}");
    }
    for query in ["cursor=x", "type=x", "limit=0"] {
        assert_eq!(
            app.send("GET", &format!("/api/v1/audit?{query}"), ADMIN, "").status,
            422,
            "{query}"
        );
    }
}

#[test]
fn administrators_alone_read_the_audit() {
    let (app, token) = with_bot(&json!({}));
    let admin = json!({"admin": true});
    let (_, helper) = (put_bot(&app, &json!({})), put_bot(&app, &admin));
    for path in ["/api/v1/audit", "/api/v1/audit/verify"] {
        assert_eq!(app.send("GET", path, "", "").status, 401, "{path}");
        assert_eq!(app.send("GET", path, crate::testing::SWEEP, "").status, 401, "{path}");
        assert_eq!(app.send("GET", path, ADMIN, "").status, 200, "{path}");
        assert_eq!(app.send("GET", path, &helper, "").status, 200, "{path}");
    }
    put_bot(&app, &json!({}));
    for path in ["/api/v1/audit", "/api/v1/audit/verify"] {
        assert_eq!(app.send("GET", path, &token, "").status, 403, "{path}");
    }
}

#[test]
fn the_openapi_document_has_these_types_of_events_and_no_others() {
    let document = include_str!("../../../../../docs/openapi.json");
    let document: serde_json::Value = serde_json::from_str(document).expect("JSON");
    let documented = &document["components"]["schemas"]["AuditEventType"]["enum"];
    let types: Vec<_> = AuditEventType::ALL.iter().map(|one| one.as_str()).collect();
    assert_eq!(*documented, json!(types));
    let text = include_str!("../../../../../docs/api.md");
    for name in types {
        assert!(text.contains(&format!("`{name}`")), "docs/api.md does not name `{name}`");
    }
}
