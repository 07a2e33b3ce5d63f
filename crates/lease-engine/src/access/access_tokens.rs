//! Access tokens: made at a login, shown with each request, renewed and revoked.
//!
//! A token is a JWT of ours that says which identity its bearer has logged in as. All that can change is read when the
//! token is used: whether the identity exists and is enabled, from where it may come, what it is granted.

mod authentication;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use jwt_auth::{AccessToken, AccessTokenClaims};
use lease_core::{
    Accessor, AuditDecision, AuditEvent, AuditEventType, AuthMethodKind, Description,
    DynamicSecretName, Identity, IdentityName, LeaseAction, Ttl, is_dynamic_secret_granted,
};

pub use self::authentication::{AccessTokenRefusal, AuthenticationError, TokenPurpose};
use crate::audit::NumberedEvent;
use crate::{
    BulkRevocation, Engine, IdentityError, LeaseFilter, Ports, Requester, Session, StoreError,
};

/// An access token, and what it says.
#[derive(Debug)]
pub struct NewAccessToken {
    /// The token: it is answered once, and never kept.
    pub token: AccessToken,
    /// Its claims.
    pub claims: AccessTokenClaims,
    /// The number of seconds for which it is good.
    pub expires_in: i64,
    /// The number of seconds for which it can be, with all renewals.
    pub max_expires_in: i64,
}

/// A login that has succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SuccessfulLogin {
    /// The kind of it.
    pub(crate) method: AuthMethodKind,
    /// The claims by which it was decided.
    pub(crate) claims: BTreeMap<String, String>,
    /// The life of its token; that of the identity's terms if nothing is said.
    pub(crate) ttl: Option<Ttl>,
}

/// The reason why an access token is not renewed.
#[derive(Debug, thiserror::Error)]
pub enum TokenRenewalError {
    /// The access token has reached its longest lifetime.
    #[error("the access token has reached its maximum lifetime")]
    AtMaximum,
    /// The store failed.
    #[error("could not read or write the store")]
    Store(#[from] StoreError),
}

impl<P: Ports> Engine<P> {
    /// Makes an access token of an identity for somebody who is to have one, as an administrator asks.
    ///
    /// # Errors
    /// Refuses for an identity that is disabled or takes no such tokens, and for an administrator unless the requester
    /// may do that.
    pub fn make_token_for_identity(
        &self,
        name: &IdentityName,
        ttl: Option<Ttl>,
        description: &Description,
    ) -> Result<NewAccessToken, IdentityError> {
        let (number, identity) = self.get_numbered_identity(name)?;
        self.check_may_change_identity(&identity)?;
        if identity.spec().disabled {
            return Err(IdentityError::Disabled(name.clone()));
        }
        if !identity.allows_token_auth() {
            return Err(IdentityError::NoTokens(name.clone()));
        }
        let max = identity.spec().access_token.max_ttl();
        if let Some(asked) = ttl.filter(|ttl| *ttl > max) {
            return Err(IdentityError::TtlTooLong { asked, max });
        }
        let described = !description.as_str().is_empty();
        let described = described.then(|| ("description".to_owned(), description.as_str().into()));
        let claims = described.into_iter().collect();
        let login = SuccessfulLogin { method: AuthMethodKind::Token, claims, ttl };
        let event = AuditEvent {
            subject_identity: Some(name.clone()),
            ..self.new_allowed_event(AuditEventType::AccessTokenCreated)
        };
        let event = match description.as_str() {
            "" => event,
            text => event.with_reason(text),
        };
        let event = |_: &SuccessfulLogin, accessor| AuditEvent {
            subject_accessor: Some(accessor),
            ..event
        };
        Ok(self.make_and_record_token((number, &identity), login, event)?)
    }

    /// Makes the access token of a login.
    pub(crate) fn make_login_token(
        &self,
        (number, identity): (u64, &Identity),
        login: SuccessfulLogin,
    ) -> Result<NewAccessToken, StoreError> {
        let event = |login: &SuccessfulLogin, accessor| {
            let actor = self.login_actor(identity, login, accessor);
            AuditEvent { actor, ..self.new_allowed_event(AuditEventType::Login) }
        };
        self.make_and_record_token((number, identity), login, event)
    }

