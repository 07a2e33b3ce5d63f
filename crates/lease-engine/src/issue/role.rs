//! The role of a lease, weighed again for each lease.

use chrono::{DateTime, Utc};
use lease_core::{DynamicSecret, Namespace, ObjectKind};

use crate::connection::Connection;
use crate::objects::resource;
use crate::role::{RoleLook, bound_role, not_looked_through};
use crate::{ClusterError, Doing, Engine, IssueError, Ports};

impl<P: Ports> Engine<P> {
    /// Reads the role that a lease is to be bound to, which somebody may have made, changed or deleted since
    /// the dynamic secret was put. Returns the warning of a lease whose role could not be looked through.
    ///
    /// # Errors
    /// Fails if there is no such role, if it grants what nobody has weighed, or if it could not be read for
    /// another reason than a missing permission.
    pub(super) async fn weigh_role(
        &self,
        connection: &Connection<'_, P>,
        secret: &DynamicSecret,
        namespace: &Namespace,
        deadline: DateTime<Utc>,
    ) -> Result<Option<String>, IssueError> {
        let definition = &secret.definition;
        let Some(role) = bound_role(definition) else { return Ok(None) };
        let look = connection.look_at_role(definition, role, Some(namespace), deadline).await;
        match look {
            RoleLook::Dangerous(source) => Err(IssueError::DangerousRole {
                secret: secret.name.clone(),
                role: role.clone(),
                source,
            }),
            RoleLook::Absent => Err(connection.no_role(role, Some(namespace)).into()),
            RoleLook::Failed(source) => {
                let kind = ObjectKind::from(role.kind);
                let doing = Doing::new("get", resource(kind)).named(role.name.as_str());
                let doing = doing.at(kind.is_namespaced().then_some(namespace));
                Err(ClusterError::kubernetes(connection.target, doing, source).into())
            }
            RoleLook::Weighed | RoleLook::Forbidden | RoleLook::Unclear => {
                Ok(look.unread().map(|why| not_looked_through(role, why)))
            }
        }
    }
}
