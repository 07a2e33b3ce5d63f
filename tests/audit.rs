//! The audit: everything that was asked is in it once, by its own cause, and what was changed in the store is found.

pub mod leases;
pub mod logins;
pub mod requests;
pub mod reviewers;
pub mod tampering;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;
use testbed::http::HttpClient;

/// All events that a query selects, the newest first, page by page.
fn events(admin: &HttpClient, query: &str) -> Result<Vec<Value>> {
    let (mut events, mut cursor) = (vec![], String::new());
    for _ in 0..MAX_PAGES {
        let page =
            admin.get(&format!("/api/v1/audit?limit=200&{query}{cursor}"))?.expect_status(200)?;
        events.extend(page["items"].as_array().context("events")?.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(events),
        }
    }
    anyhow::bail!("there are more than {MAX_PAGES} pages of `{query}`")
}

/// The newest event that a query selects.
fn newest(admin: &HttpClient, query: &str) -> Result<Value> {
    let mut cursor = String::new();
    // A page may be empty and still go on.
    for _ in 0..MAX_PAGES {
        let mut page =
            admin.get(&format!("/api/v1/audit?limit=1&{query}{cursor}"))?.expect_status(200)?;
        let event = page["items"][0].take();
        if event.is_object() {
            return Ok(event);
        }
        let next = page["next_cursor"].as_str();
        cursor = format!("&cursor={}", next.with_context(|| format!("no event of `{query}`"))?);
    }
    anyhow::bail!("no event of `{query}` on {MAX_PAGES} pages")
}

/// Compares fields of an event; the message has all of it.
fn assert_fields(event: &Value, expected: &[(&str, Value)]) {
    let got: BTreeMap<_, _> = expected.iter().map(|(name, _)| (*name, &event[*name])).collect();
    let expected: BTreeMap<_, _> = expected.iter().map(|(name, value)| (*name, value)).collect();
    assert_eq!(got, expected, "{event}");
}

const MAX_PAGES: usize = 100;
