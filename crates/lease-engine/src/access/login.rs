//! Logins: a token of somebody else's is shown, and an access token of ours is given for it.
//!
//! What a token claims is looked at first, so that none is sent to a cluster, and no issuer is asked for its keys, for
//! a token that could not be let in anyway. Only then it is verified: by the API server ([`kubernetes`]), or by the
//! keys of its issuer ([`oidc`]).

mod attempts;
mod cluster_issuers;
mod failure_limit;
mod issuer_keys;
mod kubernetes;
mod login_explanation;
mod oidc;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use jwt_auth::{JwtError, UnverifiedJwt};
use lease_core::{AuthMethodKind, ClaimMismatch, Identity, IdentityName};

use self::attempts::{
    AdmittedLogin, AttemptOutcomes, AttemptResult, LoginOutcome, LoginToken, SingleUseToken,
};
#[cfg(test)]
use self::failure_limit::MAX_FAILED_LOGINS;
pub use self::issuer_keys::IssuerKeysError;
pub use self::login_explanation::{LoginExplanation, MethodExplanation};
pub(crate) use self::oidc::shorten_value;
use crate::access::access_tokens::{NewAccessToken, SuccessfulLogin};
use crate::{ClusterError, Engine, Ports, StoreError};

/// A login that gives no access token.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Nobody is let in by this token. The reasons are for the audit: whoever shows the token is told nothing.
    #[error("the login is refused: {}", Reasons(.0))]
    Refused(Vec<LoginRefusal>),
    /// Several identities would let it in, and none was named.
    #[error("the token could log in as several identities")]
    Ambiguous,
    /// As many logins from this address have failed in this minute as may.
    #[error("too many logins from this address have failed")]
    TooManyFailures {
        /// The number of seconds after which it may try again.
        retry_after: u32,
    },
    /// So many logins from this address were being decided that this one's time has passed.
    #[error("too many logins from this address were waiting")]
    Crowded,
    /// The cluster that was to review the token did not.
    #[error("the token could not be reviewed for identity `{identity}`")]
    Review {
        /// The identity.
        identity: IdentityName,
        /// True if the token that was shown may be the cause: it was the credential of the review.
        is_of_caller: bool,
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
pub struct LoginRefusal {
    /// The identity; none if the token was refused before any was looked at.
    pub identity: Option<IdentityName>,
    /// The reason.
    pub reason: RefusalReason,
}

/// The reason for which a token is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    /// The token is no JWT, its signature is wrong, or its claims do not fit.
    #[error(transparent)]
    Token(#[from] JwtError),
    /// A claim that binds the identity has another value.
    #[error(transparent)]
    Claim(#[from] ClaimMismatch),
    /// There is no identity that such a token could be for.
    #[error("no identity can log in by such a token")]
    NoIdentity,
    /// The identity is disabled.
    #[error("the identity is disabled")]
    Disabled,
    /// The identity may manage administrators, and is let in by no cluster.
    #[error("an identity with `manage_administrators` cannot log in by `kubernetes`")]
    ManagerByKubernetes,
    /// The address of the client is not one of `trusted_ips`.
    #[error("the address of the client is not trusted")]
    UntrustedAddress,
    /// `sub` is no `ServiceAccount`.
    #[error("`sub` does not name a ServiceAccount")]
    NoServiceAccount,
    /// The `ServiceAccount` is not among `allowed_names` in `allowed_namespaces`.
    #[error("the ServiceAccount is not among `allowed_names` in `allowed_namespaces`")]
    ServiceAccountNotAllowed,
    /// The target of the identity does not exist any more, or is disabled.
    #[error("the target of the identity does not exist, or is disabled")]
    NoTarget,
    /// `iss` is not the issuer of the tokens of the target's cluster.
    #[error("`iss` is not the issuer of the cluster at the identity's target")]
    OtherIssuer,
    /// The cluster's issuer is not known, and it is not the only cluster that the token might be of.
    #[error(
        "the issuer of the cluster at the identity's target is not known, and the token may come \
         from another cluster"
    )]
    UnknownIssuer,
    /// The API server does not accept the token.
    #[error("the API server does not accept the token")]
    NotAuthenticated,
    /// The API server says that the token is somebody else's than it says itself, or no `ServiceAccount`'s.
    #[error("the API server names another user than `sub`")]
    OtherUser,
    /// The API server accepts the token, but not for `allowed_audience`.
    #[error("the API server accepts the token, but not for `allowed_audience`")]
    OtherAudience,
    /// The token has been used, and is good for one login.
    #[error("the token was used before; it is valid for one login")]
    Replayed,
}

