//! Which cluster a target leads to, and whether it still does.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future;
use lease_core::{ChangedCluster, ClusterIdentity, KnownCluster, Namespace};

use crate::cluster::connection::Connection;
use crate::{ApiAction, ClusterError, Engine, Ports, StoreError};

impl<P: Ports> Engine<P> {
    /// The cluster that the target leads to, learnt once for each put of the target.
    ///
    /// # Errors
    /// Fails where it cannot be told, or is another than it was.
    pub(crate) async fn learn_or_verify_cluster(
        &self,
        connection: &Connection<'_, P>,
        namespace: &Namespace,
        deadline: DateTime<Utc>,
    ) -> Result<KnownCluster, ClusterError> {
        self.learn_cluster_by_namespace(connection, Some(namespace), deadline).await
    }

    /// The same, of whichever is known by `kube-system` or was met before; none if it was not, and `kube-system` may not
    /// be read.
    ///
    /// # Errors
    /// Fails if it cannot be told for another reason, or if the cluster is another than it was.
    pub(crate) async fn learn_cluster_without_namespace(
        &self,
        connection: &Connection<'_, P>,
        deadline: DateTime<Utc>,
    ) -> Result<Option<KnownCluster>, ClusterError> {
        let met = self.learn_cluster_by_namespace(connection, None, deadline).await;
        if is_forbidden(&met) && self.known_clusters().get(&connection.target.name)?.is_none() {
            return Ok(None);
        }
        met.map(Some)
    }

    /// Checks that the target still leads to a cluster that is known; notes it if not.
    ///
    /// # Errors
    /// Fails if it does not, or if that cannot be told.
    pub(crate) async fn confirm_cluster(
        &self,
        connection: &Connection<'_, P>,
        known: &ClusterIdentity,
        deadline: DateTime<Utc>,
    ) -> Result<(), ClusterError> {
        let found = self.read_namespace_uid(connection, &known.namespace, deadline).await?;
        if found == *known {
            return Ok(());
        }
        let target = &connection.target.name;
        // Unless somebody has noted it, or said that the other one is true.
        let kept = self.known_clusters().get(target)?;
        if let Some(kept) = kept.filter(|kept| kept.changed.is_none() && kept.identity != found) {
            self.record_changed_cluster(connection, kept, found)?;
        }
        Err(ClusterError::Changed { target: target.clone() })
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the path of a method is of one lifetime of an `Api`, and a closure of all"
    )]
    async fn learn_cluster_by_namespace(
        &self,
        connection: &Connection<'_, P>,
        namespace: Option<&Namespace>,
        deadline: DateTime<Utc>,
    ) -> Result<KnownCluster, ClusterError> {
        let target = connection.target;
        let known = self.known_clusters().get(&target.name)?;
        if let Some(known) = &known {
            if known.changed.is_some() {
                return Err(ClusterError::Changed { target: target.name.clone() });
            }
            if known.of == target.updated_at {
                return Ok(known.clone());
            }
        }
        let anchor = known.as_ref().map(|known| known.identity.namespace.clone());
        let (identity, me) = future::join(
            self.read_cluster_identity(connection, anchor.as_ref(), namespace, deadline),
            connection.send_with_retries(deadline, |api| api.who_am_i()),
        )
        .await;
        let identity = identity?;
        let changed = known.as_ref().is_some_and(|known| known.identity != identity);
        let met = KnownCluster {
            identity,
            of: target.updated_at,
            username: own_username_of(connection, me)?,
            changed: None,
        };
        if let (Some(known), true) = (known, changed) {
            self.record_changed_cluster(connection, known, met.identity)?;
            return Err(ClusterError::Changed { target: target.name.clone() });
        }
        self.known_clusters().put_cluster(&target.name, &met)?;
        self.save_cluster_clock(connection)?;
        Ok(met)
    }

    /// The UID of `kube-system`; where that is not readable, of the lease's own namespace, if there is a lease.
    async fn read_cluster_identity(
        &self,
        connection: &Connection<'_, P>,
        anchor: Option<&Namespace>,
        own: Option<&Namespace>,
        deadline: DateTime<Utc>,
    ) -> Result<ClusterIdentity, ClusterError> {
        if let Some(anchor) = anchor {
            return self.read_namespace_uid(connection, anchor, deadline).await;
        }
        let system = system_namespace();
        let first = self.read_namespace_uid(connection, &system, deadline).await;
        let Some(own) = own.filter(|_| is_forbidden(&first)) else { return first };
        // What a cluster is known by is signed into all that is made there: known by something else, it would
        // have nothing of ours. One refusal, which may pass, does not decide that.
        connection.sleep(FORBIDDEN_RETRY_PAUSE).await;
        let second = self.read_namespace_uid(connection, &system, deadline).await;
        if !is_forbidden(&second) {
            return second;
        }
        match self.read_namespace_uid(connection, own, deadline).await {
            Err(ClusterError::Kubernetes { source, .. }) if source.is_not_found() => {
                Err(connection.no_namespace_error(own))
            }
            read => read,
        }
    }

    /// The UID that a namespace has now.
    pub(crate) async fn read_namespace_uid(
        &self,
        connection: &Connection<'_, P>,
        namespace: &Namespace,
        deadline: DateTime<Utc>,
    ) -> Result<ClusterIdentity, ClusterError> {
        let read = connection
            .send_with_retries(deadline, |api| api.get_namespace(namespace.as_str()))
            .await;
        let read = read.map_err(|source| {
            let doing = ApiAction::new("get", "namespaces").with_name(namespace.as_str());
            ClusterError::from_kubernetes(connection.target, doing, source)
        })?;
        // The answer to another request would be the UID of another namespace, and so of another cluster.
        if read.name != namespace.as_str() {
            let (target, what) = (connection.target.name.clone(), "it names another namespace");
            return Err(ClusterError::WrongAnswer { target, what });
        }
        Ok(ClusterIdentity { namespace: namespace.clone(), uid: read.uid })
    }

    /// Records that another cluster is there than `known`, so that nobody issues or ends anything by it.
    pub(crate) fn record_changed_cluster(
        &self,
        connection: &Connection<'_, P>,
        known: KnownCluster,
        found: ClusterIdentity,
    ) -> Result<(), StoreError> {
        let target = &connection.target.name;
        log::warn!("target `{target}` leads to a different cluster than before");
        let changed = ChangedCluster { found, since: self.ports.now() };
        self.known_clusters().put_cluster(target, &KnownCluster { changed: Some(changed), ..known })
    }
}

