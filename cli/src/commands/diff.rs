//! `diff`: what an apply would change, as kubectl shows it.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use kubelease_client::{DefinitionKind, Name, replace_control_characters};
use serde_json::{Map, Value, json};
use similar::TextDiff;

use super::apply::{ApplySetOptions, DefinitionFileOptions, find_prunable_definitions};
use crate::arguments::{OutputFormat, OutputOptions};
use crate::definitions::{self, ApplySet, Document, PutEffect, PutPlanner};
use crate::failure::{CommandExitCode, Failure};
use crate::output;
use crate::session::CommandContext;

#[derive(Args, Debug)]
pub struct DiffArguments {
    #[command(flatten)]
    pub files: DefinitionFileOptions,
    #[command(flatten)]
    pub set: ApplySetOptions,
    #[command(flatten)]
    pub shown: OutputOptions,
}

/// A definition that an apply would change. One that is not there before, or after it, has nothing on that side.
struct Difference {
    kind: DefinitionKind,
    name: Name,
    change: &'static str,
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
    /// The fields that differ, as the server tells them.
    changed_fields: Vec<String>,
}

/// `kubelease diff`. Exit code 1 says that something differs; a failure has a higher one.
pub fn diff_documents(
    context: &CommandContext,
    arguments: &DiffArguments,
) -> Result<ExitCode, Failure> {
    match print_differences(context, arguments) {
        Ok(false) => Ok(ExitCode::SUCCESS),
        Ok(true) => Ok(ExitCode::from(DIFFERENCE_EXIT_CODE)),
        Err(mut failure) => {
            if failure.exit == CommandExitCode::Error {
                failure.exit = CommandExitCode::Usage;
            }
            Err(failure)
        }
    }
}

/// Prints all differences. Returns true if there is one.
fn print_differences(context: &CommandContext, arguments: &DiffArguments) -> Result<bool, Failure> {
    let documents =
        definitions::read_definitions(&arguments.files.paths, arguments.files.recursive)?;
    let session = context.open_session()?;
    let client = session.client();
    let options = ApplySet::from(&arguments.set);
    let mut planner = PutPlanner::new(client, &context.environment, options, true);
    let mut differences = vec![];
    for document in &documents {
        differences.extend(compare_document(&mut planner, document)?);
    }
    if arguments.set.prune {
        for (kind, name) in
            find_prunable_definitions(client, &documents, arguments.set.name.as_deref())?
        {
            let before = client.get_definition(kind, &name)?;
            let before = before.as_ref().and_then(Value::as_object).cloned();
            let (change, after, changed_fields) = ("pruned", None, vec![]);
            differences.push(Difference { kind, name, change, before, after, changed_fields });
        }
    }
    if arguments.shown.output == OutputFormat::Json {
        output::print_json(&differences.iter().map(Difference::to_json).collect::<Vec<_>>())?;
    } else {
        differences
            .iter()
            .try_for_each(|difference| output::print_text(&difference.to_unified_diff()))?;
    }
    Ok(!differences.is_empty())
}

fn compare_document(
    planner: &mut PutPlanner<'_>,
    document: &Document,
) -> Result<Option<Difference>, Failure> {
    let plan = planner.plan_put(document)?;
    let before = match plan.change {
        PutEffect::Unchanged => return Ok(None),
        PutEffect::Created => None,
        PutEffect::Configured => {
            planner.get_current(document)?.as_ref().and_then(Value::as_object).cloned()
        }
    };
    let (after, changed_fields) = match plan.rehearsed {
        Some(answer) => (answer.definition, answer.changed_fields),
        None => (definition_as_server_shows(document), vec![]),
    };
    Ok(Some(Difference {
        kind: document.kind(),
        name: document.name().clone(),
        change: plan.change.as_str(),
        before,
        after: Some(after),
        changed_fields,
    }))
}

/// Returns a definition of a file as a server would show it, but for defaults.
fn definition_as_server_shows(document: &Document) -> Map<String, Value> {
    let spec = serde_json::to_value(&document.definition.spec).unwrap_or_default();
    let mut shown = spec.as_object().cloned().unwrap_or_default();
    shown.insert("name".to_owned(), Value::from(document.name().as_str()));
    shown
}

impl Difference {
    /// Returns both sides as documents, and the names of the secrets that differ.
    fn to_json(&self) -> Value {
        let document = |shown: &Option<Map<String, Value>>| {
            shown
                .as_ref()
                .map(|shown| definitions::definition_without_server_fields(self.kind, shown))
        };
        json!({
            "kind": self.kind,
            "name": self.name,
            "change": self.change,
            "before": document(&self.before),
            "after": document(&self.after),
            "changed_secrets": self.changed_redacted_fields().collect::<Vec<_>>(),
        })
    }

    /// Returns the lines that differ, in the unified format.
    fn to_unified_diff(&self) -> String {
        let before = self.side_text(self.before.as_ref(), "the secret that is kept");
        let after = self.side_text(self.after.as_ref(), "another secret");
        let Self { kind, name, .. } = self;
        let diff = TextDiff::from_lines(&before, &after);
        let (old, new) = (format!("live/{kind}/{name}"), format!("applied/{kind}/{name}"));
        diff.unified_diff().header(&old, &new).to_string()
    }

    fn side_text(&self, shown: Option<&Map<String, Value>>, secret: &str) -> String {
        let Some(shown) = shown else { return String::new() };
        let mut text =
            definitions::to_yaml(&definitions::definition_without_server_fields(self.kind, shown));
        if let Some(set) = shown.get("apply_set").and_then(Value::as_str) {
            let _ = writeln!(text, "# set: {}", replace_control_characters(set));
        }
        for field in self.changed_redacted_fields() {
            let _ = writeln!(text, "# {}: {secret}", replace_control_characters(field));
        }
        text
    }

    /// Returns the fields that differ but are shown alike: a secret is shown by nobody, so that it is another one is all
    /// that can be told.
    fn changed_redacted_fields(&self) -> impl Iterator<Item = &str> {
        let is_shown_alike = |field: &&str| {
            let side = |side: &Option<Map<String, Value>>| {
                side.as_ref().and_then(|shown| shown.get(*field)).cloned()
            };
            side(&self.before) == side(&self.after)
        };
        self.changed_fields.iter().map(String::as_str).filter(is_shown_alike)
    }
}

/// As of kubectl's `diff` and of diff itself.
const DIFFERENCE_EXIT_CODE: u8 = 1;
