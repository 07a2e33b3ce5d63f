//! Refusals, each with its own cause, and no more of them than the store should hold.
//!
//! | Refused | Recorded |
//! |---|---|
//! | a login | each, as long as its address is not shut out for the minute ([`MAX_FAILED_LOGINS`](crate::access::login)), and 100 a minute in all |
//! | a login that could not be decided, since a cluster or an issuer did not answer | 20 a minute of one address, and 100 a minute in all |
//! | an access token of ours that is not good any more | once an hour of one token, after the answer |
//! | a request of somebody who is known | 60 a minute of one requester |
//! | anything else that a stranger shows | never: there is no name to record, and no end of it |
//!
//! The last that is recorded says so.

use chrono::TimeDelta;
use lease_core::{
    Accessor, AuditDecision, AuditEvent, AuditEventType, AuditText, AuthMethodKind,
    DynamicSecretName, IdentityName, LeaseId, TargetName,
};
use lease_store::{RefusalRecording, RefusalRecordingLimit};

use crate::access::access_tokens::AuthenticationError;
use crate::access::login::LoginError;
use crate::{Engine, Origin, Ports, Requester, StoreError};

/// A request that was refused, or could not be done.
#[derive(Debug, Clone)]
pub struct RefusedRequest<'a> {
    /// The method, and the path of its route without what stood in the place of names.
    pub action: &'a str,
    /// The subject, as far as it says.
    pub subject: RequestSubject,
    /// The reason. It holds no value of a token.
    pub reason: &'a str,
    /// True if it was allowed, and could not be done.
    pub has_failed: bool,
}

/// An access token of ours that was refused, as it will be recorded.
#[derive(Debug, Clone)]
pub struct RefusedToken {
    identity: IdentityName,
    accessor: Accessor,
    reason: String,
    origin: Origin,
}

/// The subject of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestSubject {
    /// Nothing that has a name.
    Nothing,
    /// A target.
    Target(TargetName),
    /// A dynamic secret.
    DynamicSecret(DynamicSecretName),
    /// An identity.
    Identity(IdentityName),
    /// An access token.
    AccessToken(Accessor),
    /// A lease.
    Lease(LeaseId),
}

impl RefusedToken {
    pub(crate) fn new(
        (identity, accessor): (IdentityName, Accessor),
        origin: Origin,
        reason: &AuthenticationError,
    ) -> Self {
        let reason = match reason {
            AuthenticationError::Token(error) => format!("the access token is not valid: {error}"),
            other => format!("the access token is not valid: {other}"),
        };
        Self { identity, accessor, reason, origin }
    }
}

impl<P: Ports> Engine<P> {
    /// Records a request of somebody who is known that was refused or has failed: three durable writes, two more for
    /// the first of a minute, and none once as many as may are recorded.
    ///
    /// # Errors
    /// Fails if the store does.
    pub fn record_refusal_within_limit(
        &self,
        requester: &Requester,
        refused: &RefusedRequest<'_>,
    ) -> Result<(), StoreError> {
        let count = self.rate_counters().count_refusal_and_decide_recording(
            &requester.id,
            REQUESTER_LIMIT,
            self.now(),
        )?;
        let (event_type, decision) = if refused.has_failed {
            (AuditEventType::RequestFailed, AuditDecision::Failed)
        } else {
            (AuditEventType::Refusal, AuditDecision::Denied)
        };
        let mut event = AuditEvent::new(event_type, decision, &requester.audit_actor(), self.now());
        event.action = Some(AuditText::new(refused.action));
        match refused.subject.clone() {
            RequestSubject::Nothing => {}
            RequestSubject::Target(name) => event.target = Some(name),
            RequestSubject::DynamicSecret(name) => event.dynamic_secret = Some(name),
            RequestSubject::Identity(name) => event.subject_identity = Some(name),
            RequestSubject::AccessToken(accessor) => event.subject_accessor = Some(accessor),
            RequestSubject::Lease(id) => event.lease_id = Some(id),
        }
        self.record_unless_skipped(event, refused.reason, count)
    }

