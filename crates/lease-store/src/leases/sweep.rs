//! What is due in a ledger: looked at, decided by fences, and noted once it is carried out.

mod examine;
mod forget;

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use lease_core::{Closing, EndReason, Ending, Lease, LeaseId, LeaseMode, TargetName};

use self::examine::{ExpiryRecheckOutcome, NumberFinding};
use super::clocks::Clocks;
use super::stored_lease::StoredLease;
use crate::index::{IndexChanges, IndexEntry, LedgerIndex};
use crate::{KeyValue, LeaseKey, Leases, LedgerId, StoreError, SweepGracePeriods, keys, record};

/// The due leases of one ledger, as many as one batch holds.
///
/// They were looked at by reads alone. The protocol has five steps:
///
/// 1. [`SweepBatch::targets_with_expired_leases`] names the targets of what seems expired. The caller reads their clocks and
///    passes them to [`SweepBatch::set_clocks`]; [`SweepBatch::skip_expired_on_target`] takes out what must wait.
/// 2. [`SweepBatch::close_due_and_list_ends`] decides and returns the ends to carry out.
/// 3. The caller carries them out in the cluster.
/// 4. The caller reports each outcome with [`SweepBatch::note_ended`] or [`SweepBatch::note_postponed`].
/// 5. [`SweepBatch::forget_old_and_write_batch`] writes the summaries.
///
/// Nothing is written to the summaries before the last step. So the next sweep finds a batch again
/// that stopped anywhere between.
pub struct SweepBatch<'a, K> {
    leases: Leases<'a, K>,
    which: LedgerId,
    clocks: Clocks,
    times: SweepGracePeriods,
    tree: LedgerIndex<'a, K>,
    void: Vec<u64>,
    over: Vec<(u64, StoredLease, EndReason)>,
    tasks: Vec<EndTask>,
    held: BTreeMap<TargetName, TimeDelta>,
    ended: BTreeMap<LeaseId, (Box<StoredLease>, Ending)>,
    /// The entries that are written before any lease is forgotten: fences that stay, and events.
    lasting: Vec<(String, Vec<u8>)>,
    forgotten: Vec<String>,
    summary: BatchOutcome,
}

/// A lease whose end is decided, and is to be carried out in its cluster now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndTask {
    /// The lease.
    pub held: StoredLease,
    /// Why it ends.
    pub why: EndReason,
    /// The number of the lease in the batch's ledger.
    number: u64,
}

/// The outcome of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchOutcome {
    /// The count of numbers that were given up because their issuer stopped before it recorded a
    /// lease.
    pub voided: usize,
    /// The count of leases that have ended.
    pub ended: usize,
    /// The count of ended leases that were forgotten.
    pub forgotten: usize,
    /// The count of expired leases that wait because their targets are held.
    pub held: usize,
    /// True if more is due.
    pub more: bool,
}

impl<'a, K: KeyValue> Leases<'a, K> {
    /// Returns what is due of a ledger, about `limit` numbers, or `None` after two reads and no write
    /// if nothing is.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn read_due_batch(
        &self,
        which: LedgerId,
        clocks: impl Into<Clocks>,
        limit: usize,
        times: SweepGracePeriods,
    ) -> Result<Option<SweepBatch<'a, K>>, StoreError> {
        let clocks = clocks.into();
        let mut tree = LedgerIndex::read_root(self.store, which)?;
        let due = tree.find_due_numbers(clocks.ledger_time().timestamp(), limit)?;
        // If a node was read in vain, the one above knows less than it: that is mended.
        if due.numbers.is_empty() && tree.is_idle() {
            return Ok(None);
        }
        let mut batch = SweepBatch {
            leases: Leases::new(self.store, self.auditor),
            which,
            clocks,
            times,
            tree,
            void: vec![],
            over: vec![],
            tasks: vec![],
            held: BTreeMap::new(),
            ended: BTreeMap::new(),
            lasting: vec![],
            forgotten: vec![],
            summary: BatchOutcome { more: due.more, ..BatchOutcome::default() },
        };
        for (number, known) in due.numbers {
            match batch.examine_number(number, known)? {
                NumberFinding::Noted => {}
                NumberFinding::Void => batch.void.push(number),
                NumberFinding::Over(held, why) => batch.over.push((number, *held, why)),
                NumberFinding::Closing(held, why) => {
                    batch.tasks.push(EndTask { held: *held, why, number });
                }
            }
        }
        Ok(Some(batch))
    }
}

