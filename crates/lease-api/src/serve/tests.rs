use super::*;
use crate::testing::{ADMIN, Installation, SWEEP};
use crate::{BodyError, RouteAccess};

fn concrete(path: &str) -> String {
    let id = "0".repeat(32);
    path.replace("{name}", "prod").replace("{lease_id}", &id).replace("{accessor}", &id)
}

/// A body that fits.
fn body_of(endpoint: Endpoint) -> &'static str {
    let Endpoint::Operation(operation) = endpoint else { return "" };
    match operation {
        RouteOperation::PutTarget => {
            r#"{"url":"https://a.example","auth":{"type":"token","token":"t"}}"#
        }
        RouteOperation::PutDynamicSecret => {
            r#"{"target":"prod","account":{"type":"existing","name":"d"},"namespaces":["a"]}"#
        }
        RouteOperation::PutIdentity => "{}",
        RouteOperation::Explain => r#"{"identity":"ci"}"#,
        RouteOperation::AcceptCluster => r#"{"uid":"u"}"#,
        RouteOperation::WriteOffTarget => r#"{"reason":"gone"}"#,
        RouteOperation::RevokeLeases => r#"{"target":"prod"}"#,
        RouteOperation::LogInByKubernetes | RouteOperation::LogInByOidc => r#"{"jwt":"a.b.c"}"#,
        RouteOperation::LogInAsInfisical => r#"{"identityId":"ci","jwt":"a.b.c"}"#,
        _ => "",
    }
}

