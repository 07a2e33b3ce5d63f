//! What a dynamic secret needs to be allowed, asked of the API server.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use kube_rest::ResourceAttributes;
use lease_core::permissions::{Access, BoundRole, Mode, Permission, Scope, needed};
use lease_core::rbac::RoleKind;
use lease_core::{
    Account, DynamicSecret, Grant, MissingPermission, Namespace, Scope as LeaseScope,
};

use super::tell::told;
use crate::connection::Connection;
use crate::{Engine, Ports};

/// The questions that were asked already: dynamic secrets of one target need much of the same.
#[derive(Default)]
pub(super) struct Questions(HashMap<MissingPermission, bool>);

/// The answers about one dynamic secret.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) missing: Vec<MissingPermission>,
    pub(super) problem: Option<String>,
    pub(super) take_back: bool,
}

impl<P: Ports> Engine<P> {
    /// Asks about everything that leases of the dynamic secret need, in each namespace that it names.
    pub(super) async fn ask_about(
        &self,
        connection: &Connection<'_, P>,
        secret: &DynamicSecret,
        questions: &mut Questions,
        deadline: DateTime<Utc>,
    ) -> Asked {
        let needs = needs(secret);
        let mut asked = Asked { take_back: true, ..Asked::default() };
        let new = needs.iter().filter(|need| !questions.0.contains_key(need)).cloned();
        let new: Vec<_> = new.take(MAX_REVIEWS).collect();
        let reviews = new.into_iter().map(async |need| {
            let answer = connection.ask(deadline, |api| api.may_i(&attributes(&need))).await;
            (need, answer)
        });
        // In order, so that two checks of the same state tell the same.
        let mut answers = std::pin::pin!(stream::iter(reviews).buffered(REVIEWS_AT_ONCE));
        while let Some((need, answer)) = answers.next().await {
            match answer {
                Ok(review) => _ = questions.0.insert(need, review.allowed),
                Err(error) => {
                    let told =
                        if error.is_forbidden() { MAY_NOT_ASK.to_owned() } else { told(&error) };
                    asked.problem = Some(told);
                    asked.take_back = false;
                    // If one does not answer in time, each of the others could take as long.
                    return asked;
                }
            }
        }
        for need in needs {
            match questions.0.get(&need) {
                Some(true) => {}
                Some(false) => {
                    asked.take_back &= need.verb != "delete";
                    asked.missing.push(need);
                }
                None => {
                    asked.problem = Some(format!("only {MAX_REVIEWS} permissions were looked at"));
                }
            }
        }
        asked
    }
}

/// Everything that leases of the dynamic secret need, where they need it.
fn needs(secret: &DynamicSecret) -> Vec<MissingPermission> {
    let mode = match &secret.definition.parts().account {
        Account::Existing { name, revocable: true } => Mode::Existing { account: name.as_str() },
        Account::Existing { name, revocable: false } => {
            Mode::ExistingPlain { account: name.as_str() }
        }
        Account::Temporary(temporary) => match (temporary.grant(), temporary.scope()) {
            (Grant::Role(role), LeaseScope::Cluster) => {
                Mode::ClusterRole { role: role.name.as_str() }
            }
            (Grant::Role(role), LeaseScope::Namespace) => Mode::TemporaryRole {
                role: match role.kind {
                    RoleKind::Role => BoundRole::Role(role.name.as_str()),
                    RoleKind::ClusterRole => BoundRole::ClusterRole(role.name.as_str()),
                },
            },
            (_, LeaseScope::Cluster) => Mode::ClusterRules,
            (Grant::Manifest(manifest), LeaseScope::Namespace)
                if manifest.role_kind() == RoleKind::ClusterRole =>
            {
                Mode::TemporaryClusterRole
            }
            (_, LeaseScope::Namespace) => Mode::TemporaryRules,
        },
    };
    let namespaces = secret.definition.namespaces();
    let selects = secret.definition.parts().namespace_selector.is_some();
    let accesses: Vec<_> =
        needed(mode, selects).into_iter().flat_map(Permission::accesses).collect();
    let mut needs = vec![];
    for access in &accesses {
        if access.scope == Scope::Cluster || namespaces.literal_only().is_none() {
            needs.push(need(access, None));
        } else {
            needs.extend(namespaces.literal().iter().map(|place| need(access, Some(place))));
        }
    }
    needs
}

fn need(access: &Access<'_>, namespace: Option<&Namespace>) -> MissingPermission {
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

fn attributes(need: &MissingPermission) -> ResourceAttributes<'_> {
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
const MAY_NOT_ASK: &str = "kubelease may not `create` `selfsubjectaccessreviews.authorization.k8s.io`, and so \
                           cannot ask what else it may not do; `deploy/rbac` gives it";

/// The most permissions that are asked about for one dynamic secret.
const MAX_REVIEWS: usize = 256;

/// The number of questions that are asked side by side.
const REVIEWS_AT_ONCE: usize = 8;
