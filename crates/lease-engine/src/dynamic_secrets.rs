//! Putting, showing and deleting dynamic secrets.

use lease_core::{Account, DynamicSecret, DynamicSecretName, TargetName, Terms};
use lease_store::Page;

use crate::{DynamicSecretError, Engine, Ports, Put, StoreError};

/// What an administrator says of a dynamic secret.
#[derive(Debug)]
pub struct DynamicSecretDefinition {
    /// Its name.
    pub name: DynamicSecretName,
    /// The target it is for.
    pub target: TargetName,
    /// Whose token is leased.
    pub account: Account,
    /// Where, and for how long.
    pub terms: Terms,
}

impl<P: Ports> Engine<P> {
    /// Puts a dynamic secret.
    ///
    /// # Errors
    /// Fails where its target does not exist.
    pub fn put_dynamic_secret(
        &self,
        definition: DynamicSecretDefinition,
    ) -> Result<Put<DynamicSecret>, DynamicSecretError> {
        let DynamicSecretDefinition { name, target, account, terms } = definition;
        if self.targets().get(&target)?.is_none() {
            return Err(DynamicSecretError::UnknownTarget(target));
        }
        let now = self.ports.now();
        let existing = self.dynamic_secrets().get(&name)?;
        let created_at = existing.as_ref().map_or(now, |secret| secret.created_at);
        let secret = DynamicSecret { name, target, account, terms, created_at, updated_at: now };
        self.dynamic_secrets().put(&secret)?;
        Ok(Put::new(existing.is_some(), secret))
    }

    /// The dynamic secret of this name.
    ///
    /// # Errors
    /// Fails where there is none.
    pub fn dynamic_secret(
        &self,
        name: &DynamicSecretName,
    ) -> Result<DynamicSecret, DynamicSecretError> {
        self.dynamic_secrets().get(name)?.ok_or_else(|| DynamicSecretError::Unknown(name.clone()))
    }

    /// At most `limit` dynamic secrets from the `from`th on.
    ///
    /// # Errors
    /// Fails where the store does.
    pub fn list_dynamic_secrets(
        &self,
        from: u64,
        limit: usize,
    ) -> Result<Page<DynamicSecret>, StoreError> {
        self.dynamic_secrets().list(from, limit)
    }

    /// Deletes a dynamic secret. What was leased of it stays as it is, and ends when it ends.
    ///
    /// # Errors
    /// Fails where there is none.
    pub fn delete_dynamic_secret(
        &self,
        name: &DynamicSecretName,
    ) -> Result<(), DynamicSecretError> {
        if self.dynamic_secrets().delete(name)? {
            Ok(())
        } else {
            Err(DynamicSecretError::Unknown(name.clone()))
        }
    }
}
