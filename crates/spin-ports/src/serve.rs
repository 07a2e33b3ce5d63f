//! One request, from the host and back to it.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use lease_api::Variables;
use wasi::http::types::{IncomingRequest, ResponseOutparam};

use crate::{IncomingBody, SpinPorts, answer, body, log_to_stderr, request, variables};

/// Hands a request over to `handler` and sends what it answers.
pub fn serve(
    incoming: IncomingRequest,
    out: ResponseOutparam,
    handler: impl AsyncFnOnce(SpinPorts, &Variables, Parts, IncomingBody) -> Response<Vec<u8>>,
) {
    log_to_stderr();
    spin_executor::run(async { answer::send(out, handle(incoming, handler).await).await });
}

async fn handle(
    incoming: IncomingRequest,
    handler: impl AsyncFnOnce(SpinPorts, &Variables, Parts, IncomingBody) -> Response<Vec<u8>>,
) -> Response<Vec<u8>> {
    let head = match request::head(&incoming) {
        Ok(head) => head,
        Err(error) => {
            log::warn!("a request cannot be read: {error}");
            let status = StatusCode::BAD_REQUEST;
            return problem(status, "malformed_request", "the request's head is malformed");
        }
    };
    let variables = match variables() {
        Ok(variables) => variables,
        Err(error) => {
            log::error!("{error}");
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return problem(
                status,
                "variables_unavailable",
                "the host does not tell the variables",
            );
        }
    };
    // It can be taken once, which is here.
    let Ok(body) = incoming.consume() else {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        return problem(status, "internal_error", "the request has no body");
    };
    let body = IncomingBody { body, declared: body::declared(&head.headers) };
    handler(SpinPorts::default(), &variables, head, body).await
}

/// What the handler cannot answer, as it is not reached; in the same form (RFC 9457).
fn problem(status: StatusCode, code: &str, detail: &str) -> Response<Vec<u8>> {
    let title = status.canonical_reason().unwrap_or_default();
    let number = status.as_u16();
    let body = format!(
        r#"{{"type":"about:blank","title":"{title}","status":{number},"code":"{code}","detail":"{detail}"}}"#
    );
    let mut response = Response::new(body.into_bytes());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
