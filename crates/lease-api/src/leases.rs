//! `/api/v1/leases`, and where they come from.

mod exec_credential;
mod filter;
mod issue;
mod json;
mod renew;
mod revoke;

pub(crate) use self::exec_credential::issue_exec_credential;
pub(crate) use self::issue::issue;
pub(crate) use self::renew::renew;
pub(crate) use self::revoke::{revoke, revoke_many, revoked};

use http::{Response, StatusCode};
use lease_core::LeaseId;
use lease_engine::{Engine, Ports};

use self::filter::{cursor, filter};
use self::json::LeaseJson;
use crate::list::{List, Query, Window};
use crate::problem::Problem;
use crate::respond;

/// `GET /api/v1/leases/{lease_id}`
pub(crate) fn show<P: Ports>(engine: &Engine<P>, id: &str) -> Result<Response<Vec<u8>>, Problem> {
    let id = lease_id(id)?;
    let held = engine.read_lease(id)?;
    let now = engine.now_on(&held.lease.target)?;
    Ok(respond::json(StatusCode::OK, &LeaseJson::of(&held, now)))
}

/// `GET /api/v1/leases`
pub(crate) fn list<P: Ports>(
    engine: &Engine<P>,
    query: &Query<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let limit = Window::limit(query)?;
    let page = engine.list_leases(&filter(query)?, cursor(query)?, limit)?;
    let clocks = engine.all_clocks()?;
    let json = |held| LeaseJson::of(held, clocks.of(&held.lease.target));
    let items: Vec<_> = page.items.iter().map(json).collect();
    let list = List { items, next_cursor: page.next.map(filter::written) };
    Ok(respond::json(StatusCode::OK, &list))
}

/// The query parameters that narrow a list of leases.
pub(crate) const LIST_QUERY: &[&str] =
    &["dynamic_secret", "target", "namespace", "state", "identity", "limit", "cursor"];

fn lease_id(text: &str) -> Result<LeaseId, Problem> {
    Ok(text.parse::<LeaseId>()?)
}

#[cfg(test)]
mod tests;
