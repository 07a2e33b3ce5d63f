//! What may be leased, and on which terms.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::rbac::{Danger, ManifestError, PolicyRule, Reach, UnwaivedDangers, Waivers};
use crate::{
    Account, AccountRights, AccountScope, Annotations, Audiences, Description, DynamicSecretName,
    Labels, LeaseMode, Lifetimes, LifetimesError, MAX_TTL, MaxLiveLeases, NameTemplate, Namespace,
    NamespaceMatch, NamespacePattern, NamespaceRules, NamespaceSelector, NamespacesError,
    ServiceAccountName, Tag, Tags, TargetName, Ttl,
};

/// A dynamic secret: whose tokens may be leased on a target, where, for how long and on which
/// terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DynamicSecret {
    /// The name of the dynamic secret.
    pub name: DynamicSecretName,
    /// The definition.
    pub definition: DynamicSecretDefinition,
    /// True if its target was put with it, under its own name.
    pub inline_target: bool,
    /// When it was first put.
    pub created_at: DateTime<Utc>,
    /// When it was last put.
    pub updated_at: DateTime<Utc>,
}

/// The definition of a dynamic secret: parts that hold together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DynamicSecretSpec", into = "DynamicSecretSpec")]
pub struct DynamicSecretDefinition {
    parts: DynamicSecretSpec,
    namespaces: NamespaceRules,
    lifetimes: Lifetimes,
}

/// The parts of a definition as they are written, each good by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `target`, `account` and `namespaces`")]
pub struct DynamicSecretSpec {
    /// The target it is for.
    pub target: TargetName,
    /// Whose token is leased.
    pub account: Account,
    /// The namespaces that a lease may name; `*` stands for most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<NamespacePattern>>,
    /// The labels of the namespaces that a lease may name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<NamespaceSelector>,
    /// The rule for names and labels together: either is enough, or both are needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_match: Option<NamespaceMatch>,
    /// The lifetime if none is asked for.
    #[serde(default)]
    pub default_ttl: Option<Ttl>,
    /// The longest lifetime, counted from the first issue.
    #[serde(default)]
    pub max_ttl: Option<Ttl>,
    /// The audiences of the tokens.
    #[serde(default)]
    pub audiences: Audiences,
    /// The greatest number of leases that may live at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_live_leases: Option<MaxLiveLeases>,
    /// The dangers that were weighed and accepted.
    #[serde(default)]
    pub allow_dangerous: Waivers,
    /// The template for the names of the leased objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_template: Option<NameTemplate>,
    /// The administrator's labels on the leased objects.
    #[serde(default)]
    pub labels: Labels,
    /// The administrator's annotations on the leased objects.
    #[serde(default)]
    pub annotations: Annotations,
    /// The administrator's description.
    #[serde(default)]
    pub description: Description,
    /// By what it is grouped.
    #[serde(default)]
    pub tags: Tags,
    /// The set of definitions that it is applied with, of which a program may delete what is no part any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply_set: Option<Tag>,
    /// True if no lease is issued of it. Issued leases are still revoked.
    #[serde(default)]
    pub disabled: bool,
    /// True if its deletion must be forced.
    #[serde(default)]
    pub delete_protection: bool,
    /// The fate of its leases when the definition grants something else.
    #[serde(default)]
    pub on_change: OnChange,
}

/// The fate of leases when the definition they were issued from is changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnChange {
    /// Keeps them as they were issued.
    #[default]
    Keep,
    /// Revokes them.
    Revoke,
}

/// Why parts do not hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DynamicSecretDefinitionError {
    /// The namespaces do not.
    #[error(transparent)]
    Namespaces(#[from] NamespacesError),
    /// The lifetimes do not.
    #[error(transparent)]
    Lifetimes(#[from] LifetimesError),
    /// An existing account of the same name elsewhere may be anybody's.
    #[error(
        "an `existing` account needs `namespaces` that are listed by name: with `*` or a selector, \
         the account could be anybody's of that name"
    )]
    ExistingAnywhere,
    /// The manifest is not valid.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The definition would grant dangerous rights that nobody has waived.
    #[error(transparent)]
    Dangerous(#[from] UnwaivedDangers),
}

