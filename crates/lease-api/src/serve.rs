//! From a request to its answer: configured? known? let in? then done.

use std::error::Error;

use http::Response;
use http::header::{ALLOW, HeaderValue};
use http::request::Parts;
use lease_engine::{Engine, Ports, Requester};

use crate::auth::{Caller, admit};
use crate::list::Query;
use crate::problem::{Code, Problem};
use crate::routes::{Endpoint, Found, Operation, Route, find, leases_routes, sweep_routes};
use crate::settings::Settings;
use crate::{
    Body, SettingsError, Variables, dynamic_secrets, health, leases as lease_handlers, targets,
};

/// Answers a request to the main component.
pub async fn leases<P: Ports>(
    ports: P,
    variables: &Result<Variables, SettingsError>,
    head: Parts,
    body: impl Body,
) -> Response<Vec<u8>> {
    serve(leases_routes(), ports, variables, head, body).await
}

/// Answers a request whose head cannot be read.
#[must_use]
pub fn malformed() -> Response<Vec<u8>> {
    let detail = "the method, path or headers are malformed";
    Problem::new(Code::MalformedRequest, detail).into_response()
}

/// Answers a request to the cleanup job.
pub async fn sweep<P: Ports>(
    ports: P,
    variables: &Result<Variables, SettingsError>,
    head: Parts,
    body: impl Body,
) -> Response<Vec<u8>> {
    serve(sweep_routes(), ports, variables, head, body).await
}

async fn serve<P: Ports>(
    routes: Vec<Route>,
    ports: P,
    variables: &Result<Variables, SettingsError>,
    head: Parts,
    body: impl Body,
) -> Response<Vec<u8>> {
    let found = find(routes, &head.method, head.uri.path());
    // The route's own path: what the client sent might hold anything.
    let route = match &found {
        Found::Route(route, _) => route.path,
        Found::OtherMethods(_) | Found::Nothing => "-",
    };
    let method = head.method.clone();
    match answer(found, ports, variables, &head, body).await {
        Ok(response) => response,
        Err(problem) => {
            if let Some(cause) = &problem.cause {
                let (status, code) = (problem.status.as_u16(), problem.told.code);
                log::error!("{method} {route}: {status} {code}: {}", chain(&**cause));
            }
            problem.into_response()
        }
    }
}

async fn answer<P: Ports>(
    found: Found<'_>,
    ports: P,
    variables: &Result<Variables, SettingsError>,
    head: &Parts,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let settings = Settings::read(variables);
    let (route, parameter) = match found {
        Found::Route(route, parameter) => (route, parameter),
        Found::OtherMethods(methods) => {
            settings?;
            return Err(method_not_allowed(&methods));
        }
        Found::Nothing => {
            settings?;
            return Err(Problem::new(Code::UnknownPath, "nothing is here"));
        }
    };
    let operation = match route.endpoint {
        Endpoint::Live => return Ok(health::live()),
        Endpoint::Ready => return health::ready(ports, settings, &head.headers),
        Endpoint::Operation(operation) => operation,
    };
    let settings = settings?;
    let caller = admit(&head.headers, &settings, route.access)?;
    let engine = Engine::new(ports, settings.keys, settings.config);
    dispatch(&engine, caller, operation, parameter, head, body).await
}

async fn dispatch<P: Ports>(
    engine: &Engine<P>,
    caller: Caller,
    operation: Operation,
    parameter: &str,
    head: &Parts,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let query = Query::read(head.uri.query(), parameters(operation))?;
    match operation {
        Operation::ListTargets => targets::list(engine, &query),
        Operation::PutTarget => targets::put(engine, parameter, body).await,
        Operation::ShowTarget => targets::show(engine, parameter),
        Operation::DeleteTarget => targets::delete(engine, parameter, &query).await,
        Operation::CheckTarget => targets::check(engine, parameter, body).await,
        Operation::ShowRuntimeConfig => targets::runtime_config(engine, parameter),
        Operation::AcceptCluster => targets::accept_cluster(engine, parameter, body).await,
        Operation::WriteOffTarget => targets::write_off(engine, parameter, body).await,
        Operation::ListDynamicSecrets => dynamic_secrets::list(engine, &query),
        Operation::PutDynamicSecret => dynamic_secrets::put(engine, parameter, body).await,
        Operation::ShowDynamicSecret => dynamic_secrets::show(engine, parameter),
        Operation::DeleteDynamicSecret => dynamic_secrets::delete(engine, parameter, &query).await,
        Operation::IssueLease => {
            let requester = Requester { id: caller.id().to_owned() };
            lease_handlers::issue(engine, &requester, parameter, &head.headers, body).await
        }
        Operation::ListLeases => lease_handlers::list(engine, &query),
        Operation::RevokeLeases => lease_handlers::revoke_many(engine, body).await,
        Operation::ShowLease => lease_handlers::show(engine, parameter),
        Operation::RevokeLease => lease_handlers::revoke(engine, parameter).await,
        Operation::RenewLease => lease_handlers::renew(engine, parameter, body).await,
        Operation::Sweep => crate::sweep::sweep_once(engine, &query, body).await,
        Operation::ShowSweep => crate::sweep::show_sweep(engine),
    }
}

