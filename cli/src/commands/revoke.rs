//! `revoke`

use std::io;
use std::path::Path;
use std::process::ExitCode;

use kubelease_client::{BulkRevocation, Client, LeaseFilter, LeaseId};
use serde_json::{Value, json};

use crate::arguments::{Output, Revoke};
use crate::commands::leases::to_filter;
use crate::failure::{Exit, Failure};
use crate::lease_directory::LeaseDirectory;
use crate::output;
use crate::progress::Progress;
use crate::session::{Context, is_interactive};

/// `kubelease revoke`
pub fn revoke_leases(context: &Context, arguments: &Revoke) -> Result<ExitCode, Failure> {
    let filter = to_filter(&arguments.filter);
    if !arguments.all && filter != LeaseFilter::default() {
        return Err(Failure::usage_error("filters require `--all`, and exclude ids"));
    }
    if arguments.all && filter == LeaseFilter::default() {
        return Err(Failure::usage_error(
            "`--all` needs a filter, such as `--dynamic-secret NAME`",
        ));
    }
    if arguments.all && !arguments.yes {
        confirm_revocation()?;
    }
    if let Some(path) = &arguments.directory {
        return revoke_directory(context, path, arguments.shown.output);
    }
    let session = context.open_session()?;
    if arguments.all {
        revoke_all(session.client(), &filter, arguments.shown.output)
    } else {
        revoke_each(session.client(), &arguments.leases, arguments.shown.output)
    }
}

/// Revokes the lease of a directory. Its token is removed whatever the server says, since the job is over.
fn revoke_directory(context: &Context, path: &Path, shown: Output) -> Result<ExitCode, Failure> {
    let directory = LeaseDirectory::from_path(path);
    directory.remove_token()?;
    let Some(id) = directory.lease_id()? else {
        eprintln!("There is no lease in {}.", path.display());
        directory.remove()?;
        return revoke_nothing(shown);
    };
    let session = context.open_session()?;
    let code = revoke_each(session.client(), &[id], shown)?;
    if code == ExitCode::SUCCESS {
        directory.remove()?;
    }
    Ok(code)
}

fn revoke_nothing(shown: Output) -> Result<ExitCode, Failure> {
    if shown == Output::Json {
        output::print_json(&json!([]))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Revokes each of these leases, whatever becomes of the others. Returns the exit code of the worst outcome.
fn revoke_each(client: &Client, ids: &[LeaseId], shown: Output) -> Result<ExitCode, Failure> {
    let (mut failed, mut is_all_done) = (None, true);
    let mut outcomes = vec![];
    for id in ids {
        let revoked = {
            let _progress = Progress::start_after_pause(format!("Revoking lease {id}"));
            client.revoke_lease(id)
        };
        let outcome = match revoked {
            Ok(revocation) => {
                is_all_done &= revocation.is_done;
                let how = if revocation.is_done { "revoked" } else { "is being revoked" };
                if shown == Output::Text {
                    output::print_text(&format!("lease {id} {how}\n"))?;
                }
                json!({ "lease_id": id, "state": revocation.lease.state })
            }
            Err(error) => {
                let failure = Failure::from(error);
                if shown == Output::Text {
                    eprintln!("error: lease {id}: {failure}");
                }
                failed = failed.max(Some(failure.exit as u8));
                with_id(failure.to_json(), id)
            }
        };
        outcomes.push(outcome);
    }
    if shown == Output::Json {
        output::print_json(&outcomes)?;
    }
    Ok(failed.map_or(exit_code(is_all_done), ExitCode::from))
}

fn with_id(mut outcome: Value, id: &LeaseId) -> Value {
    outcome["lease_id"] = json!(id);
    outcome
}

fn revoke_all(client: &Client, filter: &LeaseFilter, shown: Output) -> Result<ExitCode, Failure> {
    let progress = Progress::start_after_pause("Revoking");
    let mut sum = BulkRevocation::default();
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
    let BulkRevocation { revoked, revoking, not_revocable } = sum;
    if shown == Output::Json {
        output::print_json(&sum)?;
    } else {
        output::print_text(&format!(
            "{revoked} revoked, {revoking} being revoked, {not_revocable} not revocable\n"
        ))?;
    }
    Ok(exit_code(revoking == 0))
}

fn exit_code(is_all_done: bool) -> ExitCode {
    if is_all_done { ExitCode::SUCCESS } else { ExitCode::from(Exit::Revoking as u8) }
}

/// Asks a person. Without one, nothing is revoked that was not agreed to.
fn confirm_revocation() -> Result<(), Failure> {
    if !is_interactive() {
        return Err(Failure::usage_error(
            "this needs a confirmation, and there is no terminal: add `--yes` to revoke all of them",
        ));
    }
    eprint!("Revoke all of these leases? [y/N] ");
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::io_error("read the answer", &error))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::from_text("cancelled: nothing was revoked")),
    }
}
