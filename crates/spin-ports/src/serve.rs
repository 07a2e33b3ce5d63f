//! One request, from the host and back to it.

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
            return empty(StatusCode::BAD_REQUEST);
        }
    };
    let Ok(body) = incoming.consume() else { return empty(StatusCode::INTERNAL_SERVER_ERROR) };
    let body = IncomingBody { body, declared: body::declared(&head.headers) };
    match variables() {
        Ok(variables) => handler(SpinPorts::default(), &variables, head, body).await,
        Err(error) => {
            log::error!("{error}");
            empty(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

fn empty(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}
