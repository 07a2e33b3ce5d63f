//! What is written on the object of a lease that can be listed: when it ends, signed.

use chrono::{DateTime, Utc};
use kube_rest::{AnnotationPatch, LeaseRenewal};
use lease_core::{Bearer, Lease, LeasedObject, Marks, ObjectKind};

use crate::connection::Connection;
use crate::create::{Proof, marks};
use crate::objects::{kind, resource, seconds};
use crate::{ClusterError, Doing, Engine, Ports};

impl<P: Ports> Engine<P> {
    /// Writes the end that `change` makes of what is written now, if it makes one, with a new MAC.
    ///
    /// Whoever finds the object without its record ends it by what it says, so it says a later end before
    /// anybody relies on that.
    pub(crate) async fn announce(
        &self,
        connection: &Connection<'_, P>,
        lease: &Lease,
        change: impl Fn(&Marks) -> Option<DateTime<Utc>>,
        deadline: DateTime<Utc>,
    ) -> Result<(), ClusterError> {
        let Some(object) = lease.objects.iter().find(|object| is_listed(lease, object)) else {
            return Ok(());
        };
        let wrong =
            |what| ClusterError::WrongAnswer { target: connection.target.name.clone(), what };
        let doing = |verb| Doing::new(verb, resource(object.kind)).at(object.namespace.as_ref());
        let (kind, place) = (kind(object.kind), lease.namespace.as_str());
        let bearer = Bearer {
            kind: object.kind,
            namespace: object.namespace.as_ref(),
            name: &object.name,
            cluster: &lease.cluster,
        };
        for _ in 0..TRIES {
            let read =
                connection.ask(deadline, |api| api.read(kind, Some(place), &object.name)).await;
            let failed = |source| ClusterError::kubernetes(connection.target, doing("get"), source);
            let read = read.map_err(failed)?;
            let proof = Proof { lease: lease.id, cluster: &lease.cluster, keys: &self.keys };
            if object.uid.as_ref() != Some(&read.uid) || !proof.of(&object.to_planned(), &read) {
                return Err(wrong("what was made for the lease is not there any more"));
            }
            let marks = marks(&read);
            let Some(end) = change(&marks) else { return Ok(()) };
            let annotations = marks.with_deadline(end, &bearer, &self.keys);
            let patch = AnnotationPatch {
                uid: &read.uid,
                resource_version: &read.resource_version,
                annotations: &annotations,
                renewal: renewal(object.kind, self.ports.now(), end),
            };
            let patched = connection
                .ask(deadline, |api| api.patch_annotations(kind, place, &object.name, &patch))
                .await;
            match patched {
                Ok(_) => return Ok(()),
                // Somebody else was faster, or a try of ours whose answer was lost: what was written may reach
                // further than ours.
                Err(error) if error.is_conflict() || error.is_unknown_outcome() => {}
                Err(source) => {
                    return Err(connection.refused(doing("patch"), source, deadline).await);
                }
            }
        }
        Err(wrong("what was made for the lease changes too fast"))
    }
}

/// Returns the patch of a coordination Lease's own end, beside the annotations; other kinds have no
/// such fields.
fn renewal(kind: ObjectKind, now: DateTime<Utc>, end: DateTime<Utc>) -> Option<LeaseRenewal> {
    let lease_duration_seconds = seconds(now, end);
    (kind == ObjectKind::Lease).then_some(LeaseRenewal { renew_time: now, lease_duration_seconds })
}

/// Returns true if the object is the one of its lease that can be listed and that stores the
/// expiry.
pub(crate) fn is_listed(lease: &Lease, object: &LeasedObject) -> bool {
    lease.mode.bearer() == Some(object.kind)
}

/// The number of tries while others write at once.
const TRIES: u32 = 5;
