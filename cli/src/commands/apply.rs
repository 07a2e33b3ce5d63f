//! `apply`: definitions from files, put where they differ.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use kubelease_client::{
    Client, DefinitionDeletion, DefinitionKind, DeletionOptions, Name, PutMode,
    replace_control_characters,
};
use serde_json::{Value, json};

use crate::arguments::{OutputFormat, OutputOptions};
use crate::definitions::{self, ApplySet, Document, PutEffect, PutPlanner};
use crate::failure::{CommandExitCode, Failure};
use crate::output;
use crate::session::CommandContext;

/// The files, directories or standard input that hold definitions.
#[derive(Args, Debug)]
pub struct DefinitionFileOptions {
    /// A file or a directory with definitions, or `-` for standard input. May be repeated.
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true)]
    pub paths: Vec<PathBuf>,
    /// Also read the subdirectories of a directory.
    #[arg(short = 'R', long)]
    pub recursive: bool,
}

/// The set that definitions are part of.
#[derive(Args, Debug)]
pub struct ApplySetOptions {
    /// Mark the definitions as parts of this set.
    #[arg(long = "set", value_name = "NAME", value_parser = parse_set_name)]
    pub name: Option<String>,
    /// Also apply definitions that are part of another set, which they leave.
    #[arg(long, requires = "name")]
    pub take_over: bool,
    /// Also delete definitions of this set that are no longer in a file.
    #[arg(long, requires = "name")]
    pub prune: bool,
}

#[derive(Args, Debug)]
pub struct ApplyArguments {
    #[command(flatten)]
    pub files: DefinitionFileOptions,
    #[command(flatten)]
    pub set: ApplySetOptions,
    /// Revoke the leases of pruned definitions. Otherwise a definition with live leases is not pruned.
    #[arg(long, requires = "prune")]
    pub revoke: bool,
    /// Only print the changes. Nothing is changed.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub shown: OutputOptions,
}

/// `kubelease apply`
pub fn apply_documents(
    context: &CommandContext,
    arguments: &ApplyArguments,
) -> Result<ExitCode, Failure> {
    let documents =
        definitions::read_definitions(&arguments.files.paths, arguments.files.recursive)?;
    let session = context.open_session()?;
    let client = session.client();
    let environment = &context.environment;
    let options = ApplySet::from(&arguments.set);
    let mut planner = PutPlanner::new(client, environment, options, arguments.dry_run);
    let mut report = DefinitionRunReport::new(arguments.shown.output, arguments.dry_run);
    for document in &documents {
        match apply_document(client, &mut planner, document, arguments.dry_run) {
            Ok(change) => {
                report.record_outcome(document.kind(), document.name(), change.as_str())?;
            }
            // What does not depend on it is applied all the same.
            Err(failure) => report.record_failure(document.kind(), document.name(), &failure),
        }
    }
    if arguments.set.prune {
        if report.has_failed() {
            output::notify!("warning: nothing is pruned, since some definitions were not applied");
        } else {
            prune_definitions(client, &documents, arguments, &mut report)?;
        }
    }
    report.finish_with_exit_code()
}

fn apply_document(
    client: &Client,
    planner: &mut PutPlanner<'_>,
    document: &Document,
    is_dry: bool,
) -> Result<PutEffect, Failure> {
    let plan = planner.plan_put(document)?;
    if plan.change == PutEffect::Unchanged {
        return Ok(plan.change);
    }
    let (kind, name) = (document.kind(), document.name());
    let answer = if is_dry {
        plan.rehearsed
    } else {
        let put = client.put_definition(kind, name, &plan.body, PutMode::Put);
        Some(put.map_err(|error| document.failure_with_position(error))?)
    };
    for warning in answer.iter().flat_map(|answer| &answer.warnings) {
        output::notify!("warning: {kind}/{name}: {}", replace_control_characters(warning));
    }
    Ok(answer.as_ref().map_or(plan.change, PutEffect::from))
}

