//! Logins: a token of somebody else's is shown, and an access token of ours is given for it.
//!
//! What a token claims is looked at first, so that none is sent to a cluster, and no issuer is asked for its keys, for
//! a token that could not be let in anyway. Only then it is verified: by the API server ([`kubernetes`]), or by the
//! keys of its issuer ([`oidc`]).

mod explain;
mod issuer_keys;
mod kubernetes;
mod oidc;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use jwt_auth::{JwtError, UnverifiedJwt};
use lease_core::{AuthMethod, AuthMethodKind, ClaimMismatch, Identity, IdentityName, Reviewer};

pub use self::explain::{LoginExplanation, MethodExplanation};
pub use self::issuer_keys::IssuerKeysError;
pub(crate) use self::oidc::shortened;
use crate::access_tokens::{Login, NewAccessToken};
use crate::{ClusterError, Engine, Ports, StoreError};

/// A login that gives no access token.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Nobody is let in by this token. The reasons are for the audit: whoever shows the token is told nothing.
    #[error("the login is refused: {}", Reasons(.0))]
    Refused(Vec<Refusal>),
    /// Several identities would let it in, and none was named.
    #[error("the token lets in as several identities")]
    Ambiguous,
    /// As many logins from this address have failed in this minute as may.
    #[error("too many logins of this address have failed")]
    TooManyFailures {
        /// The number of seconds after which it may try again.
        retry_after: u32,
    },
    /// The cluster that was to review the token did not.
    #[error("the token could not be reviewed for identity `{identity}`")]
    Review {
        /// The identity.
        identity: IdentityName,
        /// The reason.
        source: ClusterError,
    },
    /// The keys of the issuer are not known.
    #[error("the keys of the issuer of identity `{identity}` are not known")]
    IssuerKeys {
        /// The identity.
        identity: IdentityName,
        /// The reason.
        source: IssuerKeysError,
    },
    /// The store failed.
    #[error("could not read or write the store")]
    Store(#[from] StoreError),
}

/// The reason for which one identity does not let a token in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The identity; none if the token was refused before any was looked at.
    pub identity: Option<IdentityName>,
    /// The reason.
    pub reason: RefusalReason,
}

/// The reason for which a token is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    /// It is no JWT, or not signed as it should be, or claims something else than it should.
    #[error(transparent)]
    Token(#[from] JwtError),
    /// A claim that binds the identity has another value.
    #[error(transparent)]
    Claim(#[from] ClaimMismatch),
    /// There is no identity that such a token could be for.
    #[error("no identity has such a login")]
    NoIdentity,
    /// The identity is disabled.
    #[error("the identity is disabled")]
    Disabled,
    /// The identity may manage administrators, and is let in by no cluster.
    #[error("an identity with `manage_administrators` is not let in by `kubernetes`")]
    ManagerByKubernetes,
    /// The address of the client is not one of `trusted_ips`.
    #[error("the address of the client is not trusted")]
    UntrustedAddress,
    /// `sub` is no `ServiceAccount`.
    #[error("`sub` is no ServiceAccount")]
    NoServiceAccount,
    /// The `ServiceAccount` is not among `allowed_names` in `allowed_namespaces`.
    #[error("the ServiceAccount is not among `allowed_names` in `allowed_namespaces`")]
    ServiceAccountNotAllowed,
    /// The target of the identity does not exist any more, or is disabled.
    #[error("the target of the identity does not exist, or is disabled")]
    NoTarget,
    /// The API server does not accept the token.
    #[error("the API server does not accept the token")]
    NotAuthenticated,
    /// The API server says that the token is somebody else's than it says itself, or no `ServiceAccount`'s.
    #[error("the API server knows the token's bearer as somebody else than `sub`")]
    OtherUser,
    /// The API server accepts the token, but not for `allowed_audience`.
    #[error("the API server accepts the token for another audience than `allowed_audience`")]
    OtherAudience,
    /// The token has been used, and is good for one login.
    #[error("the token was used before, and is good for one login")]
    Replayed,
}

impl LoginError {
    /// The identity that was looked at, if it was one alone.
    pub(crate) fn only_identity(&self) -> Option<&IdentityName> {
        match self {
            Self::Refused(refusals) => match &refusals[..] {
                [Refusal { identity, .. }] => identity.as_ref(),
                _ => None,
            },
            Self::Review { identity, .. } | Self::IssuerKeys { identity, .. } => Some(identity),
            Self::Ambiguous | Self::TooManyFailures { .. } | Self::Store(_) => None,
        }
    }
}

/// Reasons in one line.
struct Reasons<'a>(&'a [Refusal]);

