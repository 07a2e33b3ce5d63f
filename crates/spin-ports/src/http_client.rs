//! How requests leave, by `wasi:http/outgoing-handler`.

use std::fmt::Display;

use http::request::Parts;
use http::uri::{self, Authority, PathAndQuery};
use http::{Request, Response, StatusCode, header};
use kube_rest::{ExchangeLimits, HttpClient, TlsFailure, TransportError};
use wasi::http::outgoing_handler;
use wasi::http::types::{ErrorCode, IncomingResponse, OutgoingRequest, RequestOptions, Scheme};

use crate::body::{self, BodyWriter, ReadError, WriteError};
use crate::wait::{retry_when_ready, to_nanoseconds, with_timeout};
use crate::{headers, method};

/// The host's HTTP client, within limits: by itself Spin waits 600 s for each step.
#[derive(Default)]
pub struct SpinHttpClient;

impl HttpClient for SpinHttpClient {
    async fn send(
        &self,
        request: Request<Vec<u8>>,
        limits: &ExchangeLimits,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        let (head, body) = request.into_parts();
        let answer = with_timeout(limits.total, exchange_once(&head, &body, limits)).await;
        answer.unwrap_or_else(|| Err(TransportError::Timeout(format!("{:?} in all", limits.total))))
    }
}

/// Sends a request once and reads the whole answer.
async fn exchange_once(
    head: &Parts,
    body: &[u8],
    limits: &ExchangeLimits,
) -> Result<Response<Vec<u8>>, TransportError> {
    let request = to_outgoing(head, body)?;
    let failed = |code| to_transport_error(code, head.uri.scheme() != Some(&uri::Scheme::HTTP));
    let sent = outgoing_handler::handle(request, Some(request_options(limits)?)).map_err(failed)?;
    let came = retry_when_ready(|| sent.subscribe(), || sent.get()).await;
    // The host says `Err` where the answer was taken before, which it was not.
    let came = came.map_err(|()| broken_transport("the host has no answer"))?.map_err(failed)?;
    read_response(&came, limits.answer_bytes).await
}

/// The request as the host takes it, its body written and ended.
fn to_outgoing(head: &Parts, body: &[u8]) -> Result<OutgoingRequest, TransportError> {
    let mut fields = head.headers.clone();
    if !body.is_empty() {
        fields.insert(header::CONTENT_LENGTH, body.len().into());
    }
    let request =
        OutgoingRequest::new(headers::header_map_to_fields(&fields).map_err(broken_transport)?);
    let plain = head.uri.scheme() == Some(&uri::Scheme::HTTP);
    let scheme = if plain { Scheme::Http } else { Scheme::Https };
    let authority = head.uri.authority().map(Authority::as_str);
    let path = head.uri.path_and_query().map(PathAndQuery::as_str);
    request
        .set_method(&method::method_to_host(&head.method))
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(authority))
        .and_then(|()| request.set_path_with_query(path))
        .map_err(|()| broken_transport("the host does not accept the address"))?;
    if !body.is_empty() {
        let outgoing_body = request.body().map_err(|()| broken_transport(WriteError::Refused))?;
        let writer = BodyWriter::new(outgoing_body).map_err(broken_transport)?;
        // What the API is sent is a fraction of what the host takes.
        if !writer.write_now(body).map_err(broken_transport)?.is_empty() {
            return Err(broken_transport("the request is larger than the host accepts at once"));
        }
        writer.finish_body().map_err(broken_transport)?;
    }
    Ok(request)
}

/// The host's own timeouts. None between the bytes of a body: `send` gives a stalled one up, and not every
/// host could say that this is what happened.
fn request_options(limits: &ExchangeLimits) -> Result<RequestOptions, TransportError> {
    let options = RequestOptions::new();
    options
        .set_connect_timeout(Some(to_nanoseconds(limits.connect)))
        .and_then(|()| options.set_first_byte_timeout(Some(to_nanoseconds(limits.first_byte))))
        .map_err(|()| broken_transport("the host does not support timeouts"))?;
    Ok(options)
}

/// The whole answer. `came` outlives its body: a host may end the exchange with it.
async fn read_response(
    came: &IncomingResponse,
    limit: usize,
) -> Result<Response<Vec<u8>>, TransportError> {
    let mut answer = Response::new(Vec::new());
    *answer.status_mut() = StatusCode::from_u16(came.status()).map_err(broken_transport)?;
    *answer.headers_mut() =
        headers::fields_to_header_map(&came.headers()).map_err(broken_transport)?;
    let body = came.consume().map_err(|()| broken_transport("the host has no body"))?;
    let declared = body::declared_length(answer.headers());
    let read = body::read_limited(body, declared, limit).await;
    *answer.body_mut() = read.map_err(|error| match error {
        ReadError::TooLarge => TransportError::TooLarge(limit),
        ReadError::Broken => broken_transport("within the body"),
    })?;
    Ok(answer)
}

/// Converts the host's error to ours, with its name. The rest of it is dropped: it may hold a stack
/// of the host.
///
/// The codes of TLS are those that `wasi:http` has. Spin gives `TlsProtocolError` for every failure of a handshake.
fn to_transport_error(code: ErrorCode, is_tls: bool) -> TransportError {
    let told = format!("{code:?}");
    let name = told.trim_start_matches("ErrorCode::").split('(').next().unwrap_or_default();
    let kind = match code {
        ErrorCode::TlsProtocolError => return TransportError::Tls(TlsFailure::Unexplained),
        ErrorCode::TlsCertificateError => {
            return TransportError::Tls(TlsFailure::ServerCertificate);
        }
        ErrorCode::TlsAlertReceived(alert) => {
            return TransportError::Tls(TlsFailure::Alert(alert.alert_id));
        }
        // In TLS 1.3 the client has finished before the server judges its certificate.
        ErrorCode::HttpProtocolError if is_tls => {
            return broken_transport(format_args!(
                "{name}; a server that refuses the host's client certificate, or requires one, \
                 looks the same; the host's log says more"
            ));
        }
        ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused => TransportError::Unreachable,
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => TransportError::Denied,
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => TransportError::Timeout,
        _ => TransportError::Broken,
    };
    kind(name.to_owned())
}

fn broken_transport(what: impl Display) -> TransportError {
    TransportError::Broken(what.to_string())
}
