//! Whose token is leased.

use serde::{Deserialize, Serialize};

use crate::ServiceAccountName;
use crate::rbac::{
    ExistingRole, Manifest, PolicyRules, RefusedManifest, RoleKind, RulesError, StoredManifest,
};

/// Whose token is leased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Account {
    /// A `ServiceAccount` that exists in each of the namespaces.
    Existing {
        /// The name of the account.
        name: ServiceAccountName,
        /// True if each token is bound to a Secret of its own, whose deletion ends it.
        #[serde(default = "default_revocable")]
        revocable: bool,
    },
    /// A `ServiceAccount` of the lease's own.
    Temporary(TemporaryAccount),
}

/// An account that is made for one lease, and what it may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawTemporaryAccount", into = "RawTemporaryAccount")]
pub struct TemporaryAccount {
    scope: AccountScope,
    grant: AccountRights,
}

/// The scope of a temporary account's rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountScope {
    /// In the namespace of the lease.
    Namespace,
    /// In the whole cluster.
    Cluster,
}

/// The rights of a temporary account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountRights {
    /// The rights of a role that exists.
    Role(ExistingRole),
    /// The rights of these rules; a role is made of them for each lease.
    Rules(PolicyRules),
    /// The rights of this manifest's role; it is made for each lease.
    Manifest(Manifest),
    /// The rights of a manifest that is no longer accepted. Nothing is issued of it until it is put
    /// again.
    Unread(RefusedManifest),
}

/// Why a temporary account cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemporaryAccountError {
    /// None of them, or several.
    #[error("a temporary account has exactly one of `role`, `rules` and `manifest`")]
    ExactlyOne,
    /// A Role is of one namespace.
    #[error("`scope` `cluster` needs a `ClusterRole`; a `Role` gives rights in one namespace only")]
    RoleInCluster,
    /// The manifest binds elsewhere than the scope says.
    #[error("`scope` `{scope}` does not fit the manifest, which contains a `{binding}`")]
    Binding {
        /// The scope, as it is written.
        scope: &'static str,
        /// The kind of the binding.
        binding: &'static str,
    },
    /// A rule cannot be given there.
    #[error(transparent)]
    Rules(#[from] RulesError),
}

impl TemporaryAccount {
    /// An account that may in `scope` what `grant` says.
    ///
    /// # Errors
    /// Refuses what Kubernetes would refuse for each lease.
    pub fn new(scope: AccountScope, grant: AccountRights) -> Result<Self, TemporaryAccountError> {
        match &grant {
            AccountRights::Role(role)
                if scope == AccountScope::Cluster && role.kind == RoleKind::Role =>
            {
                return Err(TemporaryAccountError::RoleInCluster);
            }
            AccountRights::Rules(rules) => rules.check_fit_role_kind(scope.role_kind())?,
            AccountRights::Manifest(manifest) => {
                if manifest.is_bound_cluster_wide() != (scope == AccountScope::Cluster) {
                    let binding = if manifest.is_bound_cluster_wide() {
                        "ClusterRoleBinding"
                    } else {
                        "RoleBinding"
                    };
                    return Err(TemporaryAccountError::Binding { scope: scope.as_str(), binding });
                }
            }
            AccountRights::Role(_) | AccountRights::Unread(_) => {}
        }
        Ok(Self { scope, grant })
    }

    /// Returns the scope of its rights.
    #[must_use]
    pub fn scope(&self) -> AccountScope {
        self.scope
    }

    /// Returns its rights.
    #[must_use]
    pub fn grant(&self) -> &AccountRights {
        &self.grant
    }
}

impl AccountScope {
    /// The kind of role that gives rights there.
    #[must_use]
    pub fn role_kind(self) -> RoleKind {
        match self {
            AccountScope::Namespace => RoleKind::Role,
            AccountScope::Cluster => RoleKind::ClusterRole,
        }
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AccountScope::Namespace => "namespace",
            AccountScope::Cluster => "cluster",
        }
    }
}

/// [`TemporaryAccount`] as it is written, before it is checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTemporaryAccount {
    scope: AccountScope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<ExistingRole>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules: Option<PolicyRules>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    manifest: Option<StoredManifest>,
}

