//! Whether a lease is granted, before anything is written.

use chrono::{DateTime, Utc};
use lease_core::{
    Account, DynamicSecret, DynamicSecretName, KnownCluster, LeaseAction, LeaseSubject, Namespace,
    NamespaceDecision, NamespaceError, NotGrantedReason, Permit, Target, TargetName, Ttl,
    authorize_action, is_dynamic_secret_granted,
};

use super::issue_decision::IssueTerms;
use crate::cluster::connection::Connection;
use crate::{ApiAction, Authority, ClusterError, Engine, IssueError, Ports};

impl<P: Ports> Engine<P> {
    /// The target of the dynamic secret, if leases may be issued there.
    pub(crate) fn get_target_for_issue(
        &self,
        secret: &DynamicSecretName,
        name: &TargetName,
    ) -> Result<Target, IssueError> {
        let unknown = || IssueError::UnknownTarget { secret: secret.clone(), target: name.clone() };
        let target = self.targets().get(name)?.filter(|target| !target.retired);
        let target = target.ok_or_else(unknown)?;
        if target.disabled { Err(IssueError::TargetDisabled(target.name)) } else { Ok(target) }
    }

    /// Refuses a requester who may issue no lease of this name, whether there is such a dynamic secret or not.
    pub(crate) fn check_may_issue(&self, name: &DynamicSecretName) -> Result<(), IssueError> {
        let may = match (self.requester.authority, &self.requester.session) {
            (Authority::Administrator { .. }, _) => true,
            (Authority::Granted, Some(session)) => {
                is_dynamic_secret_granted(&session.identity, LeaseAction::Issue, name)
            }
            _ => false,
        };
        if may { Ok(()) } else { Err(IssueError::Denied { secret: name.clone(), namespace: None }) }
    }

    /// The longest lifetime, within what the installation and the grants of the requester allow.
    pub(super) fn longest_permitted_ttl(&self, permit: Permit) -> Ttl {
        permit.max_ttl.map_or(self.config.max_ttl, |max| max.min(self.config.max_ttl))
    }

    /// Counts an issue of an identity that may ask for so many in a minute.
    ///
    /// Only what would be granted is counted; revocations, renewals and sweeps never are.
    pub(super) fn enforce_issue_rate_limit(&self) -> Result<(), IssueError> {
        let Some(session) = &self.requester.session else { return Ok(()) };
        let Some(limit) = session.identity.spec().max_issues_per_minute else { return Ok(()) };
        let (number, now) = (session.token.identity_number, self.ports.now());
        match self.rate_counters().count_issue_within_limit(number, limit.get(), now)? {
            None => Ok(()),
            Some(retry_after) => Err(IssueError::TooMany { limit: limit.get(), retry_after }),
        }
    }

    /// The permit to issue a lease in this namespace.
    pub(crate) fn find_issue_permit(
        &self,
        secret: &DynamicSecret,
        namespace: &Namespace,
    ) -> Result<Permit, IssueError> {
        let Some(session) = &self.requester.session else { return Ok(Permit::default()) };
        if self.requester.is_administrator() {
            return Ok(Permit::default());
        }
        let subject = LeaseSubject { dynamic_secret: &secret.name, namespace, is_own: true };
        authorize_action(&session.identity, LeaseAction::Issue, &subject).map_err(|_| {
            IssueError::Denied { secret: secret.name.clone(), namespace: Some(namespace.clone()) }
        })
    }

    /// Checks that the dynamic secret covers the namespace as it is now, and does not lease our own account.
    pub(super) async fn check_namespace_covered(
        &self,
        connection: &Connection<'_, P>,
        IssueTerms { secret, granted, .. }: &IssueTerms,
        known: &KnownCluster,
        deadline: DateTime<Utc>,
    ) -> Result<(), IssueError> {
        let own = known.own_account();
        let own_namespace = own.as_ref().map(|(namespace, _)| namespace);
        if secret.definition.is_leased_account(&granted.namespace, own.as_ref()) {
            return Err(IssueError::OwnAccount(connection.target.name.clone()));
        }
        let namespaces = secret.definition.namespaces();
        let covers = match namespaces.decide_by_name(&granted.namespace, own_namespace) {
            NamespaceDecision::Allowed => true,
            NamespaceDecision::Refused => false,
            NamespaceDecision::AskLabels => {
                // Read for each lease: whoever takes the label off expects that no more leases are given
                // there.
                let labels =
                    self.namespace_labels(connection, &granted.namespace, deadline).await?;
                labels.is_some_and(|labels| {
                    namespaces.allows_namespace_with_labels(
                        &granted.namespace,
                        own_namespace,
                        &labels,
                    )
                })
            }
        };
        if covers {
            return Ok(());
        }
        let source =
            NotGrantedReason::Namespace(NamespaceError::NotAllowed(granted.namespace.clone()));
        Err(not_granted_error(secret, source))
    }

