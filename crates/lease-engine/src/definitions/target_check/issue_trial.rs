//! What the API server says of a lease that is made for trial, and not kept.

use chrono::{DateTime, Utc};
use kube_rest::{Kind, StoredObject};
use lease_core::{
    Account, DynamicSecret, IssueRequest, KnownCluster, Namespace, ObjectKind, PlannedObject,
    ServiceAccountName,
};

use super::check_messages::{dry_run_message, public_message};
use super::permissions::PermissionFindings;
use crate::cluster::connection::Connection;
use crate::issue::{IssueAttempt, IssueContext};
use crate::objects::role_review::{RoleReview, existing_role_bound_by};
use crate::{ClusterError, Engine, Ports, Requester};

/// A dynamic secret whose lease is tried, and the connection by which that is done.
pub(super) struct IssueTrial<'t, 'e, P> {
    pub(super) connection: &'t Connection<'e, P>,
    pub(super) secret: &'t DynamicSecret,
    pub(super) deadline: DateTime<Utc>,
}

impl<P: Ports> Engine<P> {
    /// Tries what a lease of the dynamic secret would make in the first namespace that it names.
    ///
    /// A dry run asks all that decides: RBAC, its rule that nobody grants what he has not, quotas and admission.
    /// What comes back is compared with what was sent, as it is when a lease is issued.
    pub(super) async fn dry_run_lease(
        &self,
        trial: &IssueTrial<'_, '_, P>,
        known: &KnownCluster,
        asked: &mut PermissionFindings,
    ) {
        let secret = trial.secret;
        let Some(place) = secret.definition.namespaces().literal_namespaces().first() else {
            return;
        };
        let absent = match &secret.definition.spec().account {
            Account::Existing { name, .. } => {
                self.try_account_token(trial, place, name, asked).await
            }
            Account::Temporary(_) => self.check_lease_rights(trial, place).await,
        };
        let problem = match absent {
            Some(absent) => Some(absent),
            None => self.dry_run_lease_objects(trial, known, asked).await,
        };
        asked.problem = asked.problem.take().or(problem);
    }

    /// Looks for the account whose tokens are leased, and tries whether one would be given.
    async fn try_account_token(
        &self,
        &IssueTrial { connection, deadline, .. }: &IssueTrial<'_, '_, P>,
        place: &Namespace,
        name: &ServiceAccountName,
        asked: &PermissionFindings,
    ) -> Option<String> {
        let kind = Kind::ServiceAccount;
        let read = connection
            .send_with_retries(deadline, |api| {
                api.get_object(kind, Some(place.as_str()), name.as_str())
            })
            .await;
        let no_secret = self.absent_secret_name();
        let tried = connection.try_token(place, name, &no_secret, deadline).await;
        match (read, tried) {
            (_, Err(error @ ClusterError::NoNamespace { .. })) => {
                Some(dry_run_message(connection, &error))
            }
            (Err(error), _) if error.is_not_found() => {
                Some(format!("there is no ServiceAccount `{name}` in namespace `{place}`"))
            }
            // What is missing is told by name already.
            (_, Err(error)) if is_forbidden(&error) && !asked.missing.is_empty() => None,
            (_, Err(error)) => Some(dry_run_message(connection, &error)),
            (_, Ok(())) => None,
        }
    }

    async fn check_lease_rights(
        &self,
        &IssueTrial { connection, secret, deadline }: &IssueTrial<'_, '_, P>,
        place: &Namespace,
    ) -> Option<String> {
        let DynamicSecret { name, definition, .. } = secret;
        let Some(role) = existing_role_bound_by(definition) else {
            // A store that fails here fails the check itself, which is written to it.
            let dangers = self.find_unwaived_dangers(secret, &[], place).ok()??;
            return Some(format!(
                "it has dangerous grants that are not waived: {}",
                dangers.names_text()
            ));
        };
        match connection.review_role(definition, role, Some(place), deadline).await {
            RoleReview::Absent => Some(format!("there is no {} `{}`", role.kind, role.name)),
            RoleReview::Dangerous(dangers) => {
                let names = dangers.names_text();
                Some(format!(
                    "{} `{}` has changed since the dynamic secret was put: {names}",
                    role.kind, role.name
                ))
            }
            RoleReview::Weighed(rules) => {
                let dangers =
                    self.find_unwaived_election_dangers(name, definition, &rules, Some(place));
                let names = dangers.ok()??.names_text();
                Some(format!(
                    "{} `{}` has dangerous grants that are not waived: {names}",
                    role.kind, role.name
                ))
            }
            RoleReview::Failed(error) => Some(public_message(&error)),
            // That it may not be read is told by name already.
            RoleReview::Forbidden => None,
            RoleReview::Unclear(why) => Some(format!(
                "the rules of {} `{}` cannot all be checked: {why}",
                role.kind, role.name
            )),
        }
    }

    async fn dry_run_lease_objects(
        &self,
        &IssueTrial { connection, secret, deadline }: &IssueTrial<'_, '_, P>,
        known: &KnownCluster,
        asked: &mut PermissionFindings,
    ) -> Option<String> {
        let namespace = secret.definition.namespaces().literal_namespaces().first()?.clone();
        let request = IssueRequest { namespace: Some(namespace), ..IssueRequest::default() };
        // One that is disabled can be tried when it is enabled.
        let granted = secret.grant_terms(request, self.config.max_ttl).ok()?;
        let requester = Requester::target_checker();
        let context = IssueContext {
            requester: &requester,
            ledger: 0,
            secret,
            granted: &granted,
            cluster: known.identity.clone(),
            cluster_now: self.ports.now(),
            claim: None,
            deadline,
        };
        let making = IssueAttempt::plan_attempt(self, context);
        for (planned, object) in making.build_all_objects(self) {
            let create = connection
                .send_with_retries(deadline, |api| api.create_object(&object, true))
                .await;
            let refusal = match create {
                Ok(stored) => {
                    if is_binding(&planned) {
                        asked.missing.retain(|need| need.verb != "bind");
                    }
                    match stored.find_field_unlike_sent(&object) {
                        None => continue,
                        Some(field) => return Some(altered_message(&stored, field)),
                    }
                }
                Err(error) => connection.object_refusal_error(&planned, error, deadline).await,
            };
            match refusal {
                // The role of its own is made with it, and is not there yet: nothing more can be tried.
                ClusterError::NoRole { .. }
                    if existing_role_bound_by(&secret.definition).is_none() => {}
                // What is missing is told by name already.
                error if is_forbidden(&error) && !asked.missing.is_empty() => {}
                error => return Some(dry_run_message(connection, &error)),
            }
        }
        None
    }
}

fn is_binding(planned: &PlannedObject) -> bool {
    matches!(planned.kind, ObjectKind::RoleBinding | ObjectKind::ClusterRoleBinding)
}

fn is_forbidden(error: &ClusterError) -> bool {
    let ClusterError::Kubernetes { source, .. } = error else { return false };
    source.status().is_some_and(kube_rest::Status::is_forbidden)
}

/// Returns the message about an object that came back otherwise than it was sent.
fn altered_message(stored: &StoredObject, field: &str) -> String {
    format!(
        "an admission policy or webhook changes `{field}` of each created {}: no lease can be \
         issued",
        stored.kind
    )
}