impl DynamicSecretDefinition {
    /// The definition that these parts make, if nobody has to weigh what it grants.
    ///
    /// # Errors
    /// Says which part does not fit, and what would.
    pub fn new(parts: DynamicSecretSpec) -> Result<Self, DynamicSecretDefinitionError> {
        parts.check_manifest_readable()?;
        let definition = Self::from_stored_spec(parts)?;
        definition.check_dangers_waived()?;
        Ok(definition)
    }

    /// The definition that these parts make, whatever it grants.
    fn from_stored_spec(parts: DynamicSecretSpec) -> Result<Self, DynamicSecretDefinitionError> {
        let namespaces = NamespaceRules::new(
            parts.namespaces.clone(),
            parts.namespace_selector.clone(),
            parts.namespace_match,
        )?;
        if matches!(parts.account, Account::Existing { .. })
            && namespaces.exclusive_literal_namespaces().is_none()
        {
            return Err(DynamicSecretDefinitionError::ExistingAnywhere);
        }
        // What is said bounds what is not: a default alone may be longer than our maximum, and so on.
        let max = parts.max_ttl;
        let max = max.unwrap_or(DEFAULT_MAX_TTL.max(parts.default_ttl.unwrap_or(DEFAULT_TTL)));
        let default = parts.default_ttl.unwrap_or(DEFAULT_TTL.min(max));
        let revocable = parts.is_revocable();
        let lifetimes = Lifetimes::new(default, max, revocable, MAX_TTL)?;
        let parts = DynamicSecretSpec { default_ttl: Some(default), max_ttl: Some(max), ..parts };
        Ok(Self { parts, namespaces, lifetimes })
    }

    /// Returns its parts, with defaults for lifetimes that were left out.
    #[must_use]
    pub fn spec(&self) -> &DynamicSecretSpec {
        &self.parts
    }

    /// Returns the namespaces in which leases may be.
    #[must_use]
    pub fn namespaces(&self) -> &NamespaceRules {
        &self.namespaces
    }

    /// For how long.
    #[must_use]
    pub fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    /// Returns true if its leases in `namespace` are tokens of this account.
    #[must_use]
    pub fn is_leased_account(
        &self,
        namespace: &Namespace,
        account: Option<&(Namespace, ServiceAccountName)>,
    ) -> bool {
        match (&self.parts.account, account) {
            (Account::Existing { name, .. }, Some((place, account))) => {
                (place, account) == (namespace, name)
            }
            _ => false,
        }
    }

    /// Returns the kind of credential that its leases are.
    #[must_use]
    pub fn mode(&self) -> LeaseMode {
        match &self.parts.account {
            Account::Existing { revocable: false, .. } => LeaseMode::Plain,
            Account::Existing { .. } => LeaseMode::Existing,
            Account::Temporary(temporary) if temporary.scope() == AccountScope::Cluster => {
                LeaseMode::TemporaryInCluster
            }
            Account::Temporary(_) => LeaseMode::TemporaryInNamespace,
        }
    }

    /// Returns true if leases of `other` are as good as ours: nothing that is granted differs.
    #[must_use]
    pub fn grants_same_as(&self, other: &Self) -> bool {
        let granted = |definition: &Self| {
            let parts = &definition.parts;
            (parts.target.clone(), parts.account.clone(), parts.audiences.clone())
        };
        granted(self) == granted(other)
            && self.namespaces == other.namespaces
            && self.lifetimes == other.lifetimes
    }

    /// Remarks on what leases will not have of it: labels and annotations of a manifest.
    #[must_use]
    pub fn ignored_manifest_metadata_warnings(&self) -> &[String] {
        match &self.parts.account {
            Account::Temporary(temporary) => match temporary.grant() {
                AccountRights::Manifest(manifest) => manifest.ignored_metadata_warnings(),
                AccountRights::Role(_) | AccountRights::Rules(_) | AccountRights::Unread(_) => &[],
            },
            Account::Existing { .. } => &[],
        }
    }

    /// Lets the rules pass of a role that is bound, as they were read from a cluster, if they were weighed.
    ///
    /// # Errors
    /// Names what was not.
    pub fn check_bound_role_rules_waived(
        &self,
        rules: &[PolicyRule],
    ) -> Result<(), UnwaivedDangers> {
        self.check_dangers_are_waived(rules, self.reach())
    }

