//! The engine, and what all its operations share.

use std::cell::Cell;
use std::rc::Rc;

use lease_core::{AuditActor, AuditChange, DynamicSecret, Identity, Keyring, Target};
use lease_store::{
    Accounts, AdministratorAudiences, AuditLog, AuditTimes, Auditor, Checks, Clusters, Definitions,
    Expiring, KeyValue, Leases, LoginSlots, Notes, Rates, StoreError, Times, Tokens,
};

use crate::audit::DefinitionChange;
use crate::config::ISSUE_TIME;
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
pub struct Put<D> {
    /// The definition.
    pub definition: D,
    /// The difference to the one in whose place it stands.
    pub change: DefinitionChange,
}

impl<P: Ports> Engine<P> {
    /// An engine that seals, signs and opens with `keys`, within what `config` allows. It acts for nobody, who
    /// may do nothing with leases, until [`acting_for`](Self::acting_for) says for whom.
    pub fn new(ports: P, keys: Keyring, config: Config) -> Self {
        Self::sharing(ports, Rc::new(keys), config)
    }

    /// The same with keys that another engine has too.
    pub(crate) fn sharing(ports: P, keys: Rc<Keyring>, config: Config) -> Self {
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

    pub(crate) fn tokens(&self) -> Tokens<'_, P::Store> {
        Tokens::new(self.ports.store())
    }

    pub(crate) fn rates(&self) -> Rates<'_, P::Store> {
        Rates::new(self.ports.store())
    }

    pub(crate) fn login_slots(&self) -> LoginSlots<'_, P::Store> {
        LoginSlots::new(self.ports.store())
    }

    pub(crate) fn expiring(&self) -> Expiring<'_, P::Store> {
        Expiring::new(self.ports.store())
    }

    pub(crate) fn checks(&self) -> Checks<'_, P::Store> {
        Checks::new(self.ports.store())
    }

    pub(crate) fn clusters(&self) -> Clusters<'_, P::Store> {
        Clusters::new(self.ports.store())
    }

    pub(crate) fn accounts(&self) -> Accounts<'_, P::Store> {
        Accounts::new(self.ports.store())
    }

    pub(crate) fn leases(&self) -> Leases<'_, P::Store> {
        // What is rehearsed is no event.
        let on_record =
            if self.ports.is_rehearsal() { |_: &_, _: &_| {} } else { crate::audit::log_event };
        let auditor = Auditor { keys: &self.keys, actor: &self.actor, on_record };
        Leases::new(self.ports.store(), auditor)
    }

    pub(crate) fn audit_log(&self) -> AuditLog<'_, P::Store> {
        AuditLog::new(self.ports.store(), &self.keys)
    }

    pub(crate) fn notes(&self) -> Notes<'_, P::Store> {
        Notes::new(self.ports.store())
    }

    pub(crate) fn times(&self) -> Times {
        let Config { landing, retention, .. } = self.config;
        Times { issue: ISSUE_TIME, landing, retention }
    }

    pub(crate) fn audit_times(&self) -> AuditTimes {
        let Config { landing, audit_retention, .. } = self.config;
        AuditTimes { landing, retention: audit_retention }
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.ports.random(&mut bytes);
        bytes
    }
}

impl<D> Put<D> {
    /// Returns true if there was none of that name.
    pub fn is_new(&self) -> bool {
        self.change.kind == AuditChange::Created
    }
}
