//! An issue, explained: each rule, and the objects that would be made.

mod rule_outcomes;

use chrono::{DateTime, Utc};
use kube_rest::ResourceAttributes;
use lease_core::{
    Account, DynamicSecretName, IssueRequest, ObjectKind, PlannedBody, PlannedObject,
};

use self::rule_outcomes::explain_rules;
use super::attempt::{IssueAttempt, IssueContext};
use super::issue_decision::{ClusterFacts, IssueRule, IssueTerms, RuleObserver};
use crate::cluster::connection::Connection;
use crate::config::MAX_ISSUE_TIME;
use crate::explain::{ExplainedRefusal, IssueExplanation, ObjectOutcome};
use crate::objects::object_builder::api_kind;
use crate::objects::role_review::existing_role_bound_by;
use crate::{ClusterError, Engine, IssueError, Ports};

/// The observations of a rehearsed issue.
#[derive(Default)]
pub(super) struct SeenRules {
    /// The rules that were looked at, in their order.
    pub(super) entered: Vec<IssueRule>,
    /// The terms by the records, if they grant the lease.
    pub(super) terms: Option<IssueTerms>,
    objects: Vec<ObjectOutcome>,
}

impl RuleObserver for SeenRules {
    fn enter_rule(&mut self, rule: IssueRule) {
        self.entered.push(rule);
    }
}

impl<P: Ports> Engine<P> {
    /// Explains an issue. It is for a rehearsal: it counts the issue, and takes a number.
    pub(crate) async fn explain_issue(
        &self,
        name: &DynamicSecretName,
        request: IssueRequest,
    ) -> (IssueExplanation, Option<ExplainedRefusal>) {
        let mut seen = SeenRules::default();
        let refusal = self.rehearse_issue(name, request.clone(), &mut seen).await.err();
        let namespaces = self.find_leasable_namespaces(name).await.ok();
        let rules = explain_rules(self, name, &request, &seen, refusal.as_ref());
        let SeenRules { terms, objects, .. } = seen;
        let granted = terms.map(|terms| terms.granted);
        (IssueExplanation { rules, granted, namespaces, objects }, refusal)
    }

    /// Goes through an issue up to the token, which is not asked for.
    async fn rehearse_issue(
        &self,
        name: &DynamicSecretName,
        request: IssueRequest,
        seen: &mut SeenRules,
    ) -> Result<(), ExplainedRefusal> {
        let deadline = self.now() + MAX_ISSUE_TIME;
        let terms = self.decide_by_records(name, request, seen)?;
        seen.terms = Some(terms.clone());
        let connection = self.target_connection(&terms.target).map_err(IssueError::from)?;
        let ClusterFacts { known, account } =
            self.decide_by_cluster(&connection, &terms, deadline, seen).await?;
        seen.enter_rule(IssueRule::LiveLeases);
        // The store of a rehearsal keeps writes to itself, so that this takes no number from anybody.
        self.reserve_number(terms.ledger, &terms.secret)?;
        let context = IssueContext {
            requester: &self.requester,
            ledger: terms.ledger,
            secret: &terms.secret,
            granted: &terms.granted,
            cluster: known.identity,
            cluster_now: self.cluster_now(&terms.target.name).map_err(IssueError::from)?,
            claim: None,
            deadline,
        };
        let mut making = IssueAttempt::plan_attempt(self, context);
        making.lease.account_uid = account;
        seen.enter_rule(IssueRule::Cluster);
        let anchor = &making.lease.cluster.namespace;
        let identity = self.read_namespace_uid(&connection, anchor, deadline).await;
        making.check_same_cluster(self, &connection, identity).map_err(|failure| failure.error)?;
        if making.lease.mode.is_revocable() {
            self.rehearse_objects(&connection, &terms, &making, seen).await?;
        }
        seen.enter_rule(IssueRule::Token);
        self.check_may_request_token(&connection, &terms, &making, deadline).await
    }

