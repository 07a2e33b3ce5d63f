//! Putting, showing and deleting targets.

use lease_core::{ApiServerUrl, ClusterCredential, Target, TargetCheck, TargetName};
use lease_store::Page;

use crate::{Engine, Ports, Put, StoreError, TargetError};

/// What an administrator says of a target.
#[derive(Debug)]
pub struct TargetDefinition {
    /// Its name.
    pub name: TargetName,
    /// Where its API server is.
    pub url: ApiServerUrl,
    /// The credential; absent where the one that is known is to be kept.
    pub credential: Option<ClusterCredential>,
}

impl<P: Ports> Engine<P> {
    /// Puts a target.
    ///
    /// # Errors
    /// Asks for a credential where none is known for this address: one that is known for another is
    /// never sent to it.
    pub fn put_target(&self, definition: TargetDefinition) -> Result<Put<Target>, TargetError> {
        let TargetDefinition { name, url, credential } = definition;
        let now = self.ports.now();
        let existing = self.targets().get(&name)?;
        let existed = existing.is_some();
        let credential = match (credential, &existing) {
            (Some(credential), _) => credential,
            (None, Some(known)) if known.url == url => self.opened(known)?,
            (None, _) => return Err(TargetError::CredentialRequired { target: name, url }),
        };
        // One that is kept is sealed anew too: an earlier master key can then go.
        let mut target = Target::new(name, url, &credential, &self.keys, self.random(), now);
        target.created_at = existing.map_or(now, |known| known.created_at);
        self.targets().put(&target)?;
        Ok(Put::new(existed, target))
    }

    /// The target of this name, and what its last check saw.
    ///
    /// # Errors
    /// Fails where there is none.
    pub fn target(&self, name: &TargetName) -> Result<(Target, Option<TargetCheck>), TargetError> {
        let target = self.known_target(name)?;
        let check = self.checks().last(&target)?;
        Ok((target, check))
    }

    /// At most `limit` targets from the `from`th on, each with what its last check saw.
    ///
    /// # Errors
    /// Fails where the store does.
    pub fn list_targets(
        &self,
        from: u64,
        limit: usize,
    ) -> Result<Page<(Target, Option<TargetCheck>)>, StoreError> {
        let Page { items, next } = self.targets().list(from, limit)?;
        let with_check = |target: Target| Ok((self.checks().last(&target)?, target));
        let items: Result<Vec<_>, StoreError> = items.into_iter().map(with_check).collect();
        let items = items?.into_iter().map(|(check, target)| (target, check)).collect();
        Ok(Page { items, next })
    }

    /// Deletes a target that no dynamic secret is for.
    ///
    /// # Errors
    /// Names the dynamic secrets that are for it.
    pub fn delete_target(&self, name: &TargetName) -> Result<(), TargetError> {
        let secrets = self.dynamic_secrets().all()?.into_iter();
        let by: Vec<_> = secrets.filter(|s| s.target == *name).map(|s| s.name).collect();
        if !by.is_empty() {
            return Err(TargetError::InUse { target: name.clone(), by });
        }
        if self.targets().delete(name)? { Ok(()) } else { Err(TargetError::Unknown(name.clone())) }
    }

    pub(crate) fn opened(&self, target: &Target) -> Result<ClusterCredential, TargetError> {
        let unopened = |source| TargetError::Unopened { target: target.name.clone(), source };
        target.credential(&self.keys).map_err(unopened)
    }

    pub(crate) fn known_target(&self, name: &TargetName) -> Result<Target, TargetError> {
        self.targets().get(name)?.ok_or_else(|| TargetError::Unknown(name.clone()))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;
    use crate::fixtures::{block_on, engine, engine_with_secret, prod};
    use crate::testing::Answer;

    fn name() -> TargetName {
        "prod".parse().expect("a good name")
    }

    #[test]
    fn a_known_credential_is_kept_for_its_address_and_never_sent_to_another() {
        let engine = engine_with_secret(vec![Answer::token("apps", "deployer", 1000, 4600)]);
        engine.ports.set_now(DateTime::UNIX_EPOCH + TimeDelta::minutes(1));
        let kept = engine.put_target(prod("https://a.example", None)).expect("keeps");
        assert!(matches!(&kept, Put::Replaced(target) if target.updated_at > target.created_at));
        let moved = engine.put_target(prod("https://b.example", None)).expect_err("asks anew");
        assert!(matches!(moved, TargetError::CredentialRequired { .. }), "{moved}");

        let ci = "ci".parse().expect("a good name");
        block_on(engine.issue(&ci, crate::IssueRequest::default())).expect("issues");
        assert_eq!(engine.ports.http.bearers(), ["Bearer t0ken"]);
        assert_eq!(engine.target(&name()).expect("reads").0.url.as_str(), "https://a.example");
    }

    #[test]
    fn a_new_target_needs_a_credential() {
        let engine = engine(vec![]);
        let error = engine.put_target(prod("https://a.example", None)).expect_err("asks");
        assert!(matches!(error, TargetError::CredentialRequired { .. }), "{error}");
        assert!(matches!(engine.target(&name()), Err(TargetError::Unknown(_))));
        let put = engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
        assert!(matches!(put, Put::Created(_)));
    }

    #[test]
    fn a_target_in_use_is_not_deleted() {
        let engine = engine_with_secret(vec![]);
        let error = engine.delete_target(&name()).expect_err("in use");
        assert!(
            matches!(&error, TargetError::InUse { by, .. } if by[0].as_str() == "ci"),
            "{error}"
        );
        engine.delete_dynamic_secret(&"ci".parse().expect("a good name")).expect("deletes");
        engine.delete_target(&name()).expect("deletes");
        assert!(matches!(engine.delete_target(&name()), Err(TargetError::Unknown(_))));
    }

    #[test]
    fn nothing_of_a_credential_is_in_the_store() {
        let engine = engine(vec![]);
        engine.put_target(prod("https://a.example", Some("secret-canary"))).expect("puts");
        for key in engine.ports.store.keys() {
            let value = lease_store::KeyValue::get(&*engine.ports.store, &key).expect("reads");
            let value = String::from_utf8_lossy(&value.expect("is there")).into_owned();
            assert!(!value.contains("canary"), "{key}: {value}");
        }
    }
}
