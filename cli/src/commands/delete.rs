//! `delete`: definitions, by files or by names.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use kubelease_client::{DefinitionDeletion, DefinitionKind, DeletionOptions, Name};

use super::apply::DefinitionRunReport;
use crate::arguments::OutputOptions;
use crate::definitions;
use crate::failure::Failure;
use crate::session::CommandContext;

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct DeleteArguments {
    /// A kind (target, dynamic-secret or identity) and names, or KIND/NAME for each.
    #[arg(value_name = "DEFINITION", required_unless_present = "paths", conflicts_with = "paths")]
    pub named: Vec<String>,
    /// Delete the definitions of a file, of a directory, or of standard input if it is `-`.
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub paths: Vec<PathBuf>,
    /// Also read the subdirectories of a directory.
    #[arg(short = 'R', long, requires = "paths")]
    pub recursive: bool,
    /// Revoke the leases of the definitions first.
    #[arg(long)]
    pub revoke: bool,
    /// Also delete protected dynamic secrets.
    #[arg(long)]
    pub force: bool,
    /// A definition that does not exist is no failure.
    #[arg(long)]
    pub ignore_not_found: bool,
    #[command(flatten)]
    pub shown: OutputOptions,
}

/// `kubelease delete`
pub fn delete_definitions(
    context: &CommandContext,
    arguments: &DeleteArguments,
) -> Result<ExitCode, Failure> {
    let mut meant: Vec<(DefinitionKind, Name)> = vec![];
    if !arguments.paths.is_empty() {
        let documents = definitions::read_definitions(&arguments.paths, arguments.recursive)?;
        // What others need goes last.
        meant.extend(documents.iter().rev().map(|it| (it.kind(), it.name().clone())));
    }
    for (kind, name) in definitions::parse_references(&arguments.named)? {
        let unnamed = || Failure::usage_error(format!("no {kind} is named: give `{kind}/NAME`"));
        meant.push((kind, name.ok_or_else(unnamed)?));
    }
    let session = context.open_session()?;
    let options = DeletionOptions { force: arguments.force, revoke: arguments.revoke };
    let mut report = DefinitionRunReport::new(arguments.shown.output, false);
    for (kind, name) in meant {
        match session.client().delete_definition(kind, &name, options) {
            Ok(DefinitionDeletion::Done) => report.record_outcome(kind, &name, "deleted")?,
            Ok(DefinitionDeletion::Revoking) => {
                report.record_outcome(kind, &name, "deleted, its leases are being revoked")?;
                report.is_revoking = true;
            }
            Ok(DefinitionDeletion::Absent) if arguments.ignore_not_found => {}
            Ok(DefinitionDeletion::Absent) => {
                let failure = Failure::refused_request(format!("there is no {kind} `{name}`"));
                report.record_failure(kind, &name, &failure);
            }
            Err(error) => {
                let failure = Failure::from(error).about_subject(&format!("{kind}/{name}"));
                report.record_failure(kind, &name, &failure);
            }
        }
    }
    report.finish_with_exit_code()
}
