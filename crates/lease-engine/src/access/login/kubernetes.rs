//! Login by a token of a `ServiceAccount`: the API server that it is for says whose it is.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::future;
use jwt_auth::{JwtError, UnverifiedClaims};
use kube_rest::TokenReview;
use lease_core::{
    Audience, ClusterCredential, ClusterIdentity, KubernetesAuth, Namespace, Reviewer,
    ReviewerCredential, ReviewerSealContext, ServiceAccountName, Target,
};

use super::attempts::LoginToken;
use super::{AdmittedLogin, LoginCandidate, LoginError, LoginOutcome, RefusalReason};
use crate::cluster::connection::Connection;
use crate::{ApiAction, ClusterError, Engine, Ports, StoreError};

/// A `ServiceAccount` as `sub` names it.
pub(super) struct ServiceAccountRef {
    namespace: Namespace,
    name: ServiceAccountName,
}

/// A token whose claims a login by `ServiceAccount` lets in, for an API server to say if they are true.
pub(super) struct PendingTokenReview<'a> {
    pub(super) candidate: LoginCandidate<'a, KubernetesAuth<Reviewer>>,
    account: ServiceAccountRef,
    /// The target whose API server is asked.
    pub(super) target: Target,
    /// The cluster that it leads to, if that is known.
    pub(super) cluster: Option<ClusterIdentity>,
}

impl<P: Ports> Engine<P> {
    /// Looks at what a token claims, and at the target of the identity.
    pub(super) fn check_claims_before_review<'a>(
        &self,
        candidate: LoginCandidate<'a, KubernetesAuth<Reviewer>>,
        token: &LoginToken<'_>,
    ) -> Result<Result<PendingTokenReview<'a>, RefusalReason>, StoreError> {
        let claims = token.unverified.claims();
        let account = match check_unverified_account_claims(candidate.auth, claims, self.now()) {
            Ok(account) => account,
            Err(reason) => return Ok(Err(reason)),
        };
        let target = self.reviewing_target(candidate.auth)?;
        Ok(target.map(|target| PendingTokenReview { candidate, account, target, cluster: None }))
    }

    /// Lets a `ServiceAccount` in as one identity, if its API server says that it is who its token says.
    ///
    /// The target's own credential shows at once, at no cost in time, that it still leads to the same cluster.
    pub(super) async fn review_login(
        &self,
        review: &PendingTokenReview<'_>,
        token: &LoginToken<'_>,
    ) -> Result<LoginOutcome, LoginError> {
        let PendingTokenReview { candidate, account, target, cluster } = review;
        let (auth, deadline) = (candidate.auth, token.deadline);
        let failed = |source: ClusterError| match source {
            ClusterError::Store(error) => error.into(),
            source => LoginError::Review {
                identity: candidate.identity.name.clone(),
                is_of_caller: is_reviewed_by_client(auth) && is_forbidden(&source),
                source,
            },
        };
        let own = self.target_connection(target).map_err(failed)?.with_strict_deadline();
        let reviewer = self.reviewer_connection(candidate, target, token.jwt).map_err(failed)?;
        let reviewer = reviewer.map(Connection::with_strict_deadline);
        let audiences = [auth.allowed_audience.as_str().to_owned()];
        let (answer, confirmed) = future::join(
            reviewer
                .as_ref()
                .unwrap_or(&own)
                .send_with_retries(deadline, |api| api.review_token(token.jwt, &audiences)),
            self.confirm_if_known(&own, cluster.as_ref(), deadline),
        )
        .await;
        confirmed.map_err(failed)?;
        let answer = match answer {
            Ok(answer) => answer,
            // The token that is shown is the reviewer's own credential: that it is refused is an answer.
            Err(error)
                if is_reviewed_by_client(auth) && error.status().is_some_and(|s| s.code == 401) =>
            {
                return Ok(Err(candidate.to_refusal(RefusalReason::NotAuthenticated)));
            }
            Err(source) => {
                let doing = ApiAction::new("create", "tokenreviews");
                return Err(failed(ClusterError::from_kubernetes(target, doing, source)));
            }
        };
        Ok(match check_review(&answer, account, &auth.allowed_audience) {
            Ok(()) => Ok(AdmittedLogin {
                claims: deciding_claims(account, &answer.uid),
                single_use: None,
            }),
            Err(reason) => Err(candidate.to_refusal(reason)),
        })
    }

    async fn confirm_if_known(
        &self,
        connection: &Connection<'_, P>,
        cluster: Option<&ClusterIdentity>,
        deadline: DateTime<Utc>,
    ) -> Result<(), ClusterError> {
        match cluster {
            Some(cluster) => self.confirm_cluster(connection, cluster, deadline).await,
            None => Ok(()),
        }
    }

    /// The target whose API server reviews tokens, if it is in use.
    pub(super) fn reviewing_target(
        &self,
        auth: &KubernetesAuth<Reviewer>,
    ) -> Result<Result<Target, RefusalReason>, StoreError> {
        let target = self.targets().get(&auth.target)?.filter(|target| !target.disabled);
        Ok(target.ok_or(RefusalReason::NoTarget))
    }

    /// Connects to the target with the credential that the review is asked with; none for the target's own.
    fn reviewer_connection<'e>(
        &'e self,
        candidate: &LoginCandidate<'_, KubernetesAuth<Reviewer>>,
        target: &'e Target,
        jwt: &str,
    ) -> Result<Option<Connection<'e, P>>, ClusterError> {
        let place = ReviewerSealContext {
            identity: &candidate.identity.name,
            target: &target.name,
            url: &target.url,
        };
        let opened = candidate.auth.reviewer.open_credential(place, &self.keys);
        let unopened = |source| ClusterError::Unopened { target: target.name.clone(), source };
        match opened.map_err(unopened)? {
            ReviewerCredential::Target => Ok(None),
            ReviewerCredential::Token(token) => Ok(Some(self.connection_with_token(target, token))),
            ReviewerCredential::Variable(variable) => {
                self.connection_with_variable(target, &variable).map(Some)
            }
            ReviewerCredential::Client => {
                // A JWT is visible ASCII, and so fits a header.
                let token = ClusterCredential::try_from(jwt.to_owned());
                let token = token.map_err(|_| unopened(lease_core::OpenError::Malformed))?;
                Ok(Some(self.connection_with_token(target, token)))
            }
        }
    }
}

