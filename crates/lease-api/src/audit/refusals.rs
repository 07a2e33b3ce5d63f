//! Refused and failed requests of those who are known: recorded here, where their problem is, in one place for all routes.

use http::Method;
use lease_engine::{Engine, Ports, RefusedRequest, RequestSubject, Requester};

use crate::problem::{Code, Problem};

/// A request that came to a route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestedRoute<'a> {
    /// The method.
    pub(crate) method: &'a Method,
    /// The path of its route.
    pub(crate) route: &'static str,
    /// The part of its path that stands for the one `{…}` of the route.
    pub(crate) parameter: &'a str,
}

/// Records that a request was refused or has failed, and returns the problem that it is answered with.
///
/// Requests that are only written wrong are not recorded, nor is it recorded here who does not come in: a login that is
/// refused has its own cause, which the engine knows, and a stranger has no name.
pub(crate) fn record_refusal<P: Ports>(
    engine: &Engine<P>,
    requester: &Requester,
    asked: RequestedRoute<'_>,
    problem: Problem,
) -> Problem {
    let own_cause = problem.own_cause;
    if own_cause.is_none() && !is_code_recorded(problem.code) {
        return problem;
    }
    let code = problem.code.as_str();
    let reason = format!("{code}: {}", own_cause.unwrap_or(&problem.body.detail));
    let refused = RefusedRequest {
        action: &format!("{} {}", asked.method, asked.route),
        subject: request_subject(asked),
        reason: &reason,
        has_failed: problem.status.is_server_error(),
    };
    match engine.record_refusal_within_limit(requester, &refused) {
        Ok(()) => problem,
        Err(error) => error.into(),
    }
}

/// Returns the subject that the path names.
fn request_subject(RequestedRoute { route, parameter, .. }: RequestedRoute<'_>) -> RequestSubject {
    let subject = if route.starts_with("/api/v1/targets/") {
        parameter.parse().ok().map(RequestSubject::Target)
    } else if route.starts_with("/api/v1/dynamic-secrets/") {
        parameter.parse().ok().map(RequestSubject::DynamicSecret)
    } else if route.starts_with("/api/v1/identities/") {
        parameter.parse().ok().map(RequestSubject::Identity)
    } else if route.starts_with("/api/v1/auth/accessors/") {
        parameter.parse().ok().map(RequestSubject::AccessToken)
    } else if route.starts_with("/api/v1/leases/") {
        parameter.parse().ok().map(RequestSubject::Lease)
    } else {
        None
    };
    subject.unwrap_or(RequestSubject::Nothing)
}

/// Returns true for a decision on a request, and for what has kept one from being done; false for a request that is
/// written wrong, asks for something that does not exist, or comes from nobody who is known.
fn is_code_recorded(code: Code) -> bool {
    !matches!(
        code,
        Code::MalformedRequest
            | Code::InvalidJson
            | Code::BodyBroken
            | Code::BodyTooSlow
            | Code::BodyTooLarge
            | Code::InvalidField
            | Code::InvalidName
            | Code::InvalidQuery
            | Code::InvalidIdempotencyKey
            | Code::FilterRequired
            | Code::UnknownPath
            | Code::MethodNotAllowed
            | Code::UnknownTarget
            | Code::UnknownDynamicSecret
            | Code::UnknownIdentity
            | Code::UnknownLease
            | Code::NotSwept
            | Code::Unauthenticated
            | Code::InvalidToken
            // The engine records these, with what failed.
            | Code::LoginRefused
            | Code::LoginAmbiguous
            | Code::LoginUnavailable
            | Code::TooManyFailedLogins
            // Nothing can be written.
            | Code::NotConfigured
            | Code::StoreUnavailable
            | Code::StoreVersion
            | Code::StoreBroken
    )
}
