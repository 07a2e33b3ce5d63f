mod bad_input;

use lease_testing::Fault;
use serde_json::{Value, json};

use crate::testing::{ADMIN, Answer, EXISTING, Installation, PLAIN, TEMPORARY};

const CI: &str = "/api/v1/dynamic-secrets/ci";

fn put(app: &Installation, body: &str) -> Answer {
    app.send("PUT", CI, ADMIN, body)
}

/// A definition for `prod` in namespace `apps`, and what else it says.
fn body(account: &str, more: &str) -> String {
    format!(r#"{{"target":"prod","account":{account},"namespaces":["apps"]{more}}}"#)
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.json["code"].as_str().unwrap_or_default())
}

#[test]
fn what_is_left_out_is_shown_as_it_holds() {
    let app = Installation::with_target();
    let created = put(&app, &body(EXISTING, ""));
    assert_eq!(created.status, 201, "{}", created.json);
    let golden = json!({
        "name": "ci",
        "target": "prod",
        "account": {"type": "existing", "name": "deployer", "revocable": true},
        "namespaces": ["apps"],
        "default_ttl": "1h",
        "max_ttl": "24h",
        "audiences": {"default": [], "allowed": []},
        "allow_dangerous": [],
        "labels": {},
        "annotations": {},
        "description": "",
        "tags": [],
        "disabled": false,
        "delete_protection": false,
        "on_change": "keep",
        "inline_target": false,
        "created_at": "2026-11-22T07:00:00Z",
        "updated_at": "2026-11-22T07:00:00Z",
    });
    assert_eq!(created.created(), golden);
    assert_eq!(app.send("GET", CI, ADMIN, "").json, golden);
    let list = app.send("GET", "/api/v1/dynamic-secrets", ADMIN, "");
    assert_eq!(list.json, json!({"items": [golden]}));
    app.pass(60);
    let replaced = put(&app, &body(EXISTING, ""));
    assert_eq!((replaced.status, &replaced.json["created_at"]), (200, &golden["created_at"]));
    assert_eq!(replaced.json["updated_at"], "2026-11-22T07:01:00Z");
}

#[test]
fn what_is_said_is_shown_as_it_was_said() {
    let app = Installation::with_target();
    let said = json!({
        "target": "prod",
        "account": {
            "type": "temporary", "scope": "namespace",
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
        },
        "namespaces": ["apps", "*"],
        "namespace_selector": {
            "matchLabels": {"team": "a"},
            "matchExpressions": [{"key": "env", "operator": "In", "values": ["ci", "dev"]}],
        },
        "namespace_match": "any",
        "default_ttl": "1m30s",
        "max_ttl": "2d",
        "audiences": {"default": ["vault"], "allowed": ["https://kubernetes.default.svc"]},
        "max_live_leases": 7,
        "allow_dangerous": ["core/secrets:get"],
        "name_template": "ci-{{identity}}",
        "labels": {"example.com/team": "a"},
        "annotations": {"example.com/why": "any text"},
        "description": "Deploys",
        "tags": ["team:a"],
        "apply_set": "infra/prod",
        "disabled": true,
        "delete_protection": true,
        "on_change": "revoke",
    });
    let created = put(&app, &said.to_string());
    assert_eq!(created.status, 201, "{}", created.json);
    for (key, value) in said.as_object().expect("an object") {
        assert_eq!(created.json[key], *value, "{key}");
    }
    assert_eq!(app.send("GET", CI, ADMIN, "").json, created.created());
}

