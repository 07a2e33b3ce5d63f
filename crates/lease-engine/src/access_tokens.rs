//! Access tokens: made at a login, shown with each request, renewed and revoked.
//!
//! A token is a JWT of ours that says which identity its bearer has logged in as. All that can change is read when the
//! token is used: whether the identity exists and is enabled, from where it may come, what it is granted.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use jwt_auth::{AccessToken, AccessTokenClaims, JwtError};
use lease_core::{
    Accessor, Action, AuthMethodKind, Description, DynamicSecretName, Identity, IdentityName, Ttl,
    is_secret_granted,
};

use crate::{BulkRevocation, Engine, IdentityError, LeaseFilter, Ports, Session, StoreError};

/// An access token, and what it says.
#[derive(Debug)]
pub struct NewAccessToken {
    /// The token: it is answered once, and never kept.
    pub token: AccessToken,
    /// What it says.
    pub claims: AccessTokenClaims,
    /// The number of seconds for which it is good.
    pub expires_in: i64,
    /// The number of seconds for which it can be, with all renewals.
    pub max_expires_in: i64,
}

/// A login that has succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// The kind of it.
    pub(crate) method: AuthMethodKind,
    /// The claims by which it was decided.
    pub(crate) claims: BTreeMap<String, String>,
    /// The life of its token; that of the identity's terms if nothing is said.
    pub(crate) ttl: Option<Ttl>,
}

