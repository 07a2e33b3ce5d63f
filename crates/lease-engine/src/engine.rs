//! The engine, and what all its operations share.

use std::cell::Cell;
use std::rc::Rc;

use lease_core::{AuditActor, AuditChange, DynamicSecret, Identity, Keyring, Target};
use lease_store::{
    AccessTokenRecords, AdministratorAudiences, AuditContext, AuditLog, AuditSweepDurations,
    Definitions, ExpiringKeys, KeyValue, KnownClusters, Leases, LoginSlots, Notes, RateCounters,
    ServiceAccountUidCache, StoreError, SweepGracePeriods, TargetChecks,
};

use crate::audit::DefinitionChange;
use crate::config::MAX_ISSUE_TIME;
use crate::{Config, Ports, Requester};

/// All that kubelease does, over the ports of where it runs.
pub struct Engine<P> {
    pub(crate) ports: P,
    /// Shared with the engines of its rehearsals.
    pub(crate) keys: Rc<Keyring>,
    pub(crate) config: Config,
    /// On whose behalf it does what it does.
    pub(crate) requester: Requester,
    /// The same, as audit events have it.
    actor: AuditActor,
    /// The number of requests that it has sent.
    pub(crate) calls: Cell<u32>,
}

/// A definition that was put.
#[derive(Debug, PartialEq, Eq)]
pub struct PutOutcome<D> {
    /// The definition.
    pub definition: D,
    /// The difference to the one in whose place it stands.
    pub change: DefinitionChange,
}

impl<P: Ports> Engine<P> {
    /// An engine that seals, signs and opens with `keys`, within what `config` allows. It acts for nobody, who
    /// may do nothing with leases, until [`acting_for`](Self::acting_for) says for whom.
    pub fn new(ports: P, keys: Keyring, config: Config) -> Self {
        Self::with_shared_keys(ports, Rc::new(keys), config)
    }

    /// The same with keys that another engine has too.
    pub(crate) fn with_shared_keys(ports: P, keys: Rc<Keyring>, config: Config) -> Self {
        let requester = Requester::nobody();
        let actor = requester.audit_actor();
        Self { ports, keys, config, requester, actor, calls: Cell::default() }
    }

    /// The same engine, acting for somebody. Only who has admitted a request may say for whom.
    #[must_use]
    pub fn acting_for(self, requester: Requester) -> Self {
        Self { actor: requester.audit_actor(), requester, ..self }
    }

    /// On whose behalf it acts.
    pub fn requester(&self) -> &Requester {
        &self.requester
    }

    /// The time by the host's clock.
    pub fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.ports.now()
    }

    /// Checks that the store answers.
    ///
    /// # Errors
    /// Fails if it does not.
    pub fn probe_store(&self) -> Result<(), StoreError> {
        // Any key will do: that there is an answer is the answer.
        self.ports.store().get("probe")?;
        Ok(())
    }

    pub(crate) fn targets(&self) -> Definitions<'_, P::Store, Target> {
        Definitions::new(self.ports.store())
    }

    pub(crate) fn dynamic_secrets(&self) -> Definitions<'_, P::Store, DynamicSecret> {
        Definitions::new(self.ports.store())
    }

    pub(crate) fn identities(&self) -> Definitions<'_, P::Store, Identity> {
        Definitions::new(self.ports.store())
    }

    pub(crate) fn administrator_audiences(&self) -> AdministratorAudiences<'_, P::Store> {
        AdministratorAudiences::new(self.ports.store())
    }

    pub(crate) fn access_tokens(&self) -> AccessTokenRecords<'_, P::Store> {
        AccessTokenRecords::new(self.ports.store())
    }

    pub(crate) fn rate_counters(&self) -> RateCounters<'_, P::Store> {
        RateCounters::new(self.ports.store())
    }

    pub(crate) fn login_slots(&self) -> LoginSlots<'_, P::Store> {
        LoginSlots::new(self.ports.store())
    }

    pub(crate) fn expiring_keys(&self) -> ExpiringKeys<'_, P::Store> {
        ExpiringKeys::new(self.ports.store())
    }

    pub(crate) fn target_checks(&self) -> TargetChecks<'_, P::Store> {
        TargetChecks::new(self.ports.store())
    }

    pub(crate) fn known_clusters(&self) -> KnownClusters<'_, P::Store> {
        KnownClusters::new(self.ports.store())
    }

    pub(crate) fn service_account_uids(&self) -> ServiceAccountUidCache<'_, P::Store> {
        ServiceAccountUidCache::new(self.ports.store())
    }

    pub(crate) fn leases(&self) -> Leases<'_, P::Store> {
        // What is rehearsed is no event.
        let on_record =
            if self.ports.is_rehearsal() { |_: &_, _: &_| {} } else { crate::audit::log_event };
        let auditor = AuditContext { keys: &self.keys, actor: &self.actor, on_record };
        Leases::new(self.ports.store(), auditor)
    }

    pub(crate) fn audit_log(&self) -> AuditLog<'_, P::Store> {
        AuditLog::new(self.ports.store(), &self.keys)
    }

    pub(crate) fn notes(&self) -> Notes<'_, P::Store> {
        Notes::new(self.ports.store())
    }

    pub(crate) fn sweep_durations(&self) -> SweepGracePeriods {
        let Config { landing, retention, .. } = self.config;
        SweepGracePeriods { issue: MAX_ISSUE_TIME, landing, retention }
    }

    pub(crate) fn audit_sweep_durations(&self) -> AuditSweepDurations {
        let Config { landing, audit_retention, .. } = self.config;
        AuditSweepDurations { landing, retention: audit_retention }
    }

    pub(crate) fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.ports.fill_random(&mut bytes);
        bytes
    }
}

impl<D> PutOutcome<D> {
    /// Returns true if there was none of that name.
    pub fn is_new(&self) -> bool {
        self.change.kind == AuditChange::Created
    }
}
