//! Every route of `docs/openapi.json`, asked by everybody who may ask.

use serde_json::{Value, json};

use super::{make, put, token_of};
use crate::testing::{ADMIN, Answer, Installation, SWEEP, TEMPORARY};

/// The callers who may use a route. They are listed here again, so that a route that opens to
/// others is seen.
#[derive(Clone, Copy, PartialEq, Debug)]
enum For {
    Anybody,
    Identities,
    /// Identities, also by a token that is used up.
    Returners,
    Holders,
    /// Holders, also of a token that is used up.
    ReturningHolders,
    Sweepers,
    Administrators,
}

/// The routes that are not for administrators alone. A new one is, unless it is added here.
const OPEN: [(&str, For); 19] = [
    ("GET /livez", For::Anybody),
    ("GET /readyz", For::Anybody),
    ("POST /api/v1/auth/kubernetes/login", For::Anybody),
    ("POST /api/v1/auth/oidc/login", For::Anybody),
    ("POST /api/v1/auth/kubernetes-auth/login", For::Anybody),
    ("POST /api/v1/dynamic-secrets/{name}/leases", For::Identities),
    ("GET /api/v1/dynamic-secrets/{name}/namespaces", For::Identities),
    ("POST /api/v1/dynamic-secrets/{name}/exec-credential", For::Identities),
    ("GET /api/v1/dynamic-secrets/{name}/kubeconfig", For::Identities),
    ("GET /api/v1/leases", For::Identities),
    ("POST /api/v1/leases/revoke", For::Returners),
    ("GET /api/v1/leases/{lease_id}", For::Identities),
    ("DELETE /api/v1/leases/{lease_id}", For::Returners),
    ("POST /api/v1/leases/{lease_id}/renew", For::Identities),
    ("GET /api/v1/auth/token", For::Identities),
    ("POST /api/v1/auth/token/renew", For::Holders),
    ("POST /api/v1/auth/token/revoke", For::ReturningHolders),
    ("POST /api/v1/sweep", For::Sweepers),
    ("GET /api/v1/sweep", For::Sweepers),
];

/// A caller, with its credential.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Caller {
    Stranger,
    Malformed,
    Expired,
    Revoked,
    Disabled,
    /// The identity whose lease it is, by a token that has no use left.
    UsedUp,
    /// An identity without a grant.
    Nobody,
    /// The identity whose lease it is.
    Owner,
    /// An identity with `admin`.
    Administrator,
    /// An identity with `manage_administrators` besides.
    Manager,
    FirstAdministrator,
    Sweeper,
}

const CALLERS: [Caller; 12] = [
    Caller::Stranger,
    Caller::Malformed,
    Caller::Expired,
    Caller::Revoked,
    Caller::Disabled,
    Caller::UsedUp,
    Caller::Nobody,
    Caller::Owner,
    Caller::Administrator,
    Caller::Manager,
    Caller::FirstAdministrator,
    Caller::Sweeper,
];

/// The refusals, by status and code.
const UNAUTHENTICATED: (u16, &str) = (401, "unauthenticated");
const INVALID_TOKEN: (u16, &str) = (401, "invalid_token");
const NOT_GRANTED: (u16, &str) = (403, "not_granted");

/// Returns the refusal of a caller; none if the caller may use such routes.
fn refusal(route: For, caller: Caller) -> Option<(u16, &'static str)> {
    match (route, caller) {
        (For::Anybody, _)
        | (For::Sweepers, Caller::Sweeper)
        | (For::Returners | For::ReturningHolders, Caller::UsedUp) => None,
        (_, Caller::Stranger) => Some(UNAUTHENTICATED),
        (
            _,
            Caller::Malformed
            | Caller::Expired
            | Caller::Revoked
            | Caller::Disabled
            | Caller::UsedUp
            | Caller::Sweeper,
        ) => Some(INVALID_TOKEN),
        (For::Sweepers | For::Administrators, Caller::Nobody | Caller::Owner)
        | (For::Holders | For::ReturningHolders, Caller::FirstAdministrator) => Some(NOT_GRANTED),
        _ => None,
    }
}

