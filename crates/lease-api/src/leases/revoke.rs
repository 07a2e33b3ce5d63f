//! `DELETE /api/v1/leases/{lease_id}` and `POST /api/v1/leases/revoke`

use http::{Response, StatusCode};
use lease_core::{
    DynamicSecretName, IdentityName, LeaseState, Namespace, TargetName, requester_id,
};
use lease_engine::{BulkRevocation, Engine, LeaseFilter, Ports, RevocationOutcome};
use serde::{Deserialize, Serialize};

use super::json::LeaseJson;
use super::list_query::{CURSOR_RULE, format_cursor, parse_cursor};
use super::parse_lease_id;
use crate::pagination::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
use crate::problem::{Code, Problem};
use crate::{Body, input, respond};

/// `DELETE /api/v1/leases/{lease_id}`
pub(crate) async fn revoke_lease<P: Ports>(
    engine: &Engine<P>,
    id: &str,
) -> Result<Response<Vec<u8>>, Problem> {
    let (status, held) = match engine.revoke_lease(parse_lease_id(id)?).await? {
        RevocationOutcome::Done(held) => (StatusCode::OK, held),
        RevocationOutcome::Begun(held) => (StatusCode::ACCEPTED, held),
    };
    let now = engine.cluster_now(&held.lease.target)?;
    Ok(respond::json_response(status, &LeaseJson::from_revoked(&held, now)))
}

/// The leases that are to be revoked: a field that is left out does not matter, but one must be
/// given.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with one or more of `dynamic_secret`, `target`, `namespace`, `state` and \
                 `identity`"
)]
struct RevokeInput {
    dynamic_secret: Option<DynamicSecretName>,
    target: Option<TargetName>,
    namespace: Option<Namespace>,
    state: Option<LeaseState>,
    identity: Option<IdentityName>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// The outcome of it.
#[derive(Serialize)]
struct BulkRevocationJson {
    revoked: usize,
    revoking: usize,
    not_revocable: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// `POST /api/v1/leases/revoke`
pub(crate) async fn revoke_matching_leases<P: Ports>(
    engine: &Engine<P>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let input: RevokeInput = input::read_json(body).await?;
    let RevokeInput { dynamic_secret, target, namespace, state, identity, limit, cursor } = input;
    let requester = identity.as_ref().map(requester_id);
    let filter =
        LeaseFilter { dynamic_secret, target, namespace, state, requester, accessor: None };
    if filter == LeaseFilter::default() {
        let detail =
            "select leases by `dynamic_secret`, `target`, `namespace`, `state` or `identity`";
        return Err(Problem::new(Code::FilterRequired, detail));
    }
    let limit = limit.unwrap_or(DEFAULT_PAGE_SIZE);
    if !(1..=MAX_PAGE_SIZE).contains(&limit) {
        let detail = format!("a whole number from 1 to {MAX_PAGE_SIZE}");
        return Err(Problem::for_field("/limit".to_owned(), detail));
    }
    let wrong = || Problem::for_field("/cursor".to_owned(), CURSOR_RULE.to_owned());
    let from = cursor.as_deref().map(|text| parse_cursor(text).ok_or_else(wrong)).transpose()?;
    // Unwrap safety: it is at most `MAX_PAGE_SIZE`.
    let done =
        engine.revoke_matching_leases_up_to(&filter, from, usize::try_from(limit).unwrap()).await?;
    Ok(bulk_revocation_response(&done))
}

/// Returns the answer to a revocation of many leases.
pub(crate) fn bulk_revocation_response(done: &BulkRevocation) -> Response<Vec<u8>> {
    let status = if done.revoking > 0 { StatusCode::ACCEPTED } else { StatusCode::OK };
    let json = BulkRevocationJson {
        revoked: done.revoked,
        revoking: done.revoking,
        not_revocable: done.plain,
        next_cursor: done.next.map(format_cursor),
    };
    respond::json_response(status, &json)
}