    /// Tries the objects in the order in which they are made, and weighs what they grant between the two rounds.
    async fn rehearse_objects(
        &self,
        connection: &Connection<'_, P>,
        terms: &IssueTerms,
        making: &IssueAttempt<'_>,
        seen: &mut SeenRules,
    ) -> Result<(), IssueError> {
        let deadline = making.deadline();
        let is_second = |planned: &PlannedObject| {
            matches!(planned.body, PlannedBody::Holder | PlannedBody::Binding(_))
        };
        let trials = making.build_all_objects(self);
        let (second, first): (Vec<_>, Vec<_>) =
            trials.into_iter().partition(|(planned, _)| is_second(planned));
        let own_role = existing_role_bound_by(&terms.secret.definition).is_none();
        let mut failed = None;
        for (round, trials) in [first, second].into_iter().enumerate() {
            // An issue judges the objects of its first round before the rights: so the same rule fails
            // first.
            if round == 1 && failed.is_none() {
                let place = &terms.granted.namespace;
                seen.enter_rule(IssueRule::Dangers);
                self.recheck_granted_rights(connection, &terms.secret, place, deadline).await?;
                seen.enter_rule(IssueRule::Objects);
            }
            for (planned, object) in trials {
                let (outcome, error) =
                    try_object(connection, &planned, &object, own_role, deadline).await;
                seen.objects.push(outcome);
                failed = failed.or(error);
            }
        }
        match failed {
            None => Ok(()),
            Some(error) => {
                if seen.entered.last() != Some(&IssueRule::Objects) {
                    seen.enter_rule(IssueRule::Objects);
                }
                Err(error.into())
            }
        }
    }

    /// Asks if a token could be asked for. Where that may not be asked, nothing is known against it.
    async fn check_may_request_token(
        &self,
        connection: &Connection<'_, P>,
        terms: &IssueTerms,
        making: &IssueAttempt<'_>,
        deadline: DateTime<Utc>,
    ) -> Result<(), ExplainedRefusal> {
        let existing = matches!(terms.secret.definition.spec().account, Account::Existing { .. });
        let what = ResourceAttributes {
            verb: "create",
            group: "",
            resource: "serviceaccounts",
            subresource: Some("token"),
            namespace: Some(terms.granted.namespace.as_str()),
            name: existing.then_some(making.lease.service_account.as_str()),
        };
        match connection.send_with_retries(deadline, |api| api.may_i(&what)).await {
            Ok(review) if !review.allowed => {
                Err(ExplainedRefusal::LeaseToken { target: terms.target.name.clone() })
            }
            // A review that fails says nothing against the token: an issue does not ask for one.
            _ => Ok(()),
        }
    }
}

/// Tries one object by a dry run.
async fn try_object<P: Ports>(
    connection: &Connection<'_, P>,
    planned: &PlannedObject,
    object: &kube_rest::NewObject,
    own_role: bool,
    deadline: DateTime<Utc>,
) -> (ObjectOutcome, Option<ClusterError>) {
    let outcome = |accepted, reason| ObjectOutcome {
        kind: api_kind(planned.kind).name(),
        namespace: planned.namespace.as_ref().map(ToString::to_string),
        name: planned.name.clone(),
        accepted,
        reason,
    };
    let error =
        match connection.send_with_retries(deadline, |api| api.create_object(object, true)).await {
            Ok(stored) => match stored.find_field_unlike_sent(object) {
                None => return (outcome(Some(true), None), None),
                Some(what) => {
                    ClusterError::WrongAnswer { target: connection.target.name.clone(), what }
                }
            },
            Err(error) if error.is_already_exists() => {
                ClusterError::Taken { target: connection.target.name.clone() }
            }
            Err(error) => connection.object_refusal_error(planned, error, deadline).await,
        };
    let is_binding =
        matches!(planned.kind, ObjectKind::RoleBinding | ObjectKind::ClusterRoleBinding);
    if own_role && is_binding && matches!(error, ClusterError::NoRole { .. }) {
        let reason = "the role that it binds would be created with it, and a dry run creates none";
        return (outcome(None, Some(reason.to_owned())), None);
    }
    (outcome(Some(false), Some(error.public_message())), Some(error))
}

impl From<IssueError> for ExplainedRefusal {
    fn from(error: IssueError) -> Self {
        Self::Issue(error)
    }
}
