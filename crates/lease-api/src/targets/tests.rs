use lease_testing::{Fault, SYSTEM_UID};
use serde_json::{Value, json};

use crate::testing::{ADMIN, Installation, MALFORMED_NAMES, TEMPORARY};

const PROD: &str = "/api/v1/targets/prod";
const BODY: &str = r#"{"url":"https://a.example","auth":{"type":"token","token":"canary"}}"#;

fn put(app: &Installation, name: &str, body: &str) -> crate::testing::Answer {
    app.send("PUT", &format!("/api/v1/targets/{name}"), ADMIN, body)
}

#[test]
fn a_target_is_put_shown_listed_and_deleted_and_its_token_never_seen() {
    let app = Installation::default();
    let created = put(&app, "prod", BODY);
    assert_eq!(created.status, 201);
    let golden = json!({
        "name": "prod",
        "url": "https://a.example",
        "auth": {"type": "token"},
        "ca": "custom",
        "description": "",
        "disabled": false,
        "created_at": "2026-11-22T07:00:00Z",
        "updated_at": "2026-11-22T07:00:00Z",
        "cluster": null,
        "last_check": null,
    });
    assert_eq!(created.created(), golden);
    assert_eq!(put(&app, "prod", BODY).status, 200);
    assert_eq!(app.send("GET", PROD, ADMIN, "").json, golden);
    let list = app.send("GET", "/api/v1/targets", ADMIN, "");
    assert_eq!(list.json, json!({"items": [golden]}));
    assert!(!app.stored().contains("canary"), "{}", app.stored());
}

#[test]
fn a_target_is_deleted_once() {
    let app = Installation::default();
    put(&app, "prod", BODY);
    let gone = app.send("DELETE", PROD, ADMIN, "");
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    assert_eq!(app.send("DELETE", PROD, ADMIN, "").status, 404);
    assert_eq!(app.send("GET", PROD, ADMIN, "").status, 404);
}

