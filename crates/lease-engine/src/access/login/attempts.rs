//! All ways to log in that a token is shown to, and what comes of them together.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use jwt_auth::UnverifiedJwt;
use lease_core::{AuthMethod, Identity, OidcAuth, Reviewer, Target};

use super::kubernetes::PendingTokenReview;
use super::{LoginCandidate, LoginError, LoginRefusal, RefusalReason, new_refusal, refused_login};
use crate::leases::MAX_CONCURRENT_REVOCATIONS;
use crate::{Engine, Ports};

/// The outcome of a token at one way to log in.
pub(super) type LoginOutcome = Result<AdmittedLogin, LoginRefusal>;

/// The same, if that is a way by which a login is made and if it could be decided.
pub(super) type AttemptResult = Result<Option<LoginOutcome>, LoginError>;

/// A token that is shown at a login.
pub(super) struct LoginToken<'t> {
    /// The token.
    pub(super) jwt: &'t str,
    /// Its claims, which nobody has verified.
    pub(super) unverified: &'t UnverifiedJwt<'t>,
    /// The end of the login, whatever it waits for.
    pub(super) deadline: DateTime<Utc>,
}

/// A way to log in whose rules for claims a token keeps, or what else became of it.
pub(super) enum LoginAttempt<'a> {
    /// Nothing: no login is made by this.
    Nothing,
    /// An outcome: nobody has to be asked.
    Decided(Result<LoginOutcome, LoginError>),
    /// An API server is to review the token.
    Review(Box<PendingTokenReview<'a>>),
    /// The keys of its issuer are to verify it.
    Verify(LoginCandidate<'a, OidcAuth>),
}

/// A way to log in that lets a token in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AdmittedLogin {
    /// The claims that have decided.
    pub(super) claims: BTreeMap<String, String>,
    /// The token as the login uses it up, if it is good for one.
    pub(super) single_use: Option<SingleUseToken>,
}

/// A token that is good for one login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SingleUseToken {
    /// A digest of it, its issuer and the identity.
    pub(super) digest: String,
    /// The time until which it has to be remembered.
    pub(super) until: DateTime<Utc>,
}

/// An identity that lets a token in, by one way or by several.
#[derive(Debug)]
pub(super) struct AdmittedIdentity {
    pub(super) number: u64,
    pub(super) identity: Identity,
    pub(super) ways: Vec<AdmittedLogin>,
}

/// The outcomes of a token at each way to log in.
#[derive(Default)]
pub(super) struct AttemptOutcomes {
    admitted: Vec<AdmittedIdentity>,
    refusals: Vec<LoginRefusal>,
    undecided: Vec<LoginError>,
}

impl LoginAttempt<'_> {
    /// The target whose API server is to review the token.
    pub(super) fn reviewing_target(&self) -> Option<&Target> {
        match self {
            Self::Review(review) => Some(&review.target),
            _ => None,
        }
    }
}

impl AttemptOutcomes {
    /// Adds what became of it for one. An identity with two ways to log in that both let it in is one identity.
    pub(super) fn add_outcome(&mut self, number: u64, identity: &Identity, tried: AttemptResult) {
        let known = self.admitted.iter_mut().find(|admitted| admitted.number == number);
        match (tried, known) {
            (Ok(None), _) => {}
            (Err(error), _) => self.undecided.push(error),
            (Ok(Some(Err(refusal))), _) => self.refusals.push(refusal),
            (Ok(Some(Ok(admission))), Some(admitted)) => admitted.ways.push(admission),
            (Ok(Some(Ok(admission))), None) => {
                let (identity, ways) = (identity.clone(), vec![admission]);
                self.admitted.push(AdmittedIdentity { number, identity, ways });
            }
        }
    }