fn is_forbidden<T>(read: &Result<T, ClusterError>) -> bool {
    let Err(ClusterError::Kubernetes { source, .. }) = read else { return false };
    source.is_forbidden()
}

/// The user that kubelease is there. Only a cluster that is too old to be asked may leave that open: our own
/// account is never leased, and must be known for that.
fn own_username_of<P: Ports>(
    connection: &Connection<'_, P>,
    me: Result<kube_rest::UserInfo, kube_rest::Error>,
) -> Result<Option<String>, ClusterError> {
    let source = match me {
        Ok(me) => return Ok(Some(me.username)),
        Err(error) if error.is_not_served() => return Ok(connection.own_username()),
        Err(error) => error,
    };
    // Where `system:basic-user` is not bound, nobody may ask.
    if let Some(username) = connection.own_username().filter(|_| source.is_forbidden()) {
        return Ok(Some(username));
    }
    let doing = ApiAction::new("create", SELF_REVIEWS);
    Err(ClusterError::from_kubernetes(connection.target, doing, source))
}

/// The resource of `SelfSubjectReview`, as RBAC names it.
pub(crate) const SELF_REVIEWS: &str = "selfsubjectreviews.authentication.k8s.io";

/// The namespace that every cluster has and nobody deletes.
fn system_namespace() -> Namespace {
    // Unwrap safety: it is a label.
    "kube-system".parse().unwrap()
}

/// The pause after a refusal, before the question is asked again.
const FORBIDDEN_RETRY_PAUSE: Duration = Duration::from_secs(1);
