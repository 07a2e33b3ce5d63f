//! What the last check of each target saw.

use chrono::{DateTime, Utc};
use lease_core::{Target, TargetCheck, TargetName};
use serde::{Deserialize, Serialize};

use crate::{KeyValue, StoreError, record};

/// The last check of each target, under a key of its own: a slow check that wrote the target's record
/// would bring back a credential that was replaced meanwhile.
pub struct TargetChecks<'a, K> {
    store: &'a K,
}

impl<'a, K: KeyValue> TargetChecks<'a, K> {
    /// The checks in `store`.
    pub fn new(store: &'a K) -> Self {
        Self { store }
    }

    /// Keeps `check` as the last one of `target`.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn put_check(&self, target: &Target, check: &TargetCheck) -> Result<(), StoreError> {
        let key = check_key(&target.name);
        let value = record::encode_record(&key, &CheckRecord { of: target.updated_at, check })?;
        Ok(self.store.set_many(&[(key, value)])?)
    }

    /// The last check of `target` as it is now; one of what it was before is not told.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn read_last_check_if_current(
        &self,
        target: &Target,
    ) -> Result<Option<TargetCheck>, StoreError> {
        let key = check_key(&target.name);
        let Some(bytes) = self.store.get(&key)? else { return Ok(None) };
        let checked: CheckRecord<TargetCheck> = record::decode_record(&key, &bytes)?;
        Ok((checked.of == target.updated_at).then_some(checked.check))
    }
}

/// Returns the key of a target's last check.
pub(crate) fn check_key(name: &TargetName) -> String {
    format!("target-check.{name}")
}

#[derive(Serialize, Deserialize)]
struct CheckRecord<C> {
    /// When the target that was checked was last put.
    of: DateTime<Utc>,
    check: C,
}

#[cfg(test)]
mod tests {
    use lease_core::{
        ApiServerUrl, ClusterCredential, Description, Keyring, MasterKey, NONCE_BYTES, PutTarget,
        TargetAuthInput, TargetInput, TrustedCa,
    };

    use super::*;
    use crate::{Definitions, MemoryStore};

    fn target(second: i64) -> Target {
        let key = MasterKey::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        let token = ClusterCredential::try_from("t0ken".to_owned()).expect("a good token");
        let input = TargetInput {
            name: "prod".parse().expect("a good name"),
            url: ApiServerUrl::try_from("https://a.example".to_owned()).expect("a good url"),
            auth: TargetAuthInput::Token(Some(token)),
            ca: TrustedCa::default(),
            ca_certificate: None,
            kubeconfig_server: None,
            description: Description::default(),
            apply_set: None,
            disabled: false,
        };
        let put = PutTarget {
            known: None,
            keys: &Keyring::new(&key.expect("32 bytes"), &[]),
            nonce: [0; NONCE_BYTES],
            now: DateTime::from_timestamp(second, 0).expect("in range"),
        };
        Target::from_input(input, &put).expect("holds together")
    }

    #[test]
    fn a_check_is_told_only_of_the_target_it_was_made_of() {
        let store = MemoryStore::default();
        let checks = TargetChecks::new(&store);
        let check = TargetCheck {
            checked_at: DateTime::UNIX_EPOCH,
            reachable: true,
            problem: None,
            version: None,
            username: None,
            groups: vec![],
            missing_permissions: vec![],
            warnings: vec![],
            cluster: None,
            dynamic_secrets: vec![],
        };
        checks.put_check(&target(1), &check).expect("puts");
        assert_eq!(checks.read_last_check_if_current(&target(1)).expect("reads"), Some(check));
        assert_eq!(
            checks.read_last_check_if_current(&target(2)).expect("reads"),
            None,
            "the target was put anew"
        );
    }

    #[test]
    fn a_check_goes_with_its_target() {
        let store = MemoryStore::default();
        let targets = Definitions::new(&store);
        targets.put_definition(&target(1)).expect("puts");
        let keys = store.list_keys();
        let check = r#"{"v":2,"value":{}}"#.as_bytes().to_vec();
        store.set_many(&[(check_key(&target(1).name), check)]).expect("writes");
        assert!(targets.delete_definition(&target(1).name).expect("deletes"));
        assert_eq!(store.list_keys(), ["count.target"], "before: {keys:?}");
    }
}