    /// Records a login that has let nobody in, with its own cause: three durable writes besides that which counts it
    /// against its address, and two more for the first of a minute.
    pub(crate) fn record_refused_login(
        &self,
        method: AuthMethodKind,
        named: Option<&IdentityName>,
        error: &LoginError,
    ) -> Result<(), StoreError> {
        let (decision, reason) = match error {
            LoginError::Refused(_) | LoginError::Ambiguous => {
                (AuditDecision::Denied, error.to_string())
            }
            LoginError::Review { source, .. } => {
                (AuditDecision::Failed, format!("{error}: {}", source.public_message()))
            }
            LoginError::IssuerKeys { source, .. } => {
                (AuditDecision::Failed, format!("{error}: {source}"))
            }
            LoginError::TooManyFailures { .. } | LoginError::Crowded | LoginError::Store(_) => {
                return Ok(());
            }
        };
        let now = self.now();
        // Those that are refused are counted against their address already.
        if decision == AuditDecision::Failed {
            let whose = format!("login.{}", self.client_group(now));
            let count = self.rate_counters().count_refusal_and_decide_recording(
                &whose,
                ADDRESS_LIMIT,
                now,
            )?;
            if count == RefusalRecording::Skipped {
                return Ok(());
            }
        }
        let count = self.rate_counters().count_refusal_and_decide_recording(
            "logins",
            ALL_LOGINS_LIMIT,
            now,
        )?;
        let mut actor = self.requester.audit_actor();
        actor.auth_method = Some(method);
        let mut event = AuditEvent::new(AuditEventType::Login, decision, &actor, now);
        event.subject_identity = named.cloned().or_else(|| error.only_identity().cloned());
        self.record_unless_skipped(event, &reason, count)
    }

    /// Records that an access token of ours was shown which is not good any more: five durable writes, once an hour, and
    /// otherwise none.
    ///
    /// Called after the answer, so that nobody learns by its time that a token was ours, and no stranger has anything
    /// written.
    ///
    /// # Errors
    /// Fails if the store does.
    pub fn record_refused_token(&self, refused: &RefusedToken) -> Result<(), StoreError> {
        let RefusedToken { identity, accessor, reason, origin } = refused;
        let whose = format!("token.{accessor}");
        let count = self.rate_counters().count_refusal_and_decide_recording(
            &whose,
            TOKEN_LIMIT,
            self.now(),
        )?;
        let actor = Requester::nobody().from(origin.clone()).audit_actor();
        let (refusal, denied) = (AuditEventType::Refusal, AuditDecision::Denied);
        let mut event = AuditEvent::new(refusal, denied, &actor, self.now());
        event.subject_identity = Some(identity.clone());
        event.subject_accessor = Some(*accessor);
        self.record_unless_skipped(event, reason, count)
    }

    fn record_unless_skipped(
        &self,
        event: AuditEvent,
        reason: &str,
        count: RefusalRecording,
    ) -> Result<(), StoreError> {
        match count {
            RefusalRecording::Skipped => Ok(()),
            RefusalRecording::Recorded => self.record_event(&event.with_reason(reason)),
            RefusalRecording::Last => {
                self.record_event(&event.with_reason(&format!("{reason}{LAST_RECORDED_SUFFIX}")))
            }
        }
    }
}

/// The refusals of one requester that are recorded.
const REQUESTER_LIMIT: RefusalRecordingLimit =
    RefusalRecordingLimit { count: 60, period: TimeDelta::minutes(1) };

/// The logins from one address that are recorded although a cluster or an issuer could not decide them.
const ADDRESS_LIMIT: RefusalRecordingLimit =
    RefusalRecordingLimit { count: 20, period: TimeDelta::minutes(1) };

/// The logins that let nobody in and are recorded, of all addresses: whoever has many of them fills the store with no
/// more than some 100 MB a day.
const ALL_LOGINS_LIMIT: RefusalRecordingLimit =
    RefusalRecordingLimit { count: 100, period: TimeDelta::minutes(1) };

/// The uses of one access token that is not good any more that are recorded.
const TOKEN_LIMIT: RefusalRecordingLimit =
    RefusalRecordingLimit { count: 1, period: TimeDelta::hours(1) };

/// The end of the reason of the last that is recorded.
const LAST_RECORDED_SUFFIX: &str = "; further ones are not recorded for a while";
