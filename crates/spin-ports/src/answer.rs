//! An answer, sent.

use http::{Response, StatusCode, header};
use wasi::http::types::{Fields, OutgoingResponse, ResponseOutparam};

use crate::body::{self, WriteError};
use crate::headers::{self, HeaderError};

/// Sends `answer`. What cannot be sent is logged, and is a 500 to the client.
pub(crate) fn send(out: ResponseOutparam, answer: Response<Vec<u8>>) {
    let response = outgoing(answer).unwrap_or_else(|error| {
        log::error!("the answer cannot be sent: {error}");
        let failure = OutgoingResponse::new(Fields::new());
        // The host knows 500; and should it not, it says 200 to a request that may have been done.
        _ = failure.set_status_code(500);
        failure
    });
    ResponseOutparam::set(out, Ok(response));
}

/// The response as the host takes it, its body written and ended before the head can leave.
fn outgoing(answer: Response<Vec<u8>>) -> Result<OutgoingResponse, AnswerError> {
    let (mut head, bytes) = answer.into_parts();
    // RFC 9110 §8.6: never with a 204.
    if head.status != StatusCode::NO_CONTENT {
        head.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
    }
    let response = OutgoingResponse::new(headers::fields(&head.headers)?);
    response.set_status_code(head.status.as_u16()).map_err(|()| AnswerError::Status)?;
    body::write(response.body().map_err(|()| WriteError::Refused)?, &bytes)?;
    Ok(response)
}

/// Why an answer cannot be sent.
#[derive(Debug, thiserror::Error)]
enum AnswerError {
    #[error("the host does not take its status")]
    Status,
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Body(#[from] WriteError),
}
