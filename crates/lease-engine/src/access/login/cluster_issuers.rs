//! The clusters that a token may be shown to: those whose issuer it names.
//!
//! Whoever runs a cluster sees each token that it is to review, and could show it to the cluster that it is for. So a token
//! goes to no cluster that is known to issue others. Clusters may have the same issuer, as those have whose installer
//! leaves it as it is; these cannot be told apart.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, stream};
use kube_rest::Error;
use lease_core::{ClusterIdentity, Target, TargetName};
use lease_store::Note;
use serde::{Deserialize, Serialize};

use super::attempts::{LoginAttempt, LoginToken};
use super::{LoginError, RefusalReason};
use crate::cluster::connection::Connection;
use crate::leases::MAX_CONCURRENT_REVOCATIONS;
use crate::{ApiAction, ClusterError, Engine, Ports};

/// The issuers of a cluster as they are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ClusterIssuers {
    /// The time at which the target was put whose cluster this is.
    of: DateTime<Utc>,
    /// The cluster, if it is known.
    cluster: Option<ClusterIdentity>,
    /// The issuer of its new tokens, and those that it had before.
    issuers: Vec<String>,
    /// True if the cluster has told it, so that it issues no others.
    is_told: bool,
    /// The time at which it was last asked, whatever came of it.
    asked_at: DateTime<Utc>,
}

/// A cluster that a token might be shown to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IssuerMatch {
    /// The cluster; none if its target was never met and it does not say which it is.
    pub(super) cluster: Option<ClusterIdentity>,
    /// True if the issuer of the token is one of its, false if not; none if that is not known.
    is_issuer: Option<bool>,
}

impl<P: Ports> Engine<P> {
    /// Keeps a token from clusters that it is not of.
    ///
    /// Of clusters whose issuer is not known one is asked if it is the only one that is left.
    pub(super) async fn keep_from_other_clusters<'a>(
        &self,
        attempts: Vec<LoginAttempt<'a>>,
        token: &LoginToken<'_>,
    ) -> Vec<LoginAttempt<'a>> {
        let recognising =
            attempts.iter().map(|attempt| self.match_attempt_to_cluster(attempt, token));
        let recognised: Vec<_> =
            stream::iter(recognising).buffered(MAX_CONCURRENT_REVOCATIONS).collect().await;
        let is_settled = recognised.iter().flatten().any(|recognised| match recognised {
            Ok(recognition) => recognition.is_issuer == Some(true),
            Err(_) => true,
        });
        let unknown: BTreeSet<TargetName> = (attempts.iter().zip(&recognised))
            .filter_map(|(attempt, recognised)| {
                let is_unknown =
                    matches!(recognised, Some(Ok(IssuerMatch { is_issuer: None, .. })));
                attempt.reviewing_target().filter(|_| is_unknown).map(|target| target.name.clone())
            })
            .collect();
        let may_ask_unknown = !is_settled && unknown.len() == 1;
        let decide = |(attempt, recognised)| decide_attempt(attempt, recognised, may_ask_unknown);
        attempts.into_iter().zip(recognised).map(decide).collect()
    }

    /// Finds out which cluster would review a token, and if it is of it; none if none would.
    async fn match_attempt_to_cluster(
        &self,
        attempt: &LoginAttempt<'_>,
        token: &LoginToken<'_>,
    ) -> Option<Result<IssuerMatch, ClusterError>> {
        let target = attempt.reviewing_target()?;
        Some(
            self.match_issuer_to_cluster(
                target,
                token.unverified.claims().issuer(),
                token.deadline,
            )
            .await,
        )
    }

    async fn match_issuer_to_cluster(
        &self,
        target: &Target,
        issuer: Option<&str>,
        deadline: DateTime<Utc>,
    ) -> Result<IssuerMatch, ClusterError> {
        let connection = self.target_connection(target)?.with_strict_deadline();
        let met = self.learn_cluster_without_namespace(&connection, deadline).await?;
        let cluster = met.map(|known| known.identity);
        let kept: Option<ClusterIssuers> = self.notes().get(Note::AccountIssuers(&target.name))?;
        let kept = kept.filter(|kept| kept.of == target.updated_at && kept.cluster == cluster);
        let known = match kept {
            Some(kept) if !kept.should_ask(issuer, self.now()) => kept,
            kept => {
                self.fetch_cluster_issuers(&connection, cluster.clone(), kept, deadline).await?
            }
        };
        Ok(IssuerMatch { cluster, is_issuer: known.knows_issuer(issuer) })
    }

    /// Asks a cluster who issues its tokens, and keeps the answer. What is known already stays if there is none.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the path of a method is of one lifetime of an `Api`, and a closure of all"
    )]
    async fn fetch_cluster_issuers(
        &self,
        connection: &Connection<'_, P>,
        cluster: Option<ClusterIdentity>,
        kept: Option<ClusterIssuers>,
        deadline: DateTime<Utc>,
    ) -> Result<ClusterIssuers, ClusterError> {
        let (target, note) = (connection.target, Note::AccountIssuers(&connection.target.name));
        let mut known = ClusterIssuers {
            of: target.updated_at,
            cluster,
            issuers: vec![],
            is_told: false,
            asked_at: self.now(),
        };
        if let Some(kept) = &kept {
            // Those who come meanwhile do not ask too.
            self.notes()
                .put_note(note, &ClusterIssuers { asked_at: known.asked_at, ..kept.clone() })?;
        }
        let answer = connection.send_with_retries(deadline, |api| api.get_account_issuer()).await;
        let told = match (answer, &kept) {
            (Ok(document), _) => Some(document.issuer),
            (Err(error), _) if is_withheld(&error) => None,
            (Err(error), Some(kept)) => {
                log::warn!(
                    "could not read the issuer of tokens of target `{}`: {error}",
                    target.name
                );
                return Ok(kept.clone());
            }
            (Err(source), None) => {
                let doing = ApiAction::new("get", "/.well-known/openid-configuration");
                return Err(ClusterError::from_kubernetes(target, doing, source));
            }
        };
        let told = told.filter(|issuer| issuer.len() <= MAX_ISSUER_BYTES);
        known.is_told = told.is_some();
        let before = kept.into_iter().flat_map(|kept| kept.issuers);
        for issuer in told.into_iter().chain(connection.own_issuer()).chain(before) {
            if known.issuers.len() < MAX_ISSUERS && !known.issuers.contains(&issuer) {
                known.issuers.push(issuer);
            }
        }
        self.notes().put_note(note, &known)?;
        Ok(known)
    }
}

