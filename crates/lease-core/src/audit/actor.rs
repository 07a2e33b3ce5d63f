//! The one on whose behalf something is done.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::text::{AuditClaims, AuditText};
use crate::{Accessor, AuthMethodKind, IdentityName};

/// The one who asks, and the origin of the request, as an event keeps them.
///
/// Its fields are fields of the event. All of them are proved, but for the ids of the request and of the trace, which the
/// client chooses. An identity that somebody only claimed to be does not belong here, but into
/// [`AuditEvent::subject_identity`](super::AuditEvent::subject_identity).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditActor {
    /// The stable id of the requester, which leases keep too: `identity:NAME`, `administrator`, `sweeper`, `nobody`.
    pub requester: AuditText,
    /// The name of the identity, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityName>,
    /// The kind of the login by which it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_method: Option<AuthMethodKind>,
    /// The claims by which that login was decided.
    #[serde(default, skip_serializing_if = "AuditClaims::is_empty")]
    pub claims: AuditClaims,
    /// The id of the access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accessor: Option<Accessor>,
    /// The address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The id that the client, or what stands before us, has given the request (`X-Request-Id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<AuditText>,
    /// The id of the trace that the request is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<AuditText>,
}

impl AuditActor {
    /// An actor of which nothing is known but its id.
    #[must_use]
    pub fn of_requester(id: &str) -> Self {
        Self { requester: AuditText::new(id), ..Self::default() }
    }
}
