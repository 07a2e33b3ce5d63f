//! Putting, showing and deleting dynamic secrets.

use lease_core::rbac::{ExistingRole, PolicyRule, RoleKind};
use lease_core::{
    Account, AuditChange, AuditEvent, AuditEventType, DynamicSecret, DynamicSecretDefinition,
    DynamicSecretName, Namespace, OnChange, Target, TargetInput,
};
use lease_store::DefinitionPage;

use crate::audit::change_between;
use crate::config::MAX_ISSUE_TIME;
use crate::definitions::leader_election_dangers::caution_message;
use crate::definitions::targets::PreparedTarget;
use crate::objects::role_review::{RoleReview, existing_role_bound_by, unreviewed_role_warning};
use crate::{DynamicSecretError, Engine, LeaseFilter, Ports, PutOutcome, StoreError, TargetError};

/// A dynamic secret as an administrator puts it.
#[derive(Debug)]
pub struct DynamicSecretInput {
    /// The name.
    pub name: DynamicSecretName,
    /// The definition.
    pub definition: DynamicSecretDefinition,
    /// The target, if it is put with the dynamic secret; the definition names it.
    pub target: Option<TargetInput>,
}

/// The outcome of deleting a dynamic secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DynamicSecretDeletion {
    /// The dynamic secret is gone, and none of its leases lives.
    Gone,
    /// The dynamic secret is gone, and the sweep goes on revoking its leases.
    Revoking,
}

impl<P: Ports> Engine<P> {
    /// Puts a dynamic secret, and says what its administrator should know.
    ///
    /// A role that it binds is read where that is allowed, and looked through as generated rules are.
    ///
    /// # Errors
    /// Fails if its target does not exist, where it would lease kubelease's own account, or where the
    /// role that it binds grants what nobody has weighed.
    pub async fn put_dynamic_secret(
        &self,
        definition: DynamicSecretInput,
    ) -> Result<(PutOutcome<DynamicSecret>, Vec<String>), DynamicSecretError> {
        let DynamicSecretInput { name, definition, target } = definition;
        let max = self.config.max_ttl;
        if definition.lifetimes().max_ttl() > max {
            return Err(DynamicSecretError::MaxTooLong { max });
        }
        self.refuse_administrator_audiences(&definition)?;
        let existing = self.dynamic_secrets().get_with_number(&name)?;
        let inline = target
            .map(|target| self.prepare_inline_target(target, existing.as_ref()))
            .transpose()?;
        let inline_target = inline.is_some();
        let target = match &inline {
            Some(prepared) => prepared.target.clone(),
            None => self.get_unretired_target(&definition)?,
        };
        let mut warnings = definition.ignored_manifest_metadata_warnings().to_vec();
        warnings.extend(self.check_account_on_target(&name, &definition, &target).await?);
        // Nothing is written before all of it is found good.
        let inline = inline.map(|prepared| self.write_prepared_target(&prepared)).transpose()?;
        let now = self.ports.now();
        let created_at = existing.as_ref().map_or(now, |(_, secret)| secret.created_at);
        let secret = DynamicSecret { name, definition, inline_target, created_at, updated_at: now };
        let known = existing.as_ref().map(|(_, known)| known);
        let event = self.dynamic_secret_event(AuditEventType::DynamicSecretPut, &secret);
        let mut change = change_between(known, &secret);
        let riding = self.number_event(event.with_change(change.event_fields()))?;
        // The target that it brings along is a part of what was put, with an event of its own.
        if inline.is_some_and(|target| target.kind != AuditChange::Unchanged) {
            change.add_field("target");
        }
        let changed = existing
            .as_ref()
            .filter(|(_, before)| !before.definition.grants_same_as(&secret.definition))
            .filter(|_| secret.definition.spec().on_change == OnChange::Revoke);
        if let Some((ledger, _)) = changed {
            // Noted before and after: should this stop between, the same put again would find no change.
            self.leases().mark_issued_leases_for_revocation(*ledger)?;
        }
        let ledger =
            self.dynamic_secrets().put_definition_with_entries(&secret, &riding.store_entries())?;
        riding.write_log();
        if changed.is_some() && !self.ports.is_rehearsal() {
            self.leases().mark_issued_leases_for_revocation(ledger)?;
            let filter = LeaseFilter::of_secret(&secret.name);
            self.revoke_first_page(&filter).await?;
        }
        Ok((PutOutcome { definition: secret, change }, warnings))
    }

