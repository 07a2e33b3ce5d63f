//! `revoke`

use std::path::Path;
use std::process::ExitCode;

use kubelease_client::{Client, LeaseFilter, LeaseId, RevocationCounts};
use serde_json::{Value, json};

use crate::arguments::{OutputFormat, RevokeArguments};
use crate::commands::leases::to_lease_filter;
use crate::failure::{CommandExitCode, Failure};
use crate::output;
use crate::progress::Progress;
use crate::session::{CommandContext, require_confirmation};
use crate::single_lease_directory::LeaseDirectory;

/// `kubelease revoke`
pub fn revoke_leases(
    context: &CommandContext,
    arguments: &RevokeArguments,
) -> Result<ExitCode, Failure> {
    let filter = to_lease_filter(&arguments.filter);
    if !arguments.all && filter != LeaseFilter::default() {
        return Err(Failure::usage_error("filters require `--all`, and exclude ids"));
    }
    if arguments.all && filter == LeaseFilter::default() {
        return Err(Failure::usage_error(
            "`--all` needs a filter, such as `--dynamic-secret NAME`",
        ));
    }
    if arguments.all && !arguments.yes {
        require_confirmation(
            "Revoke all of these leases?",
            "add `--yes` to revoke all of them",
            "revoked",
        )?;
    }
    if let Some(path) = &arguments.directory {
        return revoke_directory_lease(context, path, arguments.shown.output);
    }
    let session = context.open_session()?;
    if arguments.all {
        revoke_by_filter(session.client(), &filter, arguments.shown.output)
    } else {
        revoke_by_ids(session.client(), &arguments.leases, arguments.shown.output)
    }
}

/// Revokes the lease of a directory. Its token is removed whatever the server says, since the job is over.
fn revoke_directory_lease(
    context: &CommandContext,
    path: &Path,
    shown: OutputFormat,
) -> Result<ExitCode, Failure> {
    let directory = LeaseDirectory::from_path(path);
    directory.remove_credentials()?;
    let Some(id) = directory.lease_id()? else {
        output::notify!("There is no lease in {}.", path.display());
        directory.remove_directory_and_files()?;
        return print_no_lease_outcome(shown);
    };
    let session = context.open_session()?;
    let code = revoke_by_ids(session.client(), &[id], shown)?;
    if code == ExitCode::SUCCESS {
        directory.remove_directory_and_files()?;
    }
    Ok(code)
}

fn print_no_lease_outcome(shown: OutputFormat) -> Result<ExitCode, Failure> {
    if shown == OutputFormat::Json {
        output::print_json(&json!([]))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Revokes each of these leases, whatever becomes of the others. Returns the exit code of the worst outcome.
fn revoke_by_ids(
    client: &Client,
    ids: &[LeaseId],
    shown: OutputFormat,
) -> Result<ExitCode, Failure> {
    let (mut failed, mut is_all_done) = (None, true);
    let mut outcomes = vec![];
    for id in ids {
        let revoked = {
            let _progress = Progress::show_after_delay(format!("Revoking lease {id}"));
            client.revoke_lease(id)
        };
        let outcome = match revoked {
            Ok(revocation) => {
                is_all_done &= revocation.is_done;
                let how = if revocation.is_done { "revoked" } else { "is being revoked" };
                if shown == OutputFormat::Text {
                    output::print_text(&format!("lease {id} {how}\n"))?;
                }
                json!({ "lease_id": id, "state": revocation.lease.state })
            }
            Err(error) => {
                let failure = Failure::from(error);
                if shown == OutputFormat::Text {
                    output::notify!("error: lease {id}: {failure}");
                }
                failed = failed.max(Some(failure.exit as u8));
                with_id(failure.to_json(), id)
            }
        };
        outcomes.push(outcome);
    }
    if shown == OutputFormat::Json {
        output::print_json(&outcomes)?;
    }
    Ok(failed.map_or(revocation_exit_code(is_all_done), ExitCode::from))
}

fn with_id(mut outcome: Value, id: &LeaseId) -> Value {
    outcome["lease_id"] = json!(id);
    outcome
}

fn revoke_by_filter(
    client: &Client,
    filter: &LeaseFilter,
    shown: OutputFormat,
) -> Result<ExitCode, Failure> {
    let progress = Progress::show_after_delay("Revoking");
    let mut sum = RevocationCounts::default();
    let mut cursor: Option<String> = None;
    loop {
        let (page, next) = client.revoke_lease_page(filter, cursor.as_deref())?;
        sum += page;
        match next {
            Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
            _ => break,
        }
    }
    drop(progress);
    let RevocationCounts { revoked, revoking, not_revocable } = sum;
    if shown == OutputFormat::Json {
        output::print_json(&sum)?;
    } else {
        output::print_text(&format!(
            "{revoked} revoked, {revoking} being revoked, {not_revocable} not revocable\n"
        ))?;
    }
    Ok(revocation_exit_code(revoking == 0))
}

fn revocation_exit_code(is_all_done: bool) -> ExitCode {
    if is_all_done { ExitCode::SUCCESS } else { ExitCode::from(CommandExitCode::Revoking as u8) }
}