    /// Makes an access token and records its event: two durable writes, or three if its uses are counted.
    fn make_and_record_token(
        &self,
        (identity_number, identity): (u64, &Identity),
        login: SuccessfulLogin,
        event: impl FnOnce(&SuccessfulLogin, Accessor) -> AuditEvent,
    ) -> Result<NewAccessToken, StoreError> {
        let (now, terms) = (self.ports.now(), &identity.spec().access_token);
        let accessor = Accessor::new(self.random_bytes(), identity_number);
        let ttl = login.ttl.unwrap_or(terms.ttl());
        let ttl_seconds = Some(ttl.as_secs().into());
        let event = AuditEvent { ttl_seconds, ..event(&login, accessor) };
        let max_expires_at = now + TimeDelta::from(terms.max_ttl());
        let claims = AccessTokenClaims {
            identity: identity.name.to_string(),
            identity_number,
            accessor: accessor.to_string(),
            issued_at: now,
            expires_at: now + TimeDelta::from(ttl),
            max_expires_at,
            ttl: ttl.as_secs(),
            max_uses: terms.num_uses(),
            auth_method: login.method.as_str().to_owned(),
            login_claims: login.claims,
        };
        if claims.max_uses > 0 {
            let riding = self.number_event(event)?;
            self.access_tokens().schedule_use_counter_deletion(
                accessor,
                now,
                max_expires_at,
                riding.store_entries(),
            )?;
            riding.write_log();
        } else {
            self.record_event(&event)?;
        }
        Ok(self.sign_access_token(claims, now))
    }

    /// Renews the access token of a session: another token of the same login, with what is left of its uses. Its event
    /// is two durable writes.
    ///
    /// # Errors
    /// Refuses one that already lives as long as it may, counted from the login by the terms as they are now.
    pub fn renew_access_token(
        &self,
        session: &Session,
    ) -> Result<NewAccessToken, TokenRenewalError> {
        let now = self.ports.now();
        let mut claims = session.token.clone();
        let terms = &session.identity.spec().access_token;
        let latest = claims.issued_at + TimeDelta::from(terms.max_ttl());
        let latest = claims.max_expires_at.min(latest);
        let end = (now + TimeDelta::seconds(i64::from(claims.ttl))).min(latest);
        // The times of a token are whole seconds: less than one more is nothing.
        if claims.expires_at >= latest || end <= now {
            return Err(TokenRenewalError::AtMaximum);
        }
        // A renewal never shortens.
        claims.expires_at = end.max(claims.expires_at);
        let ttl_seconds = u64::try_from((claims.expires_at - now).num_seconds()).ok();
        let event = self.session_event(AuditEventType::AccessTokenRenewed, session);
        self.record_event(&AuditEvent { ttl_seconds, ..event })?;
        Ok(self.sign_access_token(claims, now))
    }

    /// Revokes the access token of a session; with `leases`, what was leased by it is taken back.
    ///
    /// # Errors
    /// Fails if the store does.
    pub async fn revoke_own_access_token(
        &self,
        session: &Session,
        leases: bool,
    ) -> Result<Option<BulkRevocation>, StoreError> {
        let (end, now) = (session.token.max_expires_at, self.ports.now());
        let event = self.session_event(AuditEventType::AccessTokenRevoked, session);
        let riding = self.number_event_if_possible(event);
        self.access_tokens().revoke_token(
            session.accessor,
            now,
            Some(end),
            event_store_entries(riding.as_ref()),
        )?;
        riding.iter().for_each(NumberedEvent::write_log);
        self.revoke_leases_if_asked(session.accessor, leases).await
    }

    /// Revokes the access token of an accessor, if there is one; with `leases`, what was leased by it is taken back.
    ///
    /// # Errors
    /// Refuses for a token of an administrator unless the requester may do that.
    pub async fn revoke_token_by_accessor(
        &self,
        accessor: Accessor,
        leases: bool,
    ) -> Result<Option<BulkRevocation>, IdentityError> {
        // Nobody logs in as an identity that is gone: its tokens are anybody's to revoke.
        let identity = self.identities().get_by_number(accessor.identity_number())?;
        identity.as_ref().map_or(Ok(()), |identity| self.check_may_change_identity(identity))?;
        let event = AuditEvent {
            subject_identity: identity.map(|identity| identity.name),
            subject_accessor: Some(accessor),
            ..self.new_allowed_event(AuditEventType::AccessTokenRevoked)
        };
        let riding = self.number_event_if_possible(event);
        self.access_tokens().revoke_token(
            accessor,
            self.ports.now(),
            None,
            event_store_entries(riding.as_ref()),
        )?;
        riding.iter().for_each(NumberedEvent::write_log);
        Ok(self.revoke_leases_if_asked(accessor, leases).await?)
    }