/// The reason why an access token lets nobody in. It is for the audit log: whoever shows the token is not told.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// It is no token of ours, or its time is over.
    #[error("the token is not good")]
    Token(#[from] JwtError),
    /// Its identity is gone, or was made anew since.
    #[error("the identity does not exist any more")]
    UnknownIdentity,
    /// Its identity is disabled.
    #[error("the identity is disabled")]
    Disabled,
    /// Its identity has no such way to log in any more.
    #[error("the identity has no such way to log in any more")]
    MethodGone,
    /// It was revoked.
    #[error("the token is revoked")]
    Revoked,
    /// It comes from somewhere else than it may.
    #[error("the address of the client is not trusted")]
    UntrustedAddress,
    /// It was used as often as it may be.
    #[error("the token is used up")]
    UsedUp,
    /// The store failed.
    #[error("could not read or write the store")]
    Store(#[from] StoreError),
}

/// The reason why an access token is not renewed.
#[derive(Debug, thiserror::Error)]
#[error("the access token lives as long as it may")]
pub struct TokenAtMaximum;

impl<P: Ports> Engine<P> {
    /// Makes an access token of an identity for somebody who is to have one, as an administrator asks.
    ///
    /// # Errors
    /// Refuses for an identity that is disabled or takes no such tokens, and for an administrator unless the requester
    /// may do that.
    pub fn make_access_token(
        &self,
        name: &IdentityName,
        ttl: Option<Ttl>,
        description: &Description,
    ) -> Result<NewAccessToken, IdentityError> {
        let (number, identity) = self.known_identity(name)?;
        self.may_change(&identity)?;
        if identity.spec().disabled {
            return Err(IdentityError::Disabled(name.clone()));
        }
        if !identity.takes_tokens() {
            return Err(IdentityError::NoTokens(name.clone()));
        }
        let max = identity.spec().access_token.max_ttl();
        if let Some(asked) = ttl.filter(|ttl| *ttl > max) {
            return Err(IdentityError::TtlTooLong { asked, max });
        }
        let described = !description.as_str().is_empty();
        let described = described.then(|| ("description".to_owned(), description.as_str().into()));
        let claims = described.into_iter().collect();
        let login = Login { method: AuthMethodKind::Token, claims, ttl };
        Ok(self.log_in((number, &identity), login)?)
    }

    /// Makes the access token of a login: no durable write, or two if its uses are counted.
    pub(crate) fn log_in(
        &self,
        (identity_number, identity): (u64, &Identity),
        login: Login,
    ) -> Result<NewAccessToken, StoreError> {
        let (now, terms) = (self.ports.now(), &identity.spec().access_token);
        let accessor = Accessor::new(self.random());
        let ttl = login.ttl.unwrap_or(terms.ttl());
        let max_expires_at = now + TimeDelta::from(terms.max_ttl());
        let claims = AccessTokenClaims {
            identity: identity.name.to_string(),
            identity_number,
            accessor: accessor.to_string(),
            issued_at: now,
            expires_at: now + TimeDelta::from(ttl),
            max_expires_at,
            ttl: ttl.seconds(),
            max_uses: terms.num_uses(),
            auth_method: login.method.as_str().to_owned(),
            login_claims: login.claims,
        };
        if claims.max_uses > 0 {
            self.tokens().begin_uses(accessor, now, max_expires_at, vec![])?;
        }
        Ok(self.sign(claims, now))
    }

    /// Finds out who shows an access token, and counts the use if uses are counted.
    ///
    /// # Errors
    /// Says what is wrong with the token, which is not for whoever has shown it.
    pub fn authenticate(
        &self,
        token: &str,
        address: Option<IpAddr>,
    ) -> Result<Session, AuthenticationError> {
        self.known_bearer(token, address, true)
    }

    /// Finds out who shows an access token. The use is not counted if it was counted already, for the same request.
    ///
    /// The work is the same whatever is wrong with it: three reads. Of a token that is none of ours they are of keys
    /// that nobody has.
    ///
    /// # Errors
    /// Says what is wrong with the token, which is not for whoever has shown it.
    pub fn known_bearer(
        &self,
        token: &str,
        address: Option<IpAddr>,
        counts: bool,
    ) -> Result<Session, AuthenticationError> {
        let verified = self.keys.access_token_keys().verify(token, self.ports.now());
        let named = verified.as_ref().ok().and_then(named).unwrap_or_else(nobody);
        let (name, number, accessor) = named;
        let entry = self.identities().entry(&name)?;
        let state = self.tokens().state(accessor, number)?;
        let claims = verified?;
        let entry = entry.filter(|(number, _)| *number == claims.identity_number);
        let (_, identity) = entry.ok_or(AuthenticationError::UnknownIdentity)?;
        let spec = identity.spec();
        if spec.disabled {
            return Err(AuthenticationError::Disabled);
        }
        if !spec.auth.iter().any(|method| method.kind().as_str() == claims.auth_method) {
            return Err(AuthenticationError::MethodGone);
        }
        // A token says its time in whole seconds: one of the same second is revoked with those before it.
        let revoked_before = state.revoked_before.is_some_and(|at| claims.issued_at <= at);
        if state.is_revoked || revoked_before {
            return Err(AuthenticationError::Revoked);
        }
        if !spec.access_token.trusted_ips().trust(address) {
            return Err(AuthenticationError::UntrustedAddress);
        }
        let limited = counts && claims.max_uses > 0;
        if limited && !self.tokens().use_once(accessor, claims.max_uses)? {
            return Err(AuthenticationError::UsedUp);
        }
        Ok(Session { identity, token: claims, accessor })
    }

    /// Renews the access token of a session: another token of the same login, with what is left of its uses.
    ///
    /// # Errors
    /// Refuses one that already lives as long as it may, counted from the login by the terms as they are now.
    pub fn renew_access_token(&self, session: &Session) -> Result<NewAccessToken, TokenAtMaximum> {
        let now = self.ports.now();
        let mut claims = session.token.clone();
        let terms = &session.identity.spec().access_token;
        let latest = claims.issued_at + TimeDelta::from(terms.max_ttl());
        let latest = claims.max_expires_at.min(latest);
        let end = (now + TimeDelta::seconds(i64::from(claims.ttl))).min(latest);
        // The times of a token are whole seconds: less than one more is nothing.
        if claims.expires_at >= latest || end <= now {
            return Err(TokenAtMaximum);
        }
        // A renewal never shortens.
        claims.expires_at = end.max(claims.expires_at);
        Ok(self.sign(claims, now))
    }

    /// Revokes the access token of a session; with `leases`, what was leased by it is taken back.
    ///
    /// # Errors
    /// Fails if the store does.
    pub async fn revoke_session(
        &self,
        session: &Session,
        leases: bool,
    ) -> Result<Option<BulkRevocation>, IdentityError> {
        let end = session.token.max_expires_at;
        self.tokens().revoke(session.accessor, self.ports.now(), Some(end), vec![])?;
        self.revoke_leases_by(session.accessor, leases).await
    }

    /// Revokes the access token of an accessor, if there is one; with `leases`, what was leased by it is taken back.
    ///
    /// # Errors
    /// Fails if the store does.
    pub async fn revoke_accessor(
        &self,
        accessor: Accessor,
        leases: bool,
    ) -> Result<Option<BulkRevocation>, IdentityError> {
        self.tokens().revoke(accessor, self.ports.now(), None, vec![])?;
        self.revoke_leases_by(accessor, leases).await
    }

    /// Revokes all access tokens that an identity has by now; with `leases`, its leases are taken back.
    ///
    /// # Errors
    /// Fails if there is no such identity. Refuses for an administrator unless the requester may do that.
    pub async fn revoke_identity(
        &self,
        name: &IdentityName,
        leases: bool,
    ) -> Result<Option<BulkRevocation>, IdentityError> {
        let (number, identity) = self.known_identity(name)?;
        self.may_change(&identity)?;
        self.tokens().revoke_all(number, self.ports.now(), vec![])?;
        if !leases {
            return Ok(None);
        }
        Ok(Some(self.revoke_all_of(&LeaseFilter::of_identity(name)).await?))
    }

    /// The number of uses that are left of a session's token, if they are counted.
    ///
    /// # Errors
    /// Fails if the store does.
    pub fn uses_left(&self, session: &Session) -> Result<Option<u64>, StoreError> {
        let limit = u64::from(session.token.max_uses);
        if limit == 0 {
            return Ok(None);
        }
        Ok(Some(limit.saturating_sub(self.tokens().uses(session.accessor)?)))
    }

    /// The names of the dynamic secrets, at most `limit` of them, of which an identity may ask for leases.
    ///
    /// # Errors
    /// Fails if the store does.
    pub fn issuable_by(
        &self,
        identity: &Identity,
        limit: usize,
    ) -> Result<Vec<DynamicSecretName>, StoreError> {
        let secrets = self.dynamic_secrets().all()?.into_iter().map(|secret| secret.name);
        let granted = |name: &DynamicSecretName| is_secret_granted(identity, Action::Issue, name);
        Ok(secrets.filter(granted).take(limit).collect())
    }

    async fn revoke_leases_by(
        &self,
        accessor: Accessor,
        leases: bool,
    ) -> Result<Option<BulkRevocation>, IdentityError> {
        if !leases {
            return Ok(None);
        }
        let filter = LeaseFilter { accessor: Some(accessor), ..LeaseFilter::default() };
        Ok(Some(self.revoke_all_of(&filter).await?))
    }

    fn sign(&self, claims: AccessTokenClaims, now: DateTime<Utc>) -> NewAccessToken {
        NewAccessToken {
            token: self.keys.access_token_keys().sign(&claims),
            expires_in: (claims.expires_at - now).num_seconds(),
            max_expires_in: (claims.max_expires_at - now).num_seconds(),
            claims,
        }
    }
}

/// The keys under which what is known of a token is kept.
fn named(claims: &AccessTokenClaims) -> Option<(IdentityName, u64, Accessor)> {
    Some((claims.identity.parse().ok()?, claims.identity_number, claims.accessor.parse().ok()?))
}

/// The same of a token that is none of ours: there is no identity of number 0.
fn nobody() -> (IdentityName, u64, Accessor) {
    // Unwrap safety: a letter is a name.
    ("x".parse().unwrap(), 0, Accessor::new([0; 16]))
}

#[cfg(test)]
mod tests;
