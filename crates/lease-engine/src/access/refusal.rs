//! Why the API server refused a request: RBAC, something behind RBAC, or a thing that is not there.

use chrono::{DateTime, Utc};
use kube_rest::{DeniedBy, Error, Status};
use lease_core::rbac::{ExistingRole, RoleKind};
use lease_core::{Namespace, PlannedBody, PlannedObject};

use crate::cluster::connection::Connection;
use crate::objects::create::create_action;
use crate::objects::object_builder::{api_kind, resource_name};
use crate::{ApiAction, ClusterError, Ports};

impl<P: Ports> Connection<'_, P> {
    /// The error of an object that was refused when it was created.
    pub(crate) async fn object_refusal_error(
        &self,
        planned: &PlannedObject,
        source: Error,
        deadline: DateTime<Utc>,
    ) -> ClusterError {
        let PlannedBody::Binding(role) = &planned.body else {
            return self.refusal_error(create_action(planned), source, deadline).await;
        };
        let place = planned.namespace.as_ref();
        // Who may not bind a role has it looked up by the API server, which then says that it found no
        // binding of the role's name.
        let binding = api_kind(planned.kind).plural();
        if source.status().is_some_and(|status| status.is_not_found_of(binding, role.name.as_str()))
        {
            return self.no_role_error(role, place);
        }
        let error = self.refusal_error(create_action(planned), source, deadline).await;
        match error {
            ClusterError::Denied { by: None | Some(DeniedBy::Escalation), source, .. } => {
                let bind = ApiAction::new("bind", resource_name(role.kind.into()))
                    .with_name(role.name.as_str());
                let bind = bind.in_namespace(place);
                match self.ask_if_allowed(&bind, deadline).await {
                    Some(false) => ClusterError::from_kubernetes(self.target, bind, source),
                    _ => self.denied_error(create_action(planned), source),
                }
            }
            other => other,
        }
    }

    /// The error of a request that was refused, after a look at what the authorizers say of it.
    ///
    /// The API server says `Forbidden` of much that RBAC allows: a quota that is used up, a policy, RBAC's own
    /// protection against escalation. Whoever is told "may not create" then looks in the wrong place.
    pub(crate) async fn refusal_error(
        &self,
        doing: ApiAction,
        source: Error,
        deadline: DateTime<Utc>,
    ) -> ClusterError {
        let Some(status) = source.status() else {
            return ClusterError::from_kubernetes(self.target, doing, source);
        };
        if let Some(namespace) = &doing.namespace
            && status.is_not_found_of("namespaces", namespace.as_str())
        {
            return self.no_namespace_error(namespace);
        }
        let is_denied = if status.is_namespace_terminating() {
            false
        } else if status.is_forbidden() {
            // If the authorizers cannot be asked, the message alone says what denied it.
            self.ask_if_allowed(&doing, deadline)
                .await
                .unwrap_or(status.post_authorization_denial().is_some())
        } else {
            // A policy or a webhook may refuse with any code; what the API server failed at is told as that.
            status.post_authorization_denial().is_some() && !status.is_server_fault()
        };
        if is_denied {
            self.denied_error(doing, source)
        } else {
            ClusterError::from_kubernetes(self.target, doing, source)
        }
    }

    /// Returns true if the authorizers allow something; `None` if they cannot be asked.
    async fn ask_if_allowed(&self, doing: &ApiAction, deadline: DateTime<Utc>) -> Option<bool> {
        let answer =
            self.send_with_retries(deadline, |api| api.may_i(&doing.review_attributes())).await;
        answer.ok().map(|review| review.allowed)
    }

    fn denied_error(&self, doing: ApiAction, source: Error) -> ClusterError {
        let by =
            source.status().and_then(Status::post_authorization_denial).map(|denial| denial.by);
        ClusterError::Denied { target: self.target.name.clone(), doing: doing.into(), by, source }
    }

    pub(crate) fn no_namespace_error(&self, namespace: &Namespace) -> ClusterError {
        ClusterError::NoNamespace { target: self.target.name.clone(), namespace: namespace.clone() }
    }

    /// The error of a role that is not there; `namespace` is that of the lease.
    pub(crate) fn no_role_error(
        &self,
        role: &ExistingRole,
        namespace: Option<&Namespace>,
    ) -> ClusterError {
        let namespace = namespace.filter(|_| role.kind == RoleKind::Role).cloned();
        ClusterError::NoRole { target: self.target.name.clone(), role: role.clone(), namespace }
    }
}
