//! Ending what was made for a lease: only what is provably ours, and done only once it is gone.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future;
use kube_rest::{Error, ObjectDeletion};
use lease_core::{ClusterIdentity, Keyring, LeaseId, LeasedObject, ObjectKind};

use crate::cluster::connection::Connection;
use crate::objects::create::{OwnershipVerifier, object_marks, read_created};
use crate::objects::object_builder::{api_kind, resource_name};
use crate::{ApiAction, ClusterError, Engine, Ports};

/// The reason why a lease cannot be ended now. It is stored with the lease, and the end is tried
/// again for ever.
#[derive(Debug)]
pub enum RevocationBlocker {
    /// The cluster could not be asked, or said no.
    Cluster(ClusterError),
    /// A finalizer of somebody's holds an object. A token that is bound to it is accepted for 60 s more, and for as
    /// long as an API server remembers it.
    Held {
        /// The kind of the object that is held.
        kind: ObjectKind,
    },
    /// The target does not exist any more.
    NoTarget,
    /// Something of its name is signed under a master key that is not configured any more: it may be ours.
    Unproved {
        /// The kind of the object.
        kind: ObjectKind,
    },
    /// The issue may still be under way, or a request of it may still take effect.
    Unsettled,
}

impl fmt::Display for RevocationBlocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RevocationBlocker::Cluster(error) => f.write_str(&error.public_message()),
            RevocationBlocker::Held {
                kind: kind @ (ObjectKind::ServiceAccount | ObjectKind::Secret),
            } => {
                write!(
                    f,
                    "a finalizer blocks the deletion of the {}; its token is accepted for up to a \
                     minute more, and the lease ends when the finalizer is removed",
                    kind.as_str()
                )
            }
            RevocationBlocker::Held { kind } => write!(
                f,
                "a finalizer blocks the deletion of the {}; the lease ends when the finalizer is \
                 removed",
                kind.as_str()
            ),
            RevocationBlocker::NoTarget => f.write_str(
                "the target no longer exists; put it again under the same name, and the revocation \
                 continues",
            ),
            RevocationBlocker::Unproved { kind } => write!(
                f,
                "the {} of the lease is signed under a master key that is not configured any more; \
                 add the key to `previous_master_keys`",
                kind.as_str()
            ),
            RevocationBlocker::Unsettled => f.write_str(
                "a request of its issue may still take effect; the next sweep tries again",
            ),
        }
    }
}

impl RevocationBlocker {
    /// Returns true if the cluster did not answer at all: nothing else can be ended there now
    /// either.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(self, RevocationBlocker::Cluster(error) if Self::is_silence_of(error))
    }

    /// The same of an error.
    pub(crate) fn is_silence_of(error: &ClusterError) -> bool {
        matches!(error, ClusterError::Kubernetes { source: Error::Transport(_), .. })
    }
}

/// The outcome for one object.
enum DeletionOutcome {
    /// We saw it go.
    Deleted,
    /// Nothing of ours is there. Whether that counts depends on where we looked.
    Absent,
}

/// The objects of one lease, in one cluster, that are to be deleted.
#[derive(Clone, Copy)]
pub(crate) struct Teardown<'a> {
    pub(crate) lease: LeaseId,
    pub(crate) cluster: &'a ClusterIdentity,
    pub(crate) objects: &'a [LeasedObject],
}

impl<P: Ports> Engine<P> {
    /// Deletes the objects side by side, and returns once nothing of ours is left.
    ///
    /// That an object is not found counts only if the cluster's identity was read in the same round:
    /// another cluster at the same address has none of our objects either.
    ///
    /// # Errors
    /// Says what stands in the way of one of them; the others are deleted all the same.
    pub(crate) async fn delete_and_confirm_gone(
        &self,
        connection: &Connection<'_, P>,
        ending: Teardown<'_>,
        deadline: DateTime<Utc>,
    ) -> Result<(), RevocationBlocker> {
        if ending.objects.is_empty() {
            return Ok(());
        }
        let deletions = ending
            .objects
            .iter()
            .map(|object| delete_object(connection, ending, object, &self.keys, deadline));
        let (identity, gone) = future::join(
            self.read_namespace_uid(connection, &ending.cluster.namespace, deadline),
            future::join_all(deletions),
        )
        .await;
        let mut absent = false;
        // All have been tried; one obstacle is told, and the next try tells the next.
        for gone in gone {
            absent |= matches!(gone?, DeletionOutcome::Absent);
        }
        // Each delete was answered for the very UID: that is proof enough, whatever cluster answers by now.
        if !absent {
            return Ok(());
        }
        match identity {
            Ok(found) if found == *ending.cluster => Ok(()),
            Ok(found) => {
                Err(RevocationBlocker::Cluster(self.changed_cluster_error(connection, found)?))
            }
            Err(error) => Err(RevocationBlocker::Cluster(error)),
        }
    }

    /// Another cluster than the lease's answered: nothing there is ours to judge by.
    fn changed_cluster_error(
        &self,
        connection: &Connection<'_, P>,
        found: ClusterIdentity,
    ) -> Result<ClusterError, RevocationBlocker> {
        let target = &connection.target.name;
        let cluster = |error: lease_store::StoreError| RevocationBlocker::Cluster(error.into());
        // If an administrator has accepted the new cluster, only this lease is of the one before: nothing
        // is to be recorded.
        if let Some(known) = self.known_clusters().get(target).map_err(cluster)?
            && known.changed.is_none()
            && known.identity != found
        {
            self.record_changed_cluster(connection, known, found).map_err(cluster)?;
        }
        Ok(ClusterError::Changed { target: target.clone() })
    }
}

