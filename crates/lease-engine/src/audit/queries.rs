//! Looking events up, and verifying that they are all there as they were recorded.

use chrono::{DateTime, Utc};
use lease_core::{AuditEventType, AuditLogId, DynamicSecretName, IdentityName, LeaseId};
use lease_store::{
    AuditCursor, AuditPage, AuditQuery, AuditRecord, AuditVerification, AuditVerifyCursor,
};

use crate::{Engine, Ports, StoreError};

/// The events that are meant; what is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Recorded at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Recorded before this time.
    pub until: Option<DateTime<Utc>>,
    /// Of what this identity has asked for, or of what was done with it.
    pub identity: Option<IdentityName>,
    /// About this dynamic secret.
    pub dynamic_secret: Option<DynamicSecretName>,
    /// About this lease.
    pub lease_id: Option<LeaseId>,
    /// Of this type.
    pub event_type: Option<AuditEventType>,
}

impl AuditFilter {
    fn matches_record(&self, record: &AuditRecord) -> bool {
        let event = &record.event;
        let identities = [&event.actor.identity, &event.subject_identity];
        self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time < until)
            && self.identity.as_ref().is_none_or(|name| {
                identities.iter().any(|identity| identity.as_ref() == Some(name))
            })
            && self
                .dynamic_secret
                .as_ref()
                .is_none_or(|name| event.dynamic_secret.as_ref() == Some(name))
            && self.lease_id.is_none_or(|id| event.lease_id == Some(id))
            && self.event_type.is_none_or(|event_type| event.event_type == event_type)
    }

    /// Returns true if an event of a log can be meant; the log of leases is of a dynamic secret.
    fn may_be_in(&self, log: AuditLogId, of: Option<&DynamicSecretName>) -> bool {
        match (log, &self.dynamic_secret) {
            (AuditLogId::General, _) | (_, None) => true,
            (AuditLogId::Leases(_), Some(wanted)) => of == Some(wanted),
        }
    }

    /// The lease whose own events alone are meant.
    fn only_lease(&self) -> Option<LeaseId> {
        let is_general = |event_type: AuditEventType| {
            use AuditEventType::{IssueRepeated, Refusal, RequestFailed};
            matches!(event_type, IssueRepeated | Refusal | RequestFailed)
        };
        self.lease_id.filter(|_| !self.event_type.is_some_and(is_general))
    }
}

impl<P: Ports> Engine<P> {
    /// At most `limit` events that `filter` meets, newest first, from a cursor on.
    ///
    /// The work is bounded, so a page may be short or empty and still go on. The events of one lease stand together. Of a
    /// lease that is on record its own events are shown at once; requests for it that were refused are in the general log.
    ///
    /// # Errors
    /// Fails if the store does.
    pub fn list_audit_event_page(
        &self,
        filter: &AuditFilter,
        from: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        let log = self.audit_log();
        if let (Some(id), None) = (filter.only_lease(), from)
            && let Some(mut items) = log.read_lease_events(id)?
        {
            items.retain(|record| filter.matches_record(record));
            if items.len() <= limit {
                return Ok(AuditPage { items, unreadable: 0, next: None });
            }
        }
        let logs = log.list_logs()?.into_iter();
        let logs = logs.filter(|(log, of)| filter.may_be_in(*log, of.as_ref()));
        let logs = logs.map(|(log, _)| log).collect();
        let query = AuditQuery { logs, since: filter.since, limit };
        log.read_page(&query, from, |record| filter.matches_record(record))
    }

    /// Verifies a part of all events, from a cursor on.
    ///
    /// # Errors
    /// Fails if the store does. What was changed is no error: it is what is looked for.
    pub fn verify_audit_part(
        &self,
        from: Option<&AuditVerifyCursor>,
    ) -> Result<AuditVerification, StoreError> {
        self.audit_log().verify_events_part(from, self.now())
    }
}
