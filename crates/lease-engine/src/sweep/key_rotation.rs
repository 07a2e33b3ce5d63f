//! What an earlier master key sealed or signed, sealed and signed anew, so that the key can go.

use chrono::{DateTime, Utc};
use lease_core::{LeaseState, ObjectMarks};
use lease_store::{LeaseKey, LeasePasses, PassProgress, StoredLease};

use crate::config::MAX_ISSUE_TIME;
use crate::{Engine, LeaseFilter, Ports, StoreError};

impl<P: Ports> Engine<P> {
    /// Seals the secrets of targets anew.
    pub(super) fn reseal_target_credentials(&self) -> Result<usize, StoreError> {
        let mut resealed = 0;
        for target in self.targets().list_all()? {
            match target.reseal_if_outdated(&self.keys, self.random_bytes()) {
                Ok(None) => {}
                Ok(Some(resealed_target)) => {
                    // Unless it was put anew, or deleted, since it was read.
                    if self.targets().get(&target.name)?.is_some_and(|now| now == target) {
                        self.targets().put_definition(&resealed_target)?;
                        resealed += 1;
                    }
                }
                Err(error) => log::error!("target `{}`: {error}", target.name),
            }
        }
        Ok(resealed + self.reseal_reviewers()?)
    }

    /// Seals the tokens of identities' reviewers anew.
    fn reseal_reviewers(&self) -> Result<usize, StoreError> {
        let mut resealed = 0;
        let targets = self.targets().list_all()?.into_iter();
        let urls = targets.map(|target| (target.name, target.url)).collect();
        for identity in self.identities().list_all()? {
            match identity.reseal_if_outdated(&urls, &self.keys, || self.random_bytes()) {
                Ok(None) => {}
                Ok(Some(resealed_identity)) => {
                    // Unless it was put anew, or deleted, since it was read.
                    if self.identities().get(&identity.name)?.is_some_and(|now| now == identity) {
                        self.identities().put_definition(&resealed_identity)?;
                        resealed += 1;
                    }
                }
                Err(error) => log::error!("identity `{}`: {error}", identity.name),
            }
        }
        Ok(resealed)
    }

    /// Signs the listed objects of active leases anew, a part with each sweep, until all are.
    ///
    /// Only while there is an earlier key, and only what was issued by then has its signature.
    pub(super) async fn renew_signatures_part(
        &self,
        stop: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        if !self.keys.has_previous() {
            return Ok(0);
        }
        let passes = LeasePasses::new(self.ports.store());
        let name = format!("resign.{}", self.keys.current_id());
        let mut pass = passes.get(&name)?;
        if pass.done || self.ports.now() >= stop {
            return Ok(0);
        }
        let state = Some(LeaseState::Active);
        let filter = LeaseFilter { state, ..LeaseFilter::default() };
        let page = self.list_lease_page_where(&filter, pass.at, RECORDS_PER_PAGE, |_| true)?;
        let mut signatures_renewed = 0;
        for held in &page.items {
            if self.ports.now() >= stop {
                pass.at = Some(held.place);
                passes.put_pass(&name, &pass)?;
                return Ok(signatures_renewed);
            }
            match self.renew_lease_signature(held).await {
                Some(true) => signatures_renewed += 1,
                Some(false) => {}
                None => pass.incomplete = true,
            }
        }
        passes.put_pass(&name, &next_progress(pass, page.next))?;
        Ok(signatures_renewed)
    }

    /// Signs the listed object of a lease again. Returns true if it did; `None` if that has to be
    /// tried again.
    async fn renew_lease_signature(&self, held: &StoredLease) -> Option<bool> {
        let lease = &held.lease;
        let deadline = self.ports.now() + MAX_ISSUE_TIME;
        let target = self.targets().get(&lease.target).ok()??;
        let connection = self.target_connection(&target).ok()?;
        let changed = std::cell::Cell::new(false);
        // The end stays as it is written: to sign an object again must neither shorten nor extend its
        // lease.
        let same_end = |marks: &ObjectMarks| {
            let old = !marks.are_signed_currently(&self.keys);
            changed.set(old);
            old.then(|| marks.expires_at().unwrap_or(held.expires_at))
        };
        match self.update_expiry_on_anchor(&connection, lease, same_end, deadline).await {
            Ok(()) => Some(changed.get()),
            Err(error) => {
                log::warn!(
                    "the signature of lease {} is not renewed yet: {}",
                    lease.id,
                    error.public_message()
                );
                None
            }
        }
    }
}

/// Returns the progress of the pass: at its end it is done, or begins again if a lease was left
/// out.
fn next_progress(pass: PassProgress, at: Option<LeaseKey>) -> PassProgress {
    match at {
        Some(_) => PassProgress { at, ..pass },
        None if pass.incomplete => PassProgress::default(),
        None => PassProgress { at, done: true, ..pass },
    }
}

/// The number of leases that one sweep looks at for this: a call or two each.
const RECORDS_PER_PAGE: usize = 50;
