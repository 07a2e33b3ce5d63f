//! Bodies: read no further than a limit, written before anything leaves.

use std::time::Duration;

use http::{HeaderMap, header};
use lease_api::{Body, BodyError};
use wasi::http::types::{self, ErrorCode, OutgoingBody};
use wasi::io::streams::StreamError;

use crate::wait::{until, within};

/// The body of a request that came, not read yet.
pub struct IncomingBody {
    pub(crate) body: types::IncomingBody,
    pub(crate) declared: Option<usize>,
}

impl Body for IncomingBody {
    async fn read(self, limit: usize) -> Result<Vec<u8>, BodyError> {
        match within(BODY_TIMEOUT, read(self.body, self.declared, limit)).await {
            None => Err(BodyError::TooSlow),
            Some(Err(ReadError::TooLarge)) => Err(BodyError::TooLarge),
            Some(Err(ReadError::Broken(_))) => Err(BodyError::Broken),
            Some(Ok(bytes)) => Ok(bytes),
        }
    }
}

/// The length that a message says its body has.
pub(crate) fn declared(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Why a body was not read to its end.
pub(crate) enum ReadError {
    /// It is longer than it may be.
    TooLarge,
    /// It broke off; the host may know why.
    Broken(Option<ErrorCode>),
}

/// Reads a body of at most `limit` bytes.
///
/// One that is `declared` to be longer is not begun, and nothing is read beyond the first byte over the
/// limit.
pub(crate) async fn read(
    body: types::IncomingBody,
    declared: Option<usize>,
    limit: usize,
) -> Result<Vec<u8>, ReadError> {
    if declared.is_some_and(|length| length > limit) {
        return Err(ReadError::TooLarge);
    }
    let stream = body.stream().map_err(|()| ReadError::Broken(None))?;
    let mut bytes = Vec::with_capacity(declared.unwrap_or_default());
    loop {
        let room = limit - bytes.len();
        let wanted = READ_BYTES.min(room as u64 + 1);
        let chunk = until(
            || stream.subscribe(),
            || {
                Some(stream.read(wanted))
                    .filter(|read| !matches!(read, Ok(chunk) if chunk.is_empty()))
            },
        );
        match chunk.await {
            Ok(chunk) if chunk.len() > room => return Err(ReadError::TooLarge),
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(ReadError::Broken(types::http_error_code(&error)));
            }
        }
    }
}

/// Writes and ends a body of which nothing is sent yet, and waits for nobody.
///
/// Spin does not set `TCP_NODELAY`: what is written after the head has gone waits some 40 ms for the
/// other side's delayed acknowledgement. Until then the host holds 2 MiB of it (`wasmtime-wasi-http`),
/// many times what is ever sent here.
pub(crate) fn write(body: OutgoingBody, mut bytes: &[u8]) -> Result<(), WriteError> {
    let stream = body.write().map_err(|()| WriteError::Refused)?;
    while !bytes.is_empty() {
        let room = stream.check_write().map_err(|_| WriteError::Refused)?;
        let (chunk, rest) = bytes.split_at(bytes.len().min(room.try_into().unwrap_or(usize::MAX)));
        if chunk.is_empty() {
            return Err(WriteError::TooLarge);
        }
        stream.write(chunk).map_err(|_| WriteError::Refused)?;
        bytes = rest;
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|_| WriteError::Refused)
}

/// Why a body was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("the body is larger than the host holds")]
    TooLarge,
    #[error("the host does not take the body")]
    Refused,
}

/// How long a client may take over the body of a request, which is small.
///
/// An instance is held as long, and Spin runs a thousand at most.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

const READ_BYTES: u64 = 16 * 1024;
