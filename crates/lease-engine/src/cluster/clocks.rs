//! The time by the clocks of targets, learnt from their answers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lease_core::{ClusterClock, TargetName};
use lease_store::{Clocks, Note};

use crate::cluster::connection::Connection;
use crate::{Engine, Ports, StoreError};

impl<P: Ports> Engine<P> {
    /// The time by the clock of a target, as far as it is known; by the host's if it is not.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn cluster_now(&self, target: &TargetName) -> Result<DateTime<Utc>, StoreError> {
        let now = self.ports.now();
        Ok(self.cluster_clock(target)?.map_or(now, |clock| clock.cluster_time(now)))
    }

    pub(crate) fn cluster_clock(
        &self,
        target: &TargetName,
    ) -> Result<Option<ClusterClock>, StoreError> {
        self.notes().get(Note::Clock(target))
    }

    /// Keeps the time that a target has told, if it has and that is news.
    pub(crate) fn save_cluster_clock(
        &self,
        connection: &Connection<'_, P>,
    ) -> Result<Option<ClusterClock>, StoreError> {
        let target = &connection.target.name;
        let known = self.cluster_clock(target)?;
        let Some((host, cluster)) = connection.server_date() else { return Ok(known) };
        let clock = match &known {
            Some(known) => known.with_reading(host, cluster),
            None => ClusterClock::new(host, cluster),
        };
        if known.is_none_or(|known| clock.differs_from(&known)) {
            self.notes().put_note(Note::Clock(target), &clock)?;
        }
        Ok(Some(clock))
    }

    /// This moment by the clocks of all targets.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn read_clocks_of_all_targets(&self) -> Result<Clocks, StoreError> {
        let targets = self.targets().list_all()?;
        self.read_clocks_of_targets(targets.iter().map(|target| &target.name))
    }

    /// This moment by every clock that is known of these targets.
    pub(crate) fn read_clocks_of_targets<'t>(
        &self,
        targets: impl IntoIterator<Item = &'t TargetName>,
    ) -> Result<Clocks, StoreError> {
        let now = self.ports.now();
        let mut ahead = BTreeMap::new();
        for target in targets {
            if let Some(clock) = self.cluster_clock(target)? {
                ahead.insert(target.clone(), clock.cluster_time(now) - now);
            }
        }
        Ok(Clocks::new(now).with_targets(ahead))
    }
}
