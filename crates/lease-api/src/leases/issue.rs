//! `POST /api/v1/dynamic-secrets/{name}/leases`

use http::header::{HeaderName, HeaderValue, LOCATION};
use http::{HeaderMap, Response, StatusCode};
use lease_core::{Audience, IssueRequest, Namespace, Ttl};
use lease_engine::{Engine, IssuedLease, Ports};
use serde::{Deserialize, Serialize};

use super::json::LeaseWithTokenJson;
use crate::problem::{Code, Problem};
use crate::{Body, input, respond};

/// The body of a request for a lease.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with `ttl`, `namespace` and `audiences`, or no body"
)]
struct IssueInput {
    ttl: Option<Ttl>,
    namespace: Option<Namespace>,
    audiences: Option<Vec<Audience>>,
}

/// `POST /api/v1/dynamic-secrets/{name}/leases`
pub(crate) async fn issue_lease_with_token<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    headers: &HeaderMap,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let issued = issue_requested_lease(engine, name, headers, body).await?;
    Ok(respond_issued(&issued, &LeaseWithTokenJson::from_issued(&issued)))
}

/// Issues the lease that a request asks for.
pub(super) async fn issue_requested_lease<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    headers: &HeaderMap,
    body: impl Body,
) -> Result<IssuedLease, Problem> {
    let secret = input::parse_name(name)?;
    let key = idempotency_key(headers)?;
    let IssueInput { ttl, namespace, audiences } = input::optional_json(body).await?;
    let request = IssueRequest { ttl, namespace, audiences };
    Ok(engine.issue_lease(&secret, request, key).await?)
}

/// Answers a lease in the shape that was asked for, and where it is.
pub(super) fn respond_issued(issued: &IssuedLease, json: &impl Serialize) -> Response<Vec<u8>> {
    // Unwrap safety: an id is hexadecimal digits.
    let location =
        HeaderValue::try_from(format!("/api/v1/leases/{}", issued.held.lease.id)).unwrap();
    let status = if issued.again { StatusCode::OK } else { StatusCode::CREATED };
    let mut response = respond::json_response(status, json);
    response.headers_mut().insert(LOCATION, location);
    response
}

/// The one `Idempotency-Key` of a request (draft-ietf-httpapi-idempotency-key-header), quoted or not.
///
/// # Errors
/// 422 for two of them, and for one that is empty, too long, or not visible ASCII.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().filter(|_| values.next().is_none());
    let unquoted =
        key.map(|key| key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key));
    let good = |key: &&str| {
        (1..=MAX_KEY_BYTES).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
    };
    unquoted.filter(good).map(Some).ok_or_else(|| {
        let detail = format!(
            "`Idempotency-Key` must be sent once, with 1 to {MAX_KEY_BYTES} visible ASCII \
             characters without spaces"
        );
        Problem::new(Code::InvalidIdempotencyKey, detail)
    })
}

/// The header that names a request, so that it can be sent again.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Room for several UUIDs or the name of a job.
const MAX_KEY_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sent_once_and_may_be_quoted() {
        let longest = "k".repeat(MAX_KEY_BYTES);
        let too_long = "k".repeat(MAX_KEY_BYTES + 1);
        let quoted = format!("\"{longest}\"");
        for (values, key) in [
            (&[][..], Ok(None)),
            (
                &["8e03978e-40d5-43dd-bc93-6894a57f9324"],
                Ok(Some("8e03978e-40d5-43dd-bc93-6894a57f9324")),
            ),
            (&["\"job/7\""], Ok(Some("job/7"))),
            (&["\"job"], Ok(Some("\"job"))),
            (&[longest.as_str()], Ok(Some(longest.as_str()))),
            (&[quoted.as_str()], Ok(Some(longest.as_str()))),
            (&[too_long.as_str()], Err(())),
            (&[""], Err(())),
            (&["\"\""], Err(())),
            (&["a b"], Err(())),
            (&["a\tb"], Err(())),
            (&["caf\u{e9}"], Err(())),
            (&["a", "a"], Err(())),
            (&["a", ""], Err(())),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
                headers.append(IDEMPOTENCY_KEY, value);
            }
            let read = idempotency_key(&headers);
            assert_eq!(read.as_ref().ok(), key.as_ref().ok(), "{values:?}");
            if let Err(problem) = read {
                assert_eq!(problem.body.code, "invalid_idempotency_key", "{values:?}");
                assert!(problem.body.detail.contains("sent once, with 1 to 255"), "{values:?}");
            }
        }
    }
}
