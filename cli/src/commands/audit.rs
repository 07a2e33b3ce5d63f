//! `audit`

use std::collections::VecDeque;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Args;
use kubelease_client::{AuditEvent, AuditFilter, Client, LeaseId, Name, to_printable};
use serde_json::Value;

use crate::arguments::{Output, Shown};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::progress::Progress;
use crate::session::{Context, now};

#[derive(Args, Debug)]
pub struct Audit {
    /// Go on, and print events as they come.
    #[arg(short, long, conflicts_with_all = ["until", "verify"])]
    pub follow: bool,
    /// Those since this time, such as 2026-11-28T04:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub since: Option<DateTime<Utc>>,
    /// Those until this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<DateTime<Utc>>,
    /// Those of this identity, or about it.
    #[arg(long, value_name = "NAME")]
    pub identity: Option<Name>,
    /// Those of this dynamic secret.
    #[arg(long, value_name = "NAME")]
    pub dynamic_secret: Option<Name>,
    /// Those of this lease.
    #[arg(long, value_name = "LEASE")]
    pub lease: Option<LeaseId>,
    /// Those of this type, such as login or refusal.
    #[arg(long = "type", value_name = "TYPE", value_parser = event_type)]
    pub event_type: Option<String>,
    /// At most so many, the newest of them.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub limit: usize,
    /// Look for events that were changed or removed; nothing is listed.
    #[arg(long, conflicts_with_all =
        ["since", "until", "identity", "dynamic_secret", "lease", "event_type", "limit"])]
    pub verify: bool,
    #[command(flatten)]
    pub shown: Shown,
}

/// `kubelease audit`
pub fn run_audit(context: &Context, arguments: &Audit) -> Result<ExitCode, Failure> {
    let mut session = context.open_session()?;
    if arguments.verify {
        return verify_events(session.client(), arguments.shown.output);
    }
    let mut filter = AuditFilter {
        since: arguments.since,
        until: arguments.until,
        identity: arguments.identity.clone(),
        dynamic_secret: arguments.dynamic_secret.clone(),
        lease_id: arguments.lease.clone(),
        event_type: arguments.event_type.clone(),
    };
    let mut seen = VecDeque::new();
    loop {
        let events = {
            let _progress = Progress::start_after_pause("Reading events");
            newest_events(session.client(), &filter, arguments.limit)?
        };
        let is_new = |event: &&AuditEvent| !seen.contains(&event.id);
        // The newest comes first, and is read last.
        let fresh: Vec<_> = events.iter().rev().filter(is_new).cloned().collect();
        show_events(&fresh, arguments)?;
        if !arguments.follow {
            return Ok(ExitCode::SUCCESS);
        }
        seen.extend(fresh.iter().map(|event| event.id.clone()));
        seen.drain(..seen.len().saturating_sub(MAX_SEEN));
        // Events that were under way come later than others with a later time.
        let newest = events.iter().map(|event| event.time).max().unwrap_or_else(now);
        filter.since = filter.since.max(Some(newest - OVERLAP));
        thread::sleep(FOLLOW_INTERVAL);
        session.keep_alive(context);
    }
}

/// Returns the newest events that a filter meets.
fn newest_events(
    client: &Client,
    filter: &AuditFilter,
    limit: usize,
) -> Result<Vec<AuditEvent>, Failure> {
    let (mut events, mut cursor) = (vec![], None::<String>);
    loop {
        let page = client.audit_events(filter, cursor.as_deref())?;
        events.extend(page.items);
        match page.next_cursor.filter(|next| is_cursor(next)) {
            // A server that repeats itself would never come to an end.
            Some(next) if events.len() < limit && cursor.as_ref() != Some(&next) => {
                cursor = Some(next);
            }
            _ => break,
        }
    }
    events.truncate(limit);
    Ok(events)
}

fn show_events(events: &[AuditEvent], arguments: &Audit) -> Result<(), Failure> {
    if arguments.shown.output == Output::Json {
        // One after the other while they are followed, so that a program can read on.
        return if arguments.follow {
            events.iter().try_for_each(output::print_json)
        } else {
            output::print_json(&events)
        };
    }
    if events.is_empty() {
        if !arguments.follow {
            eprintln!("No events found.");
        }
        return Ok(());
    }
    let titles = ["TIME", "EVENT", "DECISION", "REQUESTER", "ABOUT", "REASON"];
    let mut rows = vec![titles.map(str::to_owned)];
    rows.extend(events.iter().map(event_row));
    output::print_text(&output::format_table(&rows))
}

fn event_row(event: &AuditEvent) -> [String; 6] {
    let about = ["lease_id", "dynamic_secret", "subject_identity", "target", "identity"];
    let about = about.iter().find_map(|field| event.other.get(*field).and_then(Value::as_str));
    let altered = if event.altered { " (ALTERED)" } else { "" };
    let change = event.other.get("change").and_then(Value::as_str).unwrap_or_default();
    [
        event.time.to_rfc3339_opts(SecondsFormat::Secs, true),
        format!("{}{altered}", event.event),
        event.decision.clone(),
        event.requester.clone(),
        about.unwrap_or_default().to_owned(),
        event.reason.clone().unwrap_or_else(|| change.to_owned()),
    ]
}

/// Verifies all events. One that was changed or removed is a failure.
fn verify_events(client: &Client, output: Output) -> Result<ExitCode, Failure> {
    let _progress = Progress::start_after_pause("Verifying events");
    let (mut checked, mut findings, mut cursor) = (0, vec![], None::<String>);
    loop {
        let part = client.verify_audit(cursor.as_deref())?;
        checked += part.checked;
        findings.extend(part.findings);
        match part.next_cursor.filter(|next| is_cursor(next)) {
            Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
            _ => break,
        }
    }
    if output == Output::Json {
        let found = serde_json::json!({"checked": checked, "findings": findings});
        output::print_json(&found)?;
    } else {
        output::print_text(&format!("{checked} events are as they were recorded\n"))?;
        for finding in &findings {
            output::print_text(&format!("{}\n", to_printable(&finding.to_string())))?;
        }
    }
    let is_sound = findings.is_empty();
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::from(Exit::Error as u8) })
}

/// Returns true for a cursor that can stand in a query as it is.
fn is_cursor(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn event_type(text: &str) -> Result<String, String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if fits {
        Ok(text.to_owned())
    } else {
        Err("a type is written like `access_token_created`".to_owned())
    }
}

const FOLLOW_INTERVAL: Duration = Duration::from_secs(2);

/// A request has 30 seconds, and its event the time at which it was decided.
const OVERLAP: TimeDelta = TimeDelta::seconds(60);

/// Far more events than come within the overlap.
const MAX_SEEN: usize = 10_000;
