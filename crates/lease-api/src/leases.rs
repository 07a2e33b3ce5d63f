//! `/api/v1/leases`, and where they come from.

mod exec_credential;
mod issue;
mod json;
mod list_query;
mod renew;
mod revoke;

pub(crate) use self::exec_credential::issue_exec_credential;
pub(crate) use self::issue::issue_lease_with_token;
pub(crate) use self::renew::renew_lease;
pub(crate) use self::revoke::{bulk_revocation_response, revoke_lease, revoke_matching_leases};

use http::{Response, StatusCode};
use lease_core::LeaseId;
use lease_engine::{Engine, Ports};

use self::json::LeaseJson;
use self::list_query::{read_cursor, read_filter};
use crate::pagination::{ListJson, PageWindow, QueryParameters};
use crate::problem::Problem;
use crate::respond;

/// `GET /api/v1/leases/{lease_id}`
pub(crate) fn show_lease<P: Ports>(
    engine: &Engine<P>,
    id: &str,
) -> Result<Response<Vec<u8>>, Problem> {
    let id = parse_lease_id(id)?;
    let held = engine.read_visible_lease(id)?;
    let now = engine.cluster_now(&held.lease.target)?;
    Ok(respond::json_response(StatusCode::OK, &LeaseJson::from_lease(&held, now)))
}

/// `GET /api/v1/leases`
pub(crate) fn list_leases<P: Ports>(
    engine: &Engine<P>,
    query: &QueryParameters<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let limit = PageWindow::read_limit(query)?;
    let page = engine.list_visible_lease_page(&read_filter(query)?, read_cursor(query)?, limit)?;
    let clocks = engine.read_clocks_of_all_targets()?;
    let json = |held| LeaseJson::from_lease(held, clocks.target_time(&held.lease.target));
    let items: Vec<_> = page.items.iter().map(json).collect();
    let list = ListJson { items, next_cursor: page.next.map(list_query::format_cursor) };
    Ok(respond::json_response(StatusCode::OK, &list))
}

/// The query parameters that narrow a list of leases.
pub(crate) const LEASES_QUERY_PARAMETERS: &[&str] =
    &["dynamic_secret", "target", "namespace", "state", "identity", "limit", "cursor"];

fn parse_lease_id(text: &str) -> Result<LeaseId, Problem> {
    Ok(text.parse::<LeaseId>()?)
}

#[cfg(test)]
mod tests;