/// Deletes what is part of the set and in no file; what others need goes last.
fn prune_definitions(
    client: &Client,
    documents: &[Document],
    arguments: &ApplyArguments,
    report: &mut DefinitionRunReport,
) -> Result<(), Failure> {
    for (kind, name) in find_prunable_definitions(client, documents, arguments.set.name.as_deref())?
    {
        if arguments.dry_run {
            report.record_outcome(kind, &name, "pruned")?;
            continue;
        }
        let options = DeletionOptions { force: false, revoke: arguments.revoke };
        match client.delete_definition(kind, &name, options) {
            Ok(DefinitionDeletion::Revoking) => {
                report.record_outcome(kind, &name, "pruned, its leases are being revoked")?;
                report.is_revoking = true;
            }
            Ok(_) => report.record_outcome(kind, &name, "pruned")?,
            Err(error) => {
                let failure = Failure::from(error).about_subject(&format!("prune {kind}/{name}"));
                report.record_failure(kind, &name, &failure);
            }
        }
    }
    Ok(())
}

/// Returns what is marked with a set and in no file, in the order in which it can be deleted.
pub fn find_prunable_definitions(
    client: &Client,
    documents: &[Document],
    set: Option<&str>,
) -> Result<Vec<(DefinitionKind, Name)>, Failure> {
    let Some(set) = set else { return Ok(vec![]) };
    let kept: BTreeSet<_> = documents.iter().map(|it| (it.kind(), it.name().as_str())).collect();
    let mut superfluous = vec![];
    for kind in DefinitionKind::ALL.into_iter().rev() {
        for shown in client.list_definitions(kind)? {
            let name = shown.get("name").and_then(Value::as_str).unwrap_or_default();
            let is_marked = shown.get("apply_set").and_then(Value::as_str) == Some(set);
            let is_leaving = shown.get("deleting").is_some();
            if is_marked && !is_leaving && !kept.contains(&(kind, name)) {
                let name =
                    name.parse().map_err(|error| Failure::local_error(format!("{error}")))?;
                superfluous.push((kind, name));
            }
        }
    }
    Ok(superfluous)
}

/// The report of a run over many definitions.
pub struct DefinitionRunReport {
    output: OutputFormat,
    is_dry: bool,
    outcomes: Vec<Value>,
    worst: Option<u8>,
    pub is_revoking: bool,
}

impl DefinitionRunReport {
    pub fn new(output: OutputFormat, is_dry: bool) -> Self {
        Self { output, is_dry, outcomes: vec![], worst: None, is_revoking: false }
    }

    /// Tells what was done with a definition.
    pub fn record_outcome(
        &mut self,
        kind: DefinitionKind,
        name: &Name,
        done: &'static str,
    ) -> Result<(), Failure> {
        if self.output == OutputFormat::Text {
            let dry = if self.is_dry { " (dry run)" } else { "" };
            output::print_text(&format!("{kind}/{name} {done}{dry}\n"))?;
        }
        self.outcomes.push(json!({ "kind": kind, "name": name, "change": done }));
        Ok(())
    }

    /// Tells why something was not done. The others are done all the same.
    pub fn record_failure(&mut self, kind: DefinitionKind, name: &Name, failure: &Failure) {
        if self.output == OutputFormat::Text {
            output::notify!("error: {failure}");
        }
        let mut outcome = failure.to_json();
        (outcome["kind"], outcome["name"]) = (json!(kind), json!(name));
        self.outcomes.push(outcome);
        self.worst = self.worst.max(Some(failure.exit as u8));
    }

    pub fn has_failed(&self) -> bool {
        self.worst.is_some()
    }

    /// Returns the exit code of all of it.
    pub fn finish_with_exit_code(self) -> Result<ExitCode, Failure> {
        if self.output == OutputFormat::Json {
            output::print_json(&self.outcomes)?;
        }
        Ok(match self.worst {
            Some(code) => ExitCode::from(code),
            None if self.is_revoking => ExitCode::from(CommandExitCode::Revoking as u8),
            None => ExitCode::SUCCESS,
        })
    }
}

impl From<&ApplySetOptions> for ApplySet {
    fn from(set: &ApplySetOptions) -> Self {
        Self { name: set.name.clone(), take_over: set.take_over }
    }
}

fn parse_set_name(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/=-".contains(&byte));
    let rule = "a set is named by 1 to 64 letters, digits, `.`, `_`, `:`, `/`, `=` or `-`";
    if fits { Ok(text.to_owned()) } else { Err(rule.to_owned()) }
}
