//! Showing leases, and taking many back.

use futures::{StreamExt, stream};
use lease_core::{DynamicSecretName, LeaseId, LeaseState, Mode, Namespace, TargetName};
use lease_store::{Held, LeasePage, Place};

use crate::{Engine, Ports, Revocation, RevokeError, StoreError};

/// Which leases are meant; what is left out does not matter.
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
}

/// What came of taking many leases back.
#[derive(Debug, Default)]
pub struct BulkRevocation {
    /// How many are gone.
    pub revoked: usize,
    /// How many the sweep goes on with.
    pub revoking: usize,
    /// Those that cannot be taken back: plain tokens.
    pub plain: usize,
    /// Where the next call goes on; none where all were looked at.
    pub next: Option<Place>,
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

    fn meets(&self, held: &Held, state: LeaseState) -> bool {
        fn meets<T: PartialEq>(wanted: Option<&T>, is: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == is)
        }
        let lease = &held.lease;
        meets(self.dynamic_secret.as_ref(), &lease.dynamic_secret)
            && meets(self.target.as_ref(), &lease.target)
            && meets(self.namespace.as_ref(), &lease.namespace)
            && meets(self.state.as_ref(), &state)
    }
}

impl<P: Ports> Engine<P> {
    /// The lease of this id, if there is one and it is not forgotten.
    ///
    /// # Errors
    /// Fails where the store does not answer.
    pub fn lease(&self, id: LeaseId) -> Result<Option<Held>, StoreError> {
        self.leases().find(id)
    }

    /// At most `limit` leases that `filter` meets, from a place on, oldest first within a dynamic secret.
    ///
    /// A page looks at a bounded number of leases, so it may be short or empty and still go on.
    ///
    /// # Errors
    /// Fails where the store does.
    pub fn list_leases(
        &self,
        filter: &LeaseFilter,
        from: Option<Place>,
        limit: usize,
    ) -> Result<LeasePage, StoreError> {
        let clocks = self.all_clocks()?;
        let logs = self.logs_of(filter)?;
        self.leases().page(&logs, from, limit, EXAMINED, |held| {
            filter.meets(held, held.state(clocks.of(&held.lease.target)))
        })
    }

    /// The same of those that have not ended.
    pub(crate) fn live_leases(
        &self,
        filter: &LeaseFilter,
        from: Option<Place>,
        limit: usize,
    ) -> Result<LeasePage, StoreError> {
        let clocks = self.all_clocks()?;
        let logs = self.logs_of(filter)?;
        self.leases().page(&logs, from, limit, EXAMINED, |held| {
            let now = clocks.of(&held.lease.target);
            is_live(held, now) && filter.meets(held, held.state(now))
        })
    }

    pub(crate) fn has_live_leases(&self, filter: &LeaseFilter) -> Result<bool, StoreError> {
        let mut from = None;
        loop {
            let page = self.live_leases(filter, from, 1)?;
            if !page.items.is_empty() {
                return Ok(true);
            }
            match page.next {
                Some(next) => from = Some(next),
                None => return Ok(false),
            }
        }
    }

    /// Takes back at most `limit` leases that `filter` meets, several side by side.
    ///
    /// # Errors
    /// Fails where the store does; what was taken back stays so.
    pub async fn revoke_leases(
        &self,
        filter: &LeaseFilter,
        from: Option<Place>,
        limit: usize,
    ) -> Result<BulkRevocation, RevokeError> {
        let page = self.live_leases(filter, from, limit)?;
        let revoking = page.items.into_iter().map(async |held| self.revoke(held.lease.id).await);
        let mut outcomes = std::pin::pin!(stream::iter(revoking).buffer_unordered(AT_ONCE));
        let mut done = BulkRevocation { next: page.next, ..BulkRevocation::default() };
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(Revocation::Done(_)) => done.revoked += 1,
                Ok(Revocation::Begun(_)) => done.revoking += 1,
                Err(RevokeError::Plain(_)) => done.plain += 1,
                // It went while we looked, or somebody else is at it.
                Err(RevokeError::Unknown(_) | RevokeError::Busy(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Takes back what `filter` meets, as much as one request may.
    pub(crate) async fn revoke_first(&self, filter: &LeaseFilter) -> Result<(), RevokeError> {
        self.revoke_leases(filter, None, FIRST).await.map(drop)
    }

    fn logs_of(&self, filter: &LeaseFilter) -> Result<Vec<u64>, StoreError> {
        let logs = self.leases().logs()?.into_iter();
        let wanted = filter.dynamic_secret.as_ref();
        let meant = |log: &lease_store::Log| wanted.is_none_or(|name| *name == log.dynamic_secret);
        Ok(logs.filter(|(_, log)| meant(log)).map(|(number, _)| number).collect())
    }
}

/// Whether something of a lease may still be good.
fn is_live(held: &Held, now: chrono::DateTime<chrono::Utc>) -> bool {
    held.ending.is_none() && !(held.lease.mode == Mode::Plain && now >= held.expires_at)
}

/// How many leases a page looks at.
const EXAMINED: usize = 1000;

/// How many leases are taken back side by side.
pub(crate) const AT_ONCE: usize = 8;

/// How many leases the deletion of what they were made from takes back by itself, before the sweep goes on.
const FIRST: usize = 100;
