//! Who asks: known before anything is done, and kept with all that is done.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jwt_auth::AccessTokenClaims;
use lease_core::{
    Accessor, AuditActor, AuditClaims, AuditText, AuthMethodKind, DenialReason, Identity,
    IdentityName, LeaseAction, LeaseSubject, Permit, authorize_action,
};
use lease_store::StoredLease;

/// The caller of a request, with all that is known of it. The code that admits a request makes one;
/// see [`Engine::acting_for`](crate::Engine::acting_for).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// A stable id: the same for the same caller, whatever else changes. Leases keep it, and an
    /// `Idempotency-Key` belongs to it.
    pub id: String,
    /// The rights of the caller.
    pub authority: Authority,
    /// The login by which it is known; none for who holds a token of the installation itself.
    pub session: Option<Box<Session>>,
    /// The origin of the request.
    pub origin: Origin,
}

/// The rights of a requester.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// Nothing.
    Nothing,
    /// Sweep.
    Sweep,
    /// Take back what it has leased itself.
    GiveBack,
    /// The rights that the grants of its identity give.
    Granted,
    /// Everything, but for administrators if it may not manage them.
    Administrator {
        /// True if it may put and delete administrators, and make access tokens for them.
        manages_administrators: bool,
    },
}

/// The login by which a requester is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The identity, as it is now.
    pub identity: Identity,
    /// The claims of its access token: the number of the identity, the kind of the login, the
    /// claims that decided it.
    pub token: AccessTokenClaims,
    /// The id of the access token, by which it can be revoked without being known.
    pub accessor: Accessor,
    /// True if the access token has no use left, and was shown to give something back.
    pub is_used_up: bool,
}

/// The origin of a request, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The address of the client.
    pub address: Option<IpAddr>,
    /// The id that the client, or what stands before us, has given the request.
    pub request_id: Option<String>,
    /// The id of the trace that the request is part of.
    pub trace_id: Option<String>,
}

impl Requester {
    /// Nobody, who may do nothing.
    #[must_use]
    pub fn nobody() -> Self {
        Self::without_session("nobody", Authority::Nothing)
    }

    /// Whoever holds `admin_token`: the first administrator.
    #[must_use]
    pub fn first_administrator() -> Self {
        let authority = Authority::Administrator { manages_administrators: true };
        Self::without_session("administrator", authority)
    }

    /// Whoever calls the sweep.
    #[must_use]
    pub fn sweep_caller() -> Self {
        Self::without_session("sweeper", Authority::Sweep)
    }

    /// The check of a target, for the names of what it makes for trial.
    pub(crate) fn target_checker() -> Self {
        Self::without_session("check", Authority::Nothing)
    }

    /// Somebody who has logged in as an identity.
    #[must_use]
    pub fn from_session(session: Session) -> Self {
        let spec = session.identity.spec();
        let manages_administrators = spec.manage_administrators;
        let authority = match (session.is_used_up, spec.admin) {
            (true, _) => Authority::GiveBack,
            (false, true) => Authority::Administrator { manages_administrators },
            (false, false) => Authority::Granted,
        };
        let id = session.identity.requester_id();
        Self { id, authority, session: Some(Box::new(session)), origin: Origin::default() }
    }

    /// The same, with where the request comes from.
    #[must_use]
    pub fn from(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// The name of the identity, if it is one.
    #[must_use]
    pub fn identity_name(&self) -> Option<&IdentityName> {
        self.session.as_ref().map(|session| &session.identity.name)
    }

    /// The text that stands for it in the names of what is made for its leases.
    pub(crate) fn display_name(&self) -> &str {
        self.identity_name().map_or(&self.id, IdentityName::as_str)
    }

    /// The id of the access token by which it is known.
    #[must_use]
    pub fn accessor(&self) -> Option<Accessor> {
        self.session.as_ref().map(|session| session.accessor)
    }

    /// The claims by which its login was decided.
    pub(crate) fn claims(&self) -> BTreeMap<String, String> {
        self.session.as_ref().map(|session| session.token.login_claims.clone()).unwrap_or_default()
    }

    /// Returns the caller and the origin as audit events have them.
    #[must_use]
    pub fn audit_actor(&self) -> AuditActor {
        let method = self.session.as_ref().map(|session| session.token.auth_method.as_str());
        let Origin { address, request_id, trace_id } = &self.origin;
        AuditActor {
            requester: AuditText::new(&self.id),
            identity: self.identity_name().cloned(),
            auth_method: method.and_then(AuthMethodKind::from_name),
            claims: AuditClaims::new(&self.claims()),
            accessor: self.accessor(),
            address: *address,
            request_id: request_id.as_deref().map(AuditText::new),
            trace_id: trace_id.as_deref().map(AuditText::new),
        }
    }

    /// Returns true if it may do what an administrator may.
    #[must_use]
    pub fn is_administrator(&self) -> bool {
        matches!(self.authority, Authority::Administrator { .. })
    }

    /// Returns true if it may put and delete administrators, and make access tokens for them.
    #[must_use]
    pub fn manages_administrators(&self) -> bool {
        self.authority == Authority::Administrator { manages_administrators: true }
    }

    /// Decides if it may do `action` with a lease that is on record.
    ///
    /// # Errors
    /// Says if the lease may be known to exist, at least.
    pub fn authorize_action(
        &self,
        action: LeaseAction,
        held: &StoredLease,
    ) -> Result<Permit, DenialReason> {
        let lease = &held.lease;
        match (self.authority, &self.session) {
            (Authority::Administrator { .. }, _) => Ok(Permit::default()),
            (Authority::Granted, Some(session)) => {
                let subject = LeaseSubject {
                    dynamic_secret: &lease.dynamic_secret,
                    namespace: &lease.namespace,
                    is_own: lease.requester == self.id,
                };
                authorize_action(&session.identity, action, &subject)
            }
            (Authority::GiveBack, _)
                if action == LeaseAction::Revoke && lease.requester == self.id =>
            {
                Ok(Permit::default())
            }
            _ => Err(DenialReason::Hidden),
        }
    }

    fn without_session(id: &str, authority: Authority) -> Self {
        Self { id: id.to_owned(), authority, session: None, origin: Origin::default() }
    }
}