impl TryFrom<RawTemporaryAccount> for TemporaryAccount {
    type Error = TemporaryAccountError;

    fn try_from(raw: RawTemporaryAccount) -> Result<Self, TemporaryAccountError> {
        let grant = match (raw.role, raw.rules, raw.manifest) {
            (Some(role), None, None) => AccountRights::Role(role),
            (None, Some(rules), None) => AccountRights::Rules(rules),
            (None, None, Some(StoredManifest::Read(manifest))) => AccountRights::Manifest(manifest),
            (None, None, Some(StoredManifest::Unread(unread))) => AccountRights::Unread(unread),
            _ => return Err(TemporaryAccountError::ExactlyOne),
        };
        Self::new(raw.scope, grant)
    }
}

impl From<TemporaryAccount> for RawTemporaryAccount {
    fn from(temporary: TemporaryAccount) -> Self {
        let TemporaryAccount { scope, grant } = temporary;
        let (mut role, mut rules, mut manifest) = (None, None, None);
        match grant {
            AccountRights::Role(it) => role = Some(it),
            AccountRights::Rules(it) => rules = Some(it),
            AccountRights::Manifest(it) => manifest = Some(StoredManifest::Read(it)),
            AccountRights::Unread(it) => manifest = Some(StoredManifest::Unread(it)),
        }
        Self { scope, role, rules, manifest }
    }
}

/// Tokens that can be taken back are what is leased if nothing else is said.
fn default_revocable() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_as_it_is_written_or_refused_with_what_would_be_right() {
        let rules = r#""rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}]"#;
        let paths = r#""rules":[{"nonResourceURLs":["/metrics"],"verbs":["get"]}]"#;
        for (account, error) in [
            (r#"{"type":"existing","name":"d","revocable":true}"#.to_owned(), None),
            (r#"{"type":"existing","name":"d","revocable":false}"#.to_owned(), None),
            (
                r#"{"type":"temporary","scope":"namespace","role":{"kind":"ClusterRole","name":"view"}}"#
                    .to_owned(),
                None,
            ),
            (format!(r#"{{"type":"temporary","scope":"cluster",{rules}}}"#), None),
            (format!(r#"{{"type":"temporary","scope":"cluster",{paths}}}"#), None),
            (
                format!(r#"{{"type":"temporary","scope":"namespace",{paths}}}"#),
                Some("nonResourceURLs"),
            ),
            (r#"{"type":"temporary","scope":"namespace"}"#.to_owned(), Some("exactly one of")),
            (
                format!(
                    r#"{{"type":"temporary","scope":"namespace",{rules},"role":{{"kind":"Role","name":"r"}}}}"#
                ),
                Some("exactly one of"),
            ),
            (
                r#"{"type":"temporary","scope":"cluster","role":{"kind":"Role","name":"r"}}"#
                    .to_owned(),
                Some("needs a `ClusterRole`"),
            ),
            (format!(r#"{{"type":"temporary","scope":"pod",{rules}}}"#), Some("unknown variant")),
            (format!(r#"{{"type":"temporary",{rules}}}"#), Some("missing field `scope`")),
            (
                format!(r#"{{"type":"temporary","scope":"cluster","x":1,{rules}}}"#),
                Some("unknown field `x`"),
            ),
            (r#"{"type":"existing","name":"d","x":1}"#.to_owned(), Some("unknown field `x`")),
            (r#"{"type":"external","name":"d"}"#.to_owned(), Some("unknown variant")),
        ] {
            match (serde_json::from_str::<Account>(&account), error) {
                (Ok(read), None) => {
                    let written = serde_json::to_string(&read).expect("serialises");
                    let again = serde_json::from_str(&written).expect("reads");
                    assert_eq!(read, again, "{account}");
                }
                (Err(told), Some(error)) => {
                    assert!(told.to_string().contains(error), "{account}: {told}");
                }
                (read, error) => panic!("{account}: {read:?}, expected {error:?}"),
            }
        }
        let default: Account =
            serde_json::from_str(r#"{"type":"existing","name":"d"}"#).expect("reads");
        assert!(matches!(default, Account::Existing { revocable: true, .. }));
    }
}
