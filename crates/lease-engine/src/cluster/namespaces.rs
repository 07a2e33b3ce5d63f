//! Namespaces in which leases of a dynamic secret can be asked for now.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use kube_rest::{MAX_PAGE_OBJECTS, PageRequest};
use lease_core::{
    DynamicSecret, DynamicSecretName, KnownCluster, LeaseAction, NamePattern, Namespace,
    NamespaceDecision, NamespaceRules, NamespaceSelector, Target, TargetName,
};

use crate::cluster::connection::Connection;
use crate::issue::not_granted_error;
use crate::{ApiAction, ClusterError, Engine, IssueError, Ports};

/// The namespaces in which the requester can ask for leases of a dynamic secret now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasableNamespaces {
    /// The target that they are on.
    pub target: TargetName,
    /// True if all others are covered too, but for those that have to be named (`kube-*`, `default` and the namespace
    /// of the target's own account).
    pub any: bool,
    /// The patterns to which the grants of the requester narrow them; none for an administrator.
    pub granted: Option<Vec<NamePattern>>,
    /// Those that are named, and those that the selector meets, in the order of their names.
    pub names: Vec<Namespace>,
    /// False if the selector meets more than were looked at.
    pub is_complete: bool,
}

impl<P: Ports> Engine<P> {
    /// Finds the namespaces in which the requester can ask for leases of a dynamic secret now.
    ///
    /// The target is asked only if a selector decides: for the labels of all its namespaces, which its account has to be
    /// allowed to list.
    ///
    /// # Errors
    /// Fails as the issue of a lease does whatever its namespace is, and if the target does not answer.
    pub async fn find_leasable_namespaces(
        &self,
        name: &DynamicSecretName,
    ) -> Result<LeasableNamespaces, IssueError> {
        self.check_may_issue(name)?;
        let secret = self.dynamic_secrets().get(name)?;
        let secret = secret.ok_or_else(|| IssueError::UnknownSecret(name.clone()))?;
        let target = self.get_target_for_issue(&secret.name, &secret.definition.spec().target)?;
        secret.check_issuable().map_err(|source| not_granted_error(&secret, source))?;
        let namespaces = secret.definition.namespaces();
        let (known, selected) = match namespaces.deciding_selector() {
            Some(selector) => {
                let (known, selected) =
                    self.select_namespaces(&target, namespaces, selector).await?;
                (Some(known), selected)
            }
            None => (self.known_clusters().get(&target.name)?, SelectedNamespaces::default()),
        };
        Ok(self.narrow_namespaces(&secret, known.as_ref(), selected))
    }

    /// Narrows what was found to what the dynamic secret covers and the requester is granted.
    fn narrow_namespaces(
        &self,
        secret: &DynamicSecret,
        known: Option<&KnownCluster>,
        selected: SelectedNamespaces,
    ) -> LeasableNamespaces {
        let namespaces = secret.definition.namespaces();
        let own = known.and_then(KnownCluster::own_account);
        let own_namespace = own.as_ref().map(|(namespace, _)| namespace);
        let literal = namespaces.literal_namespaces().iter().filter(|namespace| {
            namespaces.decide_by_name(namespace, own_namespace) == NamespaceDecision::Allowed
                && !secret.definition.is_leased_account(namespace, own.as_ref())
        });
        let all: BTreeSet<_> = literal.cloned().chain(selected.names).collect();
        let is_granted = |namespace: &Namespace| self.find_issue_permit(secret, namespace).is_ok();
        let names = all.into_iter().filter(is_granted).collect();
        LeasableNamespaces {
            target: secret.definition.spec().target.clone(),
            any: namespaces.covers_every_namespace(),
            granted: self.granted_patterns(&secret.name),
            names,
            is_complete: !selected.is_cut,
        }
    }

    /// The patterns of namespaces in which the grants of the requester let it ask for leases.
    fn granted_patterns(&self, secret: &DynamicSecretName) -> Option<Vec<NamePattern>> {
        let session = self.requester.session.as_ref()?;
        if self.requester.is_administrator() {
            return None;
        }
        let grants = session.identity.grants().iter();
        let covering =
            grants.filter(|grant| grant.covers_dynamic_secret(LeaseAction::Issue, secret));
        let patterns = covering.flat_map(|grant| grant.namespaces.as_slice().iter().cloned());
        Some(patterns.collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Lists the namespaces of a target whose labels let them in.
    async fn select_namespaces(
        &self,
        target: &Target,
        namespaces: &NamespaceRules,
        selector: &NamespaceSelector,
    ) -> Result<(KnownCluster, SelectedNamespaces), IssueError> {
        let deadline = self.now() + MAX_NAMESPACE_LIST_TIME;
        let connection = self.target_connection(target)?;
        // Unwrap safety: it is a label.
        let place = namespaces.literal_namespaces().first().cloned();
        let place = place.unwrap_or_else(|| "default".parse().unwrap());
        let known = self.learn_or_verify_cluster(&connection, &place, deadline).await?;
        let own = known.own_account().map(|(namespace, _)| namespace);
        let lets_in = |listed: &kube_rest::StoredNamespace| {
            let name: Namespace = listed.name.parse().ok()?;
            // What is being deleted takes no objects any more.
            let lets_in = !listed.is_terminating
                && namespaces.allows_namespace_with_labels(&name, own.as_ref(), &listed.labels);
            lets_in.then_some(name)
        };
        let selected = list_selected(&connection, selector, deadline, lets_in).await?;
        Ok((known, selected))
    }
}

/// The namespaces that a selector meets.
#[derive(Default)]
struct SelectedNamespaces {
    names: Vec<Namespace>,
    /// True if there are more.
    is_cut: bool,
}

/// Lists what the selector meets, page by page. Each is judged here again, by the rule that an issue goes by.
async fn list_selected<P: Ports>(
    connection: &Connection<'_, P>,
    selector: &NamespaceSelector,
    deadline: DateTime<Utc>,
    lets_in: impl Fn(&kube_rest::StoredNamespace) -> Option<Namespace>,
) -> Result<SelectedNamespaces, ClusterError> {
    let (query, mut selected, mut next) =
        (selector.to_query(), SelectedNamespaces::default(), None);
    for _ in 0..MAX_PAGES {
        let ask = |api: &kube_rest::Api<'_>| {
            let next = next.as_deref();
            api.list_namespaces_page(PageRequest {
                selector: &query,
                limit: MAX_PAGE_OBJECTS,
                next,
            })
        };
        let page = connection.send_with_retries(deadline, ask).await.map_err(|source| {
            let doing = ApiAction::new("list", "namespaces");
            ClusterError::from_kubernetes(connection.target, doing, source)
        })?;
        selected.names.extend(page.items.iter().filter_map(&lets_in));
        next = page.next;
        if next.is_none() {
            return Ok(selected);
        }
    }
    selected.is_cut = true;
    Ok(selected)
}

/// The most pages of a list that are read for one answer: 10,000 namespaces, as many as Kubernetes is tested with.
const MAX_PAGES: usize = 20;

/// The longest time for listing the namespaces.
const MAX_NAMESPACE_LIST_TIME: TimeDelta = TimeDelta::seconds(20);

#[cfg(test)]
mod tests;
