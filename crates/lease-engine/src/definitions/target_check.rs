//! Checking a target: does it answer, who are we there, what may we not do?

mod check_messages;
mod issue_trial;
mod permissions;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future;
use http::StatusCode;
use kube_rest::Error;
use lease_core::{DynamicSecret, DynamicSecretCheck, Target, TargetCheck, TargetName};

use self::check_messages::{bound_text, public_message, refused_manifest_message};
use self::issue_trial::IssueTrial;
use self::permissions::{AnsweredReviews, PermissionFindings};
use crate::cluster::cluster_identity::SELF_REVIEWS;
use crate::cluster::connection::Connection;
use crate::{ClusterError, Engine, Ports, StoreError, TargetError};

impl<P: Ports> Engine<P> {
    /// Checks a target, and keeps what was seen.
    ///
    /// What the cluster does wrong is what the check tells, not an error of it.
    ///
    /// # Errors
    /// Fails if there is no such target, its credential does not open, or the store fails.
    pub async fn check_target(&self, name: &TargetName) -> Result<TargetCheck, TargetError> {
        let target = self.get_stored_target(name)?;
        let connection = self.target_connection(&target)?;
        let deadline = self.ports.now() + CHECK_TIME;
        let mut check = self.inspect_target(&connection, deadline).await;
        if check.problem.is_none() {
            self.check_dynamic_secrets(&connection, &mut check, deadline).await?;
        }
        self.target_checks().put_check(&target, &check)?;
        Ok(check)
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the path of a method is of one lifetime of an `Api`, and a closure of all"
    )]
    async fn inspect_target(
        &self,
        connection: &Connection<'_, P>,
        deadline: DateTime<Utc>,
    ) -> TargetCheck {
        let (version, me) = future::join(
            connection.send_with_retries(deadline, |api| api.get_version()),
            connection.send_with_retries(deadline, |api| api.who_am_i()),
        )
        .await;
        let mut check = TargetCheck {
            checked_at: self.ports.now(),
            reachable: [version.as_ref().err(), me.as_ref().err()]
                .into_iter()
                .any(|failure| !matches!(failure, Some(Error::Transport(_)))),
            problem: None,
            version: version.as_ref().ok().map(|version| bound_text(&version.git_version)),
            username: me.as_ref().ok().map(|me| bound_text(&me.username)),
            groups: vec![],
            cluster: None,
            missing_permissions: vec![],
            dynamic_secrets: vec![],
            warnings: vec![],
        };
        match me {
            Ok(me) => {
                check.groups =
                    me.groups.iter().take(MAX_GROUPS).map(|group| bound_text(group)).collect();
            }
            Err(error) => fill_username_without_review(connection, &mut check, &error),
        }
        match version {
            Ok(_) => {}
            // What answers the rest as Kubernetes does is an API server, whatever hides its version.
            Err(error) if check.problem.is_none() && is_refused_path(&error) => {
                check.warnings.push(no_version_warning(&error));
            }
            Err(error) => check.problem = check.problem.or_else(|| Some(public_message(&error))),
        }
        check
    }

    /// Checks what each dynamic secret of the target could do now, and which cluster this is.
    async fn check_dynamic_secrets(
        &self,
        connection: &Connection<'_, P>,
        check: &mut TargetCheck,
        deadline: DateTime<Utc>,
    ) -> Result<(), TargetError> {
        let secrets = self.dynamic_secrets_of(connection.target)?;
        let place = secrets.iter().find_map(|secret| {
            secret.definition.namespaces().literal_namespaces().first().cloned()
        });
        // Unwrap safety: it is a label.
        let place = place.unwrap_or_else(|| "default".parse().unwrap());
        let known = match self.learn_or_verify_cluster(connection, &place, deadline).await {
            Ok(known) => Some(known),
            Err(ClusterError::Store(error)) => return Err(error.into()),
            Err(error) => {
                check.problem = Some(error.public_message());
                None
            }
        };
        let mut questions = AnsweredReviews::default();
        for secret in secrets.iter().take(MAX_DYNAMIC_SECRETS) {
            let mut asked =
                self.review_needed_permissions(connection, secret, &mut questions, deadline).await;
            if let Some(known) = &known {
                let trial = IssueTrial { connection, secret, deadline };
                self.dry_run_lease(&trial, known, &mut asked).await;
            }
            // Whatever else is wrong, nothing is issued before this is mended.
            asked.problem = refused_manifest_message(secret).or(asked.problem);
            let PermissionFindings { missing, problem, revoke } = asked;
            check.missing_permissions.extend(missing.iter().cloned());
            check.dynamic_secrets.push(DynamicSecretCheck {
                dynamic_secret: secret.name.clone(),
                issue: missing.is_empty() && problem.is_none(),
                revoke,
                missing_permissions: missing,
                problem,
            });
        }
        check.missing_permissions.sort();
        check.missing_permissions.dedup();
        check.cluster = known.map(|known| known.identity.uid);
        if secrets.len() > MAX_DYNAMIC_SECRETS {
            let all = secrets.len();
            let told = format!("only {MAX_DYNAMIC_SECRETS} of {all} dynamic secrets were checked");
            check.problem = check.problem.take().or(Some(told));
        }
        Ok(())
    }

    pub(crate) fn dynamic_secrets_of(
        &self,
        target: &Target,
    ) -> Result<Vec<DynamicSecret>, StoreError> {
        let mut secrets = self.dynamic_secrets().list_all()?;
        secrets.retain(|secret| secret.definition.spec().target == target.name);
        Ok(secrets)
    }
}

/// Tells who kubelease is in a cluster that does not say it, by its own token.
fn fill_username_without_review<P: Ports>(
    connection: &Connection<'_, P>,
    check: &mut TargetCheck,
    error: &Error,
) {
    if !error.is_forbidden() && !error.is_not_served() {
        check.problem = Some(public_message(error));
        return;
    }
    check.username = connection.own_username().map(|username| bound_text(&username));
    // Before Kubernetes 1.28 nobody is told who he is; that we are let in is seen below.
    if error.is_forbidden() {
        let known = match check.username {
            Some(_) => "its user name was read from its own token",
            None => {
                "no lease is issued, because kubelease's own account, which must not be leased, is \
                 unknown"
            }
        };
        check.warnings.push(format!("kubelease may not `create` `{SELF_REVIEWS}`; {known}"));
    }
}

/// Returns true if a path that is no resource is refused, by the API server or by a gateway before it, for
/// another reason than the credential. One that fails or redirects refuses nothing: it is out of order.
fn is_refused_path(error: &Error) -> bool {
    error.status().is_some_and(|status| {
        status.code.is_client_error() && status.code != StatusCode::UNAUTHORIZED
    })
}

/// The warning of a cluster that does not tell its version.
fn no_version_warning(error: &Error) -> String {
    let refused = match error.status() {
        Some(status) if status.reason == "Forbidden" => "kubelease may not `get` `/version`".into(),
        Some(status) => {
            format!("the API server refused `/version` with status {}", status.code.as_u16())
        }
        None => "the API server did not answer `/version`".to_owned(),
    };
    format!("{refused}, which is needed only to show the version")
}

/// The most groups that are kept; a service account is in three.
const MAX_GROUPS: usize = 64;

/// The most dynamic secrets that one check looks at.
const MAX_DYNAMIC_SECRETS: usize = 64;

/// The time for which a check goes on asking; each answer may take [`kube_rest::DEFAULT_CALL_LIMITS`].
const CHECK_TIME: TimeDelta = TimeDelta::seconds(30);

#[cfg(test)]
mod tests;
