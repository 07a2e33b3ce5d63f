//! What is made for a lease, before any of it is.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::rbac::{ExistingRole, ManifestError, PolicyRules};
use crate::{
    Account, AccountRights, AccountScope, Audience, AudienceError, DynamicSecret,
    DynamicSecretDefinition, LeaseId, LeaseMode, LeasedObject, Namespace, NamespaceError,
    ObjectKind, PlaceholderValues, ServiceAccountName, Ttl, TtlError,
};

/// The request of a caller for a lease.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IssueRequest {
    /// For how long; the default of the dynamic secret where absent.
    pub ttl: Option<Ttl>,
    /// The namespace; may be absent if the dynamic secret leaves no choice.
    pub namespace: Option<Namespace>,
    /// The audiences of the token; absent for the default of the dynamic secret.
    pub audiences: Option<Vec<Audience>>,
}

/// The granted terms of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedTerms {
    /// For how long.
    pub ttl: Ttl,
    /// For how long at the most, with all renewals.
    pub max_ttl: Ttl,
    /// The namespace. If there is a selector, its labels are still to be checked.
    pub namespace: Namespace,
    /// The audiences of the token; none stands for the API server itself.
    pub audiences: Vec<Audience>,
}

/// Why it is not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotGrantedReason {
    /// Nothing is issued of it.
    #[error("the dynamic secret is disabled")]
    Disabled,
    /// The manifest was accepted once, and is not any more.
    #[error(
        "an administrator must put the dynamic secret again, because its manifest is not accepted \
         any more: {0}"
    )]
    Manifest(ManifestError),
    /// Not there.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// Not for so long.
    #[error(transparent)]
    Ttl(#[from] TtlError),
    /// Not for them.
    #[error(transparent)]
    Audience(#[from] AudienceError),
}

/// The objects to create for one lease, in the rounds in which they may be created side by side.
///
/// Nothing here relies on an owner being collected: every object is named, so that each can be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuePlan {
    /// The kind of credential.
    pub mode: LeaseMode,
    /// The namespace of the account.
    pub namespace: Namespace,
    /// The account whose token is asked for.
    pub service_account: ServiceAccountName,
    /// The objects of the first round: they give no right yet.
    pub first: Vec<PlannedObject>,
    /// The objects of the second round, side by side with the token.
    pub second: Vec<PlannedObject>,
    /// The life that is asked of the token, in seconds.
    pub token_seconds: u32,
}

/// An object to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedObject {
    /// The kind of the object.
    pub kind: ObjectKind,
    /// The namespace; absent for objects of the whole cluster.
    pub namespace: Option<Namespace>,
    /// The name.
    pub name: String,
    /// The content beside our marks.
    pub body: PlannedBody,
}

/// The content of an object beside our marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlannedBody {
    /// Nothing: an account, or the Secret that a token is bound to.
    Nothing,
    /// The holder of a token of an existing account, and its duration.
    Holder,
    /// Rights.
    Rules(PolicyRules),
    /// The binding of a role to the lease's own account.
    Binding(ExistingRole),
}

/// The parts of the names of a lease's objects.
#[derive(Debug, Clone, Copy)]
pub struct ObjectNameInputs<'a> {
    /// The lease.
    pub id: LeaseId,
    /// The attempt: a lease gets other names if a stranger has the ones before.
    pub attempt: u8,
    /// The name of the caller's identity.
    pub identity: &'a str,
    /// The caller's claims.
    pub claims: &'a BTreeMap<String, String>,
    /// When it was begun.
    pub now: DateTime<Utc>,
}