impl LoginError {
    /// The identity that was looked at, if it was one alone.
    pub(crate) fn only_identity(&self) -> Option<&IdentityName> {
        match self {
            Self::Refused(refusals) => match &refusals[..] {
                [LoginRefusal { identity, .. }] => identity.as_ref(),
                _ => None,
            },
            Self::Review { identity, .. } | Self::IssuerKeys { identity, .. } => Some(identity),
            Self::Ambiguous | Self::TooManyFailures { .. } | Self::Crowded | Self::Store(_) => None,
        }
    }

    /// Returns true if its caller has made the login fail.
    fn is_of_caller(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Ambiguous | Self::TooManyFailures { .. } => true,
            Self::Review { is_of_caller, .. } => *is_of_caller,
            Self::Crowded | Self::IssuerKeys { .. } | Self::Store(_) => false,
        }
    }
}

/// Reasons in one line.
struct Reasons<'a>(&'a [LoginRefusal]);

/// An identity that may let a token in, with one of its ways to log in.
struct LoginCandidate<'a, A> {
    identity: &'a Identity,
    auth: &'a A,
}

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
        let deadline = self.now() + LOGIN_TIME;
        let slot = self.wait_for_login_slot(deadline).await?;
        let outcome = self.find_admitting(method, identity, jwt, deadline).await;
        self.end_login_slot(&slot, &outcome)?;
        match outcome {
            Ok((number, identity, claims)) => Ok(self.make_login_token(
                (number, &identity),
                SuccessfulLogin { method, claims, ttl: None },
            )?),
            Err(error) => {
                self.record_refused_login(method, identity, &error)?;
                Err(error)
            }
        }
    }

    /// Shows the token to each way of this kind to log in as the identity that is named, or as any.
    async fn find_admitting(
        &self,
        kind: AuthMethodKind,
        named: Option<&IdentityName>,
        jwt: &str,
        deadline: DateTime<Utc>,
    ) -> Result<(u64, Identity, BTreeMap<String, String>), LoginError> {
        let unverified = UnverifiedJwt::parse(jwt).map_err(refused_login)?;
        let token = LoginToken { jwt, unverified: &unverified, deadline };
        let identities = self.login_identities(named)?;
        let mut ways = vec![];
        for (number, identity) in &identities {
            let methods = identity.spec().auth.iter().filter(|method| method.kind() == kind);
            ways.extend(methods.map(|method| (*number, (identity, method))));
        }
        let shown: Vec<_> = ways.iter().map(|(_, way)| *way).collect();
        let mut attempts = AttemptOutcomes::default();
        for ((number, (identity, _)), tried) in
            ways.iter().zip(self.try_each_auth_method(&shown, &token).await)
        {
            attempts.add_outcome(*number, identity, tried);
        }
        self.use_up_login_tokens(attempts.decide_login()?)
    }

    /// Reads the identity that is named, or all.
    fn login_identities(
        &self,
        named: Option<&IdentityName>,
    ) -> Result<Vec<(u64, Identity)>, StoreError> {
        let identities = self.identities();
        Ok(match named {
            Some(name) => identities.get_with_number(name)?.into_iter().collect(),
            None => identities.list_all_with_numbers()?,
        })
    }

    /// Checks what does not depend on the token.
    fn check_login_allowed(
        &self,
        identity: &Identity,
        kind: AuthMethodKind,
    ) -> Result<(), RefusalReason> {
        let spec = identity.spec();
        if spec.disabled {
            return Err(RefusalReason::Disabled);
        }
        if !identity.admits_by(kind) {
            return Err(RefusalReason::ManagerByKubernetes);
        }
        if !spec.access_token.trusted_ips().is_trusted(self.requester.origin.address) {
            return Err(RefusalReason::UntrustedAddress);
        }
        Ok(())
    }
}

impl<A> LoginCandidate<'_, A> {
    fn to_refusal(&self, reason: impl Into<RefusalReason>) -> LoginRefusal {
        new_refusal(self.identity, reason)
    }
}

fn new_refusal(identity: &Identity, reason: impl Into<RefusalReason>) -> LoginRefusal {
    LoginRefusal { identity: Some(identity.name.clone()), reason: reason.into() }
}

fn refused_login(reason: impl Into<RefusalReason>) -> LoginError {
    LoginError::Refused(vec![LoginRefusal { identity: None, reason: reason.into() }])
}

impl std::fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, LoginRefusal { identity, reason }) in
            self.0.iter().take(SHOWN_REASONS).enumerate()
        {
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

/// The longest time that a login takes.
const LOGIN_TIME: TimeDelta = TimeDelta::seconds(15);

#[cfg(test)]
mod tests;
