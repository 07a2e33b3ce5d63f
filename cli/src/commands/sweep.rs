//! `sweep`

use kubelease_client::{SweepFailure, SweepOptions, printable};

use crate::arguments::{Output, Sweep};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::session::Context;

/// `kubelease sweep`
pub fn sweep(context: &Context, arguments: &Sweep) -> Result<(), Failure> {
    let Sweep { dry_run, reconcile, ref shown } = *arguments;
    let session = context.session()?;
    let report = {
        let _progress = Progress::start("Sweeping");
        session.client().sweep(SweepOptions { dry_run, reconcile })?
    };
    if shown.output == Output::Json {
        return output::print_json(&report);
    }
    let would = if dry_run { "would be " } else { "" };
    let mut text = format!(
        "{} due, {} {would}ended, {} postponed\n",
        report.due, report.done, report.postponed
    );
    for failure in &report.failed {
        let SweepFailure { target, reason, count } = failure;
        let line = format!("{}: {} ({count} leases)\n", printable(target), printable(reason));
        text.push_str(&line);
    }
    for (target, state) in &report.targets {
        let line = format!("{}: {}\n", printable(target), printable(state));
        text.push_str(&line);
    }
    if report.more {
        text += "There is more: sweep again.\n";
    }
    output::print(&text)
}