impl DynamicSecretDefinition {
    /// The kinds of objects that a lease of it is made of; see [`DynamicSecret::plan_objects`].
    #[must_use]
    pub fn object_kinds(&self) -> Vec<ObjectKind> {
        match &self.spec().account {
            Account::Existing { revocable: false, .. } => vec![],
            Account::Existing { revocable: true, .. } => {
                vec![ObjectKind::Secret, ObjectKind::Lease]
            }
            Account::Temporary(temporary) => {
                let generated = match temporary.grant() {
                    // Of a manifest that is not read, nobody knows.
                    AccountRights::Role(_) | AccountRights::Unread(_) => None,
                    AccountRights::Rules(_) => Some(temporary.scope().role_kind()),
                    AccountRights::Manifest(manifest) => Some(manifest.role_kind()),
                };
                let mut kinds = vec![ObjectKind::ServiceAccount];
                kinds.extend(generated.map(ObjectKind::from));
                kinds.push(binding_kind(temporary.scope()));
                kinds
            }
        }
    }
}

impl DynamicSecret {
    /// Checks that anything is issued of it at all.
    ///
    /// # Errors
    /// Refuses if it is disabled, or if its manifest is read no more.
    pub fn check_issuable(&self) -> Result<(), NotGrantedReason> {
        let parts = self.definition.spec();
        if parts.disabled {
            return Err(NotGrantedReason::Disabled);
        }
        parts.check_manifest_readable().map_err(NotGrantedReason::Manifest)
    }

    /// The namespace of a lease: the one that is asked for, or the only one.
    ///
    /// # Errors
    /// Refuses a request that leaves a choice open.
    pub fn choose_namespace(
        &self,
        asked: Option<Namespace>,
    ) -> Result<Namespace, NotGrantedReason> {
        Ok(self.definition.namespaces().choose_namespace(asked)?)
    }

    /// Returns the granted terms of `request`; `installation_max` bounds every lease of the
    /// installation.
    ///
    /// # Errors
    /// Names what is not granted, and what would be. A lease is never shortened in silence.
    pub fn grant_terms(
        &self,
        request: IssueRequest,
        installation_max: Ttl,
    ) -> Result<GrantedTerms, NotGrantedReason> {
        self.check_issuable()?;
        let parts = self.definition.spec();
        let namespace = self.choose_namespace(request.namespace)?;
        let lifetimes = self.definition.lifetimes();
        let ttl = lifetimes.grant_ttl(
            request.ttl,
            self.definition.mode().is_revocable(),
            installation_max,
        )?;
        let max_ttl = lifetimes.max_ttl().min(installation_max);
        let audiences = parts.audiences.grant_audiences(request.audiences)?;
        Ok(GrantedTerms { ttl, max_ttl, namespace, audiences })
    }

    /// Returns the objects to create for a lease of the terms `granted`.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it does not panic: see below")]
    pub fn plan_objects(&self, granted: &GrantedTerms, naming: &ObjectNameInputs<'_>) -> IssuePlan {
        let parts = self.definition.spec();
        let parts_of_name = PlaceholderValues {
            dynamic_secret: &self.name,
            identity: naming.identity,
            claims: naming.claims,
            now_unix: naming.now.timestamp(),
        };
        let template = parts.name_template.clone().unwrap_or_default();
        let random = naming.id.random_part(naming.attempt);
        let name = template.render_name(&parts_of_name, &random);
        let object = |kind: ObjectKind, body| PlannedObject {
            kind,
            namespace: kind.is_namespaced().then(|| granted.namespace.clone()),
            name: name.clone(),
            body,
        };
        let (service_account, first, second) =
            match &parts.account {
                Account::Existing { name: account, revocable: false } => {
                    (account.clone(), vec![], vec![])
                }
                Account::Existing { name: account, revocable: true } => (
                    account.clone(),
                    vec![object(ObjectKind::Secret, PlannedBody::Nothing)],
                    vec![object(ObjectKind::Lease, PlannedBody::Holder)],
                ),
                Account::Temporary(temporary) => {
                    let mut first = vec![object(ObjectKind::ServiceAccount, PlannedBody::Nothing)];
                    let generated = match temporary.grant() {
                        // `grant` lets no manifest pass that is not read: without a role, it would bind nothing.
                        AccountRights::Role(_) | AccountRights::Unread(_) => None,
                        AccountRights::Rules(rules) => Some((temporary.scope().role_kind(), rules)),
                        AccountRights::Manifest(manifest) => {
                            Some((manifest.role_kind(), manifest.rules()))
                        }
                    };
                    first.extend(generated.map(|(kind, rules)| {
                        object(kind.into(), PlannedBody::Rules(rules.clone()))
                    }));
                    let role = match (temporary.grant(), generated) {
                        (AccountRights::Role(role), _) => Some(role.clone()),
                        // Unwrap safety: a rendered name is an RFC 1123 label.
                        (_, Some((kind, _))) => {
                            Some(ExistingRole { kind, name: name.parse().unwrap() })
                        }
                        (_, None) => None,
                    };
                    let binding = binding_kind(temporary.scope());
                    let binding = role.map(|role| object(binding, PlannedBody::Binding(role)));
                    // Unwrap safety: as above.
                    (name.parse().unwrap(), first, binding.into_iter().collect())
                }
            };
        IssuePlan {
            mode: self.definition.mode(),
            namespace: granted.namespace.clone(),
            service_account,
            first,
            second,
            token_seconds: granted.ttl.token_seconds(),
        }
    }
}