#[test]
fn each_kind_of_auth_is_shown_as_it_was_put_but_for_what_is_secret() {
    let kinds = [
        (r#"{"type":"token","token":"canary"}"#, json!({"type": "token"})),
        (
            r#"{"type":"token","variable":"target_prod"}"#,
            json!({"type": "token", "variable": "target_prod"}),
        ),
        (r#"{"type":"gateway"}"#, json!({"type": "gateway"})),
        (
            r#"{"type":"gateway","header":{"name":"X-Gateway-Key","value":"canary"}}"#,
            json!({"type": "gateway", "header": {"name": "x-gateway-key"}}),
        ),
        (r#"{"type":"client_certificate"}"#, json!({"type": "client_certificate"})),
    ];
    for (auth, shown) in kinds {
        let app = Installation::default();
        let body = format!(
            r#"{{"url":"https://a.example","auth":{auth},"ca":"system","description":"all of it",
                "apply_set":"infra","disabled":true}}"#
        );
        let created = put(&app, "prod", &body);
        assert_eq!(created.status, 201, "{body}: {}", created.json);
        assert_eq!(created.json["auth"], shown, "{body}");
        let said = ["ca", "description", "apply_set", "disabled"];
        let said = said.map(|key| created.json[key].clone());
        let expected = [json!("system"), json!("all of it"), json!("infra"), json!(true)];
        assert_eq!(said, expected, "{body}");
        assert_eq!(app.send("GET", PROD, ADMIN, "").json, created.created(), "{body}");
        assert!(!created.body.contains("canary") && !app.stored().contains("canary"), "{body}");
    }
}

#[test]
fn a_secret_may_be_left_out_where_it_is_known_for_this_very_use() {
    let header = r#"{"type":"gateway","header":{"name":"x-key"}}"#;
    let known = r#"{"type":"gateway","header":{"name":"x-key","value":"canary"}}"#;
    let token = r#"{"type":"token"}"#;
    for (before, url, auth, status) in [
        (r#"{"type":"token","token":"canary"}"#, "https://a.example", token, 200),
        (r#"{"type":"token","token":"canary"}"#, "https://b.example", token, 422),
        (r#"{"type":"client_certificate"}"#, "https://a.example", token, 422),
        (known, "https://a.example", header, 200),
        (known, "https://b.example", header, 422),
        (known, "https://a.example", r#"{"type":"gateway","header":{"name":"x-other"}}"#, 422),
    ] {
        let app = Installation::default();
        put(&app, "prod", &format!(r#"{{"url":"https://a.example","auth":{before}}}"#));
        let shown = app.send("GET", PROD, ADMIN, "").json;
        app.pass(1);
        let answer = put(&app, "prod", &format!(r#"{{"url":"{url}","auth":{auth}}}"#));
        assert_eq!(answer.status, status, "{before}, {url}, {auth}: {}", answer.json);
        if status == 422 {
            assert_eq!(answer.json["code"], "credential_required", "{before}, {url}, {auth}");
            assert_eq!(app.send("GET", PROD, ADMIN, "").json, shown, "{before}, {url}, {auth}");
        }
    }
}

#[test]
fn bad_input_changes_nothing_and_is_told_what_would_be_right() {
    let app = Installation::default();
    let long = format!(r#"{{"type":"token","token":"{}"}}"#, "x".repeat(16 * 1024 + 1));
    let url =
        |url: &str| format!(r#"{{"url":"{url}","auth":{{"type":"token","token":"canary"}}}}"#);
    let auth = |auth: &str| format!(r#"{{"url":"https://a.example","auth":{auth}}}"#);
    let more = |more: &str| BODY.replace(r#"{"url""#, &format!(r#"{{{more},"url""#));
    let https = "a target's url begins with";
    for (body, pointer, detail) in [
        (r#"{"auth":{"type":"gateway"}}"#.to_owned(), "", "missing field `url`"),
        (r#"{"url":"https://a.example"}"#.to_owned(), "", "missing field `auth`"),
        ("[]".to_owned(), "", "expected an object with `url` and `auth`"),
        (url("a.example"), "/url", "is written `https://"),
        (url("https://u:canary@a.example"), "/url", "must not contain a user or password"),
        (url("https://a.example/?canary"), "/url", "must not have a query"),
        (url("https://[::1]"), "/url", "DNS name or IPv4"),
        (url(&format!("https://a/{}", "x".repeat(1024))), "/url", "at most 1024 bytes"),
        (url("http://a.example"), "/url", https),
        (url("http://a.example").replace("token", "gateway"), "/auth", "unknown field `gateway`"),
        (auth(r#"{"type":"client_certificate"}"#).replace("https", "http"), "/url", https),
        (auth(r#"{"type":"basic"}"#), "/auth/type", "`token`, `gateway`, `client_certificate`"),
        (auth(r#"{"token":"canary"}"#), "/auth", "missing field `type`"),
        (auth(r#""canary""#), "/auth", "expected"),
        (auth(r#"{"type":"token","token":""}"#), "/auth", "a token has 1 to"),
        (auth(r#"{"type":"token","token":"can ary"}"#), "/auth", "a token has 1 to"),
        (auth(&long), "/auth", "a token has 1 to 16384"),
        (auth(r#"{"type":"token","token":["canary"]}"#), "/auth", "expected a string"),
        (auth(r#"{"type":"token","variable":"admin_token"}"#), "/auth", "is named `target_`"),
        (auth(r#"{"type":"token","variable":"target_Canary"}"#), "/auth", "is named `target_`"),
        (
            auth(r#"{"type":"token","variable":"target_a","token":"canary"}"#),
            "/auth",
            "give `token` or `variable`, not both",
        ),
        (auth(r#"{"type":"gateway","token":"canary"}"#), "/auth", "unknown field `token`"),
        (
            auth(r#"{"type":"gateway","header":{"value":"canary"}}"#),
            "/auth",
            "missing field `name`",
        ),
        (
            auth(r#"{"type":"gateway","header":{"name":"authorization","value":"canary"}}"#),
            "/auth",
            "begins with `x-`",
        ),
        (
            auth(r#"{"type":"gateway","header":{"name":"x-remote-user","value":"canary"}}"#),
            "/auth",
            "begins with `x-`",
        ),
        (
            auth(r#"{"type":"gateway","header":{"name":"x-key","value":"can\nary"}}"#),
            "/auth",
            "a token has 1 to",
        ),
        (auth(r#"{"type":"client_certificate","cert":"canary"}"#), "/auth", "unknown field `cert`"),
        (more(r#""ca":"none""#), "/ca", "expected `system` or `custom`"),
        (more(r#""ca":null"#), "/ca", "expected"),
        (more(r#""insecure_skip_verify":true"#), "/insecure_skip_verify", "unknown field"),
        (
            more(r#""description":"can\nary""#),
            "/description",
            "one line of at most 1024 characters",
        ),
        (more(r#""disabled":"canary""#), "/disabled", "expected a boolean"),
        (more(r#""url":"https://b.example""#), "", "duplicate field `url`"),
    ] {
        let answer = put(&app, "prod", &body);
        assert_eq!(answer.status, 422, "{body}: {}", answer.json);
        let told = answer.json["detail"].as_str().unwrap_or_default();
        assert!(told.contains(detail), "{body}: {}", answer.json);
        assert_eq!(answer.json["errors"][0]["pointer"], pointer, "{body}: {}", answer.json);
        assert!(!answer.body.contains("canary"), "{body}: {}", answer.json);
    }
    for name in MALFORMED_NAMES {
        let answer = put(&app, name, BODY);
        assert_eq!((answer.status, &answer.json["code"]), (422, &"invalid_name".into()), "{name}");
    }
    assert_eq!(app.send("GET", "/api/v1/targets", ADMIN, "").json, json!({"items": []}));
}

#[test]
fn one_origin_is_reached_in_one_way() {
    let app = Installation::default();
    put(&app, "prod", BODY);
    for (url, auth, status) in [
        ("https://a.example/other", r#"{"type":"token","token":"t"}"#, 201),
        ("https://a.example", r#"{"type":"client_certificate"}"#, 409),
        ("https://A.example:443/x", r#"{"type":"gateway"}"#, 409),
        ("https://b.example", r#"{"type":"client_certificate"}"#, 201),
    ] {
        let answer = put(&app, "other", &format!(r#"{{"url":"{url}","auth":{auth}}}"#));
        assert_eq!(answer.status, status, "{url} {auth}: {}", answer.json);
        if status == 409 {
            assert_eq!(answer.json["code"], "origin_shared", "{url} {auth}");
        }
        app.send("DELETE", "/api/v1/targets/other", ADMIN, "");
    }
}

#[test]
fn a_check_tells_what_it_saw_and_is_shown_until_the_target_changes() {
    let app = Installation::with_target();
    app.put_dynamic_secret("ci", TEMPORARY, "");
    app.ports.http.deny("delete", "serviceaccounts");
    let missing = json!([{
        "verb": "delete", "group": "", "resource": "serviceaccounts", "name": null, "namespace": "apps",
    }]);
    let golden = json!({
        "checked_at": "2026-11-22T07:00:00Z",
        "ok": false,
        "reachable": true,
        "problem": null,
        "version": "v1.36.3",
        "username": "system:serviceaccount:kubelease:broker",
        "groups": ["system:serviceaccounts", "system:authenticated"],
        "cluster_uid": SYSTEM_UID,
        "missing_permissions": missing,
        "dynamic_secrets": [{
            "dynamic_secret": "ci",
            "issue": false,
            "revoke": false,
            "missing_permissions": missing,
            "problem": null,
        }],
        "warnings": [],
    });
    let check = app.send("POST", "/api/v1/targets/prod/check", ADMIN, "");
    assert_eq!((check.status, &check.json), (200, &golden));
    let shown = app.send("GET", PROD, ADMIN, "").json;
    assert_eq!(shown["last_check"], golden);
    assert_eq!(shown["cluster"], json!({"namespace": "kube-system", "uid": SYSTEM_UID}));
    app.pass(1);
    let again = put(&app, "prod", BODY).json;
    assert_eq!((&again["last_check"], &again["cluster"]), (&Value::Null, &shown["cluster"]));
}

#[test]
fn a_check_of_what_does_not_answer_is_an_answer() {
    let app = Installation::with_target();
    app.ports.http.fail_all(Fault::Unreachable, |_| true);
    let check = app.send("POST", "/api/v1/targets/prod/check", ADMIN, "null");
    assert_eq!(check.status, 200);
    assert_eq!((&check.json["ok"], &check.json["reachable"]), (&json!(false), &json!(false)));
    assert!(check.json["problem"].as_str().is_some_and(|told| !told.is_empty()), "{}", check.json);
    let unknown = app.send("POST", "/api/v1/targets/none/check", ADMIN, "{}");
    assert_eq!((unknown.status, &unknown.json["code"]), (404, &"unknown_target".into()));
}

#[test]
fn a_cluster_that_changed_is_accepted_by_one_of_the_two_that_were_seen() {
    let app = Installation::with_dynamic_secret("");
    let accept = "/api/v1/targets/prod/cluster";
    let none = app.send("POST", accept, ADMIN, &format!(r#"{{"uid":"{SYSTEM_UID}"}}"#));
    assert_eq!((none.status, &none.json["code"]), (409, &"cluster_not_seen".into()));
    app.send("POST", "/api/v1/targets/prod/check", ADMIN, "");
    app.ports.http.go_to(1);
    app.pass(1);
    put(&app, "prod", BODY);
    let refused = app.issue("");
    assert_eq!((refused.status, &refused.json["code"]), (409, &"cluster_changed".into()));
    let changed = app.send("GET", PROD, ADMIN, "").json["cluster"]["changed"].clone();
    assert_eq!(changed["since"], "2026-11-22T07:00:01Z");
    let found = changed["found_uid"].as_str().expect("a uid");
    let unknown = app.send("POST", "/api/v1/targets/none/cluster", ADMIN, r#"{"uid":"x"}"#);
    assert_eq!((unknown.status, &unknown.json["code"]), (404, &"unknown_target".into()));
    for (body, status, code) in [
        ("", 400, "invalid_json"),
        ("{}", 422, "invalid_field"),
        (r#"{"uid":7}"#, 422, "invalid_field"),
        (r#"{"uid":"x","y":1}"#, 422, "invalid_field"),
        (r#"{"uid":""}"#, 409, "cluster_not_seen"),
        (r#"{"uid":"canary"}"#, 409, "cluster_not_seen"),
    ] {
        let answer = app.send("POST", accept, ADMIN, body);
        assert_eq!((answer.status, &answer.json["code"]), (status, &code.into()), "{body}");
        assert_eq!(app.send("GET", PROD, ADMIN, "").json["cluster"]["changed"], changed, "{body}");
    }
    let accepted = app.send("POST", accept, ADMIN, &format!(r#"{{"uid":"{found}"}}"#));
    assert_eq!(
        (accepted.status, accepted.json),
        (200, json!({"namespace": "kube-system", "uid": found}))
    );
}

#[test]
fn a_write_off_says_why_or_is_refused() {
    let app = Installation::with_target();
    for (body, status, told) in [
        ("", 400, "not JSON"),
        ("{}", 422, "missing field `reason`"),
        (r#"{"reason":""}"#, 422, "give the reason for which the cluster is given up"),
        (r#"{"reason":"   "}"#, 422, "give the reason for which the cluster is given up"),
        (r#"{"reason":"a\nb"}"#, 422, "one line of at most"),
        (r#"{"reason":["canary"]}"#, 422, "expected a string"),
        (r#"{"reason":"gone","force":true}"#, 422, "unknown field `force`"),
    ] {
        let answer = app.send("POST", "/api/v1/targets/prod/write-off", ADMIN, body);
        assert_eq!(answer.status, status, "{body}: {}", answer.json);
        assert!(
            answer.json["detail"].as_str().is_some_and(|detail| detail.contains(told)),
            "{body}"
        );
    }
    let unknown = app.send("POST", "/api/v1/targets/none/write-off", ADMIN, r#"{"reason":"gone"}"#);
    assert_eq!((unknown.status, &unknown.json["code"]), (404, &"unknown_target".into()));
}

#[test]
fn a_long_list_comes_in_pages() {
    let app = Installation::default();
    for i in 0..5 {
        put(&app, &format!("t{i}"), BODY);
    }
    let mut path = "/api/v1/targets?limit=2".to_owned();
    let mut names = vec![];
    loop {
        let page = app.send("GET", &path, ADMIN, "").json;
        let items = page["items"].as_array().expect("a list").iter();
        names.extend(items.map(|item| item["name"].as_str().unwrap_or_default().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/targets?limit=2&cursor={cursor}");
    }
    assert_eq!(names, ["t0", "t1", "t2", "t3", "t4"]);
}
