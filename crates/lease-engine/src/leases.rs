//! Showing leases, and taking many back.

use chrono::TimeDelta;
use futures::{StreamExt, stream};
use lease_core::{
    Accessor, DenialReason, DynamicSecretName, IdentityName, LeaseAction, LeaseId, LeaseMode,
    LeaseState, Namespace, TargetName, requester_id,
};
use lease_store::{LeaseKey, LeasePage, PageLimits, StoredLease};

use crate::{Engine, LeaseReadError, Ports, RevocationOutcome, RevokeError, StoreError};

/// A filter of leases; a field that is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeaseFilter {
    /// Issues of this dynamic secret.
    pub dynamic_secret: Option<DynamicSecretName>,
    /// On this target.
    pub target: Option<TargetName>,
    /// In this namespace.
    pub namespace: Option<Namespace>,
    /// In this state.
    pub state: Option<LeaseState>,
    /// Asked for by this requester.
    pub requester: Option<String>,
    /// Asked for with this access token, or one that it was renewed to.
    pub accessor: Option<Accessor>,
}

/// The outcome of revoking many leases.
#[derive(Debug, Default)]
pub struct BulkRevocation {
    /// The count of leases that are gone.
    pub revoked: usize,
    /// The count of leases that the sweep goes on with.
    pub revoking: usize,
    /// Those that cannot be taken back: plain tokens.
    pub plain: usize,
    /// The place at which the next call goes on; absent if all were looked at.
    pub next: Option<LeaseKey>,
}

impl LeaseFilter {
    /// All leases of a target.
    #[must_use]
    pub fn of_target(name: &TargetName) -> Self {
        Self { target: Some(name.clone()), ..Self::default() }
    }

    /// All leases of a dynamic secret.
    #[must_use]
    pub fn of_secret(name: &DynamicSecretName) -> Self {
        Self { dynamic_secret: Some(name.clone()), ..Self::default() }
    }

    /// All leases of an identity, be it there or deleted.
    #[must_use]
    pub fn of_identity(name: &IdentityName) -> Self {
        Self { requester: Some(requester_id(name)), ..Self::default() }
    }

    fn matches_lease(&self, held: &StoredLease, state: LeaseState) -> bool {
        fn is_wanted<T: PartialEq>(wanted: Option<&T>, is: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == is)
        }
        let lease = &held.lease;
        is_wanted(self.dynamic_secret.as_ref(), &lease.dynamic_secret)
            && is_wanted(self.target.as_ref(), &lease.target)
            && is_wanted(self.namespace.as_ref(), &lease.namespace)
            && is_wanted(self.state.as_ref(), &state)
            && is_wanted(self.requester.as_ref(), &lease.requester)
            && (self.accessor.is_none() || self.accessor == lease.accessor)
    }
}

impl<P: Ports> Engine<P> {
    /// The lease of this id, if the requester may see it and it is not forgotten.
    ///
    /// # Errors
    /// Says the same of a lease that the requester may not know of and of one that does not exist.
    pub fn read_visible_lease(&self, id: LeaseId) -> Result<StoredLease, LeaseReadError> {
        let held = self.leases().find(id)?.ok_or(LeaseReadError::Unknown(id))?;
        match self.requester.authorize_action(LeaseAction::Read, &held) {
            Ok(_) => Ok(held),
            Err(DenialReason::Hidden) => Err(LeaseReadError::Hidden(id)),
            Err(DenialReason::NotGranted) => Err(LeaseReadError::Denied(id)),
        }
    }

    /// At most `limit` leases that `filter` meets and the requester may see, from a place on, oldest first within
    /// a dynamic secret.
    ///
    /// A page looks at a bounded number of leases, so it may be short or empty and still go on.
    ///
    /// # Errors
    /// Fails if the store does.
    pub fn list_visible_lease_page(
        &self,
        filter: &LeaseFilter,
        from: Option<LeaseKey>,
        limit: usize,
    ) -> Result<LeasePage, StoreError> {
        let may_read =
            |held: &StoredLease| self.requester.authorize_action(LeaseAction::Read, held).is_ok();
        self.list_lease_page_where(filter, from, limit, may_read)
    }

    /// The same of those that `keep` keeps, whoever asks.
    pub(crate) fn list_lease_page_where(
        &self,
        filter: &LeaseFilter,
        from: Option<LeaseKey>,
        limit: usize,
        keep: impl Fn(&StoredLease) -> bool,
    ) -> Result<LeasePage, StoreError> {
        let clocks = self.read_clocks_of_all_targets()?;
        let ledgers = self.ledgers_of_filter(filter)?;
        self.leases().list_page(&ledgers, from, page_limits_for_count(limit), |held| {
            filter.matches_lease(held, held.state_at(clocks.target_time(&held.lease.target)))
                && keep(held)
        })
    }

    /// The same of those that have not ended.
    pub(crate) fn list_live_lease_page(
        &self,
        filter: &LeaseFilter,
        from: Option<LeaseKey>,
        limit: usize,
    ) -> Result<LeasePage, StoreError> {
        self.list_live_lease_page_where(filter, from, limit, |_| true)
    }

