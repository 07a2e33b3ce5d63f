//! What is written on the object of a lease that can be listed: when it ends, signed.

use chrono::{DateTime, Utc};
use kube_rest::{CoordinationLeasePatch, ObjectPatch};
use lease_core::{Lease, LeasedObject, ObjectKind, ObjectMarks, ObjectRef};

use crate::cluster::connection::Connection;
use crate::objects::create::{OwnershipVerifier, object_marks};
use crate::objects::object_builder::{api_kind, resource_name, seconds_between};
use crate::{ApiAction, ClusterError, Engine, Ports};

impl<P: Ports> Engine<P> {
    /// Writes the end that `change` makes of what is written now, if it makes one, with a new MAC.
    ///
    /// Whoever finds the object without its record ends it by what it says, so it says a later end before
    /// anybody relies on that.
    pub(crate) async fn update_expiry_on_anchor(
        &self,
        connection: &Connection<'_, P>,
        lease: &Lease,
        change: impl Fn(&ObjectMarks) -> Option<DateTime<Utc>>,
        deadline: DateTime<Utc>,
    ) -> Result<(), ClusterError> {
        let Some(object) = lease.objects.iter().find(|object| is_anchor_object(lease, object))
        else {
            return Ok(());
        };
        let wrong =
            |what| ClusterError::WrongAnswer { target: connection.target.name.clone(), what };
        let doing = |verb| {
            ApiAction::new(verb, resource_name(object.kind)).in_namespace(object.namespace.as_ref())
        };
        let (kind, place) = (api_kind(object.kind), lease.namespace.as_str());
        let bearer = ObjectRef {
            kind: object.kind,
            namespace: object.namespace.as_ref(),
            name: &object.name,
            cluster: &lease.cluster,
        };
        for _ in 0..MAX_PATCH_TRIES {
            let read = connection
                .send_with_retries(deadline, |api| api.get_object(kind, Some(place), &object.name))
                .await;
            let failed =
                |source| ClusterError::from_kubernetes(connection.target, doing("get"), source);
            let read = read.map_err(failed)?;
            let proof =
                OwnershipVerifier { lease: lease.id, cluster: &lease.cluster, keys: &self.keys };
            if object.uid.as_ref() != Some(&read.uid)
                || !proof.verifies(&object.to_lookup_object(), &read)
            {
                return Err(wrong("the anchor of the lease no longer exists"));
            }
            let marks = object_marks(&read);
            let Some(end) = change(&marks) else { return Ok(()) };
            let annotations = marks.annotations_for_deadline(end, &bearer, &self.keys);
            let patch = ObjectPatch {
                uid: &read.uid,
                resource_version: &read.resource_version,
                annotations: &annotations,
                renewal: coordination_lease_patch(object.kind, self.ports.now(), end),
            };
            let patched = connection
                .send_with_retries(deadline, |api| {
                    api.patch_object_annotations(kind, place, &object.name, &patch)
                })
                .await;
            match patched {
                Ok(_) => return Ok(()),
                // Somebody else was faster, or a try of ours whose answer was lost: what was written may reach
                // further than ours.
                Err(error) if error.is_conflict() || error.is_unknown_outcome() => {}
                Err(source) => {
                    return Err(connection.refusal_error(doing("patch"), source, deadline).await);
                }
            }
        }
        Err(wrong("the anchor of the lease changes too fast"))
    }
}

/// Returns the patch of a coordination Lease's own end, beside the annotations; other kinds have no
/// such fields.
fn coordination_lease_patch(
    kind: ObjectKind,
    now: DateTime<Utc>,
    end: DateTime<Utc>,
) -> Option<CoordinationLeasePatch> {
    let lease_duration_seconds = seconds_between(now, end);
    (kind == ObjectKind::Lease)
        .then_some(CoordinationLeasePatch { renew_time: now, lease_duration_seconds })
}

/// Returns true if the object is the one of its lease that can be listed and that stores the
/// expiry.
pub(crate) fn is_anchor_object(lease: &Lease, object: &LeasedObject) -> bool {
    lease.mode.anchor_kind() == Some(object.kind)
}

/// The number of tries while others write at once.
const MAX_PATCH_TRIES: u32 = 5;