fn is_reviewed_by_client(auth: &KubernetesAuth<Reviewer>) -> bool {
    matches!(auth.reviewer, Reviewer::Client)
}

/// Returns true if the API server forbids the review to whoever has asked for it.
fn is_forbidden(error: &ClusterError) -> bool {
    matches!(error, ClusterError::Kubernetes { source, .. } if source.is_forbidden())
}

/// A rule of a login by `ServiceAccount`, as far as the claims of its token decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountRule {
    /// `sub` is a `ServiceAccount`.
    Subject,
    /// Its namespace is one of `allowed_namespaces`.
    Namespace,
    /// Its name is one of `allowed_names`.
    Name,
    /// `aud` names `allowed_audience`.
    Audience,
    /// `exp` is there, and not past.
    Expiry,
}

/// All rules for the claims of a token, and what becomes of each.
pub(super) fn account_rules(
    auth: &KubernetesAuth<Reviewer>,
    claims: UnverifiedClaims<'_>,
    now: DateTime<Utc>,
) -> [(AccountRule, Result<(), RefusalReason>); 5] {
    let account = claims.subject().and_then(parse_username);
    let account = account.as_ref().ok_or(RefusalReason::NoServiceAccount);
    let allowed = |is_allowed: &dyn Fn(&ServiceAccountRef) -> bool| match &account {
        Ok(account) if is_allowed(account) => Ok(()),
        Ok(_) => Err(RefusalReason::ServiceAccountNotAllowed),
        Err(reason) => Err(reason.clone()),
    };
    let is_for_us = claims.audiences().contains(&auth.allowed_audience.as_str());
    let expiry = match claims.expires_at() {
        None => Err(JwtError::Claim("exp").into()),
        Some(at) if now - jwt_auth::CLOCK_LEEWAY >= at => Err(JwtError::Expired.into()),
        Some(_) => Ok(()),
    };
    [
        (AccountRule::Subject, allowed(&|_| true)),
        (AccountRule::Namespace, allowed(&|account| auth.allows_namespace(&account.namespace))),
        (AccountRule::Name, allowed(&|account| auth.allows_name(&account.name))),
        (AccountRule::Audience, if is_for_us { Ok(()) } else { Err(JwtError::Audience.into()) }),
        (AccountRule::Expiry, expiry),
    ]
}