#[test]
fn each_account_is_shown_as_it_is_kept() {
    let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]);
    let manifest = "kind: Role\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: r}\nrules:\n\
        - {apiGroups: [\"\"], resources: [pods], verbs: [list]}\n---\nkind: RoleBinding\n\
        apiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: b}\nsubjects: []\n\
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}\n";
    let temporary = |scope: &str, key: &str, grant: Value| {
        let mut account = json!({"type": "temporary", "scope": scope});
        account[key] = grant;
        account
    };
    let role = json!({"kind": "ClusterRole", "name": "view"});
    for (put_so, shown) in [
        (
            json!({"type": "existing", "name": "deployer"}),
            json!({"type": "existing", "name": "deployer", "revocable": true}),
        ),
        (
            json!({"type": "existing", "name": "deployer", "revocable": false}),
            json!({"type": "existing", "name": "deployer", "revocable": false}),
        ),
        (
            temporary("namespace", "role", role.clone()),
            temporary("namespace", "role", role.clone()),
        ),
        (temporary("cluster", "role", role.clone()), temporary("cluster", "role", role)),
        (
            temporary("namespace", "rules", rules.clone()),
            temporary("namespace", "rules", rules.clone()),
        ),
        (
            temporary("cluster", "rules", rules.clone()),
            temporary("cluster", "rules", rules.clone()),
        ),
        (
            temporary(
                "namespace",
                "rules",
                json!("rules: [{apiGroups: [''], resources: [pods], verbs: [list]}]"),
            ),
            temporary("namespace", "rules", rules),
        ),
        (
            temporary("namespace", "manifest", json!(manifest)),
            temporary("namespace", "manifest", json!(manifest)),
        ),
    ] {
        let app = Installation::with_target();
        let created = put(&app, &body(&put_so.to_string(), ""));
        assert_eq!(
            (created.status, &created.json["account"]),
            (201, &shown),
            "{put_so}: {}",
            created.json
        );
    }
}

#[test]
fn what_is_left_out_of_a_manifest_is_warned_of_once() {
    let manifest = r#"
        {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"reader","labels":{"app":"x"}},
         "rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}
        {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"readers"},
         "roleRef":{"kind":"Role","name":"reader"}}"#;
    let account = json!({"type": "temporary", "scope": "namespace", "manifest": manifest});
    let app = Installation::with_target();
    let created = put(&app, &body(&account.to_string(), ""));
    assert_eq!(created.status, 201, "{}", created.json);
    let warning = "`Role.metadata.labels` of the manifest are ignored (`app`): leased objects get the \
                   labels of the dynamic secret";
    assert_eq!(created.json["warnings"], json!([warning]));
    // It is kept and shown as it was given.
    let shown = app.send("GET", CI, ADMIN, "").json;
    assert_eq!((&shown["account"], shown.get("warnings")), (&account, None));
}

#[test]
fn rules_may_have_their_key_above_them() {
    let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    let app = Installation::with_target();
    let account = json!({"type": "temporary", "scope": "namespace", "rules": {"rules": &rules}});
    let created = put(&app, &body(&account.to_string(), ""));
    assert_eq!((created.status, &created.json["account"]["rules"]), (201, &rules));
}

#[test]
fn what_is_granted_is_weighed_where_it_applies() {
    let rules = json!([
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["update"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["update"]},
    ]);
    let dangers = ["core/configmaps:update", "coordination.k8s.io/leases:update"];
    let app = Installation::with_target();
    for (scope, namespaces, refused) in [
        ("namespace", json!(["apps"]), false),
        ("namespace", json!(["apps", "kube-system"]), true),
        ("cluster", json!(["apps"]), true),
    ] {
        let account = json!({"type": "temporary", "scope": scope, "rules": rules});
        let definition = json!({"target": "prod", "account": account, "namespaces": namespaces});
        let answer = put(&app, &definition.to_string());
        if refused {
            let detail = answer.json["detail"].as_str().expect("a detail");
            assert_eq!(code(&answer), (422, "dangerous_rules"), "{definition}");
            assert!(dangers.iter().all(|danger| detail.contains(danger)), "{detail}");
        } else {
            let warnings = answer.json["warnings"].as_array().expect("a warning");
            assert_eq!((answer.status, warnings.len()), (201, 1), "{}", answer.json);
            let told = warnings[0].as_str().expect("a text");
            assert!(told.starts_with("`coordination.k8s.io/leases:update` can"), "{told}");
        }
    }
}