    /// The dynamic secret of this name.
    ///
    /// # Errors
    /// Fails if there is none.
    pub fn get_dynamic_secret(
        &self,
        name: &DynamicSecretName,
    ) -> Result<DynamicSecret, DynamicSecretError> {
        self.dynamic_secrets().get(name)?.ok_or_else(|| DynamicSecretError::Unknown(name.clone()))
    }

    /// At most `limit` dynamic secrets from the `from`th on.
    ///
    /// # Errors
    /// Fails if the store does.
    pub fn list_dynamic_secret_page(
        &self,
        from: u64,
        limit: usize,
    ) -> Result<DefinitionPage<DynamicSecret>, StoreError> {
        self.dynamic_secrets().list_page(from, limit)
    }

    /// Deletes a dynamic secret; with `revoke`, its leases are taken back.
    ///
    /// # Errors
    /// Refuses one that is protected unless `force` is said, and one with live leases unless they are to be
    /// taken back.
    pub async fn delete_dynamic_secret(
        &self,
        name: &DynamicSecretName,
        force: bool,
        revoke: bool,
    ) -> Result<DynamicSecretDeletion, DynamicSecretError> {
        let unknown = || DynamicSecretError::Unknown(name.clone());
        let (ledger, secret) = self.dynamic_secrets().get_with_number(name)?.ok_or_else(unknown)?;
        if secret.definition.spec().delete_protection && !force {
            return Err(DynamicSecretError::Protected(name.clone()));
        }
        let filter = LeaseFilter::of_secret(name);
        if !revoke && self.has_live_leases(&filter)? {
            return Err(DynamicSecretError::LiveLeases(name.clone()));
        }
        let event = self.dynamic_secret_event(AuditEventType::DynamicSecretDeleted, &secret);
        let riding = self.number_event(event.with_change((AuditChange::Deleted, None)))?;
        if !revoke {
            self.dynamic_secrets().delete_definition_with_entries(name, &riding.store_entries())?;
            riding.write_log();
            self.drop_inline_target(&secret).await?;
            return Ok(DynamicSecretDeletion::Gone);
        }
        // What is out is noted to be taken back, before and after the last may have been issued.
        self.leases().mark_issued_leases_for_revocation(ledger)?;
        self.dynamic_secrets().delete_definition_with_entries(name, &riding.store_entries())?;
        riding.write_log();
        self.leases().mark_issued_leases_for_revocation(ledger)?;
        self.revoke_first_page(&filter).await?;
        self.drop_inline_target(&secret).await?;
        let live = self.has_live_leases(&filter)?;
        Ok(if live { DynamicSecretDeletion::Revoking } else { DynamicSecretDeletion::Gone })
    }

    /// An event of a dynamic secret, allowed to whoever asks.
    fn dynamic_secret_event(
        &self,
        event_type: AuditEventType,
        secret: &DynamicSecret,
    ) -> AuditEvent {
        AuditEvent {
            dynamic_secret: Some(secret.name.clone()),
            target: Some(secret.definition.spec().target.clone()),
            ..self.new_allowed_event(event_type)
        }
    }

