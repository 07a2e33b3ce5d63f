//! An issue, explained: each rule, and the objects that would be made.

mod told;

use chrono::{DateTime, Utc};
use kube_rest::ResourceAttributes;
use lease_core::{
    Account, DynamicSecretName, IssueRequest, ObjectKind, PlannedBody, PlannedObject,
};

use self::told::told_rules;
use super::decide::{Grounds, IssueRule, Terms, Watch};
use super::making::Making;
use crate::config::ISSUE_TIME;
use crate::connection::Connection;
use crate::explain::{IssueExplanation, ObjectOutcome, Refused};
use crate::objects::kind;
use crate::role::bound_role;
use crate::{ClusterError, Engine, IssueError, Ports};

/// What was seen of an issue.
#[derive(Default)]
pub(super) struct Seen {
    /// The rules that were looked at, in their order.
    pub(super) entered: Vec<IssueRule>,
    /// What the records say, if the lease is granted by them.
    pub(super) terms: Option<Terms>,
    objects: Vec<ObjectOutcome>,
}

impl Watch for Seen {
    fn enter(&mut self, rule: IssueRule) {
        self.entered.push(rule);
    }
}

impl<P: Ports> Engine<P> {
    /// Explains an issue. It is for a rehearsal: it counts the issue, and takes a number.
    pub(crate) async fn explain_issue(
        &self,
        name: &DynamicSecretName,
        request: IssueRequest,
    ) -> (IssueExplanation, Option<Refused>) {
        let mut seen = Seen::default();
        let refusal = self.rehearse(name, request.clone(), &mut seen).await.err();
        let namespaces = self.leasable_namespaces(name).await.ok();
        let rules = told_rules(self, name, &request, &seen, refusal.as_ref());
        let Seen { terms, objects, .. } = seen;
        let granted = terms.map(|terms| terms.granted);
        (IssueExplanation { rules, granted, namespaces, objects }, refusal)
    }

    /// Goes through an issue up to the token, which is not asked for.
    async fn rehearse(
        &self,
        name: &DynamicSecretName,
        request: IssueRequest,
        seen: &mut Seen,
    ) -> Result<(), Refused> {
        let deadline = self.now() + ISSUE_TIME;
        let terms = self.decide_terms(name, request, seen)?;
        seen.terms = Some(terms.clone());
        let connection = self.connect(&terms.target).map_err(IssueError::from)?;
        let Grounds { known, account } =
            self.decide_place(&connection, &terms, deadline, seen).await?;
        seen.enter(IssueRule::LiveLeases);
        self.number(terms.log, &terms.secret)?;
        let known = (known, self.now_on(&terms.target.name).map_err(IssueError::from)?);
        let subject = (terms.log, &terms.secret);
        let (requester, granted) = (&self.requester, &terms.granted);
        let mut making = Making::plan(self, requester, subject, granted, known, None, deadline);
        making.lease.account_uid = account;
        seen.enter(IssueRule::Cluster);
        let anchor = &making.lease.cluster.namespace;
        let identity = self.read_identity(&connection, anchor, deadline).await;
        making.same_cluster(self, &connection, identity).map_err(|failure| failure.error)?;
        if making.lease.mode.is_revocable() {
            self.rehearse_objects(&connection, &terms, &making, deadline, seen).await?;
        }
        seen.enter(IssueRule::Token);
        self.may_ask_for_token(&connection, &terms, &making, deadline).await
    }

    /// Tries the objects in the order in which they are made, and weighs what they grant between the two rounds.
    async fn rehearse_objects(
        &self,
        connection: &Connection<'_, P>,
        terms: &Terms,
        making: &Making<'_>,
        deadline: DateTime<Utc>,
        seen: &mut Seen,
    ) -> Result<(), IssueError> {
        let is_second = |planned: &PlannedObject| {
            matches!(planned.body, PlannedBody::Holder | PlannedBody::Binding(_))
        };
        let trials = making.trials(self);
        let (second, first): (Vec<_>, Vec<_>) =
            trials.into_iter().partition(|(planned, _)| is_second(planned));
        let own_role = bound_role(&terms.secret.definition).is_none();
        let mut failed = None;
        for (round, trials) in [first, second].into_iter().enumerate() {
            if round == 1 && failed.is_none() {
                let place = &terms.granted.namespace;
                seen.enter(IssueRule::Dangers);
                self.weigh_grant(connection, &terms.secret, place, deadline).await?;
                seen.enter(IssueRule::Objects);
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
                    seen.enter(IssueRule::Objects);
                }
                Err(error.into())
            }
        }
    }

    /// Asks if a token could be asked for. Where that may not be asked, nothing is known against it.
    async fn may_ask_for_token(
        &self,
        connection: &Connection<'_, P>,
        terms: &Terms,
        making: &Making<'_>,
        deadline: DateTime<Utc>,
    ) -> Result<(), Refused> {
        let existing = matches!(terms.secret.definition.parts().account, Account::Existing { .. });
        let what = ResourceAttributes {
            verb: "create",
            group: "",
            resource: "serviceaccounts",
            subresource: Some("token"),
            namespace: Some(terms.granted.namespace.as_str()),
            name: existing.then_some(making.lease.service_account.as_str()),
        };
        match connection.ask(deadline, |api| api.may_i(&what)).await {
            Ok(review) if !review.allowed => {
                Err(Refused::LeaseToken { target: terms.target.name.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// Tries one object by a dry run.
async fn try_object<P: Ports>(
    connection: &Connection<'_, P>,
    planned: &PlannedObject,
    object: &kube_rest::Object,
    own_role: bool,
    deadline: DateTime<Utc>,
) -> (ObjectOutcome, Option<ClusterError>) {
    let outcome = |accepted, reason| ObjectOutcome {
        kind: kind(planned.kind).name(),
        namespace: planned.namespace.as_ref().map(ToString::to_string),
        name: planned.name.clone(),
        accepted,
        reason,
    };
    let error = match connection.ask(deadline, |api| api.create(object, true)).await {
        Ok(stored) => match stored.mismatch(object) {
            None => return (outcome(Some(true), None), None),
            Some(what) => {
                ClusterError::WrongAnswer { target: connection.target.name.clone(), what }
            }
        },
        Err(error) if error.is_already_exists() => {
            ClusterError::Taken { target: connection.target.name.clone() }
        }
        Err(error) => connection.refused_object(planned, error, deadline).await,
    };
    let is_binding =
        matches!(planned.kind, ObjectKind::RoleBinding | ObjectKind::ClusterRoleBinding);
    if own_role && is_binding && matches!(error, ClusterError::NoRole { .. }) {
        let reason = "the role that it binds would be made with it, and a dry run makes none";
        return (outcome(None, Some(reason.to_owned())), None);
    }
    (outcome(Some(false), Some(error.told())), Some(error))
}

impl From<IssueError> for Refused {
    fn from(error: IssueError) -> Self {
        Self::Issue(error)
    }
}
