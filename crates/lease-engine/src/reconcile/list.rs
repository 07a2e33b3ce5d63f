//! Listing all that is ours in a cluster.

use std::collections::{BTreeSet, HashSet};

use kube_rest::{MAX_PAGE_OBJECTS, PageRequest, StoredObject};
use lease_core::{
    FoundObject, INSTALLATION_LABEL, MANAGED_BY_LABEL, MANAGED_BY_VALUE, Namespace, NamespaceRules,
    ObjectKind,
};
use serde::{Deserialize, Serialize};

use super::ReconcileRun;
use crate::objects::create::object_marks;
use crate::objects::object_builder::{api_kind, resource_name};
use crate::{ApiAction, ClusterError, Engine, Ports};

/// All objects of a kind, in one namespace or in all.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ListScope {
    pub(super) kind: ObjectKind,
    /// None where it is of the whole cluster.
    pub(super) namespace: Option<Namespace>,
}

/// A cursor at which another run goes on with listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ListCursor {
    kind: ObjectKind,
    next: Option<String>,
}

/// The objects that were listed. All of them claim to be ours, which is still to be proved.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) objects: Vec<FoundObject>,
    /// The lists that were read from their begin to their end: an object that they do not name was
    /// not there.
    pub(super) complete: HashSet<ListScope>,
    /// True if some of it may not be listed by us.
    pub(super) is_refused: bool,
    /// The cursor for the next run, if this one did not come to the end.
    pub(super) resume: Option<ListCursor>,
}

impl Listing {
    /// Returns true if all objects of a kind were listed that are in a namespace, or in any if none
    /// is named.
    pub(super) fn is_whole(&self, kind: ObjectKind, namespace: Option<&Namespace>) -> bool {
        let mut shelves = [None, namespace.cloned()].into_iter();
        shelves.any(|namespace| self.complete.contains(&ListScope { kind, namespace }))
    }
}

/// The end of one list.
enum ListEnd {
    Whole,
    Refused,
    /// The time was over, at this place.
    Stopped(Option<String>),
}

impl<P: Ports> Engine<P> {
    /// Lists what leases of these dynamic secrets are made of, kind by kind and page by page.
    pub(super) async fn list_objects(
        &self,
        run: &ReconcileRun<'_, P>,
        from: Option<ListCursor>,
    ) -> Result<Listing, ClusterError> {
        let mut listing = Listing::default();
        let expected = expected_kinds(run);
        let first =
            from.as_ref().and_then(|at| LISTED_KINDS.iter().position(|kind| *kind == at.kind));
        let mut next = first.and(from).and_then(|place| place.next);
        for kind in LISTED_KINDS.into_iter().skip(first.unwrap_or(0)) {
            let whole = ListScope { kind, namespace: None };
            // A list that goes on from an earlier run is no proof of absence: what its first part held was
            // seen by that run only.
            let is_whole = next.is_none();
            match self.list_scope(run, &whole, next.take(), &mut listing).await? {
                ListEnd::Whole if is_whole => _ = listing.complete.insert(whole),
                ListEnd::Whole => {}
                ListEnd::Stopped(next) => {
                    listing.resume = Some(ListCursor { kind, next });
                    return Ok(listing);
                }
                // Of other kinds there may be something since before; whether we may look is not our need.
                ListEnd::Refused if !expected.contains(&kind) => {}
                ListEnd::Refused => self.list_in_named_namespaces(run, kind, &mut listing).await?,
            }
        }
        Ok(listing)
    }