    /// A target that came with a dynamic secret goes with it, once none of its leases lives.
    async fn drop_inline_target(&self, secret: &DynamicSecret) -> Result<(), DynamicSecretError> {
        let name = &secret.definition.spec().target;
        if !secret.inline_target {
            return Ok(());
        }
        match self.delete_target(name, true).await {
            // Another dynamic secret has come to use it: it stays.
            Ok(_) | Err(TargetError::Unknown(_) | TargetError::InUse { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The target that a dynamic secret brings along, as it would be put under its name.
    fn prepare_inline_target(
        &self,
        target: TargetInput,
        existing: Option<&(u64, DynamicSecret)>,
    ) -> Result<PreparedTarget, DynamicSecretError> {
        let own = existing.is_some_and(|(_, secret)| secret.inline_target);
        if !own && self.targets().get(&target.name)?.is_some() {
            return Err(DynamicSecretError::TargetNameTaken(target.name));
        }
        Ok(self.prepare_target(target)?)
    }

    /// Refuses to lease tokens by which an administrator logs in.
    fn refuse_administrator_audiences(
        &self,
        definition: &DynamicSecretDefinition,
    ) -> Result<(), DynamicSecretError> {
        for audience in definition.spec().audiences.all_audiences() {
            if self.administrator_audiences().contains(audience.as_str())? {
                return Err(DynamicSecretError::AdministratorAudience(audience.clone()));
            }
        }
        Ok(())
    }

    fn get_unretired_target(
        &self,
        definition: &DynamicSecretDefinition,
    ) -> Result<Target, DynamicSecretError> {
        let name = &definition.spec().target;
        let target = self.targets().get(name)?.filter(|target| !target.retired);
        target.ok_or_else(|| DynamicSecretError::UnknownTarget(name.clone()))
    }

    /// Looks at the target of a definition, and returns warnings.
    async fn check_account_on_target(
        &self,
        name: &DynamicSecretName,
        definition: &DynamicSecretDefinition,
        target: &Target,
    ) -> Result<Vec<String>, DynamicSecretError> {
        match &definition.spec().account {
            Account::Existing { name: account, .. } => {
                let known = self.known_clusters().get(&target.name)?;
                let own = known.and_then(|known| known.own_account());
                let is_own = own.is_some_and(|(namespace, own)| {
                    own == *account
                        && definition.namespaces().literal_namespaces().contains(&namespace)
                });
                if is_own {
                    return Err(DynamicSecretError::OwnAccount(target.name.clone()));
                }
                Ok(self.coordination_lease_writers_warning(name, definition)?.into_iter().collect())
            }
            Account::Temporary(_) => match existing_role_bound_by(definition) {
                Some(role) => self.check_bound_role(name, (definition, role), target).await,
                None => self.check_election_dangers(name, definition, &[], None),
            },
        }
    }

    /// Weighs which coordination Leases the accounts of a dynamic secret may write, in the namespace `at` or
    /// in any that it may name. `rules` are those of a role that it binds.
    fn check_election_dangers(
        &self,
        name: &DynamicSecretName,
        definition: &DynamicSecretDefinition,
        rules: &[PolicyRule],
        at: Option<&Namespace>,
    ) -> Result<Vec<String>, DynamicSecretError> {
        match self.find_unwaived_election_dangers(name, definition, rules, at)? {
            Some(dangers) => Err(DynamicSecretError::Elections(dangers.into())),
            None => Ok(caution_message(&definition.find_cautions(rules)).into_iter().collect()),
        }
    }

    /// Looks through the rules of a role that is bound, in each namespace that is named.
    async fn check_bound_role(
        &self,
        name: &DynamicSecretName,
        (definition, role): (&DynamicSecretDefinition, &ExistingRole),
        target: &Target,
    ) -> Result<Vec<String>, DynamicSecretError> {
        let places: Vec<Option<&Namespace>> = match role.kind {
            RoleKind::ClusterRole => vec![None],
            RoleKind::Role => definition
                .namespaces()
                .literal_namespaces()
                .iter()
                .take(MAX_ROLES_READ)
                .map(Some)
                .collect(),
        };
        let all = role.kind == RoleKind::ClusterRole
            || (definition.namespaces().exclusive_literal_namespaces().is_some()
                && definition.namespaces().literal_namespaces().len() <= MAX_ROLES_READ);
        let mut warnings = vec![];
        if !all {
            let why = "not every namespace of leases was read";
            warnings.push(unreviewed_role_warning(role, why));
        }
        let Ok(connection) = self.target_connection(target) else {
            warnings.push(unreviewed_role_warning(role, "the target cannot be opened"));
            return Ok(warnings);
        };
        let deadline = self.ports.now() + MAX_ISSUE_TIME;
        for place in places {
            let look = connection.review_role(definition, role, place, deadline).await;
            warnings.extend(look.unread_reason().map(|why| unreviewed_role_warning(role, why)));
            match look {
                RoleReview::Dangerous(dangers) => {
                    return Err(DynamicSecretError::Role(dangers.into()));
                }
                RoleReview::Weighed(rules) => {
                    warnings.extend(self.check_election_dangers(name, definition, &rules, place)?);
                }
                RoleReview::Absent
                | RoleReview::Forbidden
                | RoleReview::Unclear(_)
                | RoleReview::Failed(_) => {}
            }
        }
        // A role of one name may say the same in each namespace.
        warnings.dedup();
        Ok(warnings)
    }
}

/// The number of namespaces that are searched for a role of one name.
const MAX_ROLES_READ: usize = 16;

#[cfg(test)]
mod tests;
