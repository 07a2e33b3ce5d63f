//! Who shows an access token.

use jwt_auth::{AccessTokenClaims, JwtError};
use lease_core::{Accessor, AuthMethodKind, Identity, IdentityName};
use lease_store::TokenState;

use crate::audit::RefusedToken;
use crate::{Engine, Origin, Ports, Session, StoreError};

/// The reason why an access token lets nobody in. It is for the audit log: whoever shows the token is not told.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// A token that is none of ours, or whose time is over.
    #[error("the token is not valid")]
    Token(#[from] JwtError),
    /// Its identity is gone, or was made anew since.
    #[error("the identity no longer exists")]
    UnknownIdentity,
    /// Its identity is disabled.
    #[error("the identity is disabled")]
    Disabled,
    /// Its identity has no such way to log in any more.
    #[error("the identity no longer has this way to log in")]
    MethodGone,
    /// A token that was revoked.
    #[error("the token is revoked")]
    Revoked,
    /// A token that comes from an address that is not trusted.
    #[error("the address of the client is not trusted")]
    UntrustedAddress,
    /// A token that was used as often as it may be.
    #[error("the token has no uses left")]
    UsedUp,
    /// The store failed.
    #[error("could not read or write the store")]
    Store(#[from] StoreError),
}

/// The purpose for which an access token is shown, if its uses are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPurpose {
    /// A request that needs one of the uses.
    Counted,
    /// A request that gives back a lease or the token itself. It takes one of the uses as long as there are any, and needs
    /// none: a job that has used up its token can still end what it has leased.
    GiveBack,
    /// A request that is counted already: the token is shown a second time.
    CountedBefore,
}

/// An access token that lets nobody in.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct AccessTokenRefusal {
    /// The reason.
    pub reason: AuthenticationError,
    /// The refusal that is to be recorded once the request is answered, if it is a token of ours.
    pub to_record: Option<Box<RefusedToken>>,
}

impl From<StoreError> for AccessTokenRefusal {
    fn from(error: StoreError) -> Self {
        Self { reason: error.into(), to_record: None }
    }
}

impl<P: Ports> Engine<P> {
    /// Finds out who shows an access token, and counts the use if uses are counted.
    ///
    /// # Errors
    /// Says what is wrong with the token, which is not for whoever has shown it.
    pub fn authenticate_token(
        &self,
        token: &str,
        origin: &Origin,
    ) -> Result<Session, AccessTokenRefusal> {
        self.authenticate_token_for(token, origin, TokenPurpose::Counted)
    }

    /// Finds out who shows an access token for which purpose.
    ///
    /// The work is the same whatever is wrong with it: one signature, four reads and no write. Of a token that is none of
    /// ours they are of keys that nobody has. That one of ours was refused is recorded once the request is answered
    /// ([`Engine::record_refused_token`]).
    ///
    /// # Errors
    /// Says what is wrong with the token, which is not for whoever has shown it.
    pub fn authenticate_token_for(
        &self,
        token: &str,
        origin: &Origin,
        purpose: TokenPurpose,
    ) -> Result<Session, AccessTokenRefusal> {
        let verified = self.keys.access_token_keys().verify_ignoring_expiry(token);
        let known = verified.as_ref().ok().and_then(token_lookup_keys);
        let (name, number, accessor) = known.clone().unwrap_or_else(dummy_lookup_keys);
        let (identity, state) = self.read_identity_and_state(&name, number, accessor)?;
        let outcome = match &verified {
            Ok(claims) => self.check_token_usable(claims, identity, state, origin),
            Err(error) => Err((*error).into()),
        };
        let outcome = outcome.and_then(|identity| {
            let max_uses = verified.as_ref().map_or(0, |claims| claims.max_uses);
            let is_limited = purpose != TokenPurpose::CountedBefore && max_uses > 0;
            let is_used_up =
                is_limited && !self.access_tokens().count_use_within_limit(accessor, max_uses)?;
            if is_used_up && purpose != TokenPurpose::GiveBack {
                return Err(AuthenticationError::UsedUp);
            }
            Ok((identity, is_used_up))
        });
        match (outcome, verified) {
            (Ok((identity, is_used_up)), Ok(token)) => {
                Ok(Session { identity, token, accessor, is_used_up })
            }
            (Ok(_), Err(error)) => {
                Err(AccessTokenRefusal { reason: error.into(), to_record: None })
            }
            (Err(AuthenticationError::Store(error)), _) => Err(error.into()),
            (Err(reason), verified) => {
                if !matches!(reason, AuthenticationError::UsedUp) {
                    // The same read as for one that is used up.
                    self.access_tokens().read_use_count(accessor)?;
                }
                let ours = verified.ok().filter(|_| known.is_some());
                let to_record = ours.map(|_| {
                    Box::new(RefusedToken::new((name, accessor), origin.clone(), &reason))
                });
                Err(AccessTokenRefusal { reason, to_record })
            }
        }
    }

