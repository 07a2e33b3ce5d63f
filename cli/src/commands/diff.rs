//! `diff`: what an apply would change, as kubectl shows it.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use kubelease_client::{Kind, to_printable};
use serde_json::{Map, Value};
use similar::TextDiff;

use super::apply::{Files, Set, find_superfluous};
use crate::definitions::{self, Change, Document, Planner, SetOptions};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::session::Context;

#[derive(Args, Debug)]
pub struct Diff {
    #[command(flatten)]
    pub files: Files,
    #[command(flatten)]
    pub set: Set,
}

/// `kubelease diff`. Exit code 1 says that something differs; a failure has a higher one.
pub fn diff_documents(context: &Context, arguments: &Diff) -> Result<ExitCode, Failure> {
    match compare_documents(context, arguments) {
        Ok(false) => Ok(ExitCode::SUCCESS),
        Ok(true) => Ok(ExitCode::from(DIFFERS)),
        Err(mut failure) => {
            if failure.exit == Exit::Error {
                failure.exit = Exit::Usage;
            }
            Err(failure)
        }
    }
}

fn compare_documents(context: &Context, arguments: &Diff) -> Result<bool, Failure> {
    let documents = definitions::read_all(&arguments.files.paths, arguments.files.recursive)?;
    let session = context.open_session()?;
    let client = session.client();
    let options = SetOptions::from(&arguments.set);
    let mut planner = Planner::new(client, &context.environment, options, true);
    let mut differs = false;
    for document in &documents {
        let plan = planner.plan_put(document)?;
        if plan.change == Change::Unchanged {
            continue;
        }
        differs = true;
        let before = match plan.change {
            Change::Created => None,
            _ => planner.get_current(document)?.as_ref().and_then(Value::as_object).cloned(),
        };
        let changed = plan.rehearsed.as_ref().map(|answer| answer.changed_fields.clone());
        let after = match plan.rehearsed {
            Some(answer) => answer.definition,
            None => as_shown(document),
        };
        let (kind, name) = (document.kind(), document.name().as_str());
        let changed = changed.unwrap_or_default();
        output::print_text(&compare_texts(kind, name, before.as_ref(), Some(&after), &changed))?;
    }
    if arguments.set.prune {
        for (kind, name) in find_superfluous(client, &documents, arguments.set.name.as_deref())? {
            let before = client.get_definition(kind, &name)?;
            let before = before.as_ref().and_then(Value::as_object);
            differs = true;
            output::print_text(&compare_texts(kind, name.as_str(), before, None, &[]))?;
        }
    }
    Ok(differs)
}

/// Returns a definition of a file as a server would show it, but for defaults.
fn as_shown(document: &Document) -> Map<String, Value> {
    let spec = serde_json::to_value(&document.definition.spec).unwrap_or_default();
    let mut shown = spec.as_object().cloned().unwrap_or_default();
    shown.insert("name".to_owned(), Value::from(document.name().as_str()));
    shown
}

fn compare_texts(
    kind: Kind,
    name: &str,
    before: Option<&Map<String, Value>>,
    after: Option<&Map<String, Value>>,
    changed: &[String],
) -> String {
    let text = |shown: Option<&Map<String, Value>>, secret: &str| {
        let Some(shown) = shown else { return String::new() };
        let mut text = definitions::to_yaml(&definitions::to_document(kind, shown));
        if let Some(set) = shown.get("apply_set").and_then(Value::as_str) {
            let _ = writeln!(text, "# set: {}", to_printable(set));
        }
        // A secret is shown by nobody: that it is another one is all that can be told.
        let is_hidden = |field: &&String| {
            let value =
                |side: Option<&Map<String, Value>>| side.and_then(|it| it.get(*field)).cloned();
            value(before) == value(after)
        };
        for field in changed.iter().filter(is_hidden) {
            let _ = writeln!(text, "# {}: {secret}", to_printable(field));
        }
        text
    };
    let (before, after) = (text(before, "the secret that is kept"), text(after, "another secret"));
    let diff = TextDiff::from_lines(&before, &after);
    let (old, new) = (format!("live/{kind}/{name}"), format!("applied/{kind}/{name}"));
    diff.unified_diff().header(&old, &new).to_string()
}

/// As of kubectl's `diff` and of diff itself.
const DIFFERS: u8 = 1;