    /// Revokes all access tokens that an identity has by now; with `leases`, its leases are taken back.
    ///
    /// # Errors
    /// Fails if there is no such identity. Refuses for an administrator unless the requester may do that.
    pub async fn revoke_identity_tokens(
        &self,
        name: &IdentityName,
        leases: bool,
    ) -> Result<Option<BulkRevocation>, IdentityError> {
        let (number, identity) = self.get_numbered_identity(name)?;
        self.check_may_change_identity(&identity)?;
        let event = AuditEvent {
            subject_identity: Some(name.clone()),
            ..self.new_allowed_event(AuditEventType::IdentityTokensRevoked)
        };
        let riding = self.number_event_if_possible(event);
        self.access_tokens().revoke_tokens_issued_so_far(
            number,
            self.ports.now(),
            event_store_entries(riding.as_ref()),
        )?;
        riding.iter().for_each(NumberedEvent::write_log);
        if !leases {
            return Ok(None);
        }
        Ok(Some(self.revoke_until_timeout(&LeaseFilter::of_identity(name)).await?))
    }

    /// The number of uses that are left of a session's token, if they are counted.
    ///
    /// # Errors
    /// Fails if the store does.
    pub fn read_uses_left(&self, session: &Session) -> Result<Option<u64>, StoreError> {
        let limit = u64::from(session.token.max_uses);
        if limit == 0 {
            return Ok(None);
        }
        Ok(Some(limit.saturating_sub(self.access_tokens().read_use_count(session.accessor)?)))
    }

    /// The names of the dynamic secrets, at most `limit` of them, of which an identity may ask for leases.
    ///
    /// # Errors
    /// Fails if the store does.
    pub fn list_issuable_dynamic_secrets(
        &self,
        identity: &Identity,
        limit: usize,
    ) -> Result<Vec<DynamicSecretName>, StoreError> {
        let secrets = self.dynamic_secrets().list_all()?.into_iter().map(|secret| secret.name);
        let granted = |name: &DynamicSecretName| {
            is_dynamic_secret_granted(identity, LeaseAction::Issue, name)
        };
        Ok(secrets.filter(granted).take(limit).collect())
    }

    async fn revoke_leases_if_asked(
        &self,
        accessor: Accessor,
        leases: bool,
    ) -> Result<Option<BulkRevocation>, StoreError> {
        if !leases {
            return Ok(None);
        }
        let filter = LeaseFilter { accessor: Some(accessor), ..LeaseFilter::default() };
        Ok(Some(self.revoke_until_timeout(&filter).await?))
    }

    /// An event of the access token of a session, which may stand in the body of a request that nobody else asks.
    fn session_event(&self, event_type: AuditEventType, session: &Session) -> AuditEvent {
        let origin = self.requester.origin.clone();
        let actor = Requester::from_session(session.clone()).from(origin).audit_actor();
        let event = AuditEvent::new(event_type, AuditDecision::Allowed, &actor, self.now());
        AuditEvent {
            subject_identity: Some(session.identity.name.clone()),
            subject_accessor: Some(session.accessor),
            ..event
        }
    }

    fn sign_access_token(&self, claims: AccessTokenClaims, now: DateTime<Utc>) -> NewAccessToken {
        NewAccessToken {
            token: self.keys.access_token_keys().sign_token(&claims),
            expires_in: (claims.expires_at - now).num_seconds(),
            max_expires_in: (claims.max_expires_at - now).num_seconds(),
            claims,
        }
    }
}

/// Returns the entries to write for an event; none if the event has no number.
fn event_store_entries(riding: Option<&NumberedEvent>) -> Vec<(String, Vec<u8>)> {
    riding.map(NumberedEvent::store_entries).unwrap_or_default()
}

#[cfg(test)]
mod tests;
