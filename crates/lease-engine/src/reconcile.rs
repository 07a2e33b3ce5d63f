//! Comparing what is ours in a cluster with what is on record, so that either can make up for the other.
//!
//! Objects of leases that are over are deleted, live leases without a record are recorded again, and a record
//! whose objects are gone is closed. That is done at intervals, when an administrator asks, and before a target
//! that is new to this store gives its first lease: the store may have been lost.
//!
//! Read `list`, `compare`, `orphans`, `lost`, in the order in which they run.

mod compare;
mod list;
mod lost;
mod orphans;

use chrono::{DateTime, TimeDelta, Utc};
use lease_core::{DynamicSecret, DynamicSecretName, KnownCluster, Namespace, Target, TargetName};
use lease_store::Note;
use serde::{Deserialize, Serialize};

use crate::cluster::connection::Connection;
use crate::config::MAX_ISSUE_TIME;
use crate::{ClusterError, Engine, IssueError, Ports, ReconcileCounts, StoreError};

/// The progress of comparing a target with the records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReconcileProgress {
    /// When it was compared to the end, by the host's clock; none if it never was.
    pub(crate) at: Option<DateTime<Utc>>,
    /// The cursor at which listing goes on.
    resume: Option<list::ListCursor>,
    /// The dynamic secrets of leases that were found and could not be recorded, since they are not put.
    waiting: Vec<DynamicSecretName>,
    /// True if more was to be deleted without a record than one run may.
    pub(crate) is_tripped: bool,
    /// The count of leases that were left alone.
    pub(crate) parked: usize,
    /// The number of runs in a row in which a list was refused.
    #[serde(default)]
    refusals: u32,
    /// Up to where the numbers of ledgers have been looked at, whatever the summaries say.
    rebuilt: Option<lease_store::LeaseKey>,
}

/// The options of a comparison.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReconcileOptions {
    /// Nothing is changed.
    pub(crate) dry_run: bool,
    /// Somebody has asked for it: what one run may delete without a record, it deletes.
    pub(crate) is_asked: bool,
    /// When it stops, whatever is left.
    pub(crate) stop: DateTime<Utc>,
}

/// The outcome of comparing a target.
#[derive(Debug, Default)]
pub(crate) struct ReconcileOutcome {
    pub(crate) reconciled: ReconcileCounts,
    /// True if it came to its end.
    pub(crate) is_complete: bool,
    /// True if we may not list some of what is ours.
    pub(crate) is_unlisted: bool,
    /// True if some leases are left alone until somebody asks for their deletion.
    pub(crate) is_tripped: bool,
}

/// A target that is being compared.
pub(crate) struct ReconcileRun<'r, P> {
    connection: &'r Connection<'r, P>,
    known: KnownCluster,
    /// The dynamic secrets that are put for it, with the numbers of their ledgers.
    secrets: Vec<(u64, DynamicSecret)>,
    terms: ReconcileOptions,
    /// When listing stops.
    list_by: DateTime<Utc>,
}

impl<P: Ports> Engine<P> {
    /// Compares a target with the records before it gives a lease of a dynamic secret for the first time
    /// since the store knows both.
    ///
    /// Otherwise a store that was lost would count its leases from nothing, and answer a request twice.
    pub(crate) async fn reconcile_before_issue(
        &self,
        connection: &Connection<'_, P>,
        secret: &DynamicSecretName,
        deadline: DateTime<Utc>,
    ) -> Result<(), IssueError> {
        let target = connection.target;
        let progress = self.read_progress(&target.name)?;
        if progress.at.is_some() && !progress.waiting.contains(secret) {
            return Ok(());
        }
        let dry_run = self.ports.is_rehearsal();
        let terms = ReconcileOptions { dry_run, is_asked: false, stop: deadline - LEFT_TO_ISSUE };
        let outcome = self.reconcile_target(connection, terms).await?;
        let done = outcome.is_complete || self.read_progress(&target.name)?.at.is_some();
        if done { Ok(()) } else { Err(IssueError::Reconciling(target.name.clone())) }
    }

    /// Returns the progress of comparing a target.
    pub(crate) fn read_progress(
        &self,
        target: &TargetName,
    ) -> Result<ReconcileProgress, StoreError> {
        Ok(self.notes().get(Note::Reconcile(target))?.unwrap_or_default())
    }

    /// Returns true if it is time to compare a target again.
    pub(crate) fn is_reconcile_due(&self, target: &TargetName) -> Result<bool, StoreError> {
        let now = self.ports.now();
        let ReconcileProgress { at, refusals, .. } = self.read_progress(target)?;
        let interval = self.config.reconcile_interval;
        let pause = match refusals {
            0 => interval,
            // A refusal may pass; if it does not, it is no reason to list all the time.
            more => interval.min(MIN_PAUSE * 2_i32.pow(more.min(MAX_PAUSE_DOUBLINGS) - 1)),
        };
        // A clock that was put back is no reason to wait.
        Ok(at.is_none_or(|at| at > now || now - at >= pause))
    }

