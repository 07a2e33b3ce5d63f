//! Decisions: what an identity may do with a lease.

use crate::{DynamicSecretName, Identity, LeaseAction, LeaseOwnerScope, Namespace, Ttl};

/// A lease, or the wish for one, as grants see it.
#[derive(Debug, Clone, Copy)]
pub struct LeaseSubject<'a> {
    /// The dynamic secret that it is an issue of.
    pub dynamic_secret: &'a DynamicSecretName,
    /// The namespace that it is in.
    pub namespace: &'a Namespace,
    /// True if the identity itself has asked for it.
    pub is_own: bool,
}

/// That something may be done, and how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permit {
    /// The longest lifetime of the lease, counted from its first issue; none if only its dynamic secret bounds
    /// it.
    pub max_ttl: Option<Ttl>,
}

/// The reason why something may not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DenialReason {
    /// No grant allows it.
    #[error("no grant of the identity allows this")]
    NotGranted,
    /// The lease is somebody else's, and may not even be seen: it is to be answered as one that does not exist.
    #[error("the lease belongs to another requester")]
    Hidden,
}

/// Decides if `identity` may do `action` with a lease.
///
/// Of several grants that allow it the one with the longest `max_ttl` counts: grants add up.
///
/// # Errors
/// Says if the lease may be known to exist, at least.
pub fn authorize_action(
    identity: &Identity,
    action: LeaseAction,
    subject: &LeaseSubject<'_>,
) -> Result<Permit, DenialReason> {
    // Whoever holds a lease may give it back, whatever became of the grant that it was issued by.
    if action == LeaseAction::Revoke && subject.is_own {
        return Ok(Permit::default());
    }
    match find_longest_permit(identity, action, subject) {
        Some(permit) => Ok(permit),
        None if subject.is_own
            || find_longest_permit(identity, LeaseAction::Read, subject).is_some() =>
        {
            Err(DenialReason::NotGranted)
        }
        None => Err(DenialReason::Hidden),
    }
}

/// Returns true if some grant of `identity` allows `action` for this dynamic secret, in whatever namespace.
///
/// It is asked before the dynamic secret is looked up, so that a stranger cannot find out which there are.
#[must_use]
pub fn is_dynamic_secret_granted(
    identity: &Identity,
    action: LeaseAction,
    dynamic_secret: &DynamicSecretName,
) -> bool {
    identity.grants().iter().any(|grant| grant.covers_dynamic_secret(action, dynamic_secret))
}

/// The permit of all grants that allow the action, if one does.
fn find_longest_permit(
    identity: &Identity,
    action: LeaseAction,
    subject: &LeaseSubject<'_>,
) -> Option<Permit> {
    let LeaseSubject { dynamic_secret, namespace, is_own } = *subject;
    let grants = identity.grants().iter();
    let allowing = grants.filter(|grant| {
        grant.covers_lease(action, dynamic_secret, namespace)
            && (is_own || grant.of == LeaseOwnerScope::All)
    });
    // None is no bound, and so the longest.
    let longer =
        |a: Permit, b: Permit| Permit { max_ttl: a.max_ttl.zip(b.max_ttl).map(|(a, b)| a.max(b)) };
    allowing.map(|grant| Permit { max_ttl: grant.max_ttl() }).reduce(longer)
}

#[cfg(test)]
mod tests;