/// Deletes one object, if it is ours.
async fn delete_object<P: Ports>(
    connection: &Connection<'_, P>,
    ending: Teardown<'_>,
    object: &LeasedObject,
    keys: &Keyring,
    deadline: DateTime<Utc>,
) -> Result<DeletionOutcome, RevocationBlocker> {
    // A name proves nothing: another object may have it by now. Without a UID on record, the MAC has to
    // prove that the object is ours.
    let uid = match &object.uid {
        Some(uid) => uid.clone(),
        None => match find_owned_uid(connection, ending, object, keys, deadline).await? {
            Some(uid) => uid,
            None => return Ok(DeletionOutcome::Absent),
        },
    };
    let namespace = object.namespace.as_ref().map(lease_core::Namespace::as_str);
    let kind = api_kind(object.kind);
    for look in 0..=MAX_REREADS {
        let deletion = connection
            .send_with_retries(deadline, |api| {
                api.delete_object(kind, namespace, &object.name, &uid)
            })
            .await;
        match deletion {
            Ok(ObjectDeletion::Gone) => return Ok(DeletionOutcome::Deleted),
            Err(error) if error.is_not_found() => return Ok(outcome_if_gone(look)),
            Err(error) if error.is_conflict() => {
                if is_replaced(connection, object, &uid, deadline).await? {
                    return Ok(outcome_if_gone(look));
                }
                // It is ours and there, and changed while it was to be deleted.
                if look == MAX_REREADS {
                    return Err(deletion_refusal_blocker(connection, object, error, deadline).await);
                }
                connection.sleep(REREAD_PAUSE).await;
            }
            Err(error) => {
                return Err(deletion_refusal_blocker(connection, object, error, deadline).await);
            }
            // A finalizer is often done in a moment, and the sweep then has nothing left to do.
            Ok(ObjectDeletion::Terminating { .. }) if look < MAX_REREADS => {
                connection.sleep(REREAD_PAUSE).await;
            }
            Ok(ObjectDeletion::Terminating { .. }) => {}
        }
    }
    Err(RevocationBlocker::Held { kind: object.kind })
}

/// The outcome for an object that the API server does not find: after a first look we saw it go.
fn outcome_if_gone(look: u32) -> DeletionOutcome {
    if look == 0 { DeletionOutcome::Absent } else { DeletionOutcome::Deleted }
}

async fn deletion_refusal_blocker<P: Ports>(
    connection: &Connection<'_, P>,
    object: &LeasedObject,
    source: Error,
    deadline: DateTime<Utc>,
) -> RevocationBlocker {
    let doing = ApiAction::new("delete", resource_name(object.kind))
        .in_namespace(object.namespace.as_ref());
    RevocationBlocker::Cluster(connection.refusal_error(doing, source, deadline).await)
}

/// Returns true if the object of this UID is not there any more, or another bears its name.
///
/// A `Conflict` alone does not say it: the API server gives one as well if the object was changed while it
/// was to be deleted, and it is still there then.
async fn is_replaced<P: Ports>(
    connection: &Connection<'_, P>,
    object: &LeasedObject,
    uid: &str,
    deadline: DateTime<Utc>,
) -> Result<bool, RevocationBlocker> {
    match connection
        .send_with_retries(deadline, |api| read_created(api, &object.to_lookup_object()))
        .await
    {
        Ok(stored) => Ok(stored.uid != uid),
        Err(error) if error.is_not_found() => Ok(true),
        Err(source) => Err(unreadable_object_blocker(connection, object, source)),
    }
}

/// Returns the obstacle if an object cannot be read.
fn unreadable_object_blocker<P: Ports>(
    connection: &Connection<'_, P>,
    object: &LeasedObject,
    source: Error,
) -> RevocationBlocker {
    let verb = if object.kind == ObjectKind::Secret { "delete" } else { "get" };
    let doing =
        ApiAction::new(verb, resource_name(object.kind)).in_namespace(object.namespace.as_ref());
    RevocationBlocker::Cluster(ClusterError::from_kubernetes(connection.target, doing, source))
}

/// The UID of an object whose creation was not answered, if it is there and ours.
async fn find_owned_uid<P: Ports>(
    connection: &Connection<'_, P>,
    ending: Teardown<'_>,
    object: &LeasedObject,
    keys: &Keyring,
    deadline: DateTime<Utc>,
) -> Result<Option<String>, RevocationBlocker> {
    let planned = object.to_lookup_object();
    match connection.send_with_retries(deadline, |api| read_created(api, &planned)).await {
        Ok(stored) => {
            let proof = OwnershipVerifier { lease: ending.lease, cluster: ending.cluster, keys };
            if proof.verifies(&planned, &stored) {
                return Ok(Some(stored.uid));
            }
            // With a key of ours it is a stranger's for sure, and ours is not there.
            if object_marks(&stored).are_verifiable(ending.lease, keys) {
                return Ok(None);
            }
            Err(RevocationBlocker::Unproved { kind: object.kind })
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(source) => Err(unreadable_object_blocker(connection, object, source)),
    }
}

/// The number of times that an object is read again within one operation while a finalizer holds
/// it.
const MAX_REREADS: u32 = 3;

/// The pause between two such reads.
const REREAD_PAUSE: Duration = Duration::from_millis(300);

/// The longest time for ending one lease.
pub(crate) const MAX_TEARDOWN_TIME: TimeDelta = TimeDelta::seconds(20);

#[cfg(test)]
mod tests;