    /// Returns the only identity that lets it in. One that could not be decided counts if no other does: a cluster that
    /// is away keeps nobody out but those who need it.
    pub(super) fn decide_login(mut self) -> Result<AdmittedIdentity, LoginError> {
        let is_of_store = |error: &LoginError| matches!(error, LoginError::Store(_));
        if let Some(index) = self.undecided.iter().position(is_of_store) {
            return Err(self.undecided.swap_remove(index));
        }
        match (self.admitted.pop(), self.admitted.is_empty()) {
            (Some(admitted), true) => return Ok(admitted),
            (Some(_), false) => return Err(LoginError::Ambiguous),
            (None, _) => {}
        }
        match self.undecided.into_iter().next() {
            Some(error) => Err(error),
            None if self.refusals.is_empty() => Err(refused_login(RefusalReason::NoIdentity)),
            None => Err(LoginError::Refused(self.refusals)),
        }
    }
}

impl<P: Ports> Engine<P> {
    /// Shows a token to each way to log in that it may be for by what it claims, some side by side, and returns what
    /// became of it for each, in their order.
    pub(super) async fn try_each_auth_method(
        &self,
        ways: &[(&Identity, &AuthMethod<Reviewer>)],
        token: &LoginToken<'_>,
    ) -> Vec<AttemptResult> {
        let attempts = ways.iter().map(|(identity, method)| {
            let begun = self.check_claims_locally(identity, method, token);
            begun.unwrap_or_else(|error| LoginAttempt::Decided(Err(error)))
        });
        let attempts = self.keep_from_other_clusters(attempts.collect(), token).await;
        let finishing =
            attempts.into_iter().map(|attempt| self.verify_attempt_remotely(attempt, token));
        stream::iter(finishing).buffered(MAX_CONCURRENT_REVOCATIONS).collect().await
    }

    /// Decides as far as nobody has to be asked.
    fn check_claims_locally<'a>(
        &self,
        identity: &'a Identity,
        method: &'a AuthMethod<Reviewer>,
        token: &LoginToken<'_>,
    ) -> Result<LoginAttempt<'a>, LoginError> {
        let refused = |reason| LoginAttempt::Decided(Ok(Err(new_refusal(identity, reason))));
        Ok(match (self.check_login_allowed(identity, method.kind()), method) {
            // An access token is shown with each request, and not at a login.
            (_, AuthMethod::Token(_)) => LoginAttempt::Nothing,
            (Err(reason), _) => refused(reason),
            (Ok(()), AuthMethod::Kubernetes(auth)) => {
                match self.check_claims_before_review(LoginCandidate { identity, auth }, token)? {
                    Ok(review) => LoginAttempt::Review(Box::new(review)),
                    Err(reason) => refused(reason),
                }
            }
            (Ok(()), AuthMethod::Oidc(auth)) => {
                LoginAttempt::Verify(LoginCandidate { identity, auth })
            }
        })
    }

    async fn verify_attempt_remotely(
        &self,
        attempt: LoginAttempt<'_>,
        token: &LoginToken<'_>,
    ) -> AttemptResult {
        match attempt {
            LoginAttempt::Nothing => Ok(None),
            LoginAttempt::Decided(outcome) => outcome.map(Some),
            LoginAttempt::Review(review) => self.review_login(&review, token).await.map(Some),
            LoginAttempt::Verify(candidate) => {
                self.verify_oidc_login(&candidate, token).await.map(Some)
            }
        }
    }

    /// Uses a token up that is good for one login, now that it is decided which one that is.
    pub(super) fn use_up_login_tokens(
        &self,
        admitted: AdmittedIdentity,
    ) -> Result<(u64, Identity, BTreeMap<String, String>), LoginError> {
        let AdmittedIdentity { number, identity, ways } = admitted;
        for AdmittedLogin { claims, single_use } in ways {
            let is_first = match single_use {
                None => true,
                Some(SingleUseToken { digest, until }) => {
                    self.access_tokens().use_id_token_once(&digest, self.now(), until)?
                }
            };
            if is_first {
                return Ok((number, identity, claims));
            }
        }
        Err(LoginError::Refused(vec![new_refusal(&identity, RefusalReason::Replayed)]))
    }
}
