//! One target in a sweep: whether it answers, what its clock says, and whose turn it is.

use chrono::{DateTime, TimeDelta, Utc};
use lease_core::TargetName;
use lease_store::{Clocks, Note};
use serde::{Deserialize, Serialize};

use super::SweepRun;
use crate::{ClusterError, Engine, Ports, RevocationBlocker, StoreError, TargetState};

/// A target's silence: it did not answer, and is not asked again before a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct CircuitBreaker {
    tries: u32,
    until: DateTime<Utc>,
}

/// The sweep that is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct SweepLock {
    of: u64,
    until: DateTime<Utc>,
}

impl<P: Ports> Engine<P> {
    /// Returns true if a target answers, as the cluster that it was. Its clock is read with that,
    /// once in a sweep.
    pub(super) async fn probe_target(
        &self,
        sweep: &SweepRun,
        name: &TargetName,
    ) -> Result<bool, StoreError> {
        if let Some(reason) = sweep.looked.borrow().get(name) {
            return Ok(reason.is_none());
        }
        let reason = self.probe_unless_circuit_open(sweep, name).await?;
        let is_good = reason.is_none();
        sweep.looked.borrow_mut().insert(name.clone(), reason);
        Ok(is_good)
    }

    /// Returns the reason why a target is not asked, if there is one.
    async fn probe_unless_circuit_open(
        &self,
        sweep: &SweepRun,
        name: &TargetName,
    ) -> Result<Option<String>, StoreError> {
        let Some(target) = sweep.targets.get(name) else {
            return Ok(Some(RevocationBlocker::NoTarget.to_string()));
        };
        if self.is_circuit_open(name)? {
            sweep.report_state(name, TargetState::Silent);
            return Ok(Some(unreachable_message(name)));
        }
        // A target that was never met has no leases, or those that an administrator has written off.
        let Some(known) = self.known_clusters().get(name)? else { return Ok(None) };
        let connection = match self.target_connection(target) {
            Ok(connection) => connection,
            Err(error) => return Ok(Some(failure_message(&error))),
        };
        let deadline = self.ports.now() + PROBE_TIME;
        let anchor = &known.identity.namespace;
        match self.read_namespace_uid(&connection, anchor, deadline).await {
            Ok(found) if found == known.identity => {}
            // Another cluster at this address: "not found" there would be taken for "deleted", and leases of
            // the right cluster would be recorded as ended while their tokens live.
            Ok(found) => {
                sweep.report_state(name, TargetState::Changed);
                if known.changed.is_none() {
                    self.record_changed_cluster(&connection, known, found)?;
                }
                return Ok(Some(ClusterError::Changed { target: name.clone() }.public_message()));
            }
            Err(error) => {
                if RevocationBlocker::is_silence_of(&error) {
                    self.open_circuit(sweep, name)?;
                }
                return Ok(Some(failure_message(&error)));
            }
        }
        if self.notes().get::<CircuitBreaker>(Note::Silence(name))?.is_some() {
            self.notes().delete_note(Note::Silence(name))?;
        }
        let clock = self.save_cluster_clock(&connection)?;
        if clock.is_some_and(|clock| clock.has_jumped()) {
            sweep.report_state(name, TargetState::ClockJumped);
        }
        Ok(None)
    }

    /// Returns true if a target is left alone because it did not answer a short while ago.
    fn is_circuit_open(&self, name: &TargetName) -> Result<bool, StoreError> {
        let now = self.ports.now();
        let silence: Option<CircuitBreaker> = self.notes().get(Note::Silence(name))?;
        // One that lasts longer than any was noted by a clock that was set since.
        Ok(silence.is_some_and(|silence| now < silence.until && silence.until <= now + MAX_SILENCE))
    }