/// An installation in which everything that a path can name is there, the lease's id, and the token of a caller.
fn installation(caller: Caller) -> (Installation, String, String) {
    let app = Installation::with_target();
    app.put_dynamic_secret("ci-x", TEMPORARY, r#","description":"canary""#);
    let owner = json!({"grants": [{"dynamic_secrets": ["ci-*"], "namespaces": ["apps"],
        "actions": ["issue", "read", "renew", "revoke"]}], "description": "canary"});
    put(&app, "owner", &owner);
    put(&app, "nobody", &json!({}));
    put(&app, "admin", &json!({"admin": true}));
    put(&app, "manager", &json!({"admin": true, "manage_administrators": true}));
    let lease =
        app.send("POST", "/api/v1/dynamic-secrets/ci-x/leases", &token_of(&app, "owner"), "");
    assert_eq!(lease.status, 201, "{}", lease.json);
    let lease = lease.json["lease_id"].as_str().expect("a lease").to_owned();
    let token = match caller {
        Caller::Stranger => String::new(),
        Caller::Malformed => "a.b.c".to_owned(),
        Caller::Expired => {
            let made = make(&app, "owner", r#"{"ttl":"1m"}"#);
            app.pass(600);
            made.json["access_token"].as_str().expect("a token").to_owned()
        }
        Caller::Revoked => {
            let token = token_of(&app, "owner");
            assert_eq!(app.send("POST", super::REVOKE, &token, "").status, 204);
            token
        }
        Caller::Disabled => {
            put(&app, "away", &owner);
            let token = token_of(&app, "away");
            let mut disabled = owner;
            disabled["disabled"] = json!(true);
            put(&app, "away", &disabled);
            token
        }
        Caller::UsedUp => {
            let mut once = owner;
            once["access_token"] = json!({"num_uses": 1});
            put(&app, "owner", &once);
            let token = token_of(&app, "owner");
            assert_eq!(app.send("GET", super::WHOAMI, &token, "").status, 200);
            token
        }
        Caller::Nobody => token_of(&app, "nobody"),
        Caller::Owner => token_of(&app, "owner"),
        Caller::Administrator => token_of(&app, "admin"),
        Caller::Manager => token_of(&app, "manager"),
        Caller::FirstAdministrator => ADMIN.to_owned(),
        Caller::Sweeper => SWEEP.to_owned(),
    };
    (app, lease, token)
}

/// The methods and paths of the document.
fn documented() -> Vec<(String, String)> {
    let document: Value =
        serde_json::from_str(include_str!("../../../../../docs/openapi.json")).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("operations").keys();
        let methods = methods.filter(|method| *method != "parameters");
        methods.map(move |method| (method.to_uppercase(), path.clone()))
    });
    operations.collect()
}

/// Asks for a route with names of what is there.
fn ask(app: &Installation, (method, path): (&str, &str), lease: &str, token: &str) -> Answer {
    let name = match path {
        path if path.starts_with("/api/v1/targets") => "prod",
        path if path.starts_with("/api/v1/identities") => "owner",
        _ => "ci-x",
    };
    let concrete = path.replace("{name}", name).replace("{lease_id}", lease);
    let concrete = concrete.replace("{accessor}", &"0".repeat(32));
    let body = match path {
        "/api/v1/leases/revoke" => r#"{"dynamic_secret":"ci-x"}"#,
        path if method == "PUT" || path.ends_with("/login") => "{}",
        _ => "",
    };
    app.send(method, &concrete, token, body)
}

