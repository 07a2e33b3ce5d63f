//! `sweep`

use kubelease_client::{SweepFailure, SweepOptions, replace_control_characters};

use crate::arguments::{OutputFormat, SweepArguments};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::session::CommandContext;

/// `kubelease sweep`
pub fn run_sweep(context: &CommandContext, arguments: &SweepArguments) -> Result<(), Failure> {
    let SweepArguments { dry_run, reconcile, ref shown } = *arguments;
    let session = context.open_session()?;
    let report = {
        let _progress = Progress::show_after_delay("Sweeping");
        session.client().request_sweep(SweepOptions { dry_run, reconcile })?
    };
    if shown.output == OutputFormat::Json {
        return output::print_json(&report);
    }
    let would = if dry_run { "would be " } else { "" };
    let mut text = format!(
        "{} due, {} {would}ended, {} postponed\n",
        report.due, report.done, report.postponed
    );
    for failure in &report.failed {
        let SweepFailure { target, reason, count } = failure;
        let line = format!(
            "{}: {} ({count} leases)\n",
            replace_control_characters(target),
            replace_control_characters(reason)
        );
        text.push_str(&line);
    }
    for (target, state) in &report.targets {
        let line = format!(
            "{}: {}\n",
            replace_control_characters(target),
            replace_control_characters(state)
        );
        text.push_str(&line);
    }
    if report.more {
        text += "There is more: sweep again.\n";
    }
    output::print_text(&text)
}
