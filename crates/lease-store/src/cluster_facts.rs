//! Which cluster each target leads to, and which account of it has which UID.

use lease_core::{KnownCluster, Namespace, ServiceAccountName, TargetName};

use crate::{KeyValue, StoreError, keys, record};

/// The clusters that targets lead to, under keys of their own: what is learnt of a target must not bring
/// back what was put before.
pub struct KnownClusters<'a, K> {
    store: &'a K,
}

impl<'a, K: KeyValue> KnownClusters<'a, K> {
    /// The clusters in `store`.
    pub fn new(store: &'a K) -> Self {
        Self { store }
    }

    /// The cluster that the target leads to, once it was met.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn get(&self, target: &TargetName) -> Result<Option<KnownCluster>, StoreError> {
        let key = cluster_key(target);
        self.store.get(&key)?.map(|bytes| record::decode_record(&key, &bytes)).transpose()
    }

    /// Keeps what is known of the cluster.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn put_cluster(
        &self,
        target: &TargetName,
        cluster: &KnownCluster,
    ) -> Result<(), StoreError> {
        let key = cluster_key(target);
        let value = record::encode_record(&key, cluster)?;
        Ok(self.store.set_many(&[(key, value)])?)
    }

    /// Forgets what is known of the cluster.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn delete_cluster(&self, target: &TargetName) -> Result<(), StoreError> {
        Ok(self.store.delete_many(&[cluster_key(target)])?)
    }
}

/// The UIDs of existing accounts, so that a token can be asked for by UID without reading it first.
pub struct ServiceAccountUidCache<'a, K> {
    store: &'a K,
}

impl<'a, K: KeyValue> ServiceAccountUidCache<'a, K> {
    /// The accounts in `store`.
    pub fn new(store: &'a K) -> Self {
        Self { store }
    }

    /// The UID that the account of a dynamic secret, told by its ledger, had when it was last looked at.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn get(
        &self,
        ledger: u64,
        namespace: &Namespace,
        name: &ServiceAccountName,
    ) -> Result<Option<String>, StoreError> {
        let Some(key) = account_key(ledger, namespace, name) else { return Ok(None) };
        self.store.get(&key)?.map(|bytes| record::decode_record(&key, &bytes)).transpose()
    }

    /// Keeps the UID of an account, unless its name is too long for a key: then it is read each time.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn put_uid(
        &self,
        ledger: u64,
        namespace: &Namespace,
        name: &ServiceAccountName,
        uid: &str,
    ) -> Result<(), StoreError> {
        let Some(key) = account_key(ledger, namespace, name) else { return Ok(()) };
        let value = record::encode_record(&key, &uid)?;
        Ok(self.store.set_many(&[(key, value)])?)
    }
}

/// Returns the key of a target's cluster.
pub(crate) fn cluster_key(target: &TargetName) -> String {
    format!("target-cluster.{target}")
}

/// Names may hold dots, and labels may not, so that no two accounts share a key.
fn account_key(ledger: u64, namespace: &Namespace, name: &ServiceAccountName) -> Option<String> {
    let key = format!("account.{ledger}.{namespace}.{name}");
    (key.len() <= keys::MAX_KEY_BYTES).then_some(key)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use lease_core::ClusterIdentity;

    use super::*;
    use crate::MemoryStore;

    #[test]
    fn what_is_known_of_a_cluster_is_kept_until_it_is_forgotten() {
        let store = MemoryStore::default();
        let clusters = KnownClusters::new(&store);
        let name = "prod".parse().expect("a good name");
        let identity = ClusterIdentity {
            namespace: "kube-system".parse().expect("a good name"),
            uid: "u".to_owned(),
        };
        let of = DateTime::UNIX_EPOCH;
        let known = KnownCluster { identity, of, username: None, changed: None };
        clusters.put_cluster(&name, &known).expect("puts");
        assert_eq!(clusters.get(&name).expect("reads"), Some(known));
        clusters.delete_cluster(&name).expect("deletes");
        assert_eq!(clusters.get(&name).expect("reads"), None);
    }

    #[test]
    fn an_account_is_known_by_secret_namespace_and_name() {
        let store = MemoryStore::default();
        let accounts = ServiceAccountUidCache::new(&store);
        let (apps, web) = ("apps".parse().expect("good"), "web".parse().expect("good"));
        let (name, other) = ("d".parse().expect("good"), "web.d".parse().expect("good"));
        accounts.put_uid(1, &apps, &name, "u").expect("puts");
        assert_eq!(accounts.get(1, &apps, &name).expect("reads").as_deref(), Some("u"));
        for (ledger, namespace, name) in [(2, &apps, &name), (1, &web, &name), (1, &apps, &other)] {
            assert_eq!(accounts.get(ledger, namespace, name).expect("reads"), None, "{ledger}");
        }
    }
    #[test]
    fn an_account_whose_name_is_too_long_for_a_key_is_not_kept() {
        let store = MemoryStore::default();
        let accounts = ServiceAccountUidCache::new(&store);
        let namespace = "n".repeat(63).parse().expect("good");
        for (length, kept) in [(182, true), (183, false), (253, false)] {
            let name = "a".repeat(length).parse().expect("good");
            accounts.put_uid(1, &namespace, &name, "u").expect("puts");
            let known = accounts.get(1, &namespace, &name).expect("reads");
            assert_eq!(known.is_some(), kept, "a name of {length} bytes");
        }
    }
}