#[test]
fn every_route_is_for_whom_it_is_and_refuses_all_others_alike() {
    let mut refusals = vec![];
    for (method, path) in documented() {
        let route = format!("{method} {path}");
        let open = OPEN.iter().find(|(open, _)| *open == route);
        let whose = open.map_or(For::Administrators, |(_, whose)| *whose);
        for caller in CALLERS {
            let (app, lease, token) = installation(caller);
            let contents = app.all_but_events();
            let calls = app.ports.http.calls();
            let answer = ask(&app, (&method, &path), &lease, &token);
            let row = format!("{route} as {caller:?}: {} {}", answer.status, answer.body);
            let Some((status, code)) = refusal(whose, caller) else {
                let is_login = path.ends_with("/login");
                let let_in = !matches!(
                    answer.json["code"].as_str(),
                    Some("unauthenticated" | "invalid_token")
                );
                assert!(let_in && (is_login || answer.status != 401), "{row}");
                continue;
            };
            assert_eq!(
                (answer.status, answer.json["code"].as_str()),
                (status, Some(code)),
                "{row}"
            );
            assert_eq!(app.all_but_events(), contents, "{row}: something has changed");
            assert_eq!(app.ports.http.calls(), calls, "{row}: a cluster was asked");
            let is_for_holders = matches!(whose, For::Holders | For::ReturningHolders);
            refusals.push((is_for_holders && status == 403, code, answer.body));
        }
    }
    // Of one kind, all refusals have the same bytes, whatever the route.
    refusals.sort();
    refusals.dedup();
    assert_eq!(refusals.len(), 4, "{refusals:#?}");
}

#[test]
fn an_identity_without_a_grant_learns_of_nothing_that_is_there() {
    for (method, path) in documented() {
        let (app, lease, token) = installation(Caller::Nobody);
        let answer = ask(&app, (&method, &path), &lease, &token);
        // What the path has named itself is not told.
        let body = answer.body.replace(&lease, "").replace("ci-x", "");
        for told in ["canary", "prod", "a.example", "owner", "apps"] {
            assert!(!body.contains(told), "{method} {path} tells of {told}: {body}");
        }
        let live = app.send("GET", "/api/v1/leases?state=active", ADMIN, "");
        assert_eq!(live.json["items"].as_array().map(Vec::len), Some(1), "{method} {path}");
    }
}

#[test]
fn tokens_of_administrators_are_revoked_by_who_manages_them() {
    use Caller::{Administrator, FirstAdministrator, Manager, Nobody};
    for caller in [Nobody, Administrator, Manager, FirstAdministrator] {
        for whose in ["owner", "admin", "manager", "gone"] {
            let (app, _, token) = installation(caller);
            put(&app, "gone", &json!({"admin": true}));
            let made = make(&app, whose, "");
            let text = |field: &str| made.json[field].as_str().expect("a text").to_owned();
            let (shown, accessor) = (text("access_token"), text("accessor"));
            let gone = app.send("DELETE", "/api/v1/identities/gone", ADMIN, "");
            assert_eq!(gone.status, 204);
            let is_good = || app.send("GET", "/api/v1/auth/token", &shown, "").status == 200;
            let path = format!("/api/v1/auth/accessors/{accessor}/revoke?leases=revoke");
            let answer = app.send("POST", &path, &token, "");
            let row = format!("{caller:?}, of {whose}: {} {}", answer.status, answer.json);
            let refusal = match caller {
                Nobody => Some("not_granted"),
                Administrator => {
                    ["admin", "manager"].contains(&whose).then_some("administrators_protected")
                }
                _ => None,
            };
            let is_gone = whose == "gone";
            match refusal {
                None => {
                    assert!(answer.status == 200 && !is_good(), "{row}");
                    let events =
                        app.send("GET", "/api/v1/audit?type=access_token_revoked", ADMIN, "");
                    let named = &events.json["items"][0]["subject_identity"];
                    assert_eq!(*named, if is_gone { Value::Null } else { json!(whose) }, "{row}");
                }
                Some(code) => {
                    assert_eq!((answer.status, &answer.json["code"]), (403, &json!(code)), "{row}");
                    assert_eq!(is_good(), !is_gone, "{row}");
                }
            }
        }
    }
}
