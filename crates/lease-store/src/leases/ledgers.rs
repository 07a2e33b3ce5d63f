//! The ledgers: one for each dynamic secret that ever was, as long as something of it is left.

use lease_core::{AuditLogId, DynamicSecret, DynamicSecretName};
use serde::{Deserialize, Serialize};

use crate::audit::{forgotten_log_mark_keys, read_forgotten_up_to};
use crate::definitions::{Definitions, StoredDefinition};
use crate::index::LedgerIndex;
use crate::{KeyValue, Leases, LedgerId, StoreError, StoredLease, counter, keys, record};

/// The owner of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRecord {
    /// The dynamic secret, by the name that it had.
    pub dynamic_secret: DynamicSecretName,
    /// True if the owner was deleted: the ledger is deleted once it has no unfinished lease.
    pub retired: bool,
    /// Up to which number its leases are to be taken back; none if it is zero.
    pub revoke_up_to: u64,
}

impl<K: KeyValue> Leases<'_, K> {
    /// All ledgers, by number.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn list_ledgers(&self) -> Result<Vec<(u64, LedgerRecord)>, StoreError> {
        read_ledgers(self.store)
    }

    /// Notes that all leases of a ledger that have a number by now are to be taken back.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn mark_issued_leases_for_revocation(&self, number: u64) -> Result<(), StoreError> {
        let Some(ledger) = self.read_value::<LedgerRecord>(&keys::ledger_key(number))? else {
            return Ok(());
        };
        // Up to the last number that was given by now: an issue that takes a later one reads the definition
        // as it is after the change.
        let last =
            counter::read_counter(self.store, &keys::counter_key(LedgerId::DynamicSecret(number)))?;
        self.write_value(keys::ledger_key(number), &LedgerRecord { revoke_up_to: last, ..ledger })
    }

    /// Notes that they are taken back, or being so, unless more were noted meanwhile.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn clear_revocation_mark(&self, number: u64, up_to: u64) -> Result<(), StoreError> {
        match self.read_value::<LedgerRecord>(&keys::ledger_key(number))? {
            // Another change may have raised the mark meanwhile: then the leases up to the new mark are
            // still to be revoked.
            Some(ledger) if ledger.revoke_up_to == up_to => self
                .write_value(keys::ledger_key(number), &LedgerRecord { revoke_up_to: 0, ..ledger }),
            _ => Ok(()),
        }
    }

    /// At most `limit` leases of a ledger, from a number on, that are to be taken back and whose end is not
    /// decided yet; and where the next are looked for.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn list_page_to_revoke(
        &self,
        ledger: u64,
        mut from: u64,
        up_to: u64,
        limit: usize,
    ) -> Result<(Vec<StoredLease>, Option<u64>), StoreError> {
        let mut tree = LedgerIndex::read_root(self.store, LedgerId::DynamicSecret(ledger))?;
        let mut marked = vec![];
        while let Some(number) =
            tree.find_next_unfinished_number(from)?.filter(|number| *number <= up_to)
        {
            if marked.len() == limit {
                return Ok((marked, Some(number)));
            }
            let held = self.read_lease_at(crate::LeaseKey { ledger, number })?;
            let open = |held: &StoredLease| held.closing.is_none() && held.ending.is_none();
            // Nothing ends a plain token before it expires.
            let ends = |held: &StoredLease| held.lease.mode.is_revocable();
            marked.extend(held.filter(|held| open(held) && ends(held)));
            from = number + 1;
        }
        Ok((marked, None))
    }

    /// Returns true if a lease of a ledger may live.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn may_have_live_lease(&self, ledger: u64) -> Result<bool, StoreError> {
        let tree = LedgerIndex::read_root(self.store, LedgerId::DynamicSecret(ledger))?;
        Ok(tree.max_live_up_to(tree.last_number()) > 0)
    }

    /// Drops what is kept of how many leases of an identity live, once that is gone.
    ///
    /// Leases that are out go on without it; one that is just being issued may leave a key that nobody reads.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn delete_identity_ledger(&self, identity: u64) -> Result<(), StoreError> {
        let which = LedgerId::Identity(identity);
        let mut tree = LedgerIndex::read_root(self.store, which)?;
        if tree.last_number() == 0 {
            return Ok(());
        }
        let (mut gone, mut from) = (vec![], 1);
        while let Some(number) = tree.find_next_unfinished_number(from)? {
            gone.extend([keys::record_key(which, number), keys::void_key(which, number)]);
            from = number + 1;
        }
        gone.extend(tree.node_keys());
        // The counter goes too: no identity of this number is put again.
        gone.extend(tree.root_and_counter_keys());
        Ok(self.store.delete_many(&gone)?)
    }

    /// Drops a ledger whose dynamic secret is gone, if nothing of it is left.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn drop_retired_ledger_if_empty(
        &self,
        number: u64,
        ledger: &LedgerRecord,
    ) -> Result<(), StoreError> {
        let tree = LedgerIndex::read_root(self.store, LedgerId::DynamicSecret(number))?;
        if !ledger.retired || !tree.is_done() {
            return Ok(());
        }
        // Its events stay for as long as any other's.
        let id = AuditLogId::Leases(number);
        let forgotten = read_forgotten_up_to(self.store, self.auditor.keys, id)?;
        if forgotten < tree.last_number() {
            return Ok(());
        }
        let mut gone = tree.root_and_counter_keys();
        gone.extend(forgotten_log_mark_keys(id, forgotten));
        gone.push(keys::ledger_key(number));
        Ok(self.store.delete_many(&gone)?)
    }
}

/// All ledgers, by number.
pub(crate) fn read_ledgers<K: KeyValue>(store: &K) -> Result<Vec<(u64, LedgerRecord)>, StoreError> {
    let last = counter::read_counter(store, &Definitions::<'_, K, DynamicSecret>::counter_key())?;
    let mut ledgers = vec![];
    for number in 1..=last {
        let key = keys::ledger_key(number);
        if let Some(bytes) = store.get(&key)? {
            ledgers.push((number, record::decode_record(&key, &bytes)?));
        }
    }
    Ok(ledgers)
}

impl LedgerRecord {
    /// The ledger of a dynamic secret that is put.
    pub(crate) fn from_dynamic_secret(secret: &DynamicSecret) -> Self {
        Self { dynamic_secret: secret.name().clone(), retired: false, revoke_up_to: 0 }
    }
}
