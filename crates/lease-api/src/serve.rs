//! From a request to its answer: configured? known? let in? then done.

use std::error::Error;

use http::Response;
use http::header::{ALLOW, HeaderValue};
use http::request::Parts;
use lease_engine::{Engine, Ports};

use crate::audit::{self, RequestedRoute};
use crate::auth::{admit_caller, refusal_problem};
use crate::pagination::QueryParameters;
use crate::problem::{Code, Problem};
use crate::request_origin::request_origin;
use crate::routes::{
    Endpoint, Operation, Route, RouteMatch, cleanup_routes, find_route, main_routes,
};
use crate::settings::Settings;
use crate::{
    Body, SettingsError, Variables, access_tokens, dynamic_secrets, explain, health, identities,
    kubeconfig, leases as lease_handlers, login, namespaces, targets,
};

/// Answers a request to the main component.
pub async fn serve_main_request<P: Ports>(
    ports: P,
    variables: &Result<Variables, SettingsError>,
    head: Parts,
    body: impl Body,
) -> Response<Vec<u8>> {
    serve_request(main_routes(), ports, variables, head, body).await
}

/// Answers a request whose head cannot be read.
#[must_use]
pub fn malformed_request_response() -> Response<Vec<u8>> {
    let detail = "the method, path or headers are malformed";
    Problem::new(Code::MalformedRequest, detail).into_response()
}

/// Answers a request to the cleanup job.
pub async fn serve_cleanup_request<P: Ports>(
    ports: P,
    variables: &Result<Variables, SettingsError>,
    head: Parts,
    body: impl Body,
) -> Response<Vec<u8>> {
    serve_request(cleanup_routes(), ports, variables, head, body).await
}

async fn serve_request<P: Ports>(
    routes: Vec<Route>,
    ports: P,
    variables: &Result<Variables, SettingsError>,
    head: Parts,
    body: impl Body,
) -> Response<Vec<u8>> {
    let found = find_route(routes, &head.method, head.uri.path());
    // The route's own path: what the client sent might hold anything.
    let route = match &found {
        RouteMatch::Route(route, _) => route.path,
        RouteMatch::OtherMethods(_) | RouteMatch::Nothing => "-",
    };
    let method = head.method.clone();
    match answer_route(found, ports, variables, &head, body).await {
        Ok(response) => response,
        Err(problem) => {
            log_cause(&format!("{method} {route}"), &problem);
            problem.into_response()
        }
    }
}

async fn answer_route<P: Ports>(
    found: RouteMatch<'_>,
    ports: P,
    variables: &Result<Variables, SettingsError>,
    head: &Parts,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let settings = Settings::from_variables(variables);
    if let RouteMatch::Route(Route { endpoint: Endpoint::Live, .. }, _) = found {
        return Ok(health::show_liveness());
    }
    if let RouteMatch::Route(Route { endpoint: Endpoint::Ready, .. }, _) = found {
        return health::show_readiness(ports, settings, &head.headers);
    }
    let Settings { tokens, trusted_proxies, keys, config } = settings?;
    let engine = Engine::new(ports, keys, config);
    let (route, parameter) = match found {
        RouteMatch::Route(route, parameter) => (route, parameter),
        RouteMatch::OtherMethods(methods) => {
            return Err(refusal_problem(&engine, &tokens, method_not_allowed(&methods)));
        }
        RouteMatch::Nothing => {
            let unknown = Problem::new(Code::UnknownPath, "there is no such path");
            return Err(refusal_problem(&engine, &tokens, unknown));
        }
    };
    let origin = request_origin(&head.headers, &trusted_proxies);
    let request_id = origin.request_id.clone();
    let asked = RequestedRoute { method: &head.method, route: route.path, parameter };
    let admitted = admit_caller(&engine, &tokens, (&route, asked), &head.headers, origin);
    match route.endpoint {
        Endpoint::Live | Endpoint::Ready => Ok(health::show_liveness()),
        Endpoint::TokenOperation(operation) => {
            let head = (head, request_id.as_deref());
            access_tokens::serve_token_operation(engine, operation, admitted, head, body).await
        }
        Endpoint::Operation(operation) => {
            let engine = engine.acting_for(admitted?.into_requester());
            let answer = dispatch_operation(&engine, operation, parameter, head, body).await;
            answer.map_err(|problem| {
                let problem = problem.for_authority(engine.requester().authority);
                audit::record_refusal(&engine, engine.requester(), asked, problem)
            })
        }
    }
}

