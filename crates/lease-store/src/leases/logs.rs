//! The logs: one for each dynamic secret that ever was, as long as something of it is left.

use lease_core::{AuditLogId, DynamicSecret, DynamicSecretName};
use serde::{Deserialize, Serialize};

use crate::audit::{forgotten_up_to, mark_keys};
use crate::definitions::{Definition, Definitions};
use crate::summary::Tree;
use crate::{Held, KeyValue, Leases, StoreError, Which, counter, keys, record};

/// The owner of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The dynamic secret, by the name that it had.
    pub dynamic_secret: DynamicSecretName,
    /// True if the owner was deleted: the log is deleted once it has no unfinished lease.
    pub retired: bool,
    /// Up to which number its leases are to be taken back; none if it is zero.
    pub revoke_up_to: u64,
}

impl<K: KeyValue> Leases<'_, K> {
    /// All logs, by number.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn logs(&self) -> Result<Vec<(u64, Log)>, StoreError> {
        read_logs(self.store)
    }

    /// Notes that all leases of a log that have a number by now are to be taken back.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn revoke_all(&self, number: u64) -> Result<(), StoreError> {
        let Some(log) = self.read::<Log>(&keys::log(number))? else { return Ok(()) };
        let last = counter::read(self.store, &keys::count(Which::Secret(number)))?;
        self.write(keys::log(number), &Log { revoke_up_to: last, ..log })
    }

    /// Notes that they are taken back, or being so, unless more were noted meanwhile.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn revoked_all(&self, number: u64, up_to: u64) -> Result<(), StoreError> {
        match self.read::<Log>(&keys::log(number))? {
            Some(log) if log.revoke_up_to == up_to => {
                self.write(keys::log(number), &Log { revoke_up_to: 0, ..log })
            }
            _ => Ok(()),
        }
    }

    /// At most `limit` leases of a log, from a number on, that are to be taken back and whose end is not
    /// decided yet; and where the next are looked for.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn marked(
        &self,
        log: u64,
        mut from: u64,
        up_to: u64,
        limit: usize,
    ) -> Result<(Vec<Held>, Option<u64>), StoreError> {
        let mut tree = Tree::read(self.store, Which::Secret(log))?;
        let mut marked = vec![];
        while let Some(number) = tree.next(from)?.filter(|number| *number <= up_to) {
            if marked.len() == limit {
                return Ok((marked, Some(number)));
            }
            let held = self.held(crate::Place { log, number })?;
            let open = |held: &Held| held.closing.is_none() && held.ending.is_none();
            let ends = |held: &Held| held.lease.mode.is_revocable();
            marked.extend(held.filter(|held| open(held) && ends(held)));
            from = number + 1;
        }
        Ok((marked, None))
    }

    /// Returns true if a lease of a log may live.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn may_live(&self, log: u64) -> Result<bool, StoreError> {
        let tree = Tree::read(self.store, Which::Secret(log))?;
        Ok(tree.live_up_to(tree.head()) > 0)
    }

    /// Drops what is kept of how many leases of an identity live, once that is gone.
    ///
    /// Leases that are out go on without it; one that is just being issued may leave a key that nobody reads.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn drop_identity(&self, identity: u64) -> Result<(), StoreError> {
        let which = Which::Identity(identity);
        let mut tree = Tree::read(self.store, which)?;
        if tree.head() == 0 {
            return Ok(());
        }
        let (mut gone, mut from) = (vec![], 1);
        while let Some(number) = tree.next(from)? {
            gone.extend([keys::record(which, number), keys::void(which, number)]);
            from = number + 1;
        }
        gone.extend(tree.node_keys());
        gone.extend(tree.last_keys());
        Ok(self.store.delete_many(&gone)?)
    }

    /// Drops a log whose dynamic secret is gone, if nothing of it is left.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn drop_if_done(&self, number: u64, log: &Log) -> Result<(), StoreError> {
        let tree = Tree::read(self.store, Which::Secret(number))?;
        if !log.retired || !tree.is_done() {
            return Ok(());
        }
        // Its events stay for as long as any other's.
        let id = AuditLogId::Leases(number);
        let forgotten = forgotten_up_to(self.store, self.auditor.keys, id)?;
        if forgotten < tree.head() {
            return Ok(());
        }
        let mut gone = tree.last_keys();
        gone.extend(mark_keys(id, forgotten));
        gone.push(keys::log(number));
        Ok(self.store.delete_many(&gone)?)
    }
}

/// All logs, by number.
pub(crate) fn read_logs<K: KeyValue>(store: &K) -> Result<Vec<(u64, Log)>, StoreError> {
    let last = counter::read(store, &Definitions::<'_, K, DynamicSecret>::counter())?;
    let mut logs = vec![];
    for number in 1..=last {
        let key = keys::log(number);
        if let Some(bytes) = store.get(&key)? {
            logs.push((number, record::read(&key, &bytes)?));
        }
    }
    Ok(logs)
}

impl Log {
    /// The log of a dynamic secret that is put.
    pub(crate) fn of(secret: &DynamicSecret) -> Self {
        Self { dynamic_secret: secret.name().clone(), retired: false, revoke_up_to: 0 }
    }
}
