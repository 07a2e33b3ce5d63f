//! How answers are written.

use chrono::{DateTime, SecondsFormat, Utc};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use lease_core::AuditChange;
use lease_engine::DefinitionChange;
use serde::Serialize;

use crate::problem::Problem;

/// The effect of a put on a definition. It is said in the answer to the put, and never again.
#[derive(Serialize)]
pub(crate) struct ChangeJson {
    change: AuditChange,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changed_fields: Vec<String>,
}

impl From<DefinitionChange> for ChangeJson {
    fn from(change: DefinitionChange) -> Self {
        Self { change: change.kind, changed_fields: change.fields }
    }
}

/// Returns the status of a put.
pub(crate) fn put_status(change: &DefinitionChange) -> StatusCode {
    match change.kind {
        AuditChange::Created => StatusCode::CREATED,
        _ => StatusCode::OK,
    }
}

/// An answer with a JSON body.
pub(crate) fn json_response<T: Serialize>(status: StatusCode, value: &T) -> Response<Vec<u8>> {
    build_json_response(status, "application/json", value)
}

/// A time as it is shown: RFC 3339, UTC, whole seconds.
pub(crate) fn format_time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// An answer without a body.
pub(crate) fn no_content() -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

impl Problem {
    /// The problem as an answer. Whoever handles it logs the cause: it is not told.
    pub(crate) fn into_response(self) -> Response<Vec<u8>> {
        let mut response = build_json_response(self.status, "application/problem+json", &self.body);
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        if let Some(record) = self.record {
            response.extensions_mut().insert(*record);
        }
        response
    }
}

fn build_json_response<T: Serialize>(
    status: StatusCode,
    content_type: &'static str,
    value: &T,
) -> Response<Vec<u8>> {
    // Unwrap safety: our shapes have text keys and no fallible `Serialize`.
    let mut response = Response::new(serde_json::to_vec(value).unwrap());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Whatever a cache on the way keeps, it may hand to another: RFC 9111 §5.2.2.5.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
