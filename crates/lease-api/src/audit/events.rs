//! `GET /api/v1/audit`

use std::num::NonZeroU64;

use chrono::{DateTime, Utc};
use http::{Response, StatusCode};
use lease_core::{AuditEventType, LeaseId};
use lease_engine::{AuditCursor, AuditFilter, Engine, Ports, ShownEvent};
use serde::Serialize;

use super::CURSOR_RULE;
use crate::pagination::{PageWindow, QueryParameters};
use crate::problem::{Code, Problem};
use crate::respond;

/// The query parameters that narrow the events.
pub(crate) const EVENTS_QUERY_PARAMETERS: &[&str] =
    &["since", "until", "identity", "dynamic_secret", "lease_id", "type", "limit", "cursor"];

/// A page of events. `next_cursor` is absent at the end.
#[derive(Serialize)]
struct EventsJson<'a> {
    items: Vec<ShownEvent<'a>>,
    /// The number of events that were met and cannot be read; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<NonZeroU64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// `GET /api/v1/audit`
pub(crate) fn list_events<P: Ports>(
    engine: &Engine<P>,
    query: &QueryParameters<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let (filter, limit) = (read_filter(query)?, PageWindow::read_limit(query)?);
    let wrong = |_| Problem::new(Code::InvalidQuery, format!("`cursor` {CURSOR_RULE}"));
    let from: Option<AuditCursor> =
        query.get_text("cursor").map(|text| text.parse().map_err(wrong)).transpose()?;
    let page = engine.list_audit_event_page(&filter, from.as_ref(), limit)?;
    let items = page.items.iter().map(|record| ShownEvent {
        id: &record.place,
        event: &record.event,
        altered: !record.is_genuine,
    });
    let json = EventsJson {
        items: items.collect(),
        unreadable: NonZeroU64::new(page.unreadable),
        next_cursor: page.next.map(|next| next.to_string()),
    };
    Ok(respond::json_response(StatusCode::OK, &json))
}

/// Reads the filter of a query.
///
/// # Errors
/// 422, naming the parameter that does not fit.
fn read_filter(query: &QueryParameters<'_>) -> Result<AuditFilter, Problem> {
    Ok(AuditFilter {
        since: read_time(query, "since")?,
        until: read_time(query, "until")?,
        identity: query.parse_name_parameter("identity")?,
        dynamic_secret: query.parse_name_parameter("dynamic_secret")?,
        lease_id: query.get_text("lease_id").map(str::parse::<LeaseId>).transpose()?,
        event_type: query.get_text("type").map(parse_event_type).transpose()?,
    })
}

/// A time as RFC 3339 has it; in a query its `:` and `+` may be written as `%3A` and `%2B`.
fn read_time(
    query: &QueryParameters<'_>,
    parameter: &'static str,
) -> Result<Option<DateTime<Utc>>, Problem> {
    let wrong = || {
        let detail = format!("`{parameter}` must be a time like `2026-11-28T04:00:00Z`");
        Problem::new(Code::InvalidQuery, detail)
    };
    let read = |text: &str| {
        let text = percent_decode(text).ok_or_else(wrong)?;
        let time = DateTime::parse_from_rfc3339(&text).map_err(|_| wrong())?;
        Ok(time.with_timezone(&Utc))
    };
    query.get_text(parameter).map(read).transpose()
}

/// Decodes `%3A` and the like; a `+` stays what it is, as in the offset of a time.
fn percent_decode(text: &str) -> Option<String> {
    let plus = text.replace('+', "%2B");
    let mut pairs = form_urlencoded::parse(plus.as_bytes());
    match (pairs.next(), pairs.next()) {
        (Some((name, value)), None) if value.is_empty() => Some(name.into_owned()),
        _ => None,
    }
}

fn parse_event_type(text: &str) -> Result<AuditEventType, Problem> {
    text.parse().map_err(|()| {
        let types: Vec<_> = AuditEventType::ALL.iter().map(|one| one.as_str()).collect();
        let detail = format!("`type` must be one of {}", types.join(", "));
        Problem::new(Code::InvalidQuery, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_narrowed_by_what_is_said_and_the_rest_is_refused() {
        let id = "0".repeat(32);
        let by_lease = format!("lease_id={id}");
        for (query, refused) in [
            ("", None),
            ("since=2026-11-28T04:00:00Z&until=2026-11-28T05:00:00Z", None),
            ("since=2026-11-28T04%3A00%3A00%2B01%3A00", None),
            ("since=2026-11-28T04:00:00+01:00", None),
            ("identity=ci&dynamic_secret=deploy&type=issue", None),
            (by_lease.as_str(), None),
            ("since=yesterday", Some("`since` must be a time like")),
            ("since=2026-11-28T04:00:00", Some("`since` must be a time like")),
            ("until=7", Some("`until` must be a time like")),
            ("until=a&until", Some("takes each of these parameters at most once")),
            ("identity=A", Some("`identity`")),
            ("dynamic_secret=a.b", Some("`dynamic_secret`")),
            ("lease_id=7", Some("no such lease")),
            ("type=logins", Some("`type` must be one of login, refusal")),
            ("state=active", Some("takes each of these parameters at most once")),
        ] {
            let read = QueryParameters::parse_allowing_only(Some(query), EVENTS_QUERY_PARAMETERS)
                .and_then(|query| read_filter(&query));
            let told = read.err().map(|problem| problem.body.detail).unwrap_or_default();
            assert!(told.is_empty() == refused.is_none(), "{query}: {told}");
            assert!(told.contains(refused.unwrap_or_default()), "{query}: {told}");
        }
        let query = QueryParameters::parse_allowing_only(
            Some("since=2026-11-28T04:00:00%2B01:00"),
            EVENTS_QUERY_PARAMETERS,
        );
        let since = read_filter(&query.expect("a query")).expect("a filter").since;
        assert_eq!(since, "2026-11-28T03:00:00Z".parse().ok());
    }
}
