//! One request, from the host and back to it.

use http::request::Parts;
use http::{Extensions, Response};
use lease_api::{RawVariables, SettingsError};
use wasi::http::types::{IncomingRequest, ResponseOutparam};

use crate::{
    IncomingBody, SpinPorts, answer, body, install_stderr_logger, read_all_variables, request_head,
};

/// Hands a request over to `handler` and sends what it answers.
pub fn serve_request(
    incoming: &IncomingRequest,
    out: ResponseOutparam,
    handler: impl AsyncFnOnce(
        SpinPorts,
        &Result<RawVariables, SettingsError>,
        Parts,
        IncomingBody,
    ) -> Response<Vec<u8>>,
) {
    serve_request_and_run_after(incoming, out, handler, async |_, _, _| ());
}

/// The same, and then `after`, for which nobody waits.
///
/// `after` has the extensions of the answer. The host may end an instance while it does that: nothing may depend on it.
pub fn serve_request_and_run_after(
    incoming: &IncomingRequest,
    out: ResponseOutparam,
    handler: impl AsyncFnOnce(
        SpinPorts,
        &Result<RawVariables, SettingsError>,
        Parts,
        IncomingBody,
    ) -> Response<Vec<u8>>,
    after: impl AsyncFnOnce(SpinPorts, &Result<RawVariables, SettingsError>, Extensions),
) {
    install_stderr_logger();
    spin_executor::run(async {
        let variables = read_all_variables();
        let mut answer = match read_head_and_take_body(incoming) {
            Ok((head, body)) => handler(SpinPorts::default(), &variables, head, body).await,
            Err(error) => {
                log::warn!("a request cannot be read: {error}");
                lease_api::malformed_request_response()
            }
        };
        let extensions = std::mem::take(answer.extensions_mut());
        answer::send_answer(out, answer).await;
        after(SpinPorts::default(), &variables, extensions).await;
    });
}

/// Runs to its end what is no request, such as a sweep by a schedule.
pub fn block_on_future<T>(future: impl Future<Output = T>) -> T {
    spin_executor::run(future)
}

/// The head of a request, and its body unread.
fn read_head_and_take_body(
    incoming: &IncomingRequest,
) -> Result<(Parts, IncomingBody), request_head::RequestError> {
    let head = request_head::read_head(incoming)?;
    let body = incoming.consume().map_err(|()| request_head::RequestError::Body)?;
    let declared = body::declared_length(&head.headers);
    Ok((head, IncomingBody { body, declared }))
}
