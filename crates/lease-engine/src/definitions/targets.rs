//! Putting, showing and deleting targets.

use lease_core::{
    AuditChange, AuditEvent, AuditEventType, KnownCluster, PutTarget, Target, TargetAuth,
    TargetCheck, TargetInput, TargetName,
};
use lease_store::DefinitionPage;

use crate::audit::{DefinitionChange, target_change};
use crate::{Engine, LeaseFilter, Ports, PutOutcome, StoreError, TargetError};

/// A target, and what is known of it.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownTarget {
    /// The target.
    pub target: Target,
    /// The result of its last check.
    pub check: Option<TargetCheck>,
    /// The cluster it leads to, once it was met.
    pub cluster: Option<KnownCluster>,
}

/// A target as it is about to be put.
pub(crate) struct PreparedTarget {
    /// The target in whose place it is put, if there is one.
    known: Option<Target>,
    pub(crate) target: Target,
}

/// The outcome of deleting a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetDeletion {
    /// Nothing of the target is left.
    Gone,
    /// The target is deleted once the last of its leases has ended; nothing is issued there.
    Retired,
}

impl<P: Ports> Engine<P> {
    /// Puts a target.
    ///
    /// # Errors
    /// Asks for a credential where none is known for this address: one that is known for another is
    /// never sent to it. Refuses another way to the origin of another target: connections are shared by
    /// origin, and a client certificate on one outranks the bearer of the other.
    pub fn put_target(&self, input: TargetInput) -> Result<PutOutcome<Target>, TargetError> {
        let prepared = self.prepare_target(input)?;
        let change = self.write_prepared_target(&prepared)?;
        Ok(PutOutcome { definition: prepared.target, change })
    }

    /// Writes a target with its event.
    pub(crate) fn write_prepared_target(
        &self,
        prepared: &PreparedTarget,
    ) -> Result<DefinitionChange, StoreError> {
        let PreparedTarget { known, target } = prepared;
        let event = self.new_allowed_event(AuditEventType::TargetPut);
        let event = AuditEvent { target: Some(target.name.clone()), ..event };
        let change = target_change(&self.keys, known.as_ref(), target);
        let riding = self.number_event(event.with_change(change.event_fields()))?;
        self.targets().put_definition_with_entries(target, &riding.store_entries())?;
        riding.write_log();
        Ok(change)
    }

    /// A target as it would be put.
    pub(crate) fn prepare_target(&self, input: TargetInput) -> Result<PreparedTarget, TargetError> {
        let existing = self.targets().get(&input.name)?;
        let put = PutTarget {
            known: existing.as_ref(),
            keys: &self.keys,
            nonce: self.random_bytes(),
            now: self.ports.now(),
        };
        let name = input.name.clone();
        let target = Target::from_input(input, &put)
            .map_err(|source| TargetError::Auth { target: name, source })?;
        let shares = |other: &Target| {
            other.name != target.name && other.auth().kind() != target.auth().kind() && {
                // A host's certificates are per host name, whatever the port.
                let certificate =
                    [other, &target].map(|one| *one.auth() == TargetAuth::ClientCertificate);
                if certificate.contains(&true) {
                    other.url.host() == target.url.host()
                } else {
                    other.url.origin() == target.url.origin()
                }
            }
        };
        if let Some(other) = self.targets().list_all()?.into_iter().find(shares) {
            return Err(TargetError::OriginShared { other: other.name });
        }
        // One that was deleted, and stays only until the last of its leases has ended, is made anew.
        Ok(PreparedTarget { known: existing.filter(|target| !target.retired), target })
    }

    /// The target of this name, and what is known of it.
    ///
    /// # Errors
    /// Fails where there is none.
    pub fn get_target(&self, name: &TargetName) -> Result<KnownTarget, TargetError> {
        Ok(self.add_check_and_cluster(self.get_stored_target(name)?)?)
    }

    /// At most `limit` targets from the `from`th on, each with what is known of it.
    ///
    /// # Errors
    /// Fails where the store does.
    pub fn list_target_page(
        &self,
        from: u64,
        limit: usize,
    ) -> Result<DefinitionPage<KnownTarget>, StoreError> {
        let DefinitionPage { items, next } = self.targets().list_page(from, limit)?;
        let items = items.into_iter().map(|target| self.add_check_and_cluster(target));
        Ok(DefinitionPage { items: items.collect::<Result<_, _>>()?, next })
    }

    /// Deletes a target that no dynamic secret is for; with `revoke`, after its leases.
    ///
    /// # Errors
    /// Names the dynamic secrets that are for it. Refuses where leases of it live and are not to be revoked.
    pub async fn delete_target(
        &self,
        name: &TargetName,
        revoke: bool,
    ) -> Result<TargetDeletion, TargetError> {
        let mut target = self.get_stored_target(name)?;
        let secrets = self.dynamic_secrets().list_all()?.into_iter();
        let uses = |secret: &lease_core::DynamicSecret| secret.definition.spec().target == *name;
        let by: Vec<_> = secrets.filter(uses).map(|secret| secret.name).collect();
        if !by.is_empty() {
            return Err(TargetError::InUse { target: name.clone(), by });
        }
        let has_live = self.has_live_leases(&LeaseFilter::of_target(name))?;
        if has_live && !revoke {
            return Err(TargetError::LiveLeases(name.clone()));
        }
        let event = self.new_allowed_event(AuditEventType::TargetDeleted);
        let event = AuditEvent { target: Some(name.clone()), ..event };
        let riding = self.number_event(event.with_change((AuditChange::Deleted, None)))?;
        if !has_live {
            self.targets().delete_definition_with_entries(name, &riding.store_entries())?;
            riding.write_log();
            return Ok(TargetDeletion::Gone);
        }
        target.retired = true;
        self.targets().put_definition_with_entries(&target, &riding.store_entries())?;
        riding.write_log();
        self.revoke_first_page(&LeaseFilter::of_target(name)).await?;
        if self.has_live_leases(&LeaseFilter::of_target(name))? {
            return Ok(TargetDeletion::Retired);
        }
        self.targets().delete_definition(name)?;
        Ok(TargetDeletion::Gone)
    }

    pub(crate) fn get_stored_target(&self, name: &TargetName) -> Result<Target, TargetError> {
        self.targets().get(name)?.ok_or_else(|| TargetError::Unknown(name.clone()))
    }

    fn add_check_and_cluster(&self, target: Target) -> Result<KnownTarget, StoreError> {
        let check = self.target_checks().read_last_check_if_current(&target)?;
        let cluster = self.known_clusters().get(&target.name)?;
        Ok(KnownTarget { target, check, cluster })
    }
}

#[cfg(test)]
mod tests;
