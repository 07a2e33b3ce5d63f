//! `leases`

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use kubelease_client::{Client, Lease, LeaseFilter, LeaseState};

use crate::arguments::{LeaseFilterOptions, LeasesArguments, OutputFormat};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::session::{CommandContext, now};

/// `kubelease leases`
pub fn list_leases(context: &CommandContext, arguments: &LeasesArguments) -> Result<(), Failure> {
    let mut session = context.open_session()?;
    let filter = to_lease_filter(&arguments.filter);
    // Who asks for a state that is over wants to see those.
    let all = arguments.all || arguments.filter.state.is_some();
    let mut seen = HashMap::new();
    loop {
        let mut leases = {
            let _progress = Progress::show_after_delay("Listing leases");
            fetch_all_leases(session.client(), &filter)?
        };
        let first = seen.is_empty();
        let is_change = |lease: &Lease| {
            let now = (lease.state.clone(), lease.expires_at);
            seen.insert(lease.lease_id.clone(), now.clone()) != Some(now)
        };
        if arguments.watch {
            leases.retain(is_change);
            // The end of a lease that was shown is shown.
            leases.retain(|lease| all || !first || lease.state.is_live());
        } else {
            leases.retain(|lease| all || lease.state.is_live());
        }
        show_leases(&leases, arguments)?;
        if !arguments.watch {
            return Ok(());
        }
        thread::sleep(WATCH_INTERVAL);
        session.renew_token_if_due(context);
    }
}

fn show_leases(leases: &[Lease], arguments: &LeasesArguments) -> Result<(), Failure> {
    if arguments.shown.output == OutputFormat::Json {
        // One a line while it is watched, so that a program can read on.
        return if arguments.watch {
            leases.iter().try_for_each(output::print_json)
        } else {
            output::print_json(&leases)
        };
    }
    if leases.is_empty() {
        if !arguments.watch {
            output::notify!("No leases found.");
        }
        return Ok(());
    }
    let titles = ["LEASE", "DYNAMIC SECRET", "NAMESPACE", "STATE", "ENDS", "REQUESTER"];
    let mut rows = vec![titles.map(str::to_owned)];
    rows.extend(leases.iter().map(table_row));
    output::print_text(&output::format_table(&rows))
}

fn table_row(lease: &Lease) -> [String; 6] {
    [
        lease.lease_id.to_string(),
        lease.dynamic_secret.to_string(),
        lease.namespace.to_string(),
        lease.state.to_string(),
        output::format_relative(lease.expires_at, now()),
        lease.requester.clone(),
    ]
}

fn fetch_all_leases(client: &Client, filter: &LeaseFilter) -> Result<Vec<Lease>, Failure> {
    let mut leases = vec![];
    let mut cursor: Option<String> = None;
    loop {
        let page = client.list_lease_page(filter, cursor.as_deref())?;
        leases.extend(page.items);
        match page.next_cursor {
            // A server that repeats itself would never come to an end.
            Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
            _ => return Ok(leases),
        }
    }
}

/// Returns the filter that the command line says.
pub fn to_lease_filter(arguments: &LeaseFilterOptions) -> LeaseFilter {
    let LeaseFilterOptions { dynamic_secret, target, namespace, identity, state } =
        arguments.clone();
    let state = state.and_then(|word| serde_json::from_value::<LeaseState>(word.into()).ok());
    LeaseFilter { dynamic_secret, target, namespace, state, identity }
}

const WATCH_INTERVAL: Duration = Duration::from_secs(2);
