//! The objects of an issue, and the stamp that each of them carries.

use chrono::{DateTime, Utc};
use lease_core::{
    DynamicSecret, GrantedTerms, IssuePlan, Lease, LeaseId, LeaseMode, ObjectKind,
    ObjectNameInputs, OwnershipStamp,
};

use crate::Requester;

pub(super) fn plan_issue(
    secret: &DynamicSecret,
    granted: &GrantedTerms,
    requester: &Requester,
    (id, attempt): (LeaseId, u8),
    now: DateTime<Utc>,
) -> IssuePlan {
    let (identity, claims) = (requester.display_name(), requester.claims());
    let naming = ObjectNameInputs { id, attempt, identity, claims: &claims, now };
    secret.plan_objects(granted, &naming)
}

/// Returns the stamp of the lease, which each of its objects carries.
pub(super) fn ownership_stamp(lease: &Lease, request: Option<String>) -> OwnershipStamp {
    let listed = lease.mode == LeaseMode::Existing;
    let secret = lease.objects.iter().find(|object| object.kind == ObjectKind::Secret);
    OwnershipStamp {
        lease: lease.id,
        target: lease.target.clone(),
        mode: lease.mode,
        dynamic_secret: lease.dynamic_secret.clone(),
        requester: lease.requester.clone(),
        issued_at: lease.issued_at,
        deadline: lease.expires_at,
        latest_end: lease.latest_end,
        request,
        account: listed.then(|| lease.service_account.to_string()),
        account_uid: lease.account_uid.clone().filter(|_| listed),
        audiences: lease.audiences.clone(),
        secret_uid: secret.and_then(|secret| secret.uid.clone()),
    }
}
