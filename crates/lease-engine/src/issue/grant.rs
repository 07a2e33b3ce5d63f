//! Whether a lease is granted, before anything is written.

use chrono::{DateTime, Utc};
use lease_core::{
    Account, Decision, DynamicSecret, DynamicSecretName, Granted, IssueRequest, KnownCluster,
    Namespace, NamespaceError, NotGranted, Target, TargetName,
};

use crate::connection::Connection;
use crate::{ClusterError, Doing, Engine, IssueError, Ports};

impl<P: Ports> Engine<P> {
    /// The target of the dynamic secret, if leases may be issued there.
    pub(super) fn issuing_target(
        &self,
        secret: &DynamicSecretName,
        name: &TargetName,
    ) -> Result<Target, IssueError> {
        let unknown = || IssueError::UnknownTarget { secret: secret.clone(), target: name.clone() };
        let target = self.targets().get(name)?.filter(|target| !target.retired);
        let target = target.ok_or_else(unknown)?;
        if target.disabled { Err(IssueError::TargetDisabled(target.name)) } else { Ok(target) }
    }

    pub(super) fn granted(
        &self,
        secret: &DynamicSecret,
        request: IssueRequest,
    ) -> Result<Granted, IssueError> {
        secret.grant(request, self.config.max_ttl).map_err(|source| not_granted(secret, source))
    }

    /// Whether the dynamic secret covers the namespace as it is now, and does not lease our own account.
    pub(super) async fn covered(
        &self,
        connection: &Connection<'_, P>,
        secret: &DynamicSecret,
        granted: &Granted,
        known: &KnownCluster,
        deadline: DateTime<Utc>,
    ) -> Result<(), IssueError> {
        let own = known.own_account();
        let own_namespace = own.as_ref().map(|(namespace, _)| namespace);
        if let (Account::Existing { name, .. }, Some((own_place, own_name))) =
            (&secret.definition.parts().account, &own)
            && (own_place, own_name) == (&granted.namespace, name)
        {
            return Err(IssueError::OwnAccount(connection.target.name.clone()));
        }
        let namespaces = secret.definition.namespaces();
        let covers = match namespaces.decide(&granted.namespace, own_namespace) {
            Decision::Allowed => true,
            Decision::Refused => false,
            Decision::AskLabels => {
                let labels =
                    self.namespace_labels(connection, &granted.namespace, deadline).await?;
                labels.is_some_and(|labels| {
                    namespaces.allows_labels(&granted.namespace, own_namespace, &labels)
                })
            }
        };
        if covers {
            return Ok(());
        }
        let source = NotGranted::Namespace(NamespaceError::NotAllowed(granted.namespace.clone()));
        Err(not_granted(secret, source))
    }

    /// The labels that a namespace has now; none where it does not exist.
    async fn namespace_labels(
        &self,
        connection: &Connection<'_, P>,
        namespace: &Namespace,
        deadline: DateTime<Utc>,
    ) -> Result<Option<std::collections::BTreeMap<String, String>>, IssueError> {
        match connection.ask(deadline, |api| api.namespace(namespace.as_str())).await {
            Ok(read) => Ok(Some(read.labels)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(source) => {
                let doing = Doing::new("get", "namespaces").named(namespace.as_str());
                Err(ClusterError::kubernetes(connection.target, doing, source).into())
            }
        }
    }

    /// The UID of an existing account, read where it is not known yet.
    pub(super) async fn known_account(
        &self,
        connection: &Connection<'_, P>,
        log: u64,
        secret: &DynamicSecret,
        namespace: &Namespace,
        deadline: DateTime<Utc>,
    ) -> Result<Option<String>, IssueError> {
        let Account::Existing { name, .. } = &secret.definition.parts().account else {
            return Ok(None);
        };
        let accounts = self.accounts();
        if let Some(uid) = accounts.get(log, namespace, name)? {
            return Ok(Some(uid));
        }
        let uid = self.read_account(connection, namespace, name, deadline).await?;
        accounts.put(log, namespace, name, &uid)?;
        Ok(Some(uid))
    }

    /// The UID that an account has now.
    pub(super) async fn read_account(
        &self,
        connection: &Connection<'_, P>,
        namespace: &Namespace,
        name: &lease_core::ServiceAccountName,
        deadline: DateTime<Utc>,
    ) -> Result<String, IssueError> {
        let kind = kube_rest::Kind::ServiceAccount;
        let (place, account) = (namespace.as_str(), name.as_str());
        match connection.ask(deadline, |api| api.read(kind, Some(place), account)).await {
            Ok(stored) => Ok(stored.uid),
            Err(error) if error.is_not_found() => Err(IssueError::NoAccount {
                target: connection.target.name.clone(),
                namespace: namespace.clone(),
                account: name.clone(),
            }),
            Err(source) => {
                let doing = Doing::new("get", "serviceaccounts").named(account);
                let doing = doing.at(Some(namespace));
                Err(ClusterError::kubernetes(connection.target, doing, source).into())
            }
        }
    }
}

fn not_granted(secret: &DynamicSecret, source: NotGranted) -> IssueError {
    let namespaces = secret.definition.namespaces().examples();
    IssueError::NotGranted { secret: secret.name.clone(), namespaces, source }
}
