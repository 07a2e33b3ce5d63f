//! The audit, as far as it is about no lease: events in the general log, each with a line on the log.
//!
//! What is allowed is recorded before it is answered, and fails if that fails. What takes something back goes on: it is
//! of more use done and not recorded than the other way round. Refusals are recorded too, and since whoever is refused
//! can ask for ever, only so many of them are: see [`refusals`].

mod change;
mod queries;
mod refusals;

use lease_core::{
    Accessor, AuditActor, AuditClaims, AuditDecision, AuditEvent, AuditEventType, AuditPlace,
    AuditText, Identity,
};
use lease_store::PreparedEvent;
use serde::Serialize;

pub use self::change::DefinitionChange;
pub(crate) use self::change::{change_between, identity_change, target_change};
pub use self::queries::AuditFilter;
pub use self::refusals::{RefusedRequest, RefusedToken, RequestSubject};
use crate::access::access_tokens::SuccessfulLogin;
use crate::{Engine, Ports, StoreError};

/// An event with its place, as it is shown and logged.
#[derive(Debug, Clone, Serialize)]
pub struct ShownEvent<'a> {
    /// The place of the event.
    pub id: &'a AuditPlace,
    /// The event.
    #[serde(flatten)]
    pub event: &'a AuditEvent,
    /// True, and said only then, if it is not as it was recorded: it was edited, moved or made up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub altered: bool,
}

/// An event that has a number, and is written in one step with what it is about.
#[must_use]
pub(crate) struct NumberedEvent {
    prepared: PreparedEvent,
    event: AuditEvent,
    /// True in a rehearsal, which records no event.
    is_rehearsed: bool,
}

impl NumberedEvent {
    /// The entries that are to be written.
    pub(crate) fn store_entries(&self) -> Vec<(String, Vec<u8>)> {
        self.prepared.entries().to_vec()
    }

    /// Logs the event, now that it is written.
    pub(crate) fn write_log(&self) {
        if !self.is_rehearsed {
            log_event(&self.prepared.place(), &self.event);
        }
    }
}

impl<P: Ports> Engine<P> {
    /// An event that is allowed to whoever asks.
    pub(crate) fn new_allowed_event(&self, event_type: AuditEventType) -> AuditEvent {
        let actor = self.requester.audit_actor();
        AuditEvent::new(event_type, AuditDecision::Allowed, &actor, self.now())
    }

    /// Records an event by itself: two durable writes.
    pub(crate) fn record_event(&self, event: &AuditEvent) -> Result<(), StoreError> {
        let place = self.audit_log().record_general_event(event)?;
        log_event(&place, event);
        Ok(())
    }

    /// Gives an event the number under which it will be written with what it is about: one durable write.
    pub(crate) fn number_event(&self, event: AuditEvent) -> Result<NumberedEvent, StoreError> {
        let prepared = self.audit_log().number_and_sign_general_event(&event)?;
        Ok(NumberedEvent { prepared, event, is_rehearsed: self.ports.is_rehearsal() })
    }

    /// The same for what takes something back, which goes on without its event if there can be none.
    pub(crate) fn number_event_if_possible(&self, event: AuditEvent) -> Option<NumberedEvent> {
        let event_type = event.event_type;
        match self.number_event(event) {
            Ok(riding) => Some(riding),
            Err(error) => {
                log::error!(
                    "the event of a {event_type} could not be recorded; the operation continues: \
                     {error}"
                );
                None
            }
        }
    }

    /// The actor of a login: the identity as which somebody comes in, and where the request comes from.
    pub(crate) fn login_actor(
        &self,
        identity: &Identity,
        login: &SuccessfulLogin,
        accessor: Accessor,
    ) -> AuditActor {
        AuditActor {
            requester: AuditText::new(&identity.requester_id()),
            identity: Some(identity.name.clone()),
            auth_method: Some(login.method),
            claims: AuditClaims::new(&login.claims),
            accessor: Some(accessor),
            ..self.requester.audit_actor()
        }
    }
}

/// Logs an event that is on record, in the shape in which it is shown.
pub(crate) fn log_event(id: &AuditPlace, event: &AuditEvent) {
    match serde_json::to_string(&ShownEvent { id, event, altered: false }) {
        Ok(json) => log::info!(target: "audit", "{json}"),
        Err(error) => log::error!("event {id} is recorded, but cannot be logged: {error}"),
    }
}