    /// Compares a target with the records.
    ///
    /// # Errors
    /// Fails if the target does not answer, or is another cluster than before; what was done stays so.
    pub(crate) async fn reconcile_target(
        &self,
        connection: &Connection<'_, P>,
        terms: ReconcileOptions,
    ) -> Result<ReconcileOutcome, ClusterError> {
        let target = connection.target;
        let secrets = self.numbered_dynamic_secrets_of(target)?;
        let namespace = known_namespace(&secrets);
        let known = self.learn_or_verify_cluster(connection, &namespace, terms.stop).await?;
        let now = self.ports.now();
        // Half of the time is for comparing: a run that only lists would never come to an end.
        let list_by = now + (terms.stop - now) / 2;
        let run = ReconcileRun { connection, known, secrets, terms, list_by };
        let mut progress = self.read_progress(&target.name)?;
        let listing = self.list_objects(&run, progress.resume.take()).await?;
        // The clock is read before anything is judged by it: an orphan is removed if it is over by this clock.
        self.save_cluster_clock(connection)?;
        let mut outcome =
            ReconcileOutcome { is_unlisted: listing.is_refused, ..ReconcileOutcome::default() };
        let mut findings = self.compare_objects(&run, &listing)?;
        outcome.reconciled.extended += findings.extended;
        let settled = self
            .adopt_or_remove_leases(&run, (&listing, &mut findings), &mut progress, &mut outcome)
            .await?;
        let closed = self
            .close_leases_missing_objects(&run, &listing, &findings, &mut outcome.reconciled)
            .await?;
        let rebuilt = self.relist_unindexed_numbers(&run, &mut progress)?;
        outcome.is_tripped = progress.is_tripped;
        outcome.is_complete = listing.resume.is_none() && settled && closed && rebuilt;
        outcome.reconciled.targets = usize::from(outcome.is_complete);
        // `at` opens the target for its first lease. It is set only if every list was read to its end and each
        // orphan decided on: an unseen live lease would not count under `max_live_leases`.
        if listing.resume.is_none() && settled {
            progress.at = Some(self.ports.now());
        }
        progress.refusals =
            if listing.is_refused { progress.refusals.saturating_add(1) } else { 0 };
        progress.resume = listing.resume;
        progress.parked = outcome.reconciled.parked;
        if !terms.dry_run {
            self.notes().put_note(Note::Reconcile(&target.name), &progress)?;
        }
        Ok(outcome)
    }

    /// Returns the longest time after an issue was begun in which its objects may still be created.
    fn longest_issue_time(&self) -> TimeDelta {
        MAX_ISSUE_TIME + self.config.landing
    }

    fn numbered_dynamic_secrets_of(
        &self,
        target: &Target,
    ) -> Result<Vec<(u64, DynamicSecret)>, StoreError> {
        let mut secrets = vec![];
        for secret in self.dynamic_secrets_of(target)? {
            secrets.extend(self.dynamic_secrets().get_with_number(&secret.name)?);
        }
        Ok(secrets)
    }

    /// Looks at a part of the numbers of the ledgers again, whatever their summaries say. Returns true at the end.
    ///
    /// A store that was rolled back may have summaries from before and records from after. A number that such a
    /// summary takes for finished would be seen by no sweep.
    fn relist_unindexed_numbers(
        &self,
        run: &ReconcileRun<'_, P>,
        progress: &mut ReconcileProgress,
    ) -> Result<bool, StoreError> {
        if run.terms.dry_run {
            return Ok(true);
        }
        let from = progress.rebuilt.take();
        let ledgers = run.secrets.iter().map(|(ledger, _)| *ledger);
        for ledger in ledgers.filter(|ledger| from.is_none_or(|from| *ledger >= from.ledger)) {
            let mut number =
                from.filter(|from| from.ledger == ledger).map_or(1, |from| from.number);
            while let Some(next) =
                self.leases().relist_unindexed_numbers_part(ledger, number, NUMBERS_PER_PART)?
            {
                number = next;
                if self.ports.now() >= run.terms.stop || !run.terms.is_asked {
                    progress.rebuilt = Some(lease_store::LeaseKey { ledger, number });
                    return Ok(!run.terms.is_asked);
                }
            }
        }
        Ok(true)
    }
}

/// A namespace that we may read if we may not read the whole cluster.
fn known_namespace(secrets: &[(u64, DynamicSecret)]) -> Namespace {
    let mut literal =
        secrets.iter().flat_map(|(_, secret)| secret.definition.namespaces().literal_namespaces());
    // Unwrap safety: it is a label.
    literal.next().cloned().unwrap_or_else(|| "default".parse().unwrap())
}

/// The part of an issue's time that is left for the issue itself.
const LEFT_TO_ISSUE: TimeDelta = TimeDelta::seconds(10);

/// The first pause after a refused list.
const MIN_PAUSE: TimeDelta = TimeDelta::seconds(30);

/// The number of times that the pause is doubled, at most: then it is more than a day, and no
/// interval is longer.
const MAX_PAUSE_DOUBLINGS: u32 = 13;

/// The number of a ledger's numbers that are looked at in one go.
const NUMBERS_PER_PART: u64 = 5000;

#[cfg(test)]
mod tests;