    /// Notes that a target did not answer, and leaves it alone for longer each time.
    pub(super) fn open_circuit(
        &self,
        sweep: &SweepRun,
        name: &TargetName,
    ) -> Result<(), StoreError> {
        sweep.report_state(name, TargetState::Silent);
        let known: Option<CircuitBreaker> = self.notes().get(Note::Silence(name))?;
        let tries = known.map_or(0, |known| known.tries).saturating_add(1);
        let pause = MIN_SILENCE * 2_i32.pow(tries.min(MAX_SILENCE_DOUBLINGS) - 1);
        let [jitter] = self.random_bytes::<1>();
        let until = self.ports.now() + pause - pause * i32::from(jitter) / 1024;
        self.notes().put_note(Note::Silence(name), &CircuitBreaker { tries, until })
    }

    /// Returns true if the leases of a target are this sweep's to work on; another sweep that is at
    /// work on them goes on.
    ///
    /// It saves double work and no more; two at once do no harm.
    pub(super) fn acquire_sweep_lock(
        &self,
        sweep: &SweepRun,
        target: Option<&TargetName>,
    ) -> Result<bool, StoreError> {
        let now = self.ports.now();
        let turn: Option<SweepLock> = self.notes().get(Note::Turn(target))?;
        match turn {
            // A turn is renewed only in its second half: a write for each batch would cost more than it saves.
            Some(turn) if turn.of == sweep.me && turn.until > now + SWEEP_LOCK_LIFETIME / 2 => {
                Ok(true)
            }
            Some(turn)
                if turn.of != sweep.me
                    && now < turn.until
                    && turn.until <= now + SWEEP_LOCK_LIFETIME =>
            {
                Ok(false)
            }
            _ => {
                let turn = SweepLock { of: sweep.me, until: now + SWEEP_LOCK_LIFETIME };
                self.notes().put_note(Note::Turn(target), &turn)?;
                sweep.locked_targets.borrow_mut().insert(target.cloned());
                Ok(true)
            }
        }
    }

    /// Gives back the turn at a target, if it was taken.
    pub(super) fn release_sweep_lock(
        &self,
        sweep: &SweepRun,
        target: Option<&TargetName>,
    ) -> Result<(), StoreError> {
        if sweep.locked_targets.borrow_mut().remove(&target.cloned()) {
            self.notes().delete_note(Note::Turn(target))?;
        }
        Ok(())
    }

    /// This moment by the clocks of all targets, for a ledger that is ordered by that of `own`.
    pub(super) fn sweep_clocks(
        &self,
        sweep: &SweepRun,
        own: Option<&TargetName>,
    ) -> Result<Clocks, StoreError> {
        let clocks = self.read_clocks_of_targets(sweep.targets.keys())?;
        Ok(match own {
            Some(own) => clocks.with_target_as_ledger_clock(own),
            None => clocks,
        })
    }
}

impl SweepRun {
    /// Returns the reason why a target is not asked, if it was looked at and there is one.
    pub(super) fn obstacle_of(&self, target: &TargetName) -> Option<String> {
        self.looked.borrow().get(target).cloned().flatten()
    }

    /// Notes that a target did not answer while something was asked of it.
    pub(super) fn mark_unreachable(&self, target: &TargetName) {
        self.looked.borrow_mut().insert(target.clone(), Some(unreachable_message(target)));
    }

    pub(super) fn report_state(&self, target: &TargetName, state: TargetState) {
        self.report.borrow_mut().targets.insert(target.clone(), state);
    }
}

fn unreachable_message(target: &TargetName) -> String {
    format!("target `{target}` cannot be reached")
}

fn failure_message(error: &ClusterError) -> String {
    log::warn!("could not sweep a target: {error}");
    error.public_message()
}

/// The time that a target has to answer.
const PROBE_TIME: TimeDelta = TimeDelta::seconds(8);

/// The first time for which a target that did not answer is left alone.
const MIN_SILENCE: TimeDelta = TimeDelta::seconds(5);

/// The number of times that this is doubled: then it is eighty seconds.
const MAX_SILENCE_DOUBLINGS: u32 = 5;

/// The longest that it is left alone.
const MAX_SILENCE: TimeDelta = TimeDelta::seconds(5 * 16);

/// The time for which other sweeps keep away from the work of one that may have stopped.
const SWEEP_LOCK_LIFETIME: TimeDelta = TimeDelta::seconds(10);