impl ClusterIssuers {
    /// Returns true if an issuer is one of the cluster's, and none if it may be one that is not known.
    fn knows_issuer(&self, issuer: Option<&str>) -> Option<bool> {
        let is_known =
            issuer.is_some_and(|issuer| self.issuers.iter().any(|known| known == issuer));
        (is_known || self.is_told).then_some(is_known)
    }

    /// Returns true if an issuer is not known that may have become the cluster's since it was asked.
    fn should_ask(&self, issuer: Option<&str>, now: DateTime<Utc>) -> bool {
        // A clock that was set back does not keep us from asking.
        self.knows_issuer(issuer) != Some(true)
            && (now - self.asked_at).abs() >= ISSUER_REFETCH_INTERVAL
    }
}

/// Lets an attempt go on, or refuses it.
fn decide_attempt(
    attempt: LoginAttempt<'_>,
    recognised: Option<Result<IssuerMatch, ClusterError>>,
    may_ask_unknown: bool,
) -> LoginAttempt<'_> {
    let LoginAttempt::Review(mut review) = attempt else { return attempt };
    let refusal = |reason| LoginAttempt::Decided(Ok(Err(review.candidate.to_refusal(reason))));
    match recognised {
        // Each that is to be reviewed has a target, and so is recognised or not.
        None => refusal(RefusalReason::UnknownIssuer),
        Some(Err(ClusterError::Store(error))) => LoginAttempt::Decided(Err(error.into())),
        Some(Err(source)) => LoginAttempt::Decided(Err(LoginError::Review {
            identity: review.candidate.identity.name.clone(),
            is_of_caller: false,
            source,
        })),
        Some(Ok(IssuerMatch { is_issuer: Some(false), .. })) => refusal(RefusalReason::OtherIssuer),
        Some(Ok(IssuerMatch { is_issuer: None, .. })) if !may_ask_unknown => {
            refusal(RefusalReason::UnknownIssuer)
        }
        Some(Ok(IssuerMatch { cluster, .. })) => {
            review.cluster = cluster;
            LoginAttempt::Review(review)
        }
    }
}

/// Returns true if an API server answers, and does not tell: it may not, or it does not serve that.
fn is_withheld(error: &Error) -> bool {
    match error {
        Error::Refused(status) => matches!(status.code.as_u16(), 403..=406),
        Error::Unreadable(_) => true,
        _ => false,
    }
}

/// The time after which a cluster is asked again for a token of an issuer that it has not told: an administrator may have
/// given it another.
const ISSUER_REFETCH_INTERVAL: TimeDelta = TimeDelta::minutes(5);

/// The number of issuers of one cluster: API servers go on accepting tokens of those they had before.
const MAX_ISSUERS: usize = 4;

/// Longer than any address of an issuer.
const MAX_ISSUER_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_somebody_else_s_only_if_the_cluster_has_said_so() {
        let at = |minutes| DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes);
        for (is_told, issuer, has, is_asked) in [
            (true, Some("a"), Some(true), false),
            (true, Some("b"), Some(true), false),
            (true, Some("c"), Some(false), true),
            (true, None, Some(false), true),
            (false, Some("a"), Some(true), false),
            (false, Some("c"), None, true),
            (false, None, None, true),
        ] {
            let issuers = ["a", "b"].map(str::to_owned).into();
            let of = at(0);
            let known = ClusterIssuers { of, cluster: None, issuers, is_told, asked_at: at(10) };
            assert_eq!(known.knows_issuer(issuer), has, "{is_told} {issuer:?}");
            for (now, is_time) in [(5, true), (6, false), (14, false), (15, true)] {
                let asks = known.should_ask(issuer, at(now));
                assert_eq!(asks, is_asked && is_time, "{is_told} {issuer:?} at {now}");
            }
        }
    }
}
