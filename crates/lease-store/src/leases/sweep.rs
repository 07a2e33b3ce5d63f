//! What is due in a log: looked at, decided by fences, and noted once it is carried out.

mod forget;
mod look;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lease_core::{Closing, EndReason, Ending, LeaseId, Mode};

use self::look::Found;
use super::held::Held;
use crate::summary::{Changes, Entry, Tree};
use crate::{KeyValue, Leases, StoreError, Times, Which, keys, record};

/// What is due of one log, as much as one batch holds.
///
/// First [`Batch::close`], then the ends that it answers are carried out in the cluster, then what came of
/// each is told to [`Batch::done`] or [`Batch::later`], then [`Batch::finish`]. A batch that stops anywhere
/// between is found again by the next sweep: nothing is noted before the last step.
pub struct Batch<'a, K> {
    leases: Leases<'a, K>,
    which: Which,
    now: DateTime<Utc>,
    times: Times,
    tree: Tree<'a, K>,
    numbers: Vec<(u64, Option<Entry>)>,
    ended: BTreeMap<LeaseId, Ending>,
    fences: Vec<(String, Vec<u8>)>,
    forgotten: Vec<String>,
    summary: Summary,
}

/// A lease whose end is decided, and is to be carried out in its cluster now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The lease.
    pub held: Held,
    /// Why it ends.
    pub why: EndReason,
    /// Its number in the log that the batch is of.
    number: u64,
}

/// What came of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many numbers were given up whose issuer had stopped before it recorded anything.
    pub voided: usize,
    /// How many leases have ended.
    pub ended: usize,
    /// How many ended leases were forgotten.
    pub forgotten: usize,
    /// Whether more is due.
    pub more: bool,
}

impl<'a, K: KeyValue> Leases<'a, K> {
    /// What is due of a log by `now`, about `limit` numbers; none where nothing is: two reads, and no write.
    ///
    /// # Errors
    /// Fails where the store does not answer, or holds what cannot be read.
    pub fn due(
        &self,
        which: Which,
        now: DateTime<Utc>,
        limit: usize,
        times: Times,
    ) -> Result<Option<Batch<'a, K>>, StoreError> {
        let mut tree = Tree::read(self.store, which)?;
        let due = tree.due(now.timestamp(), limit)?;
        // Where a node was read in vain, the one above knows less than it: that is mended.
        if due.numbers.is_empty() && tree.is_idle() {
            return Ok(None);
        }
        let summary = Summary { more: due.more, ..Summary::default() };
        Ok(Some(Batch {
            leases: Leases { store: self.store },
            which,
            now,
            times,
            tree,
            numbers: due.numbers,
            ended: BTreeMap::new(),
            fences: vec![],
            forgotten: vec![],
            summary,
        }))
    }
}

