//! An answer, sent.

use std::time::Duration;

use http::{Response, StatusCode, header};
use wasi::http::types::{Fields, OutgoingResponse, ResponseOutparam};

use crate::body::{BodyWriter, WriteError};
use crate::headers::{self, HeaderError};
use crate::wait::with_timeout;

/// Sends `answer`. What cannot be sent is logged, and is a 500 to the client.
pub(crate) async fn send_answer(out: ResponseOutparam, answer: Response<Vec<u8>>) {
    match response_and_unwritten_rest(answer) {
        Ok((response, rest)) => {
            ResponseOutparam::set(out, Ok(response));
            if let Some(rest) = rest
                && !matches!(
                    with_timeout(UNWRITTEN_BODY_TIMEOUT, rest.write_remainder()).await,
                    Some(Ok(()))
                )
            {
                log::warn!("the client did not read the whole answer");
            }
        }
        Err(error) => {
            log::error!("the answer cannot be sent: {error}");
            let failure = OutgoingResponse::new(Fields::new());
            // Every host knows 500.
            _ = failure.set_status_code(500);
            ResponseOutparam::set(out, Ok(failure));
        }
    }
}

/// The response as the host takes it, and what of its body has to follow its head.
///
/// Commonly nothing: it is all written and ended before, and leaves with the head.
fn response_and_unwritten_rest(
    answer: Response<Vec<u8>>,
) -> Result<(OutgoingResponse, Option<BodyRemainder>), AnswerError> {
    let (mut head, bytes) = answer.into_parts();
    // RFC 9110 §8.6: never with a 204.
    if head.status != StatusCode::NO_CONTENT {
        head.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
    }
    let response = OutgoingResponse::new(headers::header_map_to_fields(&head.headers)?);
    response.set_status_code(head.status.as_u16()).map_err(|()| AnswerError::Status)?;
    let writer = BodyWriter::new(response.body().map_err(|()| WriteError::Refused)?)?;
    let written = bytes.len() - writer.write_now(&bytes)?.len();
    if written == bytes.len() {
        writer.finish_body()?;
        return Ok((response, None));
    }
    Ok((response, Some(BodyRemainder { writer, bytes, written })))
}

/// The rest of a body.
struct BodyRemainder {
    writer: BodyWriter,
    bytes: Vec<u8>,
    written: usize,
}

impl BodyRemainder {
    async fn write_remainder(self) -> Result<(), WriteError> {
        self.writer.write_all(&self.bytes[self.written..]).await?;
        self.writer.finish_body()
    }
}

/// Why an answer cannot be sent.
#[derive(Debug, thiserror::Error)]
enum AnswerError {
    #[error("the host does not accept its status")]
    Status,
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Body(#[from] WriteError),
}

/// The longest time that a client may take over the rest of an answer that the host does not hold
/// whole.
const UNWRITTEN_BODY_TIMEOUT: Duration = Duration::from_secs(30);
