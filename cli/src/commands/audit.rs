//! `audit`

use std::collections::VecDeque;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Args;
use kubelease_client::{
    AuditEvent, AuditFilter, Client, LeaseId, Name, replace_control_characters,
};
use serde_json::Value;

use crate::arguments::{OutputFormat, OutputOptions};
use crate::failure::{CommandExitCode, Failure};
use crate::output;
use crate::progress::Progress;
use crate::session::{CommandContext, now};

#[derive(Args, Debug)]
pub struct AuditArguments {
    /// Follow: print new events as they come.
    #[arg(short, long, conflicts_with_all = ["until", "verify"])]
    pub follow: bool,
    /// Only events since this time, such as 2026-11-28T04:00:00Z or, for 90 minutes ago, 90m.
    #[arg(long, value_name = "TIME", value_parser = parse_time_or_age)]
    pub since: Option<DateTime<Utc>>,
    /// Only events until this time.
    #[arg(long, value_name = "TIME", value_parser = parse_time_or_age)]
    pub until: Option<DateTime<Utc>>,
    /// Only events of this identity, or about it.
    #[arg(long, value_name = "NAME")]
    pub identity: Option<Name>,
    /// Only those of this dynamic secret.
    #[arg(long, value_name = "NAME")]
    pub dynamic_secret: Option<Name>,
    /// Only events of this lease.
    #[arg(long, value_name = "LEASE")]
    pub lease: Option<LeaseId>,
    /// Only events of this type, such as login or refusal.
    #[arg(long = "type", value_name = "TYPE", value_parser = parse_event_type)]
    pub event_type: Option<String>,
    /// The greatest number of events. The newest are printed.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub limit: usize,
    /// Verify that no event was changed or removed. No event is listed.
    #[arg(long, conflicts_with_all =
        ["since", "until", "identity", "dynamic_secret", "lease", "event_type", "limit"])]
    pub verify: bool,
    #[command(flatten)]
    pub shown: OutputOptions,
}

/// `kubelease audit`
pub fn run_audit(
    context: &CommandContext,
    arguments: &AuditArguments,
) -> Result<ExitCode, Failure> {
    let mut session = context.open_session()?;
    if arguments.verify {
        return verify_whole_audit_log(session.client(), arguments.shown.output);
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
            let _progress = Progress::show_after_delay("Reading events");
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
        seen.drain(..seen.len().saturating_sub(MAX_REMEMBERED_EVENTS));
        // Events that were under way come later than others with a later time.
        let newest = events.iter().map(|event| event.time).max().unwrap_or_else(now);
        filter.since = filter.since.max(Some(newest - FOLLOW_OVERLAP));
        thread::sleep(FOLLOW_INTERVAL);
        session.renew_token_if_due(context);
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
        let page = client.list_audit_page(filter, cursor.as_deref())?;
        events.extend(page.items);
        match page.next_cursor.filter(|next| is_query_safe_cursor(next)) {
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

fn show_events(events: &[AuditEvent], arguments: &AuditArguments) -> Result<(), Failure> {
    if arguments.shown.output == OutputFormat::Json {
        // One after the other while they are followed, so that a program can read on.
        return if arguments.follow {
            events.iter().try_for_each(output::print_json)
        } else {
            output::print_json(&events)
        };
    }
    if events.is_empty() {
        if !arguments.follow {
            output::notify!("No events found.");
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
fn verify_whole_audit_log(client: &Client, output: OutputFormat) -> Result<ExitCode, Failure> {
    let _progress = Progress::show_after_delay("Verifying events");
    let (mut checked, mut findings, mut cursor) = (0, vec![], None::<String>);
    loop {
        let part = client.verify_audit_page(cursor.as_deref())?;
        checked += part.checked;
        findings.extend(part.findings);
        match part.next_cursor.filter(|next| is_query_safe_cursor(next)) {
            Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
            _ => break,
        }
    }
    if output == OutputFormat::Json {
        let found = serde_json::json!({"checked": checked, "findings": findings});
        output::print_json(&found)?;
    } else {
        output::print_text(&format!("{checked} events are unchanged since they were recorded\n"))?;
        for finding in &findings {
            output::print_text(&format!("{}\n", replace_control_characters(&finding.to_string())))?;
        }
    }
    let is_sound = findings.is_empty();
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::from(CommandExitCode::Error as u8) })
}

/// Returns true for a cursor that can stand in a query as it is.
fn is_query_safe_cursor(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Reads a time, or for how long it has been over.
fn parse_time_or_age(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let (count, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => 0,
    };
    let ago = count.parse::<u32>().ok().filter(|_| seconds > 0);
    ago.map(|count| now() - TimeDelta::seconds(i64::from(count) * seconds)).ok_or_else(|| {
        "a time is written like `2026-11-28T04:00:00Z`, or `90m` for 90 minutes ago".to_owned()
    })
}

fn parse_event_type(text: &str) -> Result<String, String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if fits {
        Ok(text.to_owned())
    } else {
        Err("a type is written like `access_token_created`".to_owned())
    }
}

const FOLLOW_INTERVAL: Duration = Duration::from_secs(2);

/// A request has 30 seconds, and its event the time at which it was decided.
const FOLLOW_OVERLAP: TimeDelta = TimeDelta::seconds(60);

/// Far more events than come within the overlap.
const MAX_REMEMBERED_EVENTS: usize = 10_000;
