//! A request that came, as `http` types.

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Request, Uri};
use wasi::http::types::IncomingRequest;

use crate::headers::{self, HeaderError};
use crate::method;

/// Why a request cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("its method is malformed")]
    Method,
    #[error("it has no path, or a malformed one")]
    Path,
    #[error("its body was taken before")]
    Body,
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// The head of a request: its method, its raw path and query, and every value of every header.
///
/// The guest sees neither `host` nor the other headers that belong to a connection. The `spin-…` headers
/// are not to be trusted: Spin appends its own to whatever the client sent.
pub(crate) fn read_head(request: &IncomingRequest) -> Result<Parts, RequestError> {
    let path = request.path_with_query().ok_or(RequestError::Path)?;
    let path = PathAndQuery::try_from(path).map_err(|_| RequestError::Path)?;
    let mut head = Request::new(()).into_parts().0;
    head.method = method::method_from_host(request.method()).ok_or(RequestError::Method)?;
    head.uri = Uri::from(path);
    head.headers = headers::fields_to_header_map(&request.headers())?;
    Ok(head)
}
