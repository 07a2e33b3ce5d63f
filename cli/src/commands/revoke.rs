//! `revoke`

use std::io;
use std::process::ExitCode;

use kubelease_client::{BulkRevocation, Client, LeaseFilter};

use crate::arguments::Revoke;
use crate::commands::leases::filter;
use crate::failure::{Exit, Failure};
use crate::session::{Context, is_interactive};

/// `kubelease revoke`
pub fn revoke(context: &Context, arguments: &Revoke) -> Result<ExitCode, Failure> {
    let filter = filter(&arguments.filter);
    if !arguments.all && filter != LeaseFilter::default() {
        return Err(Failure::usage("filters go with `--all`, and not with ids"));
    }
    if arguments.all && filter == LeaseFilter::default() {
        return Err(Failure::usage("`--all` needs a filter, such as `--dynamic-secret NAME`"));
    }
    if arguments.all && !arguments.yes {
        confirm()?;
    }
    let session = context.session()?;
    if arguments.all {
        return revoke_all(session.client(), &filter);
    }
    let mut worst = None;
    let mut is_all_done = true;
    for id in &arguments.leases {
        match session.client().revoke_lease(id) {
            Ok(revocation) if revocation.is_done => println!("lease {id} revoked"),
            Ok(_) => {
                is_all_done = false;
                println!("lease {id} is being revoked");
            }
            // The others are revoked all the same.
            Err(error) => {
                let failure = Failure::from(error);
                eprintln!("error: lease {id}: {failure}");
                worst = worst.max(Some(failure.exit as u8));
            }
        }
    }
    Ok(worst.map_or(code(is_all_done), ExitCode::from))
}

fn revoke_all(client: &Client, filter: &LeaseFilter) -> Result<ExitCode, Failure> {
    let mut sum = BulkRevocation::default();
    let mut cursor: Option<String> = None;
    loop {
        let (page, next) = client.revoke_leases(filter, cursor.as_deref())?;
        sum += page;
        match next {
            Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
            _ => break,
        }
    }
    let BulkRevocation { revoked, revoking, not_revocable } = sum;
    println!("{revoked} revoked, {revoking} being revoked, {not_revocable} not revocable");
    Ok(code(revoking == 0))
}

fn code(is_all_done: bool) -> ExitCode {
    if is_all_done { ExitCode::SUCCESS } else { ExitCode::from(Exit::Revoking as u8) }
}

/// Asks a person. Without one, nothing is revoked that was not agreed to.
fn confirm() -> Result<(), Failure> {
    if !is_interactive() {
        return Err(Failure::usage("nobody can be asked here: add `--yes` to revoke all of them"));
    }
    eprint!("Revoke all of these leases? [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|error| Failure::io("read the answer", &error))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::error("nothing is revoked")),
    }
}