/// Checks what a token says of itself, so that no token is sent to a cluster that could not let it in.
///
/// Tokens that live in Secrets (`kubernetes.io/service-account-token`) name no audience, and are refused: they are
/// good for ever, and for everybody who is shown one.
pub(super) fn check_unverified_account_claims(
    auth: &KubernetesAuth<Reviewer>,
    claims: UnverifiedClaims<'_>,
    now: DateTime<Utc>,
) -> Result<ServiceAccountRef, RefusalReason> {
    account_rules(auth, claims, now).into_iter().try_for_each(|(_, outcome)| outcome)?;
    claims.subject().and_then(parse_username).ok_or(RefusalReason::NoServiceAccount)
}

/// Checks what the API server says of a token.
///
/// A 201 is not yet an authenticated token, and an authenticated one is nobody yet: other authenticators than that of
/// `ServiceAccount`s may have accepted it, and one that knows no audiences names none.
fn check_review(
    review: &TokenReview,
    claimed: &ServiceAccountRef,
    audience: &Audience,
) -> Result<(), RefusalReason> {
    if !review.authenticated {
        return Err(RefusalReason::NotAuthenticated);
    }
    let known = parse_username(&review.username).ok_or(RefusalReason::OtherUser)?;
    let is_same = known.namespace == claimed.namespace && known.name == claimed.name;
    let of_namespace = format!("system:serviceaccounts:{}", claimed.namespace);
    let has_group = |name: &str| review.groups.iter().any(|group| group == name);
    let groups_match = has_group("system:serviceaccounts") && has_group(&of_namespace);
    if !is_same || !groups_match || review.uid.is_empty() {
        return Err(RefusalReason::OtherUser);
    }
    if !review.audiences.iter().any(|known| known == audience.as_str()) {
        return Err(RefusalReason::OtherAudience);
    }
    Ok(())
}

/// Reads `system:serviceaccount:NAMESPACE:NAME`: four parts, neither more nor less.
fn parse_username(username: &str) -> Option<ServiceAccountRef> {
    let (namespace, name) = username.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    Some(ServiceAccountRef { namespace: namespace.parse().ok()?, name: name.parse().ok()? })
}

pub(super) fn deciding_claims(account: &ServiceAccountRef, uid: &str) -> BTreeMap<String, String> {
    [
        ("namespace", account.namespace.to_string()),
        ("service_account", account.name.to_string()),
        ("service_account_uid", uid.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> ServiceAccountRef {
        parse_username("system:serviceaccount:apps:deployer").expect("an account")
    }

    fn review() -> TokenReview {
        TokenReview {
            authenticated: true,
            username: "system:serviceaccount:apps:deployer".to_owned(),
            uid: "f75f4218".to_owned(),
            groups: [
                "system:serviceaccounts",
                "system:serviceaccounts:apps",
                "system:authenticated",
            ]
            .map(str::to_owned)
            .into(),
            audiences: vec!["kubelease".to_owned()],
        }
    }

    #[test]
    fn only_an_authenticated_service_account_of_the_audience_is_somebody() {
        type Break = fn(&mut TokenReview);
        let cases: [(Break, Option<RefusalReason>); 12] = [
            (|_| {}, None),
            (|r| r.audiences.push("other".to_owned()), None),
            (|r| r.authenticated = false, Some(RefusalReason::NotAuthenticated)),
            (|r| r.username.clear(), Some(RefusalReason::OtherUser)),
            (|r| r.username = "admin".to_owned(), Some(RefusalReason::OtherUser)),
            (|r| r.username.push('2'), Some(RefusalReason::OtherUser)),
            (
                |r| r.username = "system:serviceaccount:web:deployer".to_owned(),
                Some(RefusalReason::OtherUser),
            ),
            (|r| r.username.push_str(":x"), Some(RefusalReason::OtherUser)),
            (|r| r.uid.clear(), Some(RefusalReason::OtherUser)),
            (|r| _ = r.groups.remove(1), Some(RefusalReason::OtherUser)),
            (|r| r.audiences.clear(), Some(RefusalReason::OtherAudience)),
            (|r| r.audiences = vec!["other".to_owned()], Some(RefusalReason::OtherAudience)),
        ];
        for (row, (break_one, reason)) in cases.into_iter().enumerate() {
            let mut review = review();
            break_one(&mut review);
            let audience = "kubelease".to_owned().try_into().expect("an audience");
            assert_eq!(check_review(&review, &account(), &audience).err(), reason, "row {row}");
        }
    }
}
