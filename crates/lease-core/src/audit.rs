//! Audit events: who asked for what, when and from where, and what came of it.
//!
//! [`AuditEvent`] is one event, [`AuditPlace`] is where it is kept. An event is kept as JSON beside a MAC over its place
//! and its bytes ([`Keyring::sign_audit`](crate::Keyring::sign_audit)), so that one that is edited, moved or made up is
//! found. No event has a field that could hold a token, and [`AuditText`] leaves out what looks like one.

mod actor;
mod event;
mod event_type;
mod mac;
mod place;
mod text;

pub use self::actor::AuditActor;
pub use self::event::{AuditEvent, RecordedEvents};
pub use self::event_type::{AuditChange, AuditDecision, AuditEventType};
pub use self::mac::AuditRecordKind;
pub use self::place::{AuditLogId, AuditPlace, AuditPlaceError, AuditSlot};
pub use self::text::{AuditClaims, AuditText, MAX_AUDIT_TEXT_BYTES};
