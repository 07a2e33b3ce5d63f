//! What a lease grants, weighed again for each lease.

use chrono::{DateTime, Utc};
use lease_core::rbac::UnwaivedDangers;
use lease_core::{DynamicSecret, Namespace, ObjectKind};

use crate::cluster::connection::Connection;
use crate::objects::object_builder::resource_name;
use crate::objects::role_review::{RoleReview, existing_role_bound_by, unreviewed_role_warning};
use crate::{ApiAction, ClusterError, Engine, IssueError, Ports};

impl<P: Ports> Engine<P> {
    /// Weighs what a lease would grant in `namespace` by what is known now. The list of what is dangerous may
    /// have grown since the dynamic secret was put, leases of existing accounts may have come beside it, and
    /// somebody may have made, changed or deleted the role that it binds, which is read. Returns the warning
    /// of a lease whose role may not be read.
    ///
    /// # Errors
    /// Fails if it grants what nobody has weighed or can weigh, if there is no such role, or if that could not be read for
    /// another reason than a missing permission.
    pub(super) async fn recheck_granted_rights(
        &self,
        connection: &Connection<'_, P>,
        secret: &DynamicSecret,
        namespace: &Namespace,
        deadline: DateTime<Utc>,
    ) -> Result<Option<String>, IssueError> {
        let DynamicSecret { name, definition, .. } = secret;
        let Some(role) = existing_role_bound_by(definition) else {
            let left = self.find_unwaived_dangers(secret, &[], namespace)?;
            let dangerous = |source| IssueError::DangerousRules { secret: name.clone(), source };
            return left.map_or(Ok(None), |source| Err(dangerous(source)));
        };
        let dangerous = |source: UnwaivedDangers| IssueError::DangerousRole {
            secret: name.clone(),
            role: role.clone(),
            source,
        };
        let look = connection.review_role(definition, role, Some(namespace), deadline).await;
        match look {
            RoleReview::Dangerous(source) => Err(dangerous(source)),
            RoleReview::Weighed(rules) => {
                let left =
                    self.find_unwaived_election_dangers(name, definition, &rules, Some(namespace))?;
                left.map_or(Ok(None), |source| Err(dangerous(source)))
            }
            RoleReview::Absent => Err(connection.no_role_error(role, Some(namespace)).into()),
            RoleReview::Failed(source) => {
                let kind = ObjectKind::from(role.kind);
                let doing =
                    ApiAction::new("get", resource_name(kind)).with_name(role.name.as_str());
                let doing = doing.in_namespace(kind.is_namespaced().then_some(namespace));
                Err(ClusterError::from_kubernetes(connection.target, doing, source).into())
            }
            RoleReview::Unclear(why) => {
                Err(IssueError::UnclearRole { secret: name.clone(), role: role.clone(), why })
            }
            RoleReview::Forbidden => {
                Ok(look.unread_reason().map(|why| unreviewed_role_warning(role, why)))
            }
        }
    }
}
