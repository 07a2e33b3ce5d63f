//! The audit: refusals on their way into it, and `/api/v1/audit`.

mod events;
mod refusals;
mod verify;

pub(crate) use self::events::{EVENTS_QUERY_PARAMETERS, list_events};
pub(crate) use self::refusals::{RequestedRoute, record_refusal};
pub(crate) use self::verify::verify_audit_page;

/// The rule for a cursor.
const CURSOR_RULE: &str = "must be the `next_cursor` of an earlier answer";

#[cfg(test)]
mod tests;
