//! What a dynamic secret needs to be allowed, asked of the API server.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use kube_rest::ResourceAttributes;
use lease_core::permissions::{
    AccessQuery, BoundRole, Permission, PermissionProfile, PermissionScope, list_needed_permissions,
};
use lease_core::rbac::RoleKind;
use lease_core::{
    Account, AccountRights, AccountScope as LeaseScope, DynamicSecret, MissingPermission, Namespace,
};

use super::check_messages::public_message;
use crate::cluster::connection::Connection;
use crate::{Engine, Ports};

/// The questions that were asked already: dynamic secrets of one target need much of the same.
#[derive(Default)]
pub(super) struct AnsweredReviews(HashMap<MissingPermission, bool>);

/// The answers about one dynamic secret.
#[derive(Default)]
pub(super) struct PermissionFindings {
    pub(super) missing: Vec<MissingPermission>,
    pub(super) problem: Option<String>,
    pub(super) revoke: bool,
}

impl<P: Ports> Engine<P> {
    /// Asks about everything that leases of the dynamic secret need, in each namespace that it names.
    pub(super) async fn review_needed_permissions(
        &self,
        connection: &Connection<'_, P>,
        secret: &DynamicSecret,
        questions: &mut AnsweredReviews,
        deadline: DateTime<Utc>,
    ) -> PermissionFindings {
        let needs = list_dynamic_secret_permissions(secret);
        let mut asked = PermissionFindings { revoke: true, ..PermissionFindings::default() };
        let new = needs.iter().filter(|need| !questions.0.contains_key(need)).cloned();
        let new: Vec<_> = new.take(MAX_REVIEWS).collect();
        let reviews = new.into_iter().map(async |need| {
            let answer = connection
                .send_with_retries(deadline, |api| api.may_i(&review_attributes(&need)))
                .await;
            (need, answer)
        });
        // In order, so that two checks of the same state tell the same.
        let mut answers = std::pin::pin!(stream::iter(reviews).buffered(REVIEWS_AT_ONCE));
        while let Some((need, answer)) = answers.next().await {
            match answer {
                Ok(review) => _ = questions.0.insert(need, review.allowed),
                Err(error) => {
                    let told = if error.is_forbidden() {
                        MAY_NOT_ASK.to_owned()
                    } else {
                        public_message(&error)
                    };
                    asked.problem = Some(told);
                    asked.revoke = false;
                    // If one does not answer in time, each of the others could take as long.
                    return asked;
                }
            }
        }
        for need in needs {
            match questions.0.get(&need) {
                Some(true) => {}
                Some(false) => {
                    asked.revoke &= need.verb != "delete";
                    asked.missing.push(need);
                }
                None => {
                    asked.problem = Some(format!("only {MAX_REVIEWS} permissions were checked"));
                }
            }
        }
        asked
    }
}

/// Everything that leases of the dynamic secret need, where they need it.
fn list_dynamic_secret_permissions(secret: &DynamicSecret) -> Vec<MissingPermission> {
    let mode = match &secret.definition.spec().account {
        Account::Existing { name, revocable: true } => {
            PermissionProfile::Existing { account: name.as_str() }
        }
        Account::Existing { name, revocable: false } => {
            PermissionProfile::ExistingPlain { account: name.as_str() }
        }
        Account::Temporary(temporary) => match (temporary.grant(), temporary.scope()) {
            (AccountRights::Role(role), LeaseScope::Cluster) => {
                PermissionProfile::ClusterRole { role: role.name.as_str() }
            }
            (AccountRights::Role(role), LeaseScope::Namespace) => {
                PermissionProfile::TemporaryRole {
                    role: match role.kind {
                        RoleKind::Role => BoundRole::Role(role.name.as_str()),
                        RoleKind::ClusterRole => BoundRole::ClusterRole(role.name.as_str()),
                    },
                }
            }
            (_, LeaseScope::Cluster) => PermissionProfile::ClusterRules,
            (AccountRights::Manifest(manifest), LeaseScope::Namespace)
                if manifest.role_kind() == RoleKind::ClusterRole =>
            {
                PermissionProfile::TemporaryClusterRole
            }
            (_, LeaseScope::Namespace) => PermissionProfile::TemporaryRules,
        },
    };
    let namespaces = secret.definition.namespaces();
    let selects = secret.definition.spec().namespace_selector.is_some();
    let accesses: Vec<_> = list_needed_permissions(mode, selects)
        .into_iter()
        .flat_map(Permission::access_queries)
        .collect();
    let mut needs = vec![];
    for access in &accesses {
        if access.scope == PermissionScope::Cluster
            || namespaces.exclusive_literal_namespaces().is_none()
        {
            needs.push(to_permission(access, None));
        } else {
            needs.extend(
                namespaces
                    .literal_namespaces()
                    .iter()
                    .map(|place| to_permission(access, Some(place))),
            );
        }
    }
    needs
}

fn to_permission(access: &AccessQuery<'_>, namespace: Option<&Namespace>) -> MissingPermission {
    MissingPermission {
        verb: access.verb.to_owned(),
        group: access.group.to_owned(),
        resource: match access.subresource {
            Some(subresource) => format!("{}/{subresource}", access.resource),
            None => access.resource.to_owned(),
        },
        name: access.name.map(str::to_owned),
        namespace: namespace.cloned(),
    }
}

fn review_attributes(need: &MissingPermission) -> ResourceAttributes<'_> {
    let (resource, subresource) = match need.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource)),
        None => (need.resource.as_str(), None),
    };
    ResourceAttributes {
        verb: &need.verb,
        group: &need.group,
        resource,
        subresource,
        namespace: need.namespace.as_ref().map(Namespace::as_str),
        name: need.name.as_deref(),
    }
}

/// The message about a cluster in which `system:basic-user` is not bound.
const MAY_NOT_ASK: &str = "kubelease may not `create` `selfsubjectaccessreviews.authorization.k8s.io`, and so cannot \
     check its other permissions; `deploy/rbac` grants this one";

/// The most permissions that are asked about for one dynamic secret.
const MAX_REVIEWS: usize = 256;

/// The number of questions that are asked side by side.
const REVIEWS_AT_ONCE: usize = 8;