    /// The labels that a namespace has now; none where it does not exist.
    async fn namespace_labels(
        &self,
        connection: &Connection<'_, P>,
        namespace: &Namespace,
        deadline: DateTime<Utc>,
    ) -> Result<Option<std::collections::BTreeMap<String, String>>, IssueError> {
        match connection
            .send_with_retries(deadline, |api| api.get_namespace(namespace.as_str()))
            .await
        {
            Ok(read) => Ok(Some(read.labels)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(source) => {
                let doing = ApiAction::new("get", "namespaces").with_name(namespace.as_str());
                Err(ClusterError::from_kubernetes(connection.target, doing, source).into())
            }
        }
    }

    /// The UID of an existing account, read where it is not known yet.
    pub(super) async fn existing_account_uid(
        &self,
        connection: &Connection<'_, P>,
        IssueTerms { ledger, secret, granted, .. }: &IssueTerms,
        deadline: DateTime<Utc>,
    ) -> Result<Option<String>, IssueError> {
        let Account::Existing { name, .. } = &secret.definition.spec().account else {
            return Ok(None);
        };
        let (accounts, namespace) = (self.service_account_uids(), &granted.namespace);
        // The cache saves a read for each lease. If the account was made again since, its token is refused,
        // and the UID is read again.
        if let Some(uid) = accounts.get(*ledger, namespace, name)? {
            return Ok(Some(uid));
        }
        let uid = self.read_account_uid(connection, namespace, name, deadline).await?;
        accounts.put_uid(*ledger, namespace, name, &uid)?;
        Ok(Some(uid))
    }

    /// Returns true if an account is missing since its namespace is.
    ///
    /// That namespaces may be read is not needed for a lease, so that a token is tried instead. A rehearsal asks for no
    /// token of any kind.
    async fn is_namespace_gone(
        &self,
        connection: &Connection<'_, P>,
        namespace: &Namespace,
        account: &lease_core::ServiceAccountName,
        deadline: DateTime<Utc>,
    ) -> bool {
        if self.ports.is_rehearsal() {
            let read = connection
                .send_with_retries(deadline, |api| api.get_namespace(namespace.as_str()))
                .await;
            return read.is_err_and(|error| error.is_not_found());
        }
        let no_secret = self.absent_secret_name();
        let tried = connection.try_token(namespace, account, &no_secret, deadline).await;
        matches!(tried, Err(ClusterError::NoNamespace { .. }))
    }

    /// The UID that an account has now.
    pub(super) async fn read_account_uid(
        &self,
        connection: &Connection<'_, P>,
        namespace: &Namespace,
        name: &lease_core::ServiceAccountName,
        deadline: DateTime<Utc>,
    ) -> Result<String, IssueError> {
        let kind = kube_rest::Kind::ServiceAccount;
        let (place, account) = (namespace.as_str(), name.as_str());
        match connection
            .send_with_retries(deadline, |api| api.get_object(kind, Some(place), account))
            .await
        {
            Ok(stored) => Ok(stored.uid),
            // In a namespace that is not there, there is no account either, and the API server says only that.
            Err(error) if error.is_not_found() => {
                let is_gone = self.is_namespace_gone(connection, namespace, name, deadline).await;
                Err(if is_gone {
                    connection.no_namespace_error(namespace).into()
                } else {
                    IssueError::NoAccount {
                        target: connection.target.name.clone(),
                        namespace: namespace.clone(),
                        account: name.clone(),
                    }
                })
            }
            Err(source) => {
                let doing = ApiAction::new("get", "serviceaccounts").with_name(account);
                let doing = doing.in_namespace(Some(namespace));
                Err(ClusterError::from_kubernetes(connection.target, doing, source).into())
            }
        }
    }
}

/// The refusal of what a dynamic secret does not give.
pub(crate) fn not_granted_error(secret: &DynamicSecret, source: NotGrantedReason) -> IssueError {
    let namespaces = secret.definition.namespaces().describe_examples();
    IssueError::NotGranted { secret: secret.name.clone(), namespaces, source }
}
