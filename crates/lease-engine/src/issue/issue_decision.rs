//! What decides about an issue before anything is written, in the order in which it is looked at.

use chrono::{DateTime, Utc};
use lease_core::{
    DynamicSecret, DynamicSecretName, GrantedTerms, IssueRequest, KnownCluster, Target,
};

use super::not_granted_error;
use crate::cluster::connection::Connection;
use crate::{Engine, IssueError, Ports};

/// A rule of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IssueRule {
    /// A grant allows leases of this dynamic secret somewhere.
    GrantForDynamicSecret,
    /// There is such a dynamic secret.
    DynamicSecret,
    /// Its target exists, and is enabled.
    Target,
    /// The namespace is said, or the only one.
    NamespaceChosen,
    /// A grant allows leases in this namespace.
    GrantForNamespace,
    /// The dynamic secret is enabled.
    Enabled,
    /// The lifetime is within the limits.
    Ttl,
    /// The identity may ask for another lease in this minute.
    IssuesPerMinute,
    /// The target answers, and leads to the cluster that it led to.
    Cluster,
    /// The target has been compared with the records.
    Reconciled,
    /// The dynamic secret covers the namespace as it is now, and leases no account of ours.
    NamespaceCovered,
    /// The account whose token is leased exists.
    Account,
    /// Another lease may live.
    LiveLeases,
    /// The rights to be granted were looked through.
    Dangers,
    /// The API server takes the objects.
    Objects,
    /// kubelease may ask for the token.
    Token,
}

/// Whoever is told which rule is looked at next. The one that was told last is the one that fails.
pub(crate) trait RuleObserver {
    /// A rule is looked at.
    fn enter_rule(&mut self, rule: IssueRule);
}

/// Nobody: it is an issue, and not an explanation of one.
pub(super) struct NoObserver;

impl RuleObserver for NoObserver {
    fn enter_rule(&mut self, _rule: IssueRule) {}
}

/// The terms of a granted lease, by the records alone.
#[derive(Clone)]
pub(super) struct IssueTerms {
    /// The number of the dynamic secret's ledger.
    pub(super) ledger: u64,
    pub(super) secret: DynamicSecret,
    pub(super) target: Target,
    pub(super) granted: GrantedTerms,
}

/// The facts about a granted lease that only the cluster knows.
pub(super) struct ClusterFacts {
    pub(super) known: KnownCluster,
    /// The UID of the existing account whose token is leased.
    pub(super) account: Option<String>,
}

impl<P: Ports> Engine<P> {
    /// Decides by the records alone.
    pub(super) fn decide_by_records(
        &self,
        name: &DynamicSecretName,
        request: IssueRequest,
        watch: &mut impl RuleObserver,
    ) -> Result<IssueTerms, IssueError> {
        watch.enter_rule(IssueRule::GrantForDynamicSecret);
        // First: without a grant, the answer must not tell if the dynamic secret exists.
        self.check_may_issue(name)?;
        watch.enter_rule(IssueRule::DynamicSecret);
        let entry = self.dynamic_secrets().get_with_number(name)?;
        let (ledger, secret) = entry.ok_or_else(|| IssueError::UnknownSecret(name.clone()))?;
        watch.enter_rule(IssueRule::Target);
        let target = self.get_target_for_issue(&secret.name, &secret.definition.spec().target)?;
        watch.enter_rule(IssueRule::NamespaceChosen);
        let namespace = secret.choose_namespace(request.namespace.clone());
        let namespace = namespace.map_err(|source| not_granted_error(&secret, source))?;
        watch.enter_rule(IssueRule::GrantForNamespace);
        let permit = self.find_issue_permit(&secret, &namespace)?;
        watch.enter_rule(IssueRule::Enabled);
        // Only now: whoever has no grant in this namespace learns nothing of the state of the dynamic
        // secret.
        secret.check_issuable().map_err(|source| not_granted_error(&secret, source))?;
        watch.enter_rule(IssueRule::Ttl);
        let granted = secret.grant_terms(request, self.longest_permitted_ttl(permit));
        let granted = granted.map_err(|source| not_granted_error(&secret, source))?;
        watch.enter_rule(IssueRule::IssuesPerMinute);
        // Last: a request that is refused by the records does not use up the limit.
        self.enforce_issue_rate_limit()?;
        Ok(IssueTerms { ledger, secret, target, granted })
    }

    /// Decides by what the cluster says.
    pub(super) async fn decide_by_cluster(
        &self,
        connection: &Connection<'_, P>,
        terms: &IssueTerms,
        deadline: DateTime<Utc>,
        watch: &mut impl RuleObserver,
    ) -> Result<ClusterFacts, IssueError> {
        let IssueTerms { secret, granted, .. } = terms;
        watch.enter_rule(IssueRule::Cluster);
        let known = self.learn_or_verify_cluster(connection, &granted.namespace, deadline).await?;
        watch.enter_rule(IssueRule::Reconciled);
        // Leases of a store that was lost are counted under the cap only after they are found.
        self.reconcile_before_issue(connection, &secret.name, deadline).await?;
        watch.enter_rule(IssueRule::NamespaceCovered);
        self.check_namespace_covered(connection, terms, &known, deadline).await?;
        watch.enter_rule(IssueRule::Account);
        let account = self.existing_account_uid(connection, terms, deadline).await?;
        Ok(ClusterFacts { known, account })
    }
}