impl<K: KeyValue> SweepBatch<'_, K> {
    /// The targets on which something seems to have expired.
    #[must_use]
    pub fn targets_with_expired_leases(&self) -> BTreeSet<TargetName> {
        let expires = |(_, held, why): &&(u64, StoredLease, EndReason)| {
            *why == EndReason::Expired && held.lease.mode.is_revocable()
        };
        let over = self.over.iter().filter(expires);
        over.map(|(_, held, _)| held.lease.target.clone()).collect()
    }

    /// Returns the leases that have expired or whose end goes on, before anything is decided.
    pub fn expired_or_closing_leases(&self) -> impl Iterator<Item = &StoredLease> {
        let over = self.over.iter().map(|(_, held, _)| held);
        over.chain(self.tasks.iter().map(|task| &task.held))
    }

    /// Returns true if more is due than this batch holds.
    #[must_use]
    pub fn is_more(&self) -> bool {
        self.summary.more
    }

    /// Goes by these clocks from here on.
    pub fn set_clocks(&mut self, clocks: Clocks) {
        self.clocks = clocks;
    }

    /// Leaves alone what has expired on a target, and has it looked at again after a while.
    pub fn skip_expired_on_target(&mut self, target: &TargetName, pause: TimeDelta) {
        self.held.insert(target.clone(), pause);
    }

    /// Closes what is over, and answers with what is to be ended now.
    ///
    /// A fence is written before the record is read again, and a writer reads the fence after its record:
    /// one of them sees the other, at any speed.
    ///
    /// # Errors
    /// Fails if the store does; the next sweep finds the same again.
    pub fn close_due_and_list_ends(&mut self) -> Result<Vec<EndTask>, StoreError> {
        let mut tasks = std::mem::take(&mut self.tasks);
        let mut over = std::mem::take(&mut self.over);
        let voids = std::mem::take(&mut self.void);
        // Voids first: a number whose record came meanwhile joins the leases that are over.
        self.void_numbers(voids, &mut tasks, &mut over)?;
        self.recheck_held_number_later(&mut over);
        self.decide_ends(over, &mut tasks)?;
        tasks.retain(|task| {
            // A plain token has ended by itself: there is nothing to be done in its cluster.
            let plain = task.held.lease.mode == LeaseMode::Plain;
            if plain {
                self.note_ended(
                    task,
                    Ending { why: task.why, at: self.clocks.host_time(), note: None },
                );
            }
            !plain
        });
        Ok(tasks)
    }

    fn recheck_held_number_later(&mut self, over: &mut Vec<(u64, StoredLease, EndReason)>) {
        over.retain(|(number, held, why)| {
            // A plain token ends by itself, and what was never answered may go.
            let ends = *why == EndReason::Expired && held.lease.mode.is_revocable();
            let Some(pause) = self.held.get(&held.lease.target).filter(|_| ends) else {
                return true;
            };
            let look = self.clocks.ledger_time() + *pause;
            self.tree.note_entry(
                *number,
                IndexEntry { look: look.timestamp(), live: true, noticed: None },
            );
            self.summary.held += 1;
            false
        });
    }

    /// Notes that an end was carried out.
    pub fn note_ended(&mut self, task: &EndTask, ending: Ending) {
        self.summary.ended += 1;
        match self.which {
            LedgerId::DynamicSecret(_) => {
                let entry = self.ended_index_entry(&task.held.lease, &ending);
                self.tree.note_entry(task.number, entry);
            }
            // These entries only lead to the lease; the ledger of its dynamic secret keeps its end.
            LedgerId::PendingRevocations | LedgerId::Identity(_) => {
                self.drop_number_and_record(task.number);
            }
        }
        self.ended.insert(task.held.lease.id, (Box::new(task.held.clone()), ending));
    }

    /// Notes that an end could not be carried out now, and is to be tried again after a pause.
    pub fn note_postponed(&mut self, task: &EndTask, pause: TimeDelta) {
        self.recheck_number_at(task.number, (self.clocks.ledger_time() + pause).timestamp());
    }

    /// Forgets what ended long ago, and writes what was noted.
    ///
    /// What is forgotten goes before it is noted, so that a crash between leaves nothing that nobody finds.
    ///
    /// # Errors
    /// Fails if the store does; what is not written is found again by the next sweep.
    pub fn forget_old_and_write_batch(mut self) -> Result<BatchOutcome, StoreError> {
        let mut entries = std::mem::take(&mut self.lasting);
        for (id, (held, ending)) in &self.ended {
            let key = keys::ended_key(*id);
            // Of two that end a lease at once, the reason of the first stands.
            if self.leases.read_value::<Ending>(&key)?.is_none() {
                let closing: Option<Closing> = self.leases.read_value(&keys::closing_key(*id))?;
                let why = closing.map_or(ending.why, |closing| closing.why);
                let ending = Ending { why, ..ending.clone() };
                entries.push(self.leases.stage_end_event(
                    held.place,
                    &held.lease,
                    &ending,
                    None,
                )?);
                let value = record::encode_record(&key, &ending)?;
                entries.push((key, value));
            }
        }
        let IndexChanges { mut written, gone } = self.tree.take_changes()?;
        // Only along with what is written anyway.
        if let LedgerId::DynamicSecret(ledger) = self.which
            && !(entries.is_empty() && written.is_empty())
        {
            written.extend(self.leases.newly_settled_mark_entry(
                ledger,
                self.tree.last_number(),
                &entries,
            )?);
        }
        self.forgotten.extend(gone);
        if !self.forgotten.is_empty() {
            // An end is on record before what leads to it goes.
            self.write_entries(&std::mem::take(&mut entries))?;
            self.leases.store.delete_many(&self.forgotten)?;
        }
        entries.extend(written);
        self.write_entries(&entries)?;
        Ok(self.summary)
    }

    fn write_entries(&self, entries: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        if entries.is_empty() { Ok(()) } else { self.leases.write_with_events(entries) }
    }

    /// Gives up numbers without a record, and looks once more whether one has come meanwhile.
    fn void_numbers(
        &mut self,
        voids: Vec<u64>,
        tasks: &mut Vec<EndTask>,
        over: &mut Vec<(u64, StoredLease, EndReason)>,
    ) -> Result<(), StoreError> {
        if voids.is_empty() {
            return Ok(());
        }
        let write = |number: &u64| {
            let key = keys::void_key(self.which, *number);
            let value = record::encode_record(&key, &self.clocks.host_time())?;
            Ok((key, value))
        };
        let entries: Result<Vec<_>, StoreError> = voids.iter().map(write).collect();
        self.leases.store.set_many(&entries?)?;
        for number in voids {
            match self.examine_record(number, None)? {
                None => {
                    self.summary.voided += 1;
                    self.add_missing_void_event(number)?;
                    // A late issuer must still find the void, so it is kept as long as a lease that has
                    // ended.
                    let look = (self.clocks.ledger_time() + self.times.retention).timestamp();
                    self.tree.note_entry(number, IndexEntry { look, live: false, noticed: None });
                }
                Some(NumberFinding::Closing(held, why)) => {
                    tasks.push(EndTask { held: *held, why, number });
                }
                Some(NumberFinding::Over(held, why)) => over.push((number, *held, why)),
                Some(NumberFinding::Noted | NumberFinding::Void) => {}
            }
        }
        Ok(())
    }

    /// Has a void number have an event, unless whoever gave it up has said why.
    fn add_missing_void_event(&mut self, number: u64) -> Result<(), StoreError> {
        if let LedgerId::DynamicSecret(ledger) = self.which {
            let place = LeaseKey { ledger, number };
            self.lasting
                .extend(self.leases.stage_missing_void_event(place, self.clocks.host_time())?);
        }
        Ok(())
    }

    /// Fences what is over, reads it again, and decides the end of what still is.
    fn decide_ends(
        &mut self,
        over: Vec<(u64, StoredLease, EndReason)>,
        tasks: &mut Vec<EndTask>,
    ) -> Result<(), StoreError> {
        if over.is_empty() {
            return Ok(());
        }
        let fence = |(_, held, why): &(u64, StoredLease, EndReason)| {
            let id = held.lease.id;
            let key = match why {
                EndReason::Failed => keys::issue_fence_key(id),
                _ => keys::end_fence_key(id),
            };
            let value = record::encode_record(&key, &self.clocks.host_time())?;
            Ok((key, value))
        };
        let fences: Result<Vec<_>, StoreError> = over.iter().map(fence).collect();
        self.leases.store.set_many(&fences?)?;
        let mut decided = vec![];
        for (number, before, why) in over {
            let Some(mut held) = self.leases.read_lease_at(before.place)? else {
                self.tree.forget_number(number);
                continue;
            };
            match self.reread_expired_behind_fence(&held, why) {
                ExpiryRecheckOutcome::StillOver => {
                    let since = self.clocks.host_time();
                    let closing = Closing { why, since, obstacle: None, work: None };
                    let key = keys::closing_key(held.lease.id);
                    decided.push((key.clone(), record::encode_record(&key, &closing)?));
                    held.closing = Some(closing);
                    tasks.push(EndTask { held, why, number });
                }
                ExpiryRecheckOutcome::LookAt(look) => self.recheck_number_at(number, look),
            }
        }
        if !decided.is_empty() {
            self.leases.store.set_many(&decided)?;
        }
        Ok(())
    }

    /// Notes that a number is looked at again soon. Not at once: where many wait for their issuers, a batch
    /// that met the same again would never come to what is due behind them.
    fn recheck_number_soon(&mut self, number: u64, noticed: Option<i64>) {
        let look = self.clocks.ledger_time().timestamp() + PENDING_ISSUE_RECHECK_SECONDS;
        self.tree.note_entry(number, IndexEntry { look, live: true, noticed });
    }

    fn recheck_number_at(&mut self, number: u64, look: i64) {
        self.tree.note_entry(number, IndexEntry { look, live: true, noticed: None });
    }

    /// Returns the entry of a lease that has ended. The lease is forgotten once its retention is
    /// over and no object of it could still make a reader take it for a live one.
    fn ended_index_entry(&self, lease: &Lease, ending: &Ending) -> IndexEntry {
        let retained = self.clocks.host_to_ledger_time(ending.at + self.times.retention);
        let look = if lease.mode.is_revocable() {
            retained.max(self.clocks.target_to_ledger_time(&lease.target, lease.latest_end))
        } else {
            retained
        };
        IndexEntry { look: look.timestamp(), live: false, noticed: None }
    }
}

/// The entry of a finished number. A sweep that knows the retention looks at it soon.
pub(super) const FINISHED_INDEX_ENTRY: IndexEntry =
    IndexEntry { look: 0, live: false, noticed: None };

/// After how many seconds an issue that is under way is looked at again: less than the shortest lease lasts.
const PENDING_ISSUE_RECHECK_SECONDS: i64 = 5;