#[test]
fn a_role_that_cannot_be_looked_through_is_warned_of_once() {
    let role = |name: &str| {
        format!(
            r#"{{"type":"temporary","scope":"namespace","role":{{"kind":"ClusterRole","name":"{name}"}}}}"#
        )
    };
    let app = Installation::with_target();
    let created = put(&app, &body(&role("late"), ""));
    let warning = "the rules of ClusterRole `late` were not checked: it does not exist yet";
    assert_eq!((created.status, &created.json["warnings"]), (201, &json!([warning])));
    assert_eq!(app.send("GET", CI, ADMIN, "").json.get("warnings"), None);
    app.ports.http.put(json!({
        "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "late"},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
    }));
    let refused = put(&app, &body(&role("late"), ""));
    assert_eq!(code(&refused), (422, "dangerous_rules"));
    let told = refused.json["detail"].as_str().unwrap_or_default();
    assert!(told.contains(r#"`"allow_dangerous":["core/secrets:get"]`"#), "{told}");
    let weighed = r#","allow_dangerous":["core/secrets:get"]"#;
    assert_eq!(put(&app, &body(&role("late"), weighed)).status, 200);
}

#[test]
fn durations_may_be_left_out_or_be_whole_seconds() {
    let app = Installation::with_target();
    for (terms, default, max) in [
        ("", "1h", "24h"),
        (r#","max_ttl":1800"#, "30m", "30m"),
        (r#","default_ttl":"90m","max_ttl":"2d""#, "1h30m", "2d"),
        (r#","default_ttl":"2d""#, "2d", "2d"),
        (r#","default_ttl":null,"max_ttl":null"#, "1h", "24h"),
    ] {
        let json = put(&app, &body(EXISTING, terms)).json;
        let told = (&json["default_ttl"], &json["max_ttl"]);
        assert_eq!(told, (&default.into(), &max.into()), "{terms}");
    }
}

#[test]
fn a_target_may_be_said_in_the_same_breath() {
    let app = Installation::default();
    let target = r#"{"url":"https://a.example","auth":{"type":"token","token":"canary"}}"#;
    let inline = body(EXISTING, "").replace(r#""prod""#, target);
    let created = put(&app, &inline);
    assert_eq!(created.status, 201, "{}", created.json);
    assert_eq!(
        (&created.json["target"], &created.json["inline_target"]),
        (&json!("ci"), &json!(true))
    );
    assert_eq!(app.send("GET", "/api/v1/targets/ci", ADMIN, "").json["url"], "https://a.example");
    assert_eq!(app.issue("").status, 201);
    // Its token may be left out from now on, and it is refused as any other target is.
    let known = inline.replace(r#","token":"canary""#, "");
    assert_eq!(put(&app, &known).status, 200);
    let moved = put(&app, &known.replace("a.example", "b.example"));
    assert_eq!(code(&moved), (422, "credential_required"));
    let told = moved.json["detail"].as_str().unwrap_or_default();
    assert!(told.starts_with("`target`: `auth.token` is required"), "{told}");
    assert!(!app.stored().contains("canary") && !created.body.contains("canary"));
}

#[test]
fn an_inline_target_takes_no_name_of_another() {
    let app = Installation::with_target();
    let other = r#"{"url":"https://b.example","auth":{"type":"gateway"}}"#;
    app.send("PUT", "/api/v1/targets/ci", ADMIN, other);
    let before = app.send("GET", "/api/v1/targets/ci", ADMIN, "").json;
    let refused = put(&app, &body(EXISTING, "").replace(r#""prod""#, other));
    assert_eq!(code(&refused), (409, "target_name_taken"), "{}", refused.json);
    assert_eq!(app.send("GET", "/api/v1/targets/ci", ADMIN, "").json, before);
    assert_eq!(app.send("GET", CI, ADMIN, "").status, 404);
}

#[test]
fn a_protected_one_is_deleted_by_force() {
    let app = Installation::with_dynamic_secret(r#","delete_protection":true"#);
    let refused = app.send("DELETE", CI, ADMIN, "");
    assert_eq!(code(&refused), (409, "delete_protected"));
    assert_eq!(app.send("DELETE", &format!("{CI}?revoke=true"), ADMIN, "").status, 409);
    let gone = app.send("DELETE", &format!("{CI}?force=true"), ADMIN, "");
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    assert_eq!(code(&app.send("DELETE", CI, ADMIN, "")), (404, "unknown_dynamic_secret"));
}

#[test]
fn one_with_live_leases_is_deleted_with_them() {
    for (account, fault, status, state) in
        [(TEMPORARY, None, 204, "revoked"), (TEMPORARY, Some(Fault::Unreachable), 202, "revoking")]
    {
        let app = Installation::with_target();
        app.put_dynamic_secret("ci", account, "");
        let issued = app.issue("");
        assert_eq!(issued.status, 201, "{}", issued.json);
        assert_eq!(code(&app.send("DELETE", CI, ADMIN, "")), (409, "live_leases"), "{account}");
        assert_eq!(app.send("GET", CI, ADMIN, "").status, 200, "{account}");
        if let Some(fault) = fault {
            app.ports.http.fail_all(fault, |_| true);
        }
        let deleted = app.send("DELETE", &format!("{CI}?revoke=true"), ADMIN, "");
        assert_eq!(deleted.status, status, "{account} {fault:?}: {}", deleted.json);
        if status == 202 {
            assert_eq!(deleted.json, json!({"state": "revoking"}));
        }
        assert_eq!(app.send("GET", CI, ADMIN, "").status, 404, "{account} {fault:?}");
        let lease = app.send("GET", &issued.lease_path(), ADMIN, "");
        assert_eq!(lease.json["state"], state, "{account} {fault:?}: {}", lease.json);
    }
}

#[test]
fn a_change_takes_leases_back_where_it_is_to() {
    for (on_change, more, state) in [
        ("keep", r#","max_ttl":"12h""#, "active"),
        ("revoke", r#","max_ttl":"12h""#, "revoked"),
        ("revoke", r#","description":"the same rights""#, "active"),
    ] {
        let app = Installation::with_target();
        let on_change = format!(r#","on_change":"{on_change}""#);
        app.put_dynamic_secret("ci", EXISTING, &on_change);
        let issued = app.issue("");
        let body = body(EXISTING, &format!("{on_change}{more}"));
        let rehearsed = app.send("PUT", &format!("{CI}?dry_run=true"), ADMIN, &body);
        assert_eq!(rehearsed.json["change"], "changed", "{}", rehearsed.json);
        let lease = app.send("GET", &issued.lease_path(), ADMIN, "");
        assert_eq!(lease.json["state"], "active", "a rehearsal: {on_change} {more}");
        app.put_dynamic_secret("ci", EXISTING, &format!("{on_change}{more}"));
        let lease = app.send("GET", &issued.lease_path(), ADMIN, "");
        assert_eq!(lease.json["state"], state, "{on_change} {more}");
    }
}

#[test]
fn the_account_of_kubelease_itself_is_never_leased() {
    let app = Installation::with_target();
    app.ports.http.set_username("system:serviceaccount:apps:deployer");
    app.send("POST", "/api/v1/targets/prod/check", ADMIN, "");
    let refused = put(&app, &body(EXISTING, ""));
    assert_eq!(code(&refused), (403, "own_account"), "{}", refused.json);
    assert_eq!(app.send("GET", CI, ADMIN, "").status, 404);
}

#[test]
fn what_is_disabled_issues_nothing() {
    let app = Installation::with_dynamic_secret(r#","disabled":true"#);
    assert_eq!(code(&app.issue("")), (409, "disabled"));
    app.put_dynamic_secret("ci", PLAIN, "");
    let target = r#"{"url":"https://a.example","auth":{"type":"token"},"disabled":true}"#;
    assert_eq!(app.send("PUT", "/api/v1/targets/prod", ADMIN, target).status, 200);
    assert_eq!(code(&app.issue("")), (409, "target_disabled"));
}
