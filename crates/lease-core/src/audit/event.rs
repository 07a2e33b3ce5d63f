//! One audit event.

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

use super::actor::AuditActor;
use super::event_type::{AuditChange, AuditDecision, AuditEventType};
use super::text::AuditText;
use crate::{
    Accessor, DynamicSecretName, EndReason, Ending, IdentityName, Lease, LeaseId, Namespace,
    TargetName,
};

/// An audit event, in the JSON shape in which it is stored, shown and logged. Its place is kept
/// apart: see [`AuditPlace`].
///
/// Its size is bounded, since each of its texts is: about half a KiB in practice and never more
/// than 16.
///
/// [`AuditPlace`]: super::AuditPlace
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// The time at which it was recorded, by the host's clock.
    pub time: DateTime<Utc>,
    /// The type of the event.
    #[serde(rename = "event")]
    pub event_type: AuditEventType,
    /// The decision, or the outcome.
    pub decision: AuditDecision,
    /// The one who asked.
    #[serde(flatten)]
    pub actor: AuditActor,
    /// The dynamic secret that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamic_secret: Option<DynamicSecretName>,
    /// The target that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetName>,
    /// The namespace of the leased account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// The lease that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_id: Option<LeaseId>,
    /// The id of the Kubernetes token, which the API server's audit log calls
    /// `authentication.kubernetes.io/credential-id`. Each renewal of a lease gives a token with an id of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<AuditText>,
    /// The number of seconds for which a lease or an access token was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
    /// The identity that was changed, or that somebody asked to be let in as. The actor is another field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_identity: Option<IdentityName>,
    /// The access token that was made, renewed or revoked, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_accessor: Option<Accessor>,
    /// The request, if it was refused or has failed: a method and the path of its route, without what stood in
    /// its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<AuditText>,
    /// The change of the definition that was put or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<AuditChange>,
    /// The reason for which it was refused or has failed, or the words of an administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<AuditText>,
    /// The other events of a lease that has ended, so that one that is removed is missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trail: Option<RecordedEvents>,
}

/// The events of a lease that were on record when it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedEvents {
    /// True if its issue was.
    pub issue: bool,
    /// True if it was asked to be revoked before, and that could not be done at once.
    pub revocation_begun: bool,
    /// The number of its last renewal.
    pub renewals: u64,
    /// The numbers of renewals that were taken and not recorded, since whoever took them had stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<u64>,
}

impl AuditEvent {
    /// An event of which nothing is known yet but what has happened, to whom and when. The rest are public fields.
    #[must_use]
    pub fn new(
        event_type: AuditEventType,
        decision: AuditDecision,
        actor: &AuditActor,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            // What two hosts' clocks differ by is more than the rest.
            time: now.trunc_subsecs(3),
            event_type,
            decision,
            actor: actor.clone(),
            dynamic_secret: None,
            target: None,
            namespace: None,
            lease_id: None,
            jti: None,
            ttl_seconds: None,
            subject_identity: None,
            subject_accessor: None,
            action: None,
            change: None,
            reason: None,
            trail: None,
        }
    }

    /// The same event, about a lease.
    #[must_use]
    pub fn about_lease(self, lease: &Lease) -> Self {
        Self {
            dynamic_secret: Some(lease.dynamic_secret.clone()),
            target: Some(lease.target.clone()),
            namespace: Some(lease.namespace.clone()),
            lease_id: Some(lease.id),
            ..self
        }
    }

    /// The same event, with the reason for it.
    #[must_use]
    pub fn with_reason(self, reason: &str) -> Self {
        Self { reason: Some(AuditText::new(reason)), ..self }
    }

    /// The same event, with what has become of a definition, and the names of what has changed of it.
    #[must_use]
    pub fn with_change(self, (change, names): (AuditChange, Option<String>)) -> Self {
        let reason = names.as_deref().map(AuditText::new).or(self.reason);
        Self { change: Some(change), reason, ..self }
    }

    /// The issue of a lease, as it becomes active.
    #[must_use]
    pub fn of_issue(lease: &Lease, actor: &AuditActor, now: DateTime<Utc>) -> Self {
        let event = Self::new(AuditEventType::Issue, AuditDecision::Allowed, actor, now);
        Self {
            jti: lease.jti.as_deref().map(AuditText::new),
            ttl_seconds: whole_seconds(lease.expires_at - lease.issued_at),
            ..event.about_lease(lease)
        }
    }

    /// The end of a lease. `trail` names its events so far.
    #[must_use]
    pub fn of_end(
        lease: &Lease,
        ending: &Ending,
        actor: &AuditActor,
        trail: RecordedEvents,
    ) -> Self {
        let (event_type, decision) = match (ending.why, &ending.note) {
            (EndReason::Revoked, _) => (AuditEventType::Revocation, AuditDecision::Allowed),
            (EndReason::Expired, _) => (AuditEventType::Expiry, AuditDecision::Allowed),
            (EndReason::Failed, _) => (AuditEventType::IssueFailed, AuditDecision::Failed),
            (EndReason::Lost, Some(_)) => (AuditEventType::WriteOff, AuditDecision::Allowed),
            (EndReason::Lost, None) => (AuditEventType::Loss, AuditDecision::Allowed),
        };
        let event = Self::new(event_type, decision, actor, ending.at).about_lease(lease);
        let reason = ending.note.as_deref().map(AuditText::new);
        Self { reason, trail: Some(trail), ..event }
    }
}

impl RecordedEvents {
    /// The most renewals that a trail names as missing.
    pub const MAX_MISSING: usize = 64;

    /// Returns true if this renewal was on record, so that its event is. If so many are missing that not all of them are
    /// named, it is not known of any.
    #[must_use]
    pub fn has_renewal(&self, number: u64) -> bool {
        self.missing.len() < Self::MAX_MISSING
            && number <= self.renewals
            && !self.missing.contains(&number)
    }
}

/// The whole seconds of a duration; none if it is negative.
fn whole_seconds(duration: chrono::TimeDelta) -> Option<u64> {
    u64::try_from(duration.num_seconds()).ok()
}

#[cfg(test)]
mod tests;
