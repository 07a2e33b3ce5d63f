//! The role that leases are bound to, as the cluster has it now.

use chrono::{DateTime, Utc};
use kube_rest::Error;
use lease_core::rbac::{
    ExistingRole, PolicyRule, RulesError, UnwaivedDangers, parse_known_rule_fields,
    parse_live_role_rules,
};
use lease_core::{Account, AccountRights, DynamicSecretDefinition, Namespace};

use crate::Ports;
use crate::cluster::connection::Connection;
use crate::objects::object_builder::role_kind;

/// The outcome of reading a role.
pub(crate) enum RoleReview {
    /// The role has these rules, and none that is dangerous and not waived.
    Weighed(Vec<PolicyRule>),
    /// The role grants dangerous rights that nobody has waived.
    Dangerous(UnwaivedDangers),
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
    pub(crate) async fn review_role(
        &self,
        definition: &DynamicSecretDefinition,
        role: &ExistingRole,
        namespace: Option<&Namespace>,
        deadline: DateTime<Utc>,
    ) -> RoleReview {
        let kind = role_kind(role.kind);
        let place = namespace.filter(|_| kind.is_namespaced()).map(Namespace::as_str);
        let read = self
            .send_with_retries(deadline, |api| api.get_object(kind, place, role.name.as_str()))
            .await;
        match read {
            Ok(stored) => review_rules(definition, role, &stored.rules.unwrap_or_default()),
            Err(error) if error.is_not_found() => RoleReview::Absent,
            Err(error) if error.is_forbidden() => RoleReview::Forbidden,
            Err(error) => RoleReview::Failed(error),
        }
    }
}

impl RoleReview {
    /// Why the rules were not looked through, for people; none if they were.
    pub(crate) fn unread_reason(&self) -> Option<&'static str> {
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
fn review_rules(
    definition: &DynamicSecretDefinition,
    role: &ExistingRole,
    live: &serde_json::Value,
) -> RoleReview {
    let (rules, unclear) = match parse_live_role_rules(live) {
        Ok(rules) => (rules, None),
        Err(RulesError::TooManyGrants) => {
            (parse_known_rule_fields(live), Some(TOO_MANY_GRANTS_REASON))
        }
        Err(_) => (parse_known_rule_fields(live), Some(UNKNOWN_FIELDS_REASON)),
    };
    match (definition.check_bound_role_rules_waived(&rules), unclear) {
        (Err(dangers), _) => RoleReview::Dangerous(dangers),
        (Ok(()), Some(why)) if !definition.waives_bound_role(role) => RoleReview::Unclear(why),
        (Ok(()), _) => RoleReview::Weighed(rules),
    }
}

const TOO_MANY_GRANTS_REASON: &str =
    "they make more than 65,536 single grants (groups × resources × verbs)";

const UNKNOWN_FIELDS_REASON: &str =
    "they contain what no Kubernetes version known to kubelease allows";

/// The role that leases of a definition are bound to, if it is one that is there already.
pub(crate) fn existing_role_bound_by(
    definition: &DynamicSecretDefinition,
) -> Option<&ExistingRole> {
    match &definition.spec().account {
        Account::Temporary(temporary) => match temporary.grant() {
            AccountRights::Role(role) => Some(role),
            AccountRights::Rules(_) | AccountRights::Manifest(_) | AccountRights::Unread(_) => None,
        },
        Account::Existing { .. } => None,
    }
}

/// A warning that the rules of a role were not looked through.
pub(crate) fn unreviewed_role_warning(role: &ExistingRole, why: &str) -> String {
    format!("the rules of {} `{}` were not checked: {why}", role.kind.as_str(), role.name)
}
