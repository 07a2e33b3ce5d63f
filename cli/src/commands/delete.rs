//! `delete`: definitions, by files or by names.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use kubelease_client::{Deletion, DeletionOptions, Kind, Name};

use super::apply::Report;
use crate::arguments::Shown;
use crate::definitions;
use crate::failure::Failure;
use crate::session::Context;

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct Delete {
    /// The kind: target, dynamic-secret or identity.
    #[arg(required_unless_present = "paths", conflicts_with = "paths")]
    pub kind: Option<Kind>,
    /// The names.
    #[arg(value_name = "NAME", required_unless_present = "paths")]
    pub names: Vec<Name>,
    /// Delete the definitions of this file, of a directory, or of standard input if it is `-`.
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub paths: Vec<PathBuf>,
    /// Also the directories in a directory.
    #[arg(short = 'R', long, requires = "paths")]
    pub recursive: bool,
    /// Revoke their leases first.
    #[arg(long)]
    pub revoke: bool,
    /// Delete dynamic secrets that are protected, too.
    #[arg(long)]
    pub force: bool,
    /// Takes a missing definition for deleted, and not for a failure.
    #[arg(long)]
    pub ignore_not_found: bool,
    #[command(flatten)]
    pub shown: Shown,
}

/// `kubelease delete`
pub fn delete_definitions(context: &Context, arguments: &Delete) -> Result<ExitCode, Failure> {
    let mut meant: Vec<(Kind, Name)> = vec![];
    if !arguments.paths.is_empty() {
        let documents = definitions::read_all(&arguments.paths, arguments.recursive)?;
        // What others need goes last.
        meant.extend(documents.iter().rev().map(|it| (it.kind(), it.name().clone())));
    }
    if let Some(kind) = arguments.kind {
        meant.extend(arguments.names.iter().map(|name| (kind, name.clone())));
    }
    let session = context.open_session()?;
    let options = DeletionOptions { force: arguments.force, revoke: arguments.revoke };
    let mut report = Report::new(arguments.shown.output, false);
    for (kind, name) in meant {
        match session.client().delete_definition(kind, &name, options) {
            Ok(Deletion::Done) => report.print_outcome(kind, &name, "deleted")?,
            Ok(Deletion::Revoking) => {
                report.print_outcome(kind, &name, "deleted, its leases are being revoked")?;
                report.is_revoking = true;
            }
            Ok(Deletion::Absent) if arguments.ignore_not_found => {}
            Ok(Deletion::Absent) => {
                report.print_failure(&Failure::refused_request(format!(
                    "there is no {kind} `{name}`"
                )));
            }
            Err(error) => {
                report
                    .print_failure(&Failure::from(error).about_subject(&format!("{kind}/{name}")));
            }
        }
    }
    report.exit_code()
}
