//! Making one object, and knowing afterwards whether it is there.

use chrono::{DateTime, Utc};
use kube_rest::{Call, Object, Stored};
use lease_core::{Bearer, ClusterIdentity, Keyring, LeaseId, Marks, PlannedObject};

use crate::connection::Connection;
use crate::objects::{kind, resource};
use crate::{ClusterError, Doing, Ports};

/// The outcome of creating an object.
#[derive(Debug)]
pub(crate) enum Made {
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
pub(crate) struct Proof<'a> {
    pub(crate) lease: LeaseId,
    pub(crate) cluster: &'a ClusterIdentity,
    pub(crate) keys: &'a Keyring,
}

impl Proof<'_> {
    /// Returns true if the object that was read under this name is ours and of this lease.
    pub(crate) fn of(&self, planned: &PlannedObject, stored: &Stored) -> bool {
        let bearer = Bearer {
            kind: planned.kind,
            namespace: planned.namespace.as_ref(),
            name: &planned.name,
            cluster: self.cluster,
        };
        bearer.is_proved(self.lease, &marks(stored), self.keys)
    }
}

/// The labels and annotations of what was read.
pub(crate) fn marks(stored: &Stored) -> Marks {
    Marks { labels: stored.labels.clone(), annotations: stored.annotations.clone() }
}

impl<P: Ports> Connection<'_, P> {
    /// Makes `object`.
    ///
    /// It is sent again where the outcome is unknown: its name is this lease's alone, so the API server
    /// itself says whether it is there already, and reading it says whose it is.
    pub(crate) async fn make(
        &self,
        planned: &PlannedObject,
        object: &Object,
        proof: Proof<'_>,
        deadline: DateTime<Utc>,
    ) -> Made {
        let failed = |error| ClusterError::kubernetes(self.target, creating(planned), error);
        // How many tries there were, and of how many of them nobody knows what they did.
        let (mut tries, mut unknown) = (0, 0);
        loop {
            let error = match self.ask_once(deadline, self.api().create(object, false)).await {
                Ok(stored) => return judge(&stored, object, unknown > 0),
                Err(error) => error,
            };
            if error.is_already_exists() {
                match self.ask(deadline, |api| read(api, planned)).await {
                    // It is one of those whose outcome was not known.
                    Ok(stored) if proof.of(planned, &stored) => {
                        return judge(&stored, object, unknown > 1);
                    }
                    Ok(_) => return Made::Taken,
                    // It went while we looked; the name may be free now.
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return Made::Unknown(failed(error)),
                }
            }
            unknown += u32::from(error.is_unknown_outcome());
            if !(error.is_retryable() || error.is_unknown_outcome() || error.is_already_exists())
                || !self.pause(tries, &error, deadline).await
            {
                if unknown > 0 {
                    return Made::Unknown(failed(error));
                }
                return Made::Refused(self.refused_object(planned, error, deadline).await);
            }
            tries += 1;
        }
    }
}

/// Reads an object whose creation was not answered. A Secret is never read: see
/// [`kube_rest::Api::read_by_dry_delete`].
pub(crate) fn read(api: &kube_rest::Api<'_>, object: &PlannedObject) -> Call<Stored> {
    let namespace = object.namespace.as_ref().map(lease_core::Namespace::as_str);
    match object.kind {
        lease_core::ObjectKind::Secret => {
            api.read_by_dry_delete(namespace.unwrap_or_default(), &object.name)
        }
        other => api.read(kind(other), namespace, &object.name),
    }
}

fn judge(stored: &Stored, sent: &Object, in_doubt: bool) -> Made {
    let uid = stored.uid.clone();
    match stored.mismatch(sent) {
        None => Made::Ours { uid, created_at: stored.creation_timestamp, in_doubt },
        Some(what) => Made::Altered { uid, what },
    }
}

/// Returns the action of creating an object, for messages of its failure.
pub(crate) fn creating(planned: &PlannedObject) -> Doing {
    Doing::new("create", resource(planned.kind)).at(planned.namespace.as_ref())
}
