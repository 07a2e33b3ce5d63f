//! Bodies: read no further than a limit, and written before the head leaves.

use std::time::Duration;

use http::{HeaderMap, header};
use lease_api::{Body, BodyError};
use wasi::http::types::{self, OutgoingBody};
use wasi::io::streams::{OutputStream, StreamError};

use crate::wait::{retry_when_ready, with_timeout};

/// The body of a request that came, not read yet.
pub struct IncomingBody {
    pub(crate) body: types::IncomingBody,
    pub(crate) declared: Option<usize>,
}

impl Body for IncomingBody {
    async fn read_bytes(self, limit: usize) -> Result<Vec<u8>, BodyError> {
        match with_timeout(BODY_TIMEOUT, read_limited(self.body, self.declared, limit)).await {
            None => Err(BodyError::TooSlow),
            Some(Err(ReadError::TooLarge)) => Err(BodyError::TooLarge),
            Some(Err(ReadError::Broken)) => Err(BodyError::Broken),
            Some(Ok(bytes)) => Ok(bytes),
        }
    }
}

/// The length that a message says its body has.
pub(crate) fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Why a body was not read to its end.
pub(crate) enum ReadError {
    /// The body is longer than it may be.
    TooLarge,
    /// The body broke off. The host's text about it may hold a stack of the host, and is dropped.
    Broken,
}

/// Reads a body of at most `limit` bytes.
///
/// One that is `declared` to be longer is not begun, and nothing is read beyond the first byte over the
/// limit.
pub(crate) async fn read_limited(
    body: types::IncomingBody,
    declared: Option<usize>,
    limit: usize,
) -> Result<Vec<u8>, ReadError> {
    if declared.is_some_and(|length| length > limit) {
        return Err(ReadError::TooLarge);
    }
    let stream = body.stream().map_err(|()| ReadError::Broken)?;
    let mut bytes = Vec::with_capacity(declared.unwrap_or_default());
    loop {
        let room = limit - bytes.len();
        let wanted = READ_BYTES.min(room as u64 + 1);
        let chunk = retry_when_ready(
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
            Err(StreamError::LastOperationFailed(_)) => return Err(ReadError::Broken),
        }
    }
}

/// A body that is being written.
pub(crate) struct BodyWriter {
    // The stream is the body's child, and goes first.
    stream: OutputStream,
    body: OutgoingBody,
}

impl BodyWriter {
    pub(crate) fn new(body: OutgoingBody) -> Result<Self, WriteError> {
        let stream = body.write().map_err(|()| WriteError::Refused)?;
        Ok(Self { stream, body })
    }

    /// Writes what the host takes without waiting, and answers with what remains.
    ///
    /// Of a body whose head has not left yet the host takes 2 MiB (`wasmtime-wasi-http`). Whatever is
    /// written after the head has left waits for the other side's delayed acknowledgement, 40 ms, as
    /// Spin does not set `TCP_NODELAY`.
    pub(crate) fn write_now<'b>(&self, mut bytes: &'b [u8]) -> Result<&'b [u8], WriteError> {
        while !bytes.is_empty() {
            let room = self.stream.check_write().map_err(|_| WriteError::Broken)?;
            let length = bytes.len().min(room.try_into().unwrap_or(usize::MAX));
            if length == 0 {
                break;
            }
            self.stream.write(&bytes[..length]).map_err(|_| WriteError::Broken)?;
            bytes = &bytes[length..];
        }
        Ok(bytes)
    }

    /// Writes everything, as the other side takes it.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> Result<(), WriteError> {
        while !bytes.is_empty() {
            let written = || {
                let rest = self.write_now(bytes);
                Some(rest).filter(|rest| !matches!(rest, Ok(rest) if rest.len() == bytes.len()))
            };
            bytes = retry_when_ready(|| self.stream.subscribe(), written).await?;
        }
        Ok(())
    }

    /// Ends the body; one that is dropped instead is broken off.
    pub(crate) fn finish_body(self) -> Result<(), WriteError> {
        drop(self.stream);
        OutgoingBody::finish(self.body, None).map_err(|_| WriteError::Broken)
    }
}

/// Why a body was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("the host does not accept a body")]
    Refused,
    #[error("the body ended early")]
    Broken,
}

/// The longest time that a client may take over the body of a request, which is small.
///
/// An instance is held as long, and Spin runs a thousand at most.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

const READ_BYTES: u64 = 16 * 1024;
