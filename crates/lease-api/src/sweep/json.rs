//! What a sweep is shown as.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use lease_core::TargetName;
use lease_engine::{
    LastSweep, ReconcileCounts, SweepHealth, SweepReport, TargetFailure, TargetState,
};
use serde::Serialize;

/// The report of a sweep, or of a dry run.
#[derive(Serialize)]
pub(super) struct ReportJson<'a> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    due: usize,
    done: usize,
    postponed: usize,
    held: usize,
    voided: usize,
    forgotten: usize,
    resealed: usize,
    signatures_renewed: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_overdue_seconds: Option<u64>,
    failed: Vec<FailureJson<'a>>,
    targets: &'a BTreeMap<TargetName, TargetState>,
    reconciled: ReconciledJson,
    calls: u32,
    more: bool,
    /// When a sweep last left nothing undone, this one included.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success: Option<String>,
}

#[derive(Serialize)]
struct FailureJson<'a> {
    target: &'a TargetName,
    reason: &'a str,
    count: usize,
}

#[derive(Serialize)]
struct ReconciledJson {
    targets: usize,
    orphans: usize,
    removed: usize,
    adopted: usize,
    parked: usize,
    lost: usize,
    extended: usize,
}

/// The last sweep.
#[derive(Serialize)]
pub(crate) struct LastSweepJson<'a> {
    at: String,
    took_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_reconcile: Option<String>,
    report: ReportJson<'a>,
}

/// The same for anybody: what could be counted from outside, and no names.
#[derive(Serialize)]
pub(crate) struct PublicSweepSummaryJson {
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success: Option<String>,
    due: usize,
    done: usize,
    failed: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_overdue_seconds: Option<u64>,
    orphans: usize,
    parked: usize,
}

/// Why kubelease works, and not as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DegradationCause {
    /// No sweep has run for three intervals.
    SweepsMissing,
    /// The operator holds what has expired.
    ExpiryHeld,
    /// Something could not be ended, or not be asked.
    TargetsFailing,
    /// More would be deleted without a record than one run may.
    OrphansParked,
}

impl<'a> ReportJson<'a> {
    pub(super) fn from_report(report: &'a SweepReport, dry_run: bool) -> Self {
        let failed = |TargetFailure { target, reason, count }: &'a TargetFailure| FailureJson {
            target,
            reason,
            count: *count,
        };
        let ReconcileCounts { targets, orphans, removed, adopted, parked, lost, extended } =
            report.reconciled;
        Self {
            dry_run,
            due: report.due,
            done: report.done,
            postponed: report.postponed,
            held: report.held,
            voided: report.voided,
            forgotten: report.forgotten,
            resealed: report.resealed,
            signatures_renewed: report.signatures_renewed,
            oldest_overdue_seconds: report.oldest_overdue_seconds,
            failed: report.failures.iter().map(failed).collect(),
            targets: &report.targets,
            reconciled: ReconciledJson {
                targets,
                orphans,
                removed,
                adopted,
                parked,
                lost,
                extended,
            },
            calls: report.calls,
            more: report.more,
            last_success: None,
        }
    }

    pub(super) fn with_last_success(self, at: Option<DateTime<Utc>>) -> Self {
        Self { last_success: at.map(format_seconds), ..self }
    }
}

impl<'a> LastSweepJson<'a> {
    pub(crate) fn from_swept(swept: &'a LastSweep) -> Self {
        Self {
            at: format_seconds(swept.at),
            took_ms: swept.took_ms,
            last_success: swept.last_success.map(format_seconds),
            last_reconcile: swept.last_reconcile.map(format_seconds),
            report: ReportJson::from_report(&swept.report, false),
        }
    }
}

impl PublicSweepSummaryJson {
    pub(crate) fn from_swept(swept: &LastSweep) -> Self {
        let report = &swept.report;
        Self {
            at: format_seconds(swept.at),
            last_success: swept.last_success.map(format_seconds),
            due: report.due,
            done: report.done,
            failed: report.failures.iter().map(|failed| failed.count).sum(),
            oldest_overdue_seconds: report.oldest_overdue_seconds,
            orphans: report.reconciled.orphans,
            parked: report.reconciled.parked,
        }
    }
}

impl DegradationCause {
    /// All that is not as it should be.
    pub(crate) fn list_causes(health: &SweepHealth) -> Vec<Self> {
        let report = health.last.as_ref().map(|last| &last.report);
        let parked = |state: &TargetState| *state == TargetState::OrphansParked;
        let is_parked = report.is_some_and(|report| report.targets.values().any(parked));
        let fails = report.is_some_and(|report| {
            !report.failures.is_empty() || report.targets.values().any(|state| !parked(state))
        });
        let reasons = [
            (Self::SweepsMissing, health.overdue),
            (Self::ExpiryHeld, health.hold),
            (Self::TargetsFailing, fails),
            (Self::OrphansParked, is_parked),
        ];
        reasons.into_iter().filter(|(_, is_so)| *is_so).map(|(reason, _)| reason).collect()
    }
}

fn format_seconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
