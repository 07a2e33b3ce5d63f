//! Headers between the host's lists and `http`'s maps: every value of a name, in order.

use http::{HeaderMap, HeaderName, HeaderValue};
use wasi::http::types::Fields;

/// A header that cannot be carried over. The text names no value: it may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("header `{0}` is malformed, refused by the host, or one header too many")]
pub(crate) struct HeaderError(String);

/// The headers of a message that came.
pub(crate) fn fields_to_header_map(fields: &Fields) -> Result<HeaderMap, HeaderError> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.entries() {
        append_to_header_map(&mut headers, &name, &value).ok_or(HeaderError(name))?;
    }
    Ok(headers)
}

/// The headers of a message that goes.
pub(crate) fn header_map_to_fields(headers: &HeaderMap) -> Result<Fields, HeaderError> {
    let fields = Fields::new();
    for (name, value) in headers {
        let name = name.as_str().to_owned();
        let value = value.as_bytes().to_vec();
        fields.append(&name, &value).map_err(|_| HeaderError(name))?;
    }
    Ok(fields)
}

fn append_to_header_map(headers: &mut HeaderMap, name: &str, value: &[u8]) -> Option<bool> {
    let name = HeaderName::try_from(name).ok()?;
    let value = HeaderValue::from_bytes(value).ok()?;
    headers.try_append(name, value).ok()
}