    fn list_live_lease_page_where(
        &self,
        filter: &LeaseFilter,
        from: Option<LeaseKey>,
        limit: usize,
        keep: impl Fn(&StoredLease) -> bool,
    ) -> Result<LeasePage, StoreError> {
        let clocks = self.read_clocks_of_all_targets()?;
        let ledgers = self.ledgers_of_filter(filter)?;
        self.leases().list_page(&ledgers, from, page_limits_for_count(limit), |held| {
            let now = clocks.target_time(&held.lease.target);
            is_live(held, now) && filter.matches_lease(held, held.state_at(now)) && keep(held)
        })
    }

    pub(crate) fn has_live_leases(&self, filter: &LeaseFilter) -> Result<bool, StoreError> {
        let mut from = None;
        loop {
            let page = self.list_live_lease_page(filter, from, 1)?;
            if !page.items.is_empty() {
                return Ok(true);
            }
            match page.next {
                Some(next) => from = Some(next),
                None => return Ok(false),
            }
        }
    }

    /// Takes back at most `limit` leases that `filter` meets and the requester may take back, several side by
    /// side.
    ///
    /// # Errors
    /// Fails if the store does; what was taken back stays so.
    pub async fn revoke_matching_leases_up_to(
        &self,
        filter: &LeaseFilter,
        from: Option<LeaseKey>,
        limit: usize,
    ) -> Result<BulkRevocation, StoreError> {
        let may_revoke =
            |held: &StoredLease| self.requester.authorize_action(LeaseAction::Revoke, held).is_ok();
        self.revoke_page(self.list_live_lease_page_where(filter, from, limit, may_revoke)?).await
    }

    /// Takes back all that `filter` meets, as far as one request may, whoever has asked for that. Where more are
    /// left, a bulk revocation goes on from `next`.
    pub(crate) async fn revoke_until_timeout(
        &self,
        filter: &LeaseFilter,
    ) -> Result<BulkRevocation, StoreError> {
        let stop = self.ports.now() + MAX_BULK_REVOKE_TIME;
        let mut all = BulkRevocation::default();
        loop {
            let page = self.list_live_lease_page(filter, all.next, FIRST_PAGE_SIZE)?;
            let done = self.revoke_page(page).await?;
            all.revoked += done.revoked;
            all.revoking += done.revoking;
            all.plain += done.plain;
            all.next = done.next;
            if all.next.is_none() || self.ports.now() >= stop {
                return Ok(all);
            }
        }
    }

    /// Takes back the leases of a page, whoever has asked for that.
    async fn revoke_page(&self, page: LeasePage) -> Result<BulkRevocation, StoreError> {
        let revoking = page.items.into_iter().map(async |held| self.reread_and_revoke(held).await);
        let mut outcomes =
            std::pin::pin!(stream::iter(revoking).buffer_unordered(MAX_CONCURRENT_REVOCATIONS));
        let mut done = BulkRevocation { next: page.next, ..BulkRevocation::default() };
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(RevocationOutcome::Done(_)) => done.revoked += 1,
                Ok(RevocationOutcome::Begun(_)) => done.revoking += 1,
                Err(RevokeError::Plain(_)) => done.plain += 1,
                // It went while we looked, or somebody else is at it.
                Err(
                    RevokeError::Unknown(_)
                    | RevokeError::Hidden(_)
                    | RevokeError::Denied(_)
                    | RevokeError::Busy(_),
                ) => {}
                Err(RevokeError::Store(error)) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Takes back what `filter` meets, as much as one request may.
    pub(crate) async fn revoke_first_page(&self, filter: &LeaseFilter) -> Result<(), StoreError> {
        self.revoke_page(self.list_live_lease_page(filter, None, FIRST_PAGE_SIZE)?).await.map(drop)
    }

    /// Takes back a lease that was found on a page, as it is by now.
    pub(crate) async fn reread_and_revoke(
        &self,
        held: StoredLease,
    ) -> Result<RevocationOutcome, RevokeError> {
        let id = held.lease.id;
        let held = self.leases().find(id)?.ok_or(RevokeError::Unknown(id))?;
        self.revoke_authorized_lease(held).await
    }

    fn ledgers_of_filter(&self, filter: &LeaseFilter) -> Result<Vec<u64>, StoreError> {
        let ledgers = self.leases().list_ledgers()?.into_iter();
        let wanted = filter.dynamic_secret.as_ref();
        let meant = |ledger: &lease_store::LedgerRecord| {
            wanted.is_none_or(|name| *name == ledger.dynamic_secret)
        };
        Ok(ledgers.filter(|(_, ledger)| meant(ledger)).map(|(number, _)| number).collect())
    }
}

/// Returns true if something of a lease may still be good.
fn is_live(held: &StoredLease, now: chrono::DateTime<chrono::Utc>) -> bool {
    held.ending.is_none() && !(held.lease.mode == LeaseMode::Plain && now >= held.expires_at)
}

/// The time for which one request revokes leases before it reports its progress: less than clients
/// wait.
const MAX_BULK_REVOKE_TIME: TimeDelta = TimeDelta::seconds(15);

/// The bounds of a page with so many leases: it reads no more than one request may.
fn page_limits_for_count(limit: usize) -> PageLimits {
    PageLimits { items: limit, examined: MAX_EXAMINED_LEASES }
}

/// The number of leases that a page looks at.
const MAX_EXAMINED_LEASES: usize = 1000;

/// The number of leases that are revoked side by side.
pub(crate) const MAX_CONCURRENT_REVOCATIONS: usize = 8;

/// The number of leases that the deletion of their dynamic secret revokes by itself, before the
/// sweep goes on.
const FIRST_PAGE_SIZE: usize = 100;