    /// Returns true if the access token of the requester is good yet, after a while and from wherever: three reads, or none
    /// for a token of the installation itself.
    ///
    /// Whoever has all leases of a token or an identity taken back writes that it is revoked, and looks for the leases then.
    /// Whoever leases has recorded the lease first and looks here then: one of the two sees the other.
    pub(crate) fn is_requester_admitted(&self) -> Result<bool, StoreError> {
        let Some(session) = &self.requester.session else { return Ok(true) };
        let (identity, number) = (&session.identity.name, session.token.identity_number);
        let (identity, state) = self.read_identity_and_state(identity, number, session.accessor)?;
        Ok(check_identity_and_revocation(&session.token, identity, state).is_ok())
    }

    /// The identity of this name and number, if it is there, and what is known of its token: three reads.
    fn read_identity_and_state(
        &self,
        name: &IdentityName,
        number: u64,
        accessor: Accessor,
    ) -> Result<(Option<Identity>, TokenState), StoreError> {
        let entry = self.identities().get_with_number(name)?.filter(|(known, _)| *known == number);
        let state = self.access_tokens().read_state(accessor, number)?;
        Ok((entry.map(|(_, identity)| identity), state))
    }

    /// Checks a token that is ours against all that is read when it is used.
    fn check_token_usable(
        &self,
        claims: &AccessTokenClaims,
        identity: Option<Identity>,
        state: TokenState,
        origin: &Origin,
    ) -> Result<Identity, AuthenticationError> {
        // No leeway: it is our own clock that has set the end.
        if self.ports.now() >= claims.expires_at {
            return Err(JwtError::Expired.into());
        }
        let identity = check_identity_and_revocation(claims, identity, state)?;
        if !identity.spec().access_token.trusted_ips().is_trusted(origin.address) {
            return Err(AuthenticationError::UntrustedAddress);
        }
        Ok(identity)
    }
}

/// Checks what may change while a token is good: its identity, and that neither is revoked.
fn check_identity_and_revocation(
    claims: &AccessTokenClaims,
    identity: Option<Identity>,
    state: TokenState,
) -> Result<Identity, AuthenticationError> {
    let identity = identity.ok_or(AuthenticationError::UnknownIdentity)?;
    let spec = identity.spec();
    if spec.disabled {
        return Err(AuthenticationError::Disabled);
    }
    let method = AuthMethodKind::from_name(&claims.auth_method);
    if !method.is_some_and(|method| identity.admits_by(method)) {
        return Err(AuthenticationError::MethodGone);
    }
    // A token says its time in whole seconds: one of the same second is revoked with those before it.
    let revoked_before = state.revoked_before.is_some_and(|at| claims.issued_at <= at);
    if state.is_revoked || revoked_before {
        return Err(AuthenticationError::Revoked);
    }
    Ok(identity)
}

/// The keys under which what is known of a token is kept.
fn token_lookup_keys(claims: &AccessTokenClaims) -> Option<(IdentityName, u64, Accessor)> {
    Some((claims.identity.parse().ok()?, claims.identity_number, claims.accessor.parse().ok()?))
}

/// The same of a token that is none of ours: there is no identity of number 0.
fn dummy_lookup_keys() -> (IdentityName, u64, Accessor) {
    // Unwrap safety: a letter is a name.
    ("x".parse().unwrap(), 0, Accessor::new([0; 10], 0))
}
