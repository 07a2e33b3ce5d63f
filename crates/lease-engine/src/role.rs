//! The role that leases are bound to, as the cluster has it now.

use chrono::{DateTime, Utc};
use kube_rest::Error;
use lease_core::rbac::{NotWaived, PolicyRule, RoleRef, RulesError, known_rules, live_rules};
use lease_core::{Account, Definition, Grant, Namespace};

use crate::Ports;
use crate::connection::Connection;
use crate::objects::role_kind;

/// The outcome of reading a role.
pub(crate) enum RoleLook {
    /// The role has these rules, and none that is dangerous and not waived.
    Weighed(Vec<PolicyRule>),
    /// The role grants dangerous rights that nobody has waived.
    Dangerous(NotWaived),
    /// There is no such role.
    Absent,
    /// kubelease may not read it.
    Forbidden,
    /// Not all of its rules can be looked through, for this reason; those that can are harmless.
    Unclear(&'static str),
    /// The target refused otherwise, or did not answer.
    Failed(Error),
}

impl<P: Ports> Connection<'_, P> {
    /// Reads a role that a definition binds in `namespace`, and looks through its rules.
    pub(crate) async fn look_at_role(
        &self,
        definition: &Definition,
        role: &RoleRef,
        namespace: Option<&Namespace>,
        deadline: DateTime<Utc>,
    ) -> RoleLook {
        let kind = role_kind(role.kind);
        let place = namespace.filter(|_| kind.is_namespaced()).map(Namespace::as_str);
        let read = self.ask(deadline, |api| api.read(kind, place, role.name.as_str())).await;
        match read {
            Ok(stored) => weigh(definition, role, &stored.rules.unwrap_or_default()),
            Err(error) if error.is_not_found() => RoleLook::Absent,
            Err(error) if error.is_forbidden() => RoleLook::Forbidden,
            Err(error) => RoleLook::Failed(error),
        }
    }
}

impl RoleLook {
    /// Why the rules were not looked through, for people; none if they were.
    pub(crate) fn unread(&self) -> Option<&'static str> {
        match self {
            Self::Weighed(_) | Self::Dangerous(_) => None,
            Self::Absent => Some("it does not exist yet"),
            Self::Forbidden => Some("kubelease may not read it"),
            Self::Unclear(why) => Some(why),
            Self::Failed(_) => Some("the target did not answer"),
        }
    }
}

/// Weighs the rules of a role as the API server has them.
///
/// Whoever may write a role can also make its rules unreadable for us, so that what cannot be looked through
/// is no excuse for what can, and passes only if nothing of the role was to be looked through.
fn weigh(definition: &Definition, role: &RoleRef, live: &serde_json::Value) -> RoleLook {
    let (rules, unclear) = match live_rules(live) {
        Ok(rules) => (rules, None),
        Err(RulesError::TooManyGrants) => (known_rules(live), Some(TOO_MANY)),
        Err(_) => (known_rules(live), Some(UNKNOWN)),
    };
    match (definition.check_role(&rules), unclear) {
        (Err(dangers), _) => RoleLook::Dangerous(dangers),
        (Ok(()), Some(why)) if !definition.waives_role(role) => RoleLook::Unclear(why),
        (Ok(()), _) => RoleLook::Weighed(rules),
    }
}

const TOO_MANY: &str = "they make more than 65,536 single grants (groups × resources × verbs)";

const UNKNOWN: &str = "they hold what no rule of a Kubernetes version holds that kubelease knows";

/// The role that leases of a definition are bound to, if it is one that is there already.
pub(crate) fn bound_role(definition: &Definition) -> Option<&RoleRef> {
    match &definition.parts().account {
        Account::Temporary(temporary) => match temporary.grant() {
            Grant::Role(role) => Some(role),
            Grant::Rules(_) | Grant::Manifest(_) | Grant::Unread(_) => None,
        },
        Account::Existing { .. } => None,
    }
}

/// A warning that the rules of a role were not looked through.
pub(crate) fn not_looked_through(role: &RoleRef, why: &str) -> String {
    format!("the rules of {} `{}` were not looked through: {why}", role.kind.as_str(), role.name)
}
