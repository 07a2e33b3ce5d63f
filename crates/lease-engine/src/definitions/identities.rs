//! Putting, showing and deleting identities.

use std::collections::BTreeMap;

use lease_core::{
    ApiServerUrl, AuditChange, AuditEvent, AuditEventType, AuthMethod, Identity, IdentityInput,
    IdentityName, IdentityPutContext, TargetName,
};
use lease_store::{DefinitionPage, Note};

use crate::audit::identity_change;
use crate::{BulkRevocation, Engine, IdentityError, LeaseFilter, Ports, PutOutcome, StoreError};

impl<P: Ports> Engine<P> {
    /// Puts an identity, and says what its administrator should know.
    ///
    /// What is changed counts at once for access tokens that are out.
    ///
    /// # Errors
    /// Says which part does not fit. Refuses to make or change an administrator unless the requester may do that.
    pub fn put_identity(
        &self,
        name: IdentityName,
        input: IdentityInput,
    ) -> Result<(PutOutcome<Identity>, Vec<String>), IdentityError> {
        let known = self.identities().get(&name)?;
        if input.admin {
            self.check_manages_administrators()?;
        }
        known.as_ref().map_or(Ok(()), |known| self.check_may_change_identity(known))?;
        let urls = self.read_reviewing_target_urls(&input)?;
        let put = IdentityPutContext {
            known: known.as_ref(),
            urls: &urls,
            keys: &self.keys,
            nonce: &|| self.random_bytes(),
            now: self.ports.now(),
        };
        let identity = Identity::from_input(name, input, &put)?;
        self.refuse_leased_audiences(&identity)?;
        let event = self.new_allowed_event(AuditEventType::IdentityPut);
        let event = AuditEvent { subject_identity: Some(identity.name.clone()), ..event };
        let change = identity_change(&self.keys, &urls, known.as_ref(), &identity);
        let riding = self.number_event(event.with_change(change.event_fields()))?;
        let mut entries = riding.store_entries();
        entries.extend(self.administrator_audiences().mark_entries(&identity)?);
        self.identities().put_definition_with_entries(&identity, &entries)?;
        riding.write_log();
        if identity.spec().admin {
            self.notes().put_note(Note::Administrator, &identity.name)?;
        }
        let warnings = identity.spec().access_token.warnings();
        Ok((PutOutcome { definition: identity, change }, warnings))
    }

    /// The identity of this name.
    ///
    /// # Errors
    /// Fails if there is none.
    pub fn get_identity(&self, name: &IdentityName) -> Result<Identity, IdentityError> {
        self.get_numbered_identity(name).map(|(_, identity)| identity)
    }

    /// At most `limit` identities from the `from`th on.
    ///
    /// # Errors
    /// Fails if the store does.
    pub fn list_identity_page(
        &self,
        from: u64,
        limit: usize,
    ) -> Result<DefinitionPage<Identity>, StoreError> {
        self.identities().list_page(from, limit)
    }

    /// Deletes an identity, and its access tokens with it; with `revoke`, its leases are taken back.
    ///
    /// An issue that is under way comes to nothing: either its record is found and taken back, or it finds the identity gone
    /// before it makes anything.
    ///
    /// # Errors
    /// Fails if there is none. Refuses to delete an administrator unless the requester may do that.
    pub async fn delete_identity(
        &self,
        name: &IdentityName,
        revoke: bool,
    ) -> Result<Option<BulkRevocation>, IdentityError> {
        let (number, identity) = self.get_numbered_identity(name)?;
        self.check_may_change_identity(&identity)?;
        let event = self.new_allowed_event(AuditEventType::IdentityDeleted);
        let event = AuditEvent { subject_identity: Some(name.clone()), ..event };
        let riding = self.number_event(event.with_change((AuditChange::Deleted, None)))?;
        self.identities().delete_definition_with_entries(name, &riding.store_entries())?;
        riding.write_log();
        self.leases().delete_identity_ledger(number)?;
        if !revoke {
            return Ok(None);
        }
        Ok(Some(self.revoke_until_timeout(&LeaseFilter::of_identity(name)).await?))
    }

    /// Returns true if some identity is an administrator, so that `admin_token` need not be set.
    ///
    /// # Errors
    /// Fails if the store does.
    pub fn has_administrator(&self) -> Result<bool, StoreError> {
        let is_one = |identity: &Identity| identity.spec().admin && !identity.spec().disabled;
        let noted: Option<IdentityName> = self.notes().get(Note::Administrator)?;
        if let Some(name) = noted
            && self.identities().get(&name)?.as_ref().is_some_and(is_one)
        {
            return Ok(true);
        }
        let found = self.identities().list_all()?.into_iter().find(is_one);
        if let Some(identity) = &found {
            self.notes().put_note(Note::Administrator, &identity.name)?;
        }
        Ok(found.is_some())
    }

    /// The identity of this name, and its number.
    pub(crate) fn get_numbered_identity(
        &self,
        name: &IdentityName,
    ) -> Result<(u64, Identity), IdentityError> {
        self.identities().get_with_number(name)?.ok_or_else(|| IdentityError::Unknown(name.clone()))
    }

    /// Refuses to touch an administrator unless the requester may do that.
    pub(crate) fn check_may_change_identity(
        &self,
        identity: &Identity,
    ) -> Result<(), IdentityError> {
        if identity.spec().admin { self.check_manages_administrators() } else { Ok(()) }
    }

    fn check_manages_administrators(&self) -> Result<(), IdentityError> {
        let may = self.requester.manages_administrators();
        if may { Ok(()) } else { Err(IdentityError::Administrators) }
    }

    /// Refuses an administrator who would log in by tokens that a dynamic secret leases.
    ///
    /// If a dynamic secret is put at the same moment, neither may see the other; then no lease for the audience is
    /// issued.
    fn refuse_leased_audiences(&self, identity: &Identity) -> Result<(), IdentityError> {
        let audiences: Vec<_> = identity.administrator_audiences().collect();
        if audiences.is_empty() {
            return Ok(());
        }
        for secret in self.dynamic_secrets().list_all()? {
            let mut leased = secret.definition.spec().audiences.all_audiences();
            if let Some(audience) = leased.find(|audience| audiences.contains(audience)) {
                let audience = audience.clone();
                return Err(IdentityError::AudienceLeased { audience, secret: secret.name });
            }
        }
        Ok(())
    }

    /// The urls of all targets that logins name and that there are.
    fn read_reviewing_target_urls(
        &self,
        input: &IdentityInput,
    ) -> Result<BTreeMap<TargetName, ApiServerUrl>, StoreError> {
        let mut urls = BTreeMap::new();
        for method in &input.auth {
            let AuthMethod::Kubernetes(method) = method else { continue };
            let target = self.targets().get(&method.target)?;
            urls.extend(target.map(|target| (target.name, target.url)));
        }
        Ok(urls)
    }
}

#[cfg(test)]
mod tests;