    /// Lists a kind where that is not allowed for the whole cluster: in each namespace that is known by name.
    async fn list_in_named_namespaces(
        &self,
        run: &ReconcileRun<'_, P>,
        kind: ObjectKind,
        listing: &mut Listing,
    ) -> Result<(), ClusterError> {
        let namespaces = run.secrets.iter().map(|(_, secret)| secret.definition.namespaces());
        let literal: BTreeSet<_> =
            namespaces.clone().flat_map(NamespaceRules::literal_namespaces).collect();
        let is_all = namespaces.clone().all(|all| all.exclusive_literal_namespaces().is_some());
        listing.is_refused |= !kind.is_namespaced() || !is_all;
        for namespace in literal.into_iter().filter(|_| kind.is_namespaced()) {
            let part = ListScope { kind, namespace: Some(namespace.clone()) };
            match self.list_scope(run, &part, None, listing).await? {
                ListEnd::Whole => _ = listing.complete.insert(part),
                ListEnd::Refused => listing.is_refused = true,
                ListEnd::Stopped(_) => {
                    listing.resume = Some(ListCursor { kind, next: None });
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Lists one scope to its end. A list that has become too old begins again.
    async fn list_scope(
        &self,
        run: &ReconcileRun<'_, P>,
        of: &ListScope,
        mut next: Option<String>,
        listing: &mut Listing,
    ) -> Result<ListEnd, ClusterError> {
        let selector = self.installation_selector();
        let (namespace, kind) = (of.namespace.as_ref(), api_kind(of.kind));
        let (begin, mut limit, mut restarts) = (listing.objects.len(), MAX_PAGE_OBJECTS, 0);
        loop {
            if self.ports.now() >= run.list_by || listing.objects.len() >= MAX_OBJECTS {
                return Ok(ListEnd::Stopped(next));
            }
            let place = namespace.map(Namespace::as_str);
            let page = run
                .connection
                .send_with_retries(run.terms.stop, |api| {
                    let next = next.as_deref();
                    api.list_objects_page(
                        kind,
                        place,
                        PageRequest { selector: &selector, limit, next },
                    )
                })
                .await;
            match page {
                Ok(page) => {
                    listing
                        .objects
                        .extend(page.items.iter().filter_map(|item| to_found_object(of, item)));
                    match page.next {
                        None => return Ok(ListEnd::Whole),
                        Some(more) => next = Some(more),
                    }
                }
                Err(error) if error.is_forbidden() => return Ok(ListEnd::Refused),
                Err(error) if is_expired(&error) && restarts < MAX_LIST_RESTARTS => {
                    // A continue token lives for some minutes only. The new list has the same objects
                    // again, so that those of the old one are dropped.
                    restarts += 1;
                    next = None;
                    listing.objects.truncate(begin);
                }
                // Strangers can put our labels on large objects. Smaller pages keep such objects from
                // hiding ours.
                Err(error) if is_too_large(&error) && limit > 1 => limit /= 4,
                Err(source) => {
                    let doing =
                        ApiAction::new("list", resource_name(of.kind)).in_namespace(namespace);
                    return Err(ClusterError::from_kubernetes(
                        run.connection.target,
                        doing,
                        source,
                    ));
                }
            }
        }
    }

    /// Returns the label selector of all that this installation has created, under any of its keys.
    fn installation_selector(&self) -> String {
        let installations = self.keys.installation_names().join(",");
        format!("{MANAGED_BY_LABEL}={MANAGED_BY_VALUE},{INSTALLATION_LABEL} in ({installations})")
    }
}

/// The kinds that leases of a target's dynamic secrets are made of.
fn expected_kinds<P>(run: &ReconcileRun<'_, P>) -> HashSet<ObjectKind> {
    run.secrets.iter().flat_map(|(_, secret)| secret.definition.object_kinds()).collect()
}

fn to_found_object(shelf: &ListScope, stored: &StoredObject) -> Option<FoundObject> {
    // Nothing of ours is in a namespace whose name is not one to us.
    let namespace = stored.namespace.as_ref().map(|text| text.parse()).transpose().ok()?;
    Some(FoundObject {
        kind: shelf.kind,
        namespace,
        name: stored.name.clone(),
        uid: stored.uid.clone(),
        created_at: stored.creation_timestamp,
        marks: object_marks(stored),
    })
}

fn is_expired(error: &kube_rest::Error) -> bool {
    error.status().is_some_and(kube_rest::Status::is_continue_token_expired)
}

fn is_too_large(error: &kube_rest::Error) -> bool {
    matches!(error, kube_rest::Error::Transport(kube_rest::TransportError::TooLarge(_)))
}

/// All kinds that leases are made of, but for Secrets: who may list these may read them.
const LISTED_KINDS: [ObjectKind; 6] = [
    ObjectKind::ServiceAccount,
    ObjectKind::Lease,
    ObjectKind::Role,
    ObjectKind::ClusterRole,
    ObjectKind::RoleBinding,
    ObjectKind::ClusterRoleBinding,
];

/// The number of objects that one run holds: some 1 KB each, and the memory of a component is
/// small.
const MAX_OBJECTS: usize = 30_000;

/// The number of times that a list begins again after it has become too old.
const MAX_LIST_RESTARTS: u32 = 3;
