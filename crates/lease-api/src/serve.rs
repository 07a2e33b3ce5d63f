//! From a request to its answer: configured? known? let in? then done.

use std::error::Error;

use http::Response;
use http::header::{ALLOW, HeaderValue};
use http::request::Parts;
use lease_engine::{Engine, Ports};

use crate::audit::{self, RequestedRoute};
use crate::auth::{admit_caller, refusal_or_not_configured};
use crate::pagination::QueryParameters;
use crate::problem::{Code, Problem};
use crate::request_origin::request_origin;
use crate::routes::{
    Endpoint, Route, RouteMatch, RouteOperation, cleanup_routes, find_route, main_routes,
};
use crate::settings::Settings;
use crate::{
    Body, RawVariables, SettingsError, access_tokens, dynamic_secrets, explain, health, identities,
    kubeconfig, leases as lease_handlers, login, namespaces, targets,
};

/// Answers a request to the main component.
pub async fn serve_main_request<P: Ports>(
    ports: P,
    variables: &Result<RawVariables, SettingsError>,
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
    variables: &Result<RawVariables, SettingsError>,
    head: Parts,
    body: impl Body,
) -> Response<Vec<u8>> {
    serve_request(cleanup_routes(), ports, variables, head, body).await
}

async fn serve_request<P: Ports>(
    routes: Vec<Route>,
    ports: P,
    variables: &Result<RawVariables, SettingsError>,
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
    variables: &Result<RawVariables, SettingsError>,
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
            return Err(refusal_or_not_configured(&engine, &tokens, method_not_allowed(&methods)));
        }
        RouteMatch::Nothing => {
            let unknown = Problem::new(Code::UnknownPath, "there is no such path");
            return Err(refusal_or_not_configured(&engine, &tokens, unknown));
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
                let problem = problem.adapt_to_caller_authority(engine.requester().authority);
                audit::record_refusal(&engine, engine.requester(), asked, problem)
            })
        }
    }
}

async fn dispatch_operation<P: Ports>(
    engine: &Engine<P>,
    operation: RouteOperation,
    parameter: &str,
    head: &Parts,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let query = QueryParameters::parse_allowing_only(
        head.uri.query(),
        allowed_query_parameters(operation),
    )?;
    match operation {
        RouteOperation::ListTargets => targets::list_targets(engine, &query),
        RouteOperation::PutTarget => targets::put_target(engine, parameter, &query, body).await,
        RouteOperation::ShowTarget => targets::show_target(engine, parameter),
        RouteOperation::DeleteTarget => targets::delete_target(engine, parameter, &query).await,
        RouteOperation::CheckTarget => targets::check_target(engine, parameter, body).await,
        RouteOperation::ShowRuntimeConfig => targets::show_runtime_config(engine, parameter),
        RouteOperation::AcceptCluster => {
            targets::accept_changed_cluster(engine, parameter, body).await
        }
        RouteOperation::WriteOffTarget => targets::write_off_leases(engine, parameter, body).await,
        RouteOperation::ListDynamicSecrets => dynamic_secrets::list_dynamic_secrets(engine, &query),
        RouteOperation::PutDynamicSecret => {
            dynamic_secrets::put_dynamic_secret(engine, parameter, &query, body).await
        }
        RouteOperation::ShowDynamicSecret => {
            dynamic_secrets::show_dynamic_secret(engine, parameter)
        }
        RouteOperation::DeleteDynamicSecret => {
            dynamic_secrets::delete_dynamic_secret(engine, parameter, &query).await
        }
        RouteOperation::ListNamespaces => {
            namespaces::list_namespaces(engine, parameter, &query).await
        }
        RouteOperation::IssueLease => {
            lease_handlers::issue_lease_with_token(engine, parameter, &head.headers, body).await
        }
        RouteOperation::IssueExecCredential => {
            let headers = &head.headers;
            lease_handlers::issue_exec_credential(engine, parameter, &query, headers, body).await
        }
        RouteOperation::ShowKubeconfig => kubeconfig::show_kubeconfig(engine, parameter, &query),
        RouteOperation::ListLeases => lease_handlers::list_leases(engine, &query),
        RouteOperation::RevokeLeases => lease_handlers::revoke_matching_leases(engine, body).await,
        RouteOperation::ShowLease => lease_handlers::show_lease(engine, parameter),
        RouteOperation::RevokeLease => lease_handlers::revoke_lease(engine, parameter).await,
        RouteOperation::RenewLease => lease_handlers::renew_lease(engine, parameter, body).await,
        RouteOperation::Sweep => crate::sweep::serve_sweep_request(engine, &query, body).await,
        RouteOperation::ShowSweep => crate::sweep::show_last_sweep(engine),
        RouteOperation::ListAuditEvents => audit::list_events(engine, &query),
        RouteOperation::VerifyAudit => audit::verify_audit_page(engine, &query),
        RouteOperation::Explain => explain::explain_request(engine, body).await,
        RouteOperation::ListIdentities => identities::list_identities(engine, &query),
        RouteOperation::PutIdentity => {
            identities::put_identity(engine, parameter, &query, body).await
        }
        RouteOperation::ShowIdentity => identities::show_identity(engine, parameter),
        RouteOperation::DeleteIdentity => {
            identities::delete_identity(engine, parameter, &query).await
        }
        RouteOperation::MakeAccessToken => access_tokens::make_token(engine, parameter, body).await,
        RouteOperation::RevokeIdentity => {
            identities::revoke_identity_tokens(engine, parameter, &query, body).await
        }
        RouteOperation::RevokeAccessor => {
            access_tokens::revoke_token_by_accessor(engine, parameter, &query, body).await
        }
        RouteOperation::ShowAccessToken => access_tokens::show_caller(engine),
        RouteOperation::LogInByKubernetes => login::log_in_by_kubernetes(engine, body).await,
        RouteOperation::LogInByOidc => login::log_in_by_oidc(engine, body).await,
        RouteOperation::LogInAsInfisical => {
            login::infisical::log_in_infisical_client(engine, &head.headers, body).await
        }
    }
}

/// Returns the query parameters of a route.
fn allowed_query_parameters(operation: RouteOperation) -> &'static [&'static str] {
    match operation {
        RouteOperation::ListTargets
        | RouteOperation::ListDynamicSecrets
        | RouteOperation::ListIdentities
        | RouteOperation::ListNamespaces => &["limit", "cursor"],
        RouteOperation::DeleteIdentity
        | RouteOperation::RevokeIdentity
        | RouteOperation::RevokeAccessor => &["leases"],
        RouteOperation::ListLeases => lease_handlers::LEASES_QUERY_PARAMETERS,
        RouteOperation::ListAuditEvents => audit::EVENTS_QUERY_PARAMETERS,
        RouteOperation::IssueExecCredential => &["api_version"],
        RouteOperation::ShowKubeconfig => &["via", "namespace"],
        RouteOperation::VerifyAudit => &["cursor"],
        RouteOperation::DeleteDynamicSecret => &["force", "revoke"],
        RouteOperation::DeleteTarget => &["revoke"],
        RouteOperation::PutTarget
        | RouteOperation::PutDynamicSecret
        | RouteOperation::PutIdentity => &["dry_run"],
        RouteOperation::Sweep => &["dry_run", "reconcile"],
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