#[test]
fn every_route_refuses_a_stranger_and_reads_no_body_of_his() {
    for route in [main_routes(), cleanup_routes()].concat() {
        if route.access == RouteAccess::Anybody {
            continue;
        }
        for (credential, challenge) in [
            (None, r#"Bearer realm="kubelease""#),
            (Some("Bearer "), r#"Bearer realm="kubelease""#),
            (Some("Basic YWRtaW46YWRtaW4="), r#"Bearer realm="kubelease""#),
            (Some("Bearer wrong"), "invalid_token"),
        ] {
            // A token may stand in the body of these, which says in which shape to answer.
            if route.access == RouteAccess::Holder {
                continue;
            }
            let app = Installation::default();
            let path = concrete(route.path);
            let answer = app.send_unread(route.method.as_str(), &path, credential);
            assert_eq!(answer.status, 401, "{} {path} as {credential:?}", route.method);
            assert_eq!(answer.header("content-type"), "application/problem+json");
            assert!(answer.header("www-authenticate").contains(challenge), "{path}");
        }
    }
}

#[test]
fn the_sweep_token_opens_the_sweep_and_nothing_else() {
    for route in [main_routes(), cleanup_routes()].concat() {
        let app = Installation::default();
        let path = concrete(route.path);
        let answer = app.send(route.method.as_str(), &path, SWEEP, "{}");
        let refused = answer.status == 401;
        let opens = matches!(route.access, RouteAccess::Anybody | RouteAccess::Sweeper);
        assert_eq!(refused, !opens, "{} {path}", route.method);
    }
}

#[test]
fn without_its_variables_only_livez_answers() {
    for (name, value) in
        [("admin_token", ""), ("admin_token", "short"), ("master_key", ""), ("master_key", "AA==")]
    {
        let mut app = Installation::default();
        match name {
            "admin_token" => app.variables.admin_token = value.to_owned(),
            _ => app.variables.master_key = value.to_owned(),
        }
        assert_eq!(app.send("GET", "/livez", "", "").status, 200);
        let ready = app.send("GET", "/readyz", "", "");
        assert_eq!(ready.status, 503);
        assert!(ready.json["detail"].to_string().contains(&format!("`{name}`")), "{}", ready.json);
        for credential in [ADMIN, "", value] {
            for path in ["/api/v1/targets", "/api/v1/targets/prod", "/nowhere"] {
                let answer = app.send("GET", path, credential, "");
                assert_eq!(answer.status, 503, "{path}, `{name}` {value:?}");
                assert_eq!(answer.json["code"], "not_configured");
            }
            assert_eq!(app.send("POST", "/api/v1/sweep", credential, "").status, 503);
        }
    }
}

#[test]
fn variables_that_cannot_be_read_are_not_taken_for_unset() {
    let app = Installation::default();
    *app.unreadable.borrow_mut() = Some("admin_token");
    assert_eq!(app.send("GET", "/livez", "", "").status, 200);
    let ready = app.send("GET", "/readyz", "", "");
    assert_eq!(ready.status, 503);
    assert!(ready.json["detail"].to_string().contains("failed to read"), "{}", ready.json);
    let refused = app.send("GET", "/api/v1/targets", ADMIN, "");
    assert_eq!((refused.status, &refused.json["code"]), (503, &"not_configured".into()));
}

#[test]
fn unknown_paths_methods_and_parameters_are_refused() {
    let app = Installation::default();
    for (method, path, status, code) in [
        ("GET", "/", 404, "unknown_path"),
        ("GET", "/api/v1/nowhere", 404, "unknown_path"),
        ("GET", "/livez/", 404, "unknown_path"),
        ("POST", "/livez", 405, "method_not_allowed"),
        ("PATCH", "/api/v1/targets/prod", 405, "method_not_allowed"),
        ("GET", "/api/v1/targets?limt=5", 422, "invalid_query"),
        ("DELETE", "/api/v1/targets/prod?force=true", 422, "invalid_query"),
        ("DELETE", "/api/v1/targets/prod?revoke=yes", 422, "invalid_query"),
        ("POST", "/api/v1/leases/revoke?target=prod", 422, "invalid_query"),
        ("PUT", "/api/v1/leases/revoke", 405, "method_not_allowed"),
        ("GET", "/api/v1/leases/", 404, "unknown_path"),
        ("GET", "/api/v1/targets/Prod", 422, "invalid_name"),
        ("GET", "/api/v1/targets/..%2f", 422, "invalid_name"),
        ("GET", "/api/v1/leases/nope", 404, "unknown_lease"),
        ("POST", "/api/v1/sweep", 422, "invalid_field"),
        ("POST", "/api/v1/sweep?dry_run=yes", 422, "invalid_query"),
        ("POST", "/api/v1/sweep?reconcile=", 422, "invalid_query"),
        ("POST", "/api/v1/sweep?reconcil=true", 422, "invalid_query"),
        ("GET", "/api/v1/sweep?dry_run=true", 422, "invalid_query"),
        ("GET", "/api/v1/sweep", 404, "not_swept"),
        ("PUT", "/api/v1/sweep", 405, "method_not_allowed"),
        ("POST", "/api/v1/targets/prod/check", 422, "invalid_field"),
        ("POST", "/api/v1/targets/Prod/cluster", 422, "invalid_name"),
        ("POST", "/api/v1/targets/Prod/write-off", 422, "invalid_name"),
        ("GET", "/api/v1/targets/Prod/runtime-config", 422, "invalid_name"),
    ] {
        let answer = app.send(method, path, ADMIN, r#"{"dry_run":true}"#);
        assert_eq!(
            (answer.status, &answer.json["code"]),
            (status, &code.into()),
            "{method} {path}"
        );
    }
    assert_eq!(app.send("POST", "/livez", "", "").header("allow"), "GET");
}

#[test]
fn a_body_that_does_not_come_whole_changes_nothing() {
    for (error, status) in
        [(BodyError::TooLarge, 413), (BodyError::TooSlow, 408), (BodyError::Broken, 400)]
    {
        let app = Installation::default();
        for route in [main_routes(), cleanup_routes()].concat() {
            if route.method == http::Method::PUT || route.method == http::Method::POST {
                let path = concrete(route.path);
                let answer = app.send_broken(route.method.as_str(), &path, error);
                assert_eq!(answer.status, status, "{path}: {error}");
            }
        }
        assert_eq!(app.send("GET", "/api/v1/targets/prod", ADMIN, "").status, 404);
    }
}

#[test]
fn a_store_that_is_down_is_told_and_is_no_panic() {
    let app = Installation::default();
    app.ports.store.set_down(true);
    for route in [main_routes(), cleanup_routes()].concat() {
        let path = concrete(route.path);
        let body = body_of(route.endpoint);
        let answer = app.send(route.method.as_str(), &path, ADMIN, body);
        let expected = match route.endpoint {
            // Of `admin_token` nothing is kept.
            Endpoint::Live | Endpoint::Operation(RouteOperation::ShowAccessToken) => 200,
            Endpoint::TokenOperation(_) => 403,
            _ => 503,
        };
        assert_eq!(answer.status, expected, "{} {path}: {}", route.method, answer.json);
        // Infisical's clients know no codes.
        if expected == 503
            && route.endpoint != Endpoint::Operation(RouteOperation::LogInAsInfisical)
        {
            assert_eq!(answer.json["code"], "store_unavailable", "{} {path}", route.method);
        }
    }
}