    /// Returns if all that the role holds which is bound is waived by its name, now and later.
    #[must_use]
    pub fn waives_bound_role(&self, role: &crate::rbac::ExistingRole) -> bool {
        self.parts.allow_dangerous.waives_role(role)
    }

    /// Lets what is granted pass if it was weighed: rules of its own, or a role by its name.
    ///
    /// A definition that was put earlier may fail, since the list of what is dangerous grows.
    ///
    /// # Errors
    /// Names what was not.
    pub fn check_dangers_waived(&self) -> Result<(), UnwaivedDangers> {
        self.check_dangers_are_waived(&[], self.reach())
    }

    /// Returns the reach of the rights that its temporary accounts have.
    #[must_use]
    pub fn reach(&self) -> Reach {
        match &self.parts.account {
            Account::Temporary(temporary) if temporary.scope() == AccountScope::Cluster => {
                Reach::in_cluster()
            }
            Account::Temporary(_) | Account::Existing { .. } => {
                Reach::in_namespaces(&self.namespaces)
            }
        }
    }

    /// Lets a grant pass that was weighed for `reach`; `rules` are those of a role that is bound.
    ///
    /// # Errors
    /// Names what was not.
    pub fn check_dangers_are_waived(
        &self,
        rules: &[PolicyRule],
        reach: Reach,
    ) -> Result<(), UnwaivedDangers> {
        let Account::Temporary(temporary) = &self.parts.account else { return Ok(()) };
        let waivers = &self.parts.allow_dangerous;
        match temporary.grant() {
            AccountRights::Role(role) => waivers.check_role_waived(role, rules, reach),
            AccountRights::Rules(rules) => waivers.check_rules_waived(rules.as_slice(), reach),
            AccountRights::Manifest(manifest) => {
                waivers.check_rules_waived(manifest.rules().as_slice(), reach)
            }
            // It grants nothing.
            AccountRights::Unread(_) => Ok(()),
        }
    }

    /// Returns the dangers of a grant that are not refused in its reach, and still worth a warning;
    /// `rules` are those of a role that is bound.
    #[must_use]
    pub fn find_cautions(&self, rules: &[PolicyRule]) -> Vec<Danger> {
        let Account::Temporary(temporary) = &self.parts.account else { return vec![] };
        let waivers = &self.parts.allow_dangerous;
        let rules = match temporary.grant() {
            AccountRights::Role(role) if waivers.waives_role(role) => return vec![],
            AccountRights::Role(_) => rules,
            AccountRights::Rules(rules) => rules.as_slice(),
            AccountRights::Manifest(manifest) => manifest.rules().as_slice(),
            AccountRights::Unread(_) => return vec![],
        };
        waivers.unwaived_cautions(rules, self.reach())
    }
}

impl DynamicSecretSpec {
    /// Lets a manifest pass that is read.
    ///
    /// A definition that was put earlier may fail, since what is taken for a manifest becomes less.
    ///
    /// # Errors
    /// Fails with the reason why it is none; nothing can be issued of it.
    pub fn check_manifest_readable(&self) -> Result<(), ManifestError> {
        let Account::Temporary(temporary) = &self.account else { return Ok(()) };
        match temporary.grant() {
            AccountRights::Unread(unread) => Err(unread.error().clone()),
            AccountRights::Role(_) | AccountRights::Rules(_) | AccountRights::Manifest(_) => Ok(()),
        }
    }

    fn is_revocable(&self) -> bool {
        !matches!(self.account, Account::Existing { revocable: false, .. })
    }
}

/// A definition as it was kept. What it grants was weighed when it was put, and is weighed again for each
/// lease: one that has become dangerous since must still be read, to be shown, changed and taken back. The same
/// goes for a manifest.
impl TryFrom<DynamicSecretSpec> for DynamicSecretDefinition {
    type Error = DynamicSecretDefinitionError;

    fn try_from(parts: DynamicSecretSpec) -> Result<Self, DynamicSecretDefinitionError> {
        Self::from_stored_spec(parts)
    }
}

impl From<DynamicSecretDefinition> for DynamicSecretSpec {
    fn from(definition: DynamicSecretDefinition) -> Self {
        definition.parts
    }
}

/// The lifetime if nothing is said.
const DEFAULT_TTL: Ttl = Ttl::HOUR;

/// The maximum if nothing is said.
const DEFAULT_MAX_TTL: Ttl = Ttl::DAY;

#[cfg(test)]
mod tests;
