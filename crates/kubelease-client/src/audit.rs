//! The audit: what was asked, decided and done.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::client::{Call, with_query};
use crate::{Client, Error, LeaseId, Name};

/// The events that are asked for; each field narrows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Those since this time.
    pub since: Option<DateTime<Utc>>,
    /// Those until this time.
    pub until: Option<DateTime<Utc>>,
    /// Those of an identity, or about it.
    pub identity: Option<Name>,
    /// Those of a dynamic secret.
    pub dynamic_secret: Option<Name>,
    /// Those of a lease.
    pub lease_id: Option<LeaseId>,
    /// Those of a type, such as `login`.
    pub event_type: Option<String>,
}

/// An event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditEvent {
    /// The place where it is kept.
    pub id: String,
    /// The time by the clock of the host.
    pub time: DateTime<Utc>,
    /// The type.
    pub event: String,
    /// `allowed`, `denied` or `failed`.
    pub decision: String,
    /// Whoever asked, as far as that is proved.
    pub requester: String,
    /// The reason.
    pub reason: Option<String>,
    /// True if the event is not as it was recorded.
    #[serde(default)]
    pub altered: bool,
    /// All other fields of the answer.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A part of the events, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditPage {
    /// The events.
    pub items: Vec<AuditEvent>,
    /// The cursor of the next page; nothing at the end.
    pub next_cursor: Option<String>,
}

/// The findings of a part of a verification.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditVerificationPage {
    /// The number of events that are as they were recorded.
    pub checked: u64,
    /// The number of requests that stopped before they did anything.
    pub voids: u64,
    /// The number of events that are not there yet.
    pub unsettled: u64,
    /// The traces of changes.
    pub findings: Vec<Value>,
    /// The cursor of the next part; nothing at the end.
    pub next_cursor: Option<String>,
}

impl Client {
    /// Returns a page of events.
    ///
    /// # Errors
    /// Fails if the caller may not, or the server cannot be reached.
    pub fn list_audit_page(
        &self,
        filter: &AuditFilter,
        cursor: Option<&str>,
    ) -> Result<AuditPage, Error> {
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
        let text = |name: &Name| name.to_string();
        let query = [
            ("since", filter.since.map(time)),
            ("until", filter.until.map(time)),
            ("identity", filter.identity.as_ref().map(text)),
            ("dynamic_secret", filter.dynamic_secret.as_ref().map(text)),
            ("lease_id", filter.lease_id.as_ref().map(ToString::to_string)),
            ("type", filter.event_type.clone()),
            ("cursor", cursor.map(str::to_owned)),
        ];
        self.send_with_retries(&Call::get(with_query("/api/v1/audit", &query)))?.parse_json()
    }

    /// Verifies a part of the events.
    ///
    /// # Errors
    /// Fails if the caller may not, or the server cannot be reached.
    pub fn verify_audit_page(&self, cursor: Option<&str>) -> Result<AuditVerificationPage, Error> {
        let query = [("cursor", cursor.map(str::to_owned))];
        self.send_with_retries(&Call::get(with_query("/api/v1/audit/verify", &query)))?.parse_json()
    }
}
