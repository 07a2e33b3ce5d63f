//! Why the API server refused a request: RBAC, something behind RBAC, or a thing that is not there.

use chrono::{DateTime, Utc};
use kube_rest::{DeniedBy, Error, Status};
use lease_core::rbac::{RoleKind, RoleRef};
use lease_core::{Namespace, PlannedBody, PlannedObject};

use crate::connection::Connection;
use crate::create::creating;
use crate::objects::{kind, resource};
use crate::{ClusterError, Doing, Ports};

impl<P: Ports> Connection<'_, P> {
    /// The error of an object that was refused when it was created.
    pub(crate) async fn refused_object(
        &self,
        planned: &PlannedObject,
        source: Error,
        deadline: DateTime<Utc>,
    ) -> ClusterError {
        let PlannedBody::Binding(role) = &planned.body else {
            return self.refused(creating(planned), source, deadline).await;
        };
        let place = planned.namespace.as_ref();
        // Who may not bind a role has it looked up by the API server, which then says that it found no
        // binding of the role's name.
        let binding = kind(planned.kind).plural();
        if source.status().is_some_and(|status| status.is_not_found_of(binding, role.name.as_str()))
        {
            return self.no_role(role, place);
        }
        let error = self.refused(creating(planned), source, deadline).await;
        match error {
            ClusterError::Denied { by: None | Some(DeniedBy::Escalation), source, .. } => {
                let bind = Doing::new("bind", resource(role.kind.into())).named(role.name.as_str());
                let bind = bind.at(place);
                match self.may(&bind, deadline).await {
                    Some(false) => ClusterError::kubernetes(self.target, bind, source),
                    _ => self.denied(creating(planned), source),
                }
            }
            other => other,
        }
    }

    /// The error of a request that was refused, after a look at what the authorizers say of it.
    ///
    /// The API server says `Forbidden` of much that RBAC allows: a quota that is used up, a policy, RBAC's own
    /// protection against escalation. Whoever is told "may not create" then looks in the wrong place.
    pub(crate) async fn refused(
        &self,
        doing: Doing,
        source: Error,
        deadline: DateTime<Utc>,
    ) -> ClusterError {
        let Some(status) = source.status() else {
            return ClusterError::kubernetes(self.target, doing, source);
        };
        if let Some(namespace) = &doing.namespace
            && status.is_not_found_of("namespaces", namespace.as_str())
        {
            return self.no_namespace(namespace);
        }
        let is_denied = if status.is_namespace_terminating() {
            false
        } else if status.is_forbidden() {
            // If the authorizers cannot be asked, the message alone says what denied it.
            self.may(&doing, deadline).await.unwrap_or(status.denial().is_some())
        } else {
            // A policy or a webhook may refuse with any code; what the API server failed at is told as that.
            status.denial().is_some() && !status.is_server_fault()
        };
        if is_denied {
            self.denied(doing, source)
        } else {
            ClusterError::kubernetes(self.target, doing, source)
        }
    }

    /// Returns true if the authorizers allow something; `None` if they cannot be asked.
    async fn may(&self, doing: &Doing, deadline: DateTime<Utc>) -> Option<bool> {
        let answer = self.ask(deadline, |api| api.may_i(&doing.attributes())).await;
        answer.ok().map(|review| review.allowed)
    }

    fn denied(&self, doing: Doing, source: Error) -> ClusterError {
        let by = source.status().and_then(Status::denial).map(|denial| denial.by);
        ClusterError::Denied { target: self.target.name.clone(), doing: doing.into(), by, source }
    }

    pub(crate) fn no_namespace(&self, namespace: &Namespace) -> ClusterError {
        ClusterError::NoNamespace { target: self.target.name.clone(), namespace: namespace.clone() }
    }

    /// The error of a role that is not there; `namespace` is that of the lease.
    pub(crate) fn no_role(&self, role: &RoleRef, namespace: Option<&Namespace>) -> ClusterError {
        let namespace = namespace.filter(|_| role.kind == RoleKind::Role).cloned();
        ClusterError::NoRole { target: self.target.name.clone(), role: role.clone(), namespace }
    }
}
