//! Grants: what an identity may do, with leases of which dynamic secrets, in which namespaces.

use serde::{Deserialize, Serialize};

use crate::{DynamicSecretName, MIN_LEASE_TTL, NamePatterns, Namespace, Ttl};

/// Something that an identity may do with leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseAction {
    /// Ask for a new lease.
    Issue,
    /// Look at a lease.
    Read,
    /// Extend a lease.
    Renew,
    /// Take a lease back. Its own an identity may always take back.
    Revoke,
}

/// Whose leases a grant is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseOwnerScope {
    /// Those that the identity asked for itself.
    #[default]
    Own,
    /// Those of everybody.
    All,
}

/// One grant. It narrows what a dynamic secret gives and never widens it.
///
/// All of `dynamic_secrets`, `namespaces` and `actions` have to be said: what is left out would be nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawGrant", into = "RawGrant")]
pub struct IdentityGrant {
    /// The dynamic secrets whose leases it is about.
    pub dynamic_secrets: NamePatterns,
    /// The namespaces in which these leases are.
    pub namespaces: NamePatterns,
    actions: Vec<LeaseAction>,
    max_ttl: Option<Ttl>,
    /// Whose leases may be read, renewed and revoked.
    pub of: LeaseOwnerScope,
}

/// The parts of a grant, and which of them meet a wish for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantPartMatches {
    /// True if the action is granted.
    pub action: bool,
    /// True if the dynamic secret is one of those that are named.
    pub dynamic_secret: bool,
    /// True if the namespace is one of those that are named; none if it is not known.
    pub namespace: Option<bool>,
}

/// The reason why a grant is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantDefinitionError {
    /// No action.
    #[error("`actions` lists one or more of `issue`, `read`, `renew` and `revoke`")]
    NoAction,
    /// One action twice.
    #[error("`actions` lists an action twice")]
    ActionTwice,
    /// A maximum below which no lease can live.
    #[error("`max_ttl` is at least {MIN_LEASE_TTL}, the shortest lifetime of a lease")]
    TooShort,
}

impl IdentityGrant {
    /// The actions that are granted.
    #[must_use]
    pub fn actions(&self) -> &[LeaseAction] {
        &self.actions
    }

    /// The longest lifetime of a lease that is issued or renewed by this grant, if it says one.
    #[must_use]
    pub fn max_ttl(&self) -> Option<Ttl> {
        self.max_ttl
    }

    /// Returns true if `action` is granted for leases of this dynamic secret, in whatever namespace.
    #[must_use]
    pub fn covers_dynamic_secret(&self, action: LeaseAction, secret: &DynamicSecretName) -> bool {
        let parts = self.check_parts(action, secret, None);
        parts.action && parts.dynamic_secret
    }

    /// Checks each part of the grant by itself, for an explanation that shows them all.
    #[must_use]
    pub fn check_parts(
        &self,
        action: LeaseAction,
        secret: &DynamicSecretName,
        namespace: Option<&Namespace>,
    ) -> GrantPartMatches {
        GrantPartMatches {
            action: self.actions.contains(&action),
            dynamic_secret: self.dynamic_secrets.match_any(secret.as_str()),
            namespace: namespace.map(|name| self.namespaces.match_any(name.as_str())),
        }
    }

    /// Returns true if `action` is granted for leases of this dynamic secret in this namespace.
    #[must_use]
    pub fn covers_lease(
        &self,
        action: LeaseAction,
        secret: &DynamicSecretName,
        namespace: &Namespace,
    ) -> bool {
        self.check_parts(action, secret, Some(namespace)).all_met()
    }
}

impl GrantPartMatches {
    /// Returns true if all of it is met.
    #[must_use]
    pub fn all_met(self) -> bool {
        self.action && self.dynamic_secret && self.namespace == Some(true)
    }
}

impl LeaseAction {
    /// The action as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LeaseAction::Issue => "issue",
            LeaseAction::Read => "read",
            LeaseAction::Renew => "renew",
            LeaseAction::Revoke => "revoke",
        }
    }
}

impl TryFrom<RawGrant> for IdentityGrant {
    type Error = GrantDefinitionError;

    fn try_from(raw: RawGrant) -> Result<Self, GrantDefinitionError> {
        let RawGrant { dynamic_secrets, namespaces, actions, max_ttl, of } = raw;
        if actions.is_empty() {
            return Err(GrantDefinitionError::NoAction);
        }
        if (0..actions.len()).any(|i| actions[..i].contains(&actions[i])) {
            return Err(GrantDefinitionError::ActionTwice);
        }
        if max_ttl.is_some_and(|max| max < MIN_LEASE_TTL) {
            return Err(GrantDefinitionError::TooShort);
        }
        Ok(Self { dynamic_secrets, namespaces, actions, max_ttl, of })
    }
}

impl From<IdentityGrant> for RawGrant {
    fn from(grant: IdentityGrant) -> Self {
        let IdentityGrant { dynamic_secrets, namespaces, actions, max_ttl, of } = grant;
        Self { dynamic_secrets, namespaces, actions, max_ttl, of }
    }
}

/// A grant as it is written, before it is checked.
#[derive(Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with `dynamic_secrets`, `namespaces` and `actions`"
)]
struct RawGrant {
    dynamic_secrets: NamePatterns,
    namespaces: NamePatterns,
    actions: Vec<LeaseAction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_ttl: Option<Ttl>,
    #[serde(default)]
    of: LeaseOwnerScope,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_says_all_that_it_is_about() {
        let whole = r#""dynamic_secrets":["ci-*"],"namespaces":["*"],"actions":["issue","read"]"#;
        let rest = r#""dynamic_secrets":["a"],"namespaces":["b"]"#;
        for (fields, says) in [
            (whole.to_owned(), None),
            (format!(r#"{whole},"max_ttl":"10s","of":"all""#), None),
            (format!(r#"{whole},"of":"own""#), None),
            (format!(r#"{whole},"max_ttl":"9s""#), Some("`max_ttl` is at least 10s")),
            (format!(r#"{whole},"of":"everybody""#), Some("unknown variant")),
            (format!(r#"{whole},"role":"x""#), Some("unknown field `role`")),
            (rest.to_owned(), Some("missing field `actions`")),
            (format!(r#"{rest},"actions":[]"#), Some("`actions` lists one or more")),
            (format!(r#"{rest},"actions":["read","read"]"#), Some("an action twice")),
            (format!(r#"{rest},"actions":["write"]"#), Some("unknown variant")),
            (
                r#""namespaces":["a"],"actions":["read"]"#.to_owned(),
                Some("missing field `dynamic_secrets`"),
            ),
            (
                r#""dynamic_secrets":["a"],"actions":["read"]"#.to_owned(),
                Some("missing field `namespaces`"),
            ),
        ] {
            let json = format!("{{{fields}}}");
            match (serde_json::from_str::<IdentityGrant>(&json).map_err(|e| e.to_string()), says) {
                (Ok(grant), None) => {
                    let written = serde_json::to_string(&grant).expect("serialises");
                    assert_eq!(serde_json::from_str::<IdentityGrant>(&written).ok(), Some(grant));
                }
                (Err(error), Some(says)) => assert!(error.contains(says), "{json}: {error}"),
                (read, _) => panic!("{json}: {read:?}, expected {says:?}"),
            }
        }
    }
}