/// An identity that may let a token in, with one of its ways to log in.
struct Candidate<'a, A> {
    identity: &'a Identity,
    auth: &'a A,
}

/// What became of a token for one candidate.
type Outcome = Result<BTreeMap<String, String>, Refusal>;

impl<P: Ports> Engine<P> {
    /// Logs in by a token of a Kubernetes `ServiceAccount`, as `identity`, or as the only one that lets it in.
    ///
    /// # Errors
    /// Fails as [`LoginError`] says.
    pub async fn log_in_by_kubernetes(
        &self,
        identity: Option<&IdentityName>,
        jwt: &str,
    ) -> Result<NewAccessToken, LoginError> {
        self.log_in_by(AuthMethodKind::Kubernetes, identity, jwt).await
    }

    /// Logs in by an ID token of an `OpenID` Connect issuer, as `identity`, or as the only one that lets it in.
    ///
    /// # Errors
    /// Fails as [`LoginError`] says.
    pub async fn log_in_by_oidc(
        &self,
        identity: Option<&IdentityName>,
        jwt: &str,
    ) -> Result<NewAccessToken, LoginError> {
        self.log_in_by(AuthMethodKind::Oidc, identity, jwt).await
    }

    async fn log_in_by(
        &self,
        method: AuthMethodKind,
        identity: Option<&IdentityName>,
        jwt: &str,
    ) -> Result<NewAccessToken, LoginError> {
        self.check_login_rate()?;
        let outcome = self.find_admitting(method, identity, jwt).await;
        self.finish_login(method, identity, outcome)
    }

    /// Shows the token to each way of this kind to log in as the identity that is named, or as any.
    async fn find_admitting(
        &self,
        kind: AuthMethodKind,
        named: Option<&IdentityName>,
        jwt: &str,
    ) -> Result<Admitted, LoginError> {
        let token = UnverifiedJwt::read(jwt).map_err(refused)?;
        let identities = self.login_identities(named)?;
        let mut attempts = Attempts::default();
        for (number, identity) in &identities {
            for method in identity.spec().auth.iter().filter(|method| method.kind() == kind) {
                if let Some(outcome) = self.attempt(identity, method, (&token, jwt)).await? {
                    attempts.add(*number, identity, outcome);
                }
            }
        }
        attempts.decide()
    }