/// What the query of a route may hold.
fn parameters(operation: Operation) -> &'static [&'static str] {
    match operation {
        Operation::ListTargets | Operation::ListDynamicSecrets => &["limit", "cursor"],
        Operation::ListLeases => lease_handlers::LIST_QUERY,
        Operation::DeleteDynamicSecret => &["force", "revoke"],
        Operation::DeleteTarget => &["revoke"],
        Operation::Sweep => &["dry_run", "reconcile"],
        _ => &[],
    }
}

fn method_not_allowed(methods: &[http::Method]) -> Problem {
    let methods: Vec<_> = methods.iter().map(http::Method::as_str).collect();
    let methods = methods.join(", ");
    let detail = format!("this path takes {methods}");
    // Unwrap safety: method names are header values.
    let allow = HeaderValue::try_from(methods).unwrap();
    Problem::new(Code::MethodNotAllowed, detail).with(ALLOW, allow)
}

/// An error with all that is behind it, on one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ADMIN, Installation, SWEEP};
    use crate::{Access, BodyError};

    fn concrete(path: &str) -> String {
        path.replace("{name}", "prod").replace("{lease_id}", &"0".repeat(32))
    }

    /// A body that fits.
    fn body_of(endpoint: Endpoint) -> &'static str {
        let Endpoint::Operation(operation) = endpoint else { return "" };
        match operation {
            Operation::PutTarget => {
                r#"{"url":"https://a.example","auth":{"type":"token","token":"t"}}"#
            }
            Operation::PutDynamicSecret => {
                r#"{"target":"prod","account":{"type":"existing","name":"d"},"namespaces":["a"]}"#
            }
            Operation::AcceptCluster => r#"{"uid":"u"}"#,
            Operation::WriteOffTarget => r#"{"reason":"gone"}"#,
            Operation::RevokeLeases => r#"{"target":"prod"}"#,
            _ => "",
        }
    }

    #[test]
    fn every_route_refuses_a_stranger_and_reads_no_body_of_his() {
        for route in [leases_routes(), sweep_routes()].concat() {
            if route.access == Access::Anybody {
                continue;
            }
            for (credential, challenge) in [
                (None, r#"Bearer realm="kubelease""#),
                (Some("Bearer "), r#"Bearer realm="kubelease""#),
                (Some("Basic YWRtaW46YWRtaW4="), r#"Bearer realm="kubelease""#),
                (Some("Bearer wrong"), "invalid_token"),
            ] {
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
        for route in [leases_routes(), sweep_routes()].concat() {
            let app = Installation::default();
            let path = concrete(route.path);
            let answer = app.send(route.method.as_str(), &path, SWEEP, "{}");
            let refused = answer.status == 401;
            assert_eq!(refused, route.access == Access::Administrator, "{} {path}", route.method);
        }
    }

    #[test]
    fn without_its_variables_only_livez_answers() {
        for (name, value) in [
            ("admin_token", ""),
            ("admin_token", "short"),
            ("master_key", ""),
            ("master_key", "AA=="),
        ] {
            let mut app = Installation::default();
            match name {
                "admin_token" => app.variables.admin_token = value.to_owned(),
                _ => app.variables.master_key = value.to_owned(),
            }
            assert_eq!(app.send("GET", "/livez", "", "").status, 200);
            let ready = app.send("GET", "/readyz", "", "");
            assert_eq!(ready.status, 503);
            assert!(
                ready.json["detail"].to_string().contains(&format!("`{name}`")),
                "{}",
                ready.json
            );
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
        assert!(ready.json["detail"].to_string().contains("does not tell"), "{}", ready.json);
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
            for route in [leases_routes(), sweep_routes()].concat() {
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
        for route in [leases_routes(), sweep_routes()].concat() {
            let path = concrete(route.path);
            let body = body_of(route.endpoint);
            let answer = app.send(route.method.as_str(), &path, ADMIN, body);
            let expected = if route.endpoint == Endpoint::Live { 200 } else { 503 };
            assert_eq!(answer.status, expected, "{} {path}: {}", route.method, answer.json);
            if expected == 503 {
                assert_eq!(answer.json["code"], "store_unavailable", "{} {path}", route.method);
            }
        }
    }
}