impl IssuePlan {
    /// All that is to be made, as it is recorded before.
    #[must_use]
    pub fn leased_objects(&self) -> Vec<LeasedObject> {
        self.first.iter().chain(&self.second).map(PlannedObject::to_leased_object).collect()
    }
}

impl PlannedObject {
    fn to_leased_object(&self) -> LeasedObject {
        let PlannedObject { kind, namespace, name, .. } = self.clone();
        LeasedObject { kind, namespace, name, uid: None }
    }
}

impl LeasedObject {
    /// The object as it is looked for, whatever it holds.
    #[must_use]
    pub fn to_lookup_object(&self) -> PlannedObject {
        let LeasedObject { kind, namespace, name, .. } = self.clone();
        PlannedObject { kind, namespace, name, body: PlannedBody::Nothing }
    }
}

fn binding_kind(scope: AccountScope) -> ObjectKind {
    match scope {
        AccountScope::Namespace => ObjectKind::RoleBinding,
        AccountScope::Cluster => ObjectKind::ClusterRoleBinding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rbac::RoleKind;

    const POD_RULES: &str = r#""rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}]"#;

    fn secret(account: &str, rest: &str) -> DynamicSecret {
        let json = format!(
            r#"{{"target":"prod","account":{account},"namespaces":["apps"],"max_ttl":"2h"{rest}}}"#
        );
        DynamicSecret {
            name: "ci".parse().expect("a good name"),
            definition: serde_json::from_str(&json).unwrap_or_else(|e| panic!("{json}: {e}")),
            inline_target: false,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    fn plan(secret: &DynamicSecret, ttl: &str) -> IssuePlan {
        let request = IssueRequest { ttl: ttl.parse().ok(), ..IssueRequest::default() };
        let granted = secret.grant_terms(request, Ttl::DAY).expect("grants");
        let naming = ObjectNameInputs {
            id: LeaseId::new([0xab; 16]),
            attempt: 0,
            identity: "administrator",
            claims: &BTreeMap::new(),
            now: DateTime::UNIX_EPOCH,
        };
        secret.plan_objects(&granted, &naming)
    }

    #[test]
    fn each_mode_makes_its_objects_in_two_rounds_and_nothing_that_gives_rights_in_the_first() {
        use ObjectKind::{
            ClusterRole, ClusterRoleBinding, Lease, Role, RoleBinding, Secret, ServiceAccount,
        };
        let bound = r#"{"type":"existing","name":"d"}"#;
        let unbound = r#"{"type":"existing","name":"d","revocable":false}"#;
        let role = r#"{"type":"temporary","scope":"namespace","role":{"kind":"Role","name":"r"}}"#;
        let view =
            r#"{"type":"temporary","scope":"cluster","role":{"kind":"ClusterRole","name":"view"}}"#;
        let rules = format!(r#"{{"type":"temporary","scope":"namespace",{POD_RULES}}}"#);
        let wide = format!(r#"{{"type":"temporary","scope":"cluster",{POD_RULES}}}"#);
        for (account, mode, first, second) in [
            (bound, LeaseMode::Existing, vec![Secret], vec![Lease]),
            (unbound, LeaseMode::Plain, vec![], vec![]),
            (role, LeaseMode::TemporaryInNamespace, vec![ServiceAccount], vec![RoleBinding]),
            (
                &rules,
                LeaseMode::TemporaryInNamespace,
                vec![ServiceAccount, Role],
                vec![RoleBinding],
            ),
            (view, LeaseMode::TemporaryInCluster, vec![ServiceAccount], vec![ClusterRoleBinding]),
            (
                &wide,
                LeaseMode::TemporaryInCluster,
                vec![ServiceAccount, ClusterRole],
                vec![ClusterRoleBinding],
            ),
        ] {
            let plan = plan(&secret(account, ""), "1h");
            let kinds =
                |objects: &[PlannedObject]| objects.iter().map(|o| o.kind).collect::<Vec<_>>();
            assert_eq!((plan.mode, kinds(&plan.first)), (mode, first), "{account}");
            assert_eq!(kinds(&plan.second), second, "{account}");
            for object in plan.first.iter().chain(&plan.second) {
                assert_eq!(object.namespace.is_some(), object.kind.is_namespaced(), "{object:?}");
                assert!(object.name.ends_with("-abababababababababab"), "{object:?}");
            }
            let own = mode != LeaseMode::Plain && mode != LeaseMode::Existing;
            assert_eq!(plan.service_account.as_str() == "d", !own, "{account}");
        }
    }

    #[test]
    fn a_binding_is_to_the_role_that_was_made_for_it() {
        let rules = format!(r#"{{"type":"temporary","scope":"namespace",{POD_RULES}}}"#);
        let plan = plan(&secret(&rules, ""), "1h");
        let PlannedBody::Binding(role) = &plan.second[0].body else { panic!("no binding") };
        assert_eq!((role.kind, role.name.as_str()), (RoleKind::Role, plan.first[1].name.as_str()));
    }

    #[test]
    fn a_short_lease_asks_for_the_shortest_token_there_is() {
        let bound = r#"{"type":"existing","name":"d"}"#;
        for (ttl, seconds) in [("60s", 600), ("10m", 600), ("90m", 5400)] {
            assert_eq!(plan(&secret(bound, ""), ttl).token_seconds, seconds, "{ttl}");
        }
    }

    #[test]
    fn what_is_not_granted_is_refused_before_anything_is_planned() {
        let bound = r#"{"type":"existing","name":"d"}"#;
        let unbound = r#"{"type":"existing","name":"d","revocable":false}"#;
        let ttl = |text: &str| Some(text.parse::<Ttl>().expect("a good duration"));
        for (account, rest, asked, granted) in [
            (bound, "", ttl("60s"), true),
            (unbound, "", ttl("60s"), false),
            (bound, "", ttl("3h"), false),
            (bound, "", ttl("5s"), false),
            (bound, r#","disabled":true"#, None, false),
        ] {
            let request = IssueRequest { ttl: asked, ..IssueRequest::default() };
            let got = secret(account, rest).grant_terms(request, Ttl::DAY);
            assert_eq!(got.is_ok(), granted, "{account} {rest} {asked:?}: {got:?}");
        }
        let request = IssueRequest { ttl: ttl("90m"), ..IssueRequest::default() };
        let lowered = secret(bound, "").grant_terms(request, Ttl::HOUR);
        assert!(matches!(
            lowered,
            Err(NotGrantedReason::Ttl(TtlError::TooLong { max: Ttl::HOUR, .. }))
        ));
    }
}