    /// Shows the token to one way to log in; nothing comes of it if that is none by which a login is made.
    async fn attempt(
        &self,
        identity: &Identity,
        method: &AuthMethod<Reviewer>,
        (token, jwt): (&UnverifiedJwt<'_>, &str),
    ) -> Result<Option<Outcome>, LoginError> {
        Ok(Some(match (self.may_try(identity, method.kind()), method) {
            // An access token is shown with each request, and not at a login.
            (_, AuthMethod::Token(_)) => return Ok(None),
            (Err(reason), _) => Err(refuse(identity, reason)),
            (Ok(()), AuthMethod::Kubernetes(auth)) => {
                self.review_login(&Candidate { identity, auth }, token, jwt).await?
            }
            (Ok(()), AuthMethod::Oidc(auth)) => {
                self.verify_login(&Candidate { identity, auth }, token).await?
            }
        }))
    }

    /// Gives the access token of a login that has succeeded; counts and records one that was refused.
    fn finish_login(
        &self,
        method: AuthMethodKind,
        named: Option<&IdentityName>,
        outcome: Result<Admitted, LoginError>,
    ) -> Result<NewAccessToken, LoginError> {
        let Admitted { number, identity, claims } = match outcome {
            Ok(admitted) => admitted,
            Err(error) => {
                if matches!(error, LoginError::Refused(_) | LoginError::Ambiguous) {
                    self.count_failed_login()?;
                }
                self.record_refused_login(method, named, &error)?;
                return Err(error);
            }
        };
        Ok(self.log_in((number, &identity), Login { method, claims, ttl: None })?)
    }

    /// Reads the identity that is named, or all.
    fn login_identities(
        &self,
        named: Option<&IdentityName>,
    ) -> Result<Vec<(u64, Identity)>, LoginError> {
        let identities = self.identities();
        Ok(match named {
            Some(name) => identities.entry(name)?.into_iter().collect(),
            None => identities.entries()?,
        })
    }

    /// Checks what does not depend on the token.
    fn may_try(&self, identity: &Identity, kind: AuthMethodKind) -> Result<(), RefusalReason> {
        let spec = identity.spec();
        if spec.disabled {
            return Err(RefusalReason::Disabled);
        }
        if !identity.admits_by(kind) {
            return Err(RefusalReason::ManagerByKubernetes);
        }
        if !spec.access_token.trusted_ips().trust(self.requester.origin.address) {
            return Err(RefusalReason::UntrustedAddress);
        }
        Ok(())
    }

    /// Refuses whoever has failed too often in this minute, before anything is looked at.
    fn check_login_rate(&self) -> Result<(), LoginError> {
        let wait = self.rates().wait_after_failures(&self.client(), FAILED_LOGINS, self.now())?;
        match wait {
            Some(retry_after) => Err(LoginError::TooManyFailures { retry_after }),
            None => Ok(()),
        }
    }

    fn count_failed_login(&self) -> Result<(), StoreError> {
        self.rates().count_failure(&self.client(), self.now())
    }

    /// The name under which failures of a client are counted: its address. All whose address is not known count
    /// as one.
    pub(crate) fn client(&self) -> String {
        self.requester.origin.address.map_or("unknown".to_owned(), |address| address.to_string())
    }
}

/// An identity that lets a token in, and the claims that have decided it.
struct Admitted {
    number: u64,
    identity: Identity,
    claims: BTreeMap<String, String>,
}

/// What became of a token for each candidate.
#[derive(Default)]
struct Attempts {
    admitted: Vec<Admitted>,
    refusals: Vec<Refusal>,
}

impl Attempts {
    /// Adds what became of it for one. An identity with two ways to log in that both let it in is one identity.
    fn add(&mut self, number: u64, identity: &Identity, outcome: Outcome) {
        match outcome {
            Ok(_) if self.admitted.iter().any(|admitted| admitted.number == number) => {}
            Ok(claims) => {
                self.admitted.push(Admitted { number, identity: identity.clone(), claims });
            }
            Err(refusal) => self.refusals.push(refusal),
        }
    }

    fn decide(mut self) -> Result<Admitted, LoginError> {
        match (self.admitted.pop(), self.admitted.is_empty()) {
            (Some(admitted), true) => Ok(admitted),
            (Some(_), false) => Err(LoginError::Ambiguous),
            (None, _) if self.refusals.is_empty() => Err(refused(RefusalReason::NoIdentity)),
            (None, _) => Err(LoginError::Refused(self.refusals)),
        }
    }
}

impl<A> Candidate<'_, A> {
    fn refusal(&self, reason: impl Into<RefusalReason>) -> Refusal {
        refuse(self.identity, reason)
    }
}

fn refuse(identity: &Identity, reason: impl Into<RefusalReason>) -> Refusal {
    Refusal { identity: Some(identity.name.clone()), reason: reason.into() }
}

fn refused(reason: impl Into<RefusalReason>) -> LoginError {
    LoginError::Refused(vec![Refusal { identity: None, reason: reason.into() }])
}

impl std::fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, Refusal { identity, reason }) in self.0.iter().take(SHOWN_REASONS).enumerate() {
            f.write_str(if index == 0 { "" } else { "; " })?;
            match identity {
                Some(identity) => write!(f, "`{identity}`: {reason}")?,
                None => write!(f, "{reason}")?,
            }
        }
        match self.0.len().saturating_sub(SHOWN_REASONS) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// The number of identities whose reasons are logged for one login that names none.
const SHOWN_REASONS: usize = 8;

/// The number of logins of one address that may fail in a minute. A job that is misconfigured fails a few times; a
/// secret cannot be guessed in so few tries, and a signature not at all.
pub(crate) const FAILED_LOGINS: u32 = 20;

/// The longest time that a login takes.
const LOGIN_TIME: TimeDelta = TimeDelta::seconds(15);

#[cfg(test)]
mod tests;