impl<K: KeyValue> Batch<'_, K> {
    /// Looks at all that is due, closes what is over, and answers with what is to be ended now.
    ///
    /// A fence is written before the record is read again, and a writer reads the fence after its record:
    /// one of them sees the other, at any speed.
    ///
    /// # Errors
    /// Fails where the store does; the next sweep finds the same again.
    pub fn close(&mut self) -> Result<Vec<Task>, StoreError> {
        let (mut tasks, mut voids, mut over) = (vec![], vec![], vec![]);
        for (number, known) in std::mem::take(&mut self.numbers) {
            match self.look(number, known)? {
                Found::Noted => {}
                Found::Void => voids.push(number),
                Found::Over(held, why) => over.push((number, *held, why)),
                Found::Closing(held, why) => tasks.push(Task { held: *held, why, number }),
            }
        }
        self.void(voids, &mut tasks, &mut over)?;
        self.decide(over, &mut tasks)?;
        tasks.retain(|task| {
            // A plain token has ended by itself: there is nothing to be done in its cluster.
            let plain = task.held.lease.mode == Mode::Plain;
            if plain {
                self.done(task, Ending { why: task.why, at: self.now, note: None });
            }
            !plain
        });
        Ok(tasks)
    }

    /// Notes that an end was carried out.
    pub fn done(&mut self, task: &Task, ending: Ending) {
        self.summary.ended += 1;
        match self.which {
            Which::Secret(_) => self.tree.put(task.number, ended_in(&ending, self.times)),
            Which::Work => self.drop_work(task.number),
        }
        self.ended.insert(task.held.lease.id, ending);
    }

    /// Notes that an end could not be carried out now, and when it is to be tried again.
    pub fn later(&mut self, task: &Task, look: DateTime<Utc>) {
        self.look_again(task.number, look.timestamp());
    }

    /// Forgets what ended long ago, and writes what was noted.
    ///
    /// What is forgotten goes before it is noted, so that a crash between leaves nothing that nobody finds.
    ///
    /// # Errors
    /// Fails where the store does; what is not written is found again by the next sweep.
    pub fn finish(mut self) -> Result<Summary, StoreError> {
        let mut entries = std::mem::take(&mut self.fences);
        for (id, ending) in &self.ended {
            let key = keys::ended(*id);
            // Of two that end a lease at once, the reason of the first stands.
            if self.leases.read::<Ending>(&key)?.is_none() {
                let closing: Option<Closing> = self.leases.read(&keys::closing(*id))?;
                let why = closing.map_or(ending.why, |closing| closing.why);
                let value = record::write(&key, &Ending { why, ..ending.clone() })?;
                entries.push((key, value));
            }
        }
        let Changes { written, gone } = self.tree.entries()?;
        self.forgotten.extend(gone);
        if !self.forgotten.is_empty() {
            // An end is on record before what leads to it goes.
            self.write(&std::mem::take(&mut entries))?;
            self.leases.store.delete_many(&self.forgotten)?;
        }
        entries.extend(written);
        self.write(&entries)?;
        Ok(self.summary)
    }

    fn write(&self, entries: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        if entries.is_empty() { Ok(()) } else { Ok(self.leases.store.set_many(entries)?) }
    }

    /// Gives up numbers without a record, and looks once more whether one has come meanwhile.
    fn void(
        &mut self,
        voids: Vec<u64>,
        tasks: &mut Vec<Task>,
        over: &mut Vec<(u64, Held, EndReason)>,
    ) -> Result<(), StoreError> {
        if voids.is_empty() {
            return Ok(());
        }
        let write = |number: &u64| {
            let key = keys::void(self.which, *number);
            let value = record::write(&key, &self.now)?;
            Ok((key, value))
        };
        let entries: Result<Vec<_>, StoreError> = voids.iter().map(write).collect();
        self.leases.store.set_many(&entries?)?;
        for number in voids {
            match self.look_at_record(number)? {
                None => {
                    self.summary.voided += 1;
                    let look = (self.now + self.times.retention).timestamp();
                    self.tree.put(number, Entry { look, live: false, noticed: None });
                }
                Some(Found::Closing(held, why)) => tasks.push(Task { held: *held, why, number }),
                Some(Found::Over(held, why)) => over.push((number, *held, why)),
                Some(Found::Noted | Found::Void) => {}
            }
        }
        Ok(())
    }

    /// Fences what is over, reads it again, and decides the end of what still is.
    fn decide(
        &mut self,
        over: Vec<(u64, Held, EndReason)>,
        tasks: &mut Vec<Task>,
    ) -> Result<(), StoreError> {
        if over.is_empty() {
            return Ok(());
        }
        let fence = |(_, held, why): &(u64, Held, EndReason)| {
            let id = held.lease.id;
            let key = match why {
                EndReason::Failed => keys::issue_fence(id),
                _ => keys::end_fence(id),
            };
            let value = record::write(&key, &self.now)?;
            Ok((key, value))
        };
        let fences: Result<Vec<_>, StoreError> = over.iter().map(fence).collect();
        self.leases.store.set_many(&fences?)?;
        let mut decided = vec![];
        for (number, before, why) in over {
            let Some(mut held) = self.leases.held(before.place)? else {
                self.tree.forget(number);
                continue;
            };
            match self.is_still_over(&held, why) {
                Ok(()) => {
                    let closing = Closing { why, since: self.now, obstacle: None };
                    let key = keys::closing(held.lease.id);
                    decided.push((key.clone(), record::write(&key, &closing)?));
                    held.closing = Some(closing);
                    tasks.push(Task { held, why, number });
                }
                Err(look) => self.look_again(number, look),
            }
        }
        if !decided.is_empty() {
            self.leases.store.set_many(&decided)?;
        }
        Ok(())
    }

    /// Notes that a number is looked at again soon. Not at once: where many wait for their issuers, a batch
    /// that met the same again would never come to what is due behind them.
    fn look_soon(&mut self, number: u64, noticed: Option<i64>) {
        let look = self.now.timestamp() + SOON;
        self.tree.put(number, Entry { look, live: true, noticed });
    }

    fn look_again(&mut self, number: u64, look: i64) {
        self.tree.put(number, Entry { look, live: true, noticed: None });
    }
}

/// What is noted of a lease that has ended: when it may be forgotten is looked at then.
pub(super) fn ended(ending: &Ending) -> Entry {
    done(ending.at)
}

/// What is noted of what is over since then. It is looked at soon, by a sweep that knows the retention.
pub(super) fn done(at: DateTime<Utc>) -> Entry {
    Entry { look: at.timestamp(), live: false, noticed: None }
}

fn ended_in(ending: &Ending, times: Times) -> Entry {
    Entry { look: (ending.at + times.retention).timestamp(), live: false, noticed: None }
}

/// After how many seconds an issue that is under way is looked at again: less than the shortest lease lasts.
const SOON: i64 = 5;
