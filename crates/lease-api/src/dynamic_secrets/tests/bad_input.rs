use serde_json::json;

use super::{CI, body, code, put};
use crate::testing::{ADMIN, EXISTING, Installation, MALFORMED_NAMES, PLAIN, TEMPORARY};

/// Added fields, with the pointer of the error, and a part of its detail.
const MORE: &[(&str, &str, &str)] = &[
    (r#""ttl":"canary""#, "/ttl", "unknown field `ttl`"),
    (r#""default_ttl":"canary""#, "/default_ttl", "a duration is"),
    (r#""default_ttl":0"#, "/default_ttl", "a duration is"),
    (r#""default_ttl":-1"#, "/default_ttl", "a duration is"),
    (r#""default_ttl":["canary"]"#, "/default_ttl", "expected a duration like `1h30m`"),
    (r#""max_ttl":"1w""#, "/max_ttl", "a duration is"),
    (r#""max_ttl":1.5"#, "/max_ttl", "expected a duration like"),
    (r#""namespace_match":"both""#, "/namespace_match", "expected `any` or `all`"),
    (r#""namespace_selector":{}"#, "/namespace_selector", "at least one of `matchLabels`"),
    (
        r#""namespace_selector":"canary""#,
        "/namespace_selector",
        "expected an object with `matchLabels`",
    ),
    (
        r#""namespace_selector":{"matchLabel":{}}"#,
        "/namespace_selector/matchLabel",
        "unknown field",
    ),
    (
        r#""namespace_selector":{"matchLabels":{"a":"can ary"}}"#,
        "/namespace_selector/matchLabels/a",
        "a label's value is empty or 1 to 63",
    ),
    (
        r#""namespace_selector":{"matchExpressions":[{"key":"a","operator":"In"}]}"#,
        "/namespace_selector/matchExpressions/0",
        "needs `values`",
    ),
    (
        r#""namespace_selector":{"matchExpressions":[{"key":"a","operator":"Is"}]}"#,
        "/namespace_selector/matchExpressions/0/operator",
        "expected one of `In`",
    ),
    (r#""audiences":"canary""#, "/audiences", "expected an object with `default`"),
    (r#""audiences":{"default":["can ary"]}"#, "/audiences/default/0", "an audience is 1 to 253"),
    (r#""audiences":{"allowed":["a","a"]}"#, "/audiences", "`a` is listed twice"),
    (r#""audiences":{"allow":["a"]}"#, "/audiences/allow", "unknown field `allow`"),
    (r#""max_live_leases":0"#, "/max_live_leases", "is 1 to 1000000"),
    (r#""max_live_leases":1000001"#, "/max_live_leases", "is 1 to 1000000"),
    (r#""max_live_leases":"canary""#, "/max_live_leases", "expected u64"),
    (r#""allow_dangerous":["canary"]"#, "/allow_dangerous/0", "a waiver is `group/resource:verb`"),
    (r#""allow_dangerous":["role:edit","role:edit"]"#, "/allow_dangerous", "has `role:edit` twice"),
    (r#""name_template":"""#, "/name_template", "has 1 to 253 bytes"),
    (r#""name_template":"{{name}}""#, "/name_template", "the placeholders are `dynamic_secret`"),
    (r#""name_template":"{{identity}""#, "/name_template", "without `}}`"),
    (r#""labels":{"a b":"c"}"#, "/labels/a b", "is not a key: a key is"),
    (r#""labels":{"a":"can ary"}"#, "/labels/a", "a label's value is"),
    (
        r#""labels":{"app.kubernetes.io/managed-by":"x"}"#,
        "/labels",
        "cannot be set on leased objects",
    ),
    (r#""labels":{"kubelease.dev/lease":"x"}"#, "/labels", "cannot be set on leased objects"),
    (
        r#""annotations":{"eks.amazonaws.com/role-arn":"canary"}"#,
        "/annotations",
        "may grant rights or",
    ),
    (r#""annotations":{"iam.gke.io/x":"canary"}"#, "/annotations", "may grant rights or"),
    (r#""annotations":{"a":7}"#, "/annotations/a", "expected a string"),
    (r#""description":"can\u0007ary""#, "/description", "one line of at most 1024 characters"),
    (r#""tags":["can ary"]"#, "/tags/0", "a tag is 1 to 64"),
    (r#""tags":["a","a"]"#, "/tags", "tag `a` is given twice"),
    (r#""disabled":"yes""#, "/disabled", "expected a boolean"),
    (r#""delete_protection":1"#, "/delete_protection", "expected a boolean"),
    (r#""on_change":"canary""#, "/on_change", "expected `keep` or `revoke`"),
    (r#""on_change":null"#, "/on_change", "expected"),
    (r#""target":"prod""#, "", "duplicate field `target`"),
    (r#""name":"ci""#, "/name", "unknown field `name`"),
];

/// Replaced fields, with the pointer of the error, and a part of its detail.
const OTHERWISE: &[(&str, &str, &str, &str)] = &[
    (
        r#""target":"prod""#,
        r#""target":"test""#,
        "/target",
        "there is no target `test`; put it first",
    ),
    (r#""target":"prod""#, r#""target":"Canary""#, "/target", "a target name is 1 to 63"),
    (r#""target":"prod""#, r#""target":7"#, "/target", "expected a string"),
    (r#""target":"prod","#, "", "", "missing field `target`"),
    (r#""target":"prod""#, r#""target":{"url":"canary"}"#, "/target/url", "is written `https://"),
    (
        r#""target":"prod""#,
        r#""target":{"url":"https://a.example","auth":{"type":"canary"}}"#,
        "/target/auth/type",
        "expected one of `token`",
    ),
    (
        r#""target":"prod""#,
        r#""target":{"url":"https://a.example","auth":{"type":"token","token":"canary","variable":"target_a"}}"#,
        "/target/auth",
        "not both",
    ),
    (r#""target":"prod""#, r#""target":{"name":"canary"}"#, "/target/name", "unknown field `name`"),
    (r#""account":{"#, r#""account":"canary","x":{"#, "/account", "expected"),
    (
        r#""type":"existing""#,
        r#""type":"canary""#,
        "/account/type",
        "expected `existing` or `temporary`",
    ),
    (r#""type":"existing","#, "", "/account", "missing field `type`"),
    (
        r#""name":"deployer""#,
        r#""name":"Can/ary""#,
        "/account",
        "a service account name is 1 to 253",
    ),
    (r#""name":"deployer""#, r#""nam":"canary""#, "/account", "unknown field `nam`"),
    (
        r#""name":"deployer""#,
        r#""name":"a","revocable":"canary""#,
        "/account",
        "expected a boolean",
    ),
    (r#"["apps"]"#, r#"["apps","Canary"]"#, "/namespaces/1", "a namespace is 1 to 63"),
    (r#"["apps"]"#, r#""canary""#, "/namespaces", "expected a sequence"),
    (r#"["apps"]"#, r#"[["canary"]]"#, "/namespaces/0", "expected a string"),
];

/// Accounts of a lease's own that cannot be.
const ACCOUNTS: &[(&str, &str)] = &[
    (r#"{"type":"temporary"}"#, "missing field `scope`"),
    (r#"{"type":"temporary","scope":"canary"}"#, "expected `namespace` or `cluster`"),
    (
        r#"{"type":"temporary","scope":"namespace"}"#,
        "exactly one of `role`, `rules` and `manifest`",
    ),
    (r#"{"type":"temporary","scope":"namespace","name":"canary"}"#, "unknown field `name`"),
    (r#"{"type":"temporary","scope":"namespace","role":"canary"}"#, "expected"),
    (
        r#"{"type":"temporary","scope":"cluster","role":{"kind":"Role","name":"r"}}"#,
        "needs a `ClusterRole`",
    ),
    (
        r#"{"type":"temporary","scope":"namespace","role":{"kind":"Canary","name":"r"}}"#,
        "expected `Role` or `ClusterRole`",
    ),
    (
        r#"{"type":"temporary","scope":"namespace","role":{"kind":"Role","name":"can/ary"}}"#,
        "a role name is 1 to 253",
    ),
    (r#"{"type":"temporary","scope":"namespace","rules":[]}"#, "1 to"),
    (r#"{"type":"temporary","scope":"namespace","rules":"canary"}"#, "rules are a list"),
    (
        r#"{"type":"temporary","scope":"namespace","rules":[{"resources":["pods"]}]}"#,
        "at least one verb",
    ),
    (
        r#"{"type":"temporary","scope":"namespace","rules":[{"nonResourceURLs":["/x"],"verbs":["get"]}]}"#,
        "nonResourceURLs",
    ),
    (
        r#"{"type":"temporary","scope":"namespace","manifest":"kind: Canary"}"#,
        "not allowed in a manifest",
    ),
    (
        r#"{"type":"temporary","scope":"namespace","manifest":"kind: Pod\nspec: {replicas: 1, a: *canary}"}"#,
        "`Pod` is not allowed in a manifest",
    ),
    (
        r#"{"type":"temporary","scope":"namespace","rules":{"rules":[],"canary":1}}"#,
        "rules are a list",
    ),
    (
        r#"{"type":"temporary","scope":"namespace","manifest":["canary"]}"#,
        "a manifest is a text of YAML",
    ),
    (
        r#"{"type":"temporary","scope":"namespace","manifest":""}"#,
        "exactly one Role or ClusterRole",
    ),
];

fn refused(app: &Installation, body: &str, pointer: &str, detail: &str) {
    let answer = put(app, body);
    assert_eq!(code(&answer), (422, "invalid_field"), "{body}: {}", answer.json);
    let told = answer.json["detail"].as_str().unwrap_or_default();
    assert!(told.contains(detail), "{body}: {}", answer.json);
    assert_eq!(answer.json["errors"][0]["pointer"], pointer, "{body}: {}", answer.json);
    // The prefix of a refused name in a manifest or a key may be told: it is no secret, and finds the place.
    assert!(!told.contains("canary"), "{body}: {}", answer.json);
}

fn nothing_was_put(app: &Installation) {
    let list = app.send("GET", "/api/v1/dynamic-secrets", ADMIN, "").json;
    assert_eq!(list, json!({"items": []}));
    let targets = app.send("GET", "/api/v1/targets", ADMIN, "").json;
    assert_eq!(targets["items"].as_array().map(Vec::len), Some(1), "{targets}");
}

#[test]
fn a_field_that_does_not_fit_changes_nothing_and_is_told_what_would() {
    let app = Installation::with_target();
    for (more, pointer, detail) in MORE {
        refused(&app, &body(EXISTING, &format!(",{more}")), pointer, detail);
    }
    for (from, to, pointer, detail) in OTHERWISE {
        let good = body(EXISTING, "");
        assert!(good.contains(from), "{from}");
        refused(&app, &good.replacen(from, to, 1), pointer, detail);
    }
    for (account, detail) in ACCOUNTS {
        refused(&app, &body(account, ""), "/account", detail);
    }
    refused(&app, "[]", "", "expected an object with `target`");
    refused(&app, "null", "", "expected an object with `target`");
    nothing_was_put(&app);
}

#[test]
fn fields_that_do_not_fit_together_change_nothing_and_are_told_what_would() {
    let app = Installation::with_target();
    let wild = body(TEMPORARY, "").replace(r#"["pods"]"#, r#"["*"]"#);
    let selector = r#","namespace_selector":{"matchLabels":{"a":"b"}}"#;
    let bare = |account: &str| body(account, "").replace(r#","namespaces":["apps"]"#, "");
    for (body, told_code, detail) in [
        (
            body(EXISTING, r#","default_ttl":"25h","max_ttl":"24h""#),
            "invalid_terms",
            "is more than `max_ttl`",
        ),
        (
            body(EXISTING, r#","default_ttl":"9s""#),
            "invalid_terms",
            "is less than the minimum of 10s",
        ),
        (body(PLAIN, r#","default_ttl":"9m""#), "invalid_terms", "is less than 10m"),
        (body(EXISTING, r#","max_ttl":"769h""#), "invalid_terms", "is more than 32d"),
        (bare(EXISTING), "invalid_terms", "`namespaces` or `namespace_selector` is required"),
        (body(EXISTING, "").replace(r#"["apps"]"#, "[]"), "invalid_terms", "lists 1 to 256"),
        (
            body(EXISTING, "").replace(r#"["apps"]"#, r#"["a","a"]"#),
            "invalid_terms",
            "lists `a` twice",
        ),
        (
            body(EXISTING, "").replace(r#"["apps"]"#, r#"["*"]"#),
            "invalid_terms",
            "`namespaces` that are listed",
        ),
        (body(TEMPORARY, selector), "invalid_terms", "`namespace_match` is required"),
        (
            body(TEMPORARY, r#","namespace_match":"any""#),
            "invalid_terms",
            "leave `namespace_match` out",
        ),
        (wild, "dangerous_rules", r#"`"allow_dangerous":["#),
    ] {
        let answer = put(&app, &body);
        assert_eq!(code(&answer), (422, told_code), "{body}: {}", answer.json);
        let told = answer.json["detail"].as_str().unwrap_or_default();
        assert!(told.contains(detail), "{body}: {told}");
    }
    nothing_was_put(&app);
}

#[test]
fn the_installations_own_maximum_bounds_every_definition() {
    let mut app = Installation::with_target();
    app.variables.max_lease_ttl = "2h".to_owned();
    refused(&app, &body(EXISTING, r#","max_ttl":"3h""#), "/max_ttl", "at most 2h");
    nothing_was_put(&app);
    assert_eq!(put(&app, &body(EXISTING, r#","max_ttl":"2h""#)).status, 201);
}

#[test]
fn what_is_no_name_or_no_json_is_refused() {
    let app = Installation::with_target();
    for name in MALFORMED_NAMES {
        for method in ["PUT", "GET", "DELETE"] {
            let path = format!("/api/v1/dynamic-secrets/{name}");
            let answer = app.send(method, &path, ADMIN, &body(EXISTING, ""));
            assert_eq!(code(&answer), (422, "invalid_name"), "{method} {name}");
        }
    }
    for text in ["", "canary", "{", "{}x", "{\"target\":\"prod\",}"] {
        let answer = put(&app, text);
        assert_eq!(code(&answer), (400, "invalid_json"), "{text}");
        assert!(!answer.body.contains("canary"), "{text}");
    }
    let long = body(EXISTING, &format!(r#","description":"{}""#, "x".repeat(64 * 1024)));
    assert_eq!(code(&put(&app, &long)), (413, "body_too_large"));
    for (query, detail) in [
        ("?force=yes", "`force` must be `true` or `false`"),
        ("?revoke=1", "`revoke` must be `true` or `false`"),
        ("?revoke", "`revoke` must be `true` or `false`"),
        ("?recursive=true", "the query takes each of these parameters at most once: force, revoke"),
        ("?force=true&force=true", "each of these parameters at most once"),
    ] {
        let answer = app.send("DELETE", &format!("{CI}{query}"), ADMIN, "");
        assert_eq!(code(&answer), (422, "invalid_query"), "{query}");
        assert!(
            answer.json["detail"].as_str().is_some_and(|told| told.contains(detail)),
            "{query}"
        );
    }
    nothing_was_put(&app);
}
