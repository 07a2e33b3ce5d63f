//! Making one object, and knowing afterwards whether it is there.

use chrono::{DateTime, Utc};
use kube_rest::{Call, NewObject, StoredObject};
use lease_core::{ClusterIdentity, Keyring, LeaseId, ObjectMarks, ObjectRef, PlannedObject};

use crate::cluster::connection::Connection;
use crate::objects::object_builder::{api_kind, resource_name};
use crate::{ApiAction, ClusterError, Ports};

/// The outcome of creating an object.
#[derive(Debug)]
pub(crate) enum CreateOutcome {
    /// The object is there, as it was sent.
    Ours {
        /// The UID.
        uid: String,
        /// When it was created, by the cluster's clock.
        created_at: DateTime<Utc>,
        /// True if another try to create it, of unknown outcome, may still take effect.
        in_doubt: bool,
    },
    /// The object is there, and not as it was sent: something on the way has changed it.
    Altered {
        /// The UID.
        uid: String,
        /// The field that differs.
        what: &'static str,
    },
    /// The object is certainly not there.
    Refused(ClusterError),
    /// Nobody can say yet whether it is there.
    Unknown(ClusterError),
    /// Somebody else has the name.
    Taken,
}

/// The proof that an object is ours.
#[derive(Clone, Copy)]
pub(crate) struct OwnershipVerifier<'a> {
    pub(crate) lease: LeaseId,
    pub(crate) cluster: &'a ClusterIdentity,
    pub(crate) keys: &'a Keyring,
}

impl OwnershipVerifier<'_> {
    /// Returns true if the object that was read under this name is ours and of this lease.
    pub(crate) fn verifies(&self, planned: &PlannedObject, stored: &StoredObject) -> bool {
        let bearer = ObjectRef {
            kind: planned.kind,
            namespace: planned.namespace.as_ref(),
            name: &planned.name,
            cluster: self.cluster,
        };
        bearer.verifies_marks(self.lease, &object_marks(stored), self.keys)
    }
}

/// The labels and annotations of what was read.
pub(crate) fn object_marks(stored: &StoredObject) -> ObjectMarks {
    ObjectMarks { labels: stored.labels.clone(), annotations: stored.annotations.clone() }
}

impl<P: Ports> Connection<'_, P> {
    /// Makes `object`.
    ///
    /// It is sent again where the outcome is unknown: its name is this lease's alone, so the API server
    /// itself says whether it is there already, and reading it says whose it is.
    pub(crate) async fn create_object(
        &self,
        planned: &PlannedObject,
        object: &NewObject,
        proof: OwnershipVerifier<'_>,
        deadline: DateTime<Utc>,
    ) -> CreateOutcome {
        let failed =
            |error| ClusterError::from_kubernetes(self.target, create_action(planned), error);
        // How many tries there were, and of how many of them nobody knows what they did.
        let (mut tries, mut unknown) = (0, 0);
        loop {
            let error =
                match self.send_once(deadline, self.api().create_object(object, false)).await {
                    Ok(stored) => return outcome_of_stored(&stored, object, unknown > 0),
                    Err(error) => error,
                };
            if error.is_already_exists() {
                match self.send_with_retries(deadline, |api| read_created(api, planned)).await {
                    // It is one of those whose outcome was not known.
                    Ok(stored) if proof.verifies(planned, &stored) => {
                        return outcome_of_stored(&stored, object, unknown > 1);
                    }
                    Ok(_) => return CreateOutcome::Taken,
                    // It went while we looked; the name may be free now.
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return CreateOutcome::Unknown(failed(error)),
                }
            }
            unknown += u32::from(error.is_unknown_outcome());
            if !(error.is_retryable() || error.is_unknown_outcome() || error.is_already_exists())
                || !self.pause_before_retry(tries, &error, deadline).await
            {
                if unknown > 0 {
                    return CreateOutcome::Unknown(failed(error));
                }
                return CreateOutcome::Refused(
                    self.object_refusal_error(planned, error, deadline).await,
                );
            }
            tries += 1;
        }
    }
}

/// Reads an object whose creation was not answered. A Secret is never read: see
/// [`kube_rest::Api::read_secret_metadata_by_dry_delete`].
pub(crate) fn read_created(api: &kube_rest::Api<'_>, object: &PlannedObject) -> Call<StoredObject> {
    let namespace = object.namespace.as_ref().map(lease_core::Namespace::as_str);
    match object.kind {
        lease_core::ObjectKind::Secret => {
            api.read_secret_metadata_by_dry_delete(namespace.unwrap_or_default(), &object.name)
        }
        other => api.get_object(api_kind(other), namespace, &object.name),
    }
}

fn outcome_of_stored(stored: &StoredObject, sent: &NewObject, in_doubt: bool) -> CreateOutcome {
    let uid = stored.uid.clone();
    match stored.find_field_unlike_sent(sent) {
        None => CreateOutcome::Ours { uid, created_at: stored.creation_timestamp, in_doubt },
        Some(what) => CreateOutcome::Altered { uid, what },
    }
}

/// Returns the action of creating an object, for messages of its failure.
pub(crate) fn create_action(planned: &PlannedObject) -> ApiAction {
    ApiAction::new("create", resource_name(planned.kind)).in_namespace(planned.namespace.as_ref())
}