async fn dispatch_operation<P: Ports>(
    engine: &Engine<P>,
    operation: Operation,
    parameter: &str,
    head: &Parts,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let query = QueryParameters::parse_known(head.uri.query(), known_query_parameters(operation))?;
    match operation {
        Operation::ListTargets => targets::list_targets(engine, &query),
        Operation::PutTarget => targets::put_target(engine, parameter, &query, body).await,
        Operation::ShowTarget => targets::show_target(engine, parameter),
        Operation::DeleteTarget => targets::delete_target(engine, parameter, &query).await,
        Operation::CheckTarget => targets::check_target(engine, parameter, body).await,
        Operation::ShowRuntimeConfig => targets::show_runtime_config(engine, parameter),
        Operation::AcceptCluster => targets::accept_cluster(engine, parameter, body).await,
        Operation::WriteOffTarget => targets::write_off_leases(engine, parameter, body).await,
        Operation::ListDynamicSecrets => dynamic_secrets::list_dynamic_secrets(engine, &query),
        Operation::PutDynamicSecret => {
            dynamic_secrets::put_dynamic_secret(engine, parameter, &query, body).await
        }
        Operation::ShowDynamicSecret => dynamic_secrets::show_dynamic_secret(engine, parameter),
        Operation::DeleteDynamicSecret => {
            dynamic_secrets::delete_dynamic_secret(engine, parameter, &query).await
        }
        Operation::ListNamespaces => namespaces::list_namespaces(engine, parameter, &query).await,
        Operation::IssueLease => {
            lease_handlers::serve_issue(engine, parameter, &head.headers, body).await
        }
        Operation::IssueExecCredential => {
            let headers = &head.headers;
            lease_handlers::issue_exec_credential(engine, parameter, &query, headers, body).await
        }
        Operation::ShowKubeconfig => kubeconfig::show_kubeconfig(engine, parameter, &query),
        Operation::ListLeases => lease_handlers::list_leases(engine, &query),
        Operation::RevokeLeases => lease_handlers::revoke_matching_leases(engine, body).await,
        Operation::ShowLease => lease_handlers::show_lease(engine, parameter),
        Operation::RevokeLease => lease_handlers::revoke_lease(engine, parameter).await,
        Operation::RenewLease => lease_handlers::renew_lease(engine, parameter, body).await,
        Operation::Sweep => crate::sweep::run_sweep(engine, &query, body).await,
        Operation::ShowSweep => crate::sweep::show_last_sweep(engine),
        Operation::ListAuditEvents => audit::list_events(engine, &query),
        Operation::VerifyAudit => audit::verify_audit_part(engine, &query),
        Operation::Explain => explain::explain_request(engine, body).await,
        Operation::ListIdentities => identities::list_identities(engine, &query),
        Operation::PutIdentity => identities::put_identity(engine, parameter, &query, body).await,
        Operation::ShowIdentity => identities::show_identity(engine, parameter),
        Operation::DeleteIdentity => identities::delete_identity(engine, parameter, &query).await,
        Operation::MakeAccessToken => access_tokens::make_token(engine, parameter, body).await,
        Operation::RevokeIdentity => {
            identities::revoke_tokens(engine, parameter, &query, body).await
        }
        Operation::RevokeAccessor => {
            access_tokens::revoke_token_by_accessor(engine, parameter, &query, body).await
        }
        Operation::ShowAccessToken => access_tokens::show_caller(engine),
        Operation::LogInByKubernetes => login::log_in_by_kubernetes(engine, body).await,
        Operation::LogInByOidc => login::log_in_by_oidc(engine, body).await,
        Operation::LogInAsInfisical => {
            login::infisical::log_in_infisical_client(engine, &head.headers, body).await
        }
    }
}

/// Returns the query parameters of a route.
fn known_query_parameters(operation: Operation) -> &'static [&'static str] {
    match operation {
        Operation::ListTargets
        | Operation::ListDynamicSecrets
        | Operation::ListIdentities
        | Operation::ListNamespaces => &["limit", "cursor"],
        Operation::DeleteIdentity | Operation::RevokeIdentity | Operation::RevokeAccessor => {
            &["leases"]
        }
        Operation::ListLeases => lease_handlers::LEASES_QUERY_PARAMETERS,
        Operation::ListAuditEvents => audit::EVENTS_QUERY_PARAMETERS,
        Operation::IssueExecCredential => &["api_version"],
        Operation::ShowKubeconfig => &["via", "namespace"],
        Operation::VerifyAudit => &["cursor"],
        Operation::DeleteDynamicSecret => &["force", "revoke"],
        Operation::DeleteTarget => &["revoke"],
        Operation::PutTarget | Operation::PutDynamicSecret | Operation::PutIdentity => &["dry_run"],
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
    Problem::new(Code::MethodNotAllowed, detail).with_header(ALLOW, allow)
}

/// Logs what is behind a problem, which its caller is not told.
pub(crate) fn log_cause(request: &str, problem: &Problem) {
    if let Some(cause) = &problem.cause {
        let (status, code) = (problem.status.as_u16(), problem.body.code);
        log::error!("{request}: {status} {code}: {}", error_chain(&**cause));
    }
}

/// An error with all that is behind it, on one line.
fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
