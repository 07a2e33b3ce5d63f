//! Identities: who may ask for leases, how each logs in, and what each may do.
//!
//! [`Identity::from_input`] makes one of what an administrator says, [`authorize_action()`] decides what it may do.

mod access_token_terms;
mod auth_method;
mod authorize;
mod claim_pattern;
mod claim_rules;
mod identity_grant;
mod kubernetes_auth;
mod name_pattern;
mod oidc_auth;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::access_token_terms::{
    AccessTokenTerms, AccessTokenTermsError, MAX_ACCESS_TOKEN_TTL, MAX_TOKEN_USES, TrustedIps,
    TrustedIpsError, parse_network,
};
pub use self::auth_method::{AuthMethod, AuthMethodInput, AuthMethodKind, TokenAuth};
pub use self::authorize::{
    DenialReason, LeaseSubject, Permit, authorize_action, is_dynamic_secret_granted,
};
pub use self::claim_rules::{
    ClaimMatchMode, ClaimMismatch, ClaimName, ClaimRules, ClaimRulesError, ClaimRulesSpec,
    ClaimValue,
};
pub use self::identity_grant::{
    GrantDefinitionError, GrantPartMatches, IdentityGrant, LeaseAction, LeaseOwnerScope,
};
pub use self::kubernetes_auth::{
    KubernetesAuth, Reviewer, ReviewerCredential, ReviewerError, ReviewerInput, ReviewerSealContext,
};
pub use self::name_pattern::{MAX_PATTERN_BYTES, NamePattern, NamePatternError, NamePatterns};
pub use self::oidc_auth::{IssuerUrl, IssuerUrlError, KeySource, OidcAuth, OidcAuthError};
use crate::{
    ApiServerUrl, Audience, Description, IdentityName, Keyring, MaxLiveLeases, NONCE_BYTES,
    OpenError, Tag, Tags, TargetName,
};

/// Somebody who may ask for leases: a pod, a CI job, a bot, an administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its name here.
    pub name: IdentityName,
    /// All that an administrator says of it.
    spec: IdentitySpec,
    /// When it was first put.
    pub created_at: DateTime<Utc>,
    /// When it was last put.
    pub updated_at: DateTime<Utc>,
}

/// All that an administrator says of an identity. `R` is the reviewer of [`KubernetesAuth`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct IdentitySpec<R = Reviewer> {
    /// A line for people.
    #[serde(default)]
    pub description: Description,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Tags,
    /// The set of definitions that it is applied with, of which a program may delete what is no part any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply_set: Option<Tag>,
    /// Lets nobody in as it, and makes its access tokens worthless while it is set.
    #[serde(default)]
    pub disabled: bool,
    /// The ways to log in as it; none lets nobody in.
    #[serde(default = "Vec::new")]
    pub auth: Vec<AuthMethod<R>>,
    /// The grants; an identity without one may do nothing.
    #[serde(default)]
    pub grants: Vec<IdentityGrant>,
    /// Lets it do what `admin_token` may, but for what [`manage_administrators`](Self::manage_administrators)
    /// is about.
    #[serde(default)]
    pub admin: bool,
    /// Lets it put and delete administrators, and make access tokens for them.
    #[serde(default)]
    pub manage_administrators: bool,
    /// The limits of its access tokens.
    #[serde(default)]
    pub access_token: AccessTokenTerms,
    /// The most leases of it that may live at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_live_leases: Option<MaxLiveLeases>,
    /// The most leases it may ask for in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_issues_per_minute: Option<MaxIssuesPerMinute>,
}

/// An [`IdentitySpec`] as an administrator gives it.
pub type IdentityInput = IdentitySpec<ReviewerInput>;

/// All that an identity is put with, besides what an administrator says.
pub struct IdentityPutContext<'a> {
    /// The identity in whose place it is put, if there is one.
    pub known: Option<&'a Identity>,
    /// The urls of the targets that it names.
    pub urls: &'a BTreeMap<TargetName, ApiServerUrl>,
    /// The keys that seal.
    pub keys: &'a Keyring,
    /// A source of nonces, each to be used once.
    pub nonce: &'a dyn Fn() -> [u8; NONCE_BYTES],
    /// The time.
    pub now: DateTime<Utc>,
}

/// The most leases that an identity may ask for in a minute: 1 to 60,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct MaxIssuesPerMinute(u32);

/// The reason why an identity is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityDefinitionError {
    /// More ways to log in than are kept.
    #[error("`auth` lists at most {MAX_AUTH_METHODS} ways to log in")]
    AuthCount,
    /// Two ways of type `token`, which would be the same.
    #[error("`auth` lists `token` at most once")]
    TokenTwice,
    /// More grants than are kept.
    #[error("`grants` lists at most {MAX_GRANTS} grants")]
    GrantCount,
    /// A right over administrators for somebody who is none.
    #[error("`manage_administrators` needs `admin`; set both, or neither")]
    NoAdministrator,
    /// A right over administrators for somebody whom a cluster vouches for.
    #[error(
        "an identity with `manage_administrators` cannot log in by `kubernetes`: the \
         administrators of a cluster control its ServiceAccounts; use `oidc` or `token`"
    )]
    ManagerByKubernetes,
    /// A target that does not exist.
    #[error("there is no target `{0}`")]
    UnknownTarget(TargetName),
    /// A reviewer that cannot be kept.
    #[error("`auth.{index}`: {source}")]
    Reviewer {
        /// The index of the way to log in.
        index: usize,
        /// The reason.
        source: ReviewerError,
    },
}

/// A number of issues that is no limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`max_issues_per_minute` is 1 to {MAX_ISSUES_PER_MINUTE}; to stop leases, set `disabled`")]
pub struct MaxIssuesPerMinuteError;

impl Identity {
    /// An identity as it is put.
    ///
    /// # Errors
    /// Says which part does not fit, and what would.
    pub fn from_input(
        name: IdentityName,
        input: IdentityInput,
        put: &IdentityPutContext<'_>,
    ) -> Result<Self, IdentityDefinitionError> {
        input.check_consistency()?;
        let mut auth = vec![];
        for (index, method) in input.auth.into_iter().enumerate() {
            auth.push(match method {
                AuthMethod::Kubernetes(method) => {
                    AuthMethod::Kubernetes(put.seal_reviewer(&name, index, method)?)
                }
                AuthMethod::Oidc(method) => AuthMethod::Oidc(method),
                AuthMethod::Token(method) => AuthMethod::Token(method),
            });
        }
        let spec = IdentitySpec {
            auth,
            description: input.description,
            tags: input.tags,
            apply_set: input.apply_set,
            disabled: input.disabled,
            grants: input.grants,
            admin: input.admin,
            manage_administrators: input.manage_administrators,
            access_token: input.access_token,
            max_live_leases: input.max_live_leases,
            max_issues_per_minute: input.max_issues_per_minute,
        };
        let created_at = put.known.map_or(put.now, |known| known.created_at);
        Ok(Self { name, spec, created_at, updated_at: put.now })
    }

    /// The same identity with its reviewers' tokens sealed under the current key, if one is not.
    ///
    /// A token whose target is gone or has another url does not open, and stays as it is.
    ///
    /// # Errors
    /// Fails if a token does not open with any configured key.
    pub fn reseal_if_outdated(
        &self,
        urls: &BTreeMap<TargetName, ApiServerUrl>,
        keys: &Keyring,
        nonce: impl Fn() -> [u8; NONCE_BYTES],
    ) -> Result<Option<Self>, OpenError> {
        let mut identity = self.clone();
        let mut changed = false;
        for method in &mut identity.spec.auth {
            let AuthMethod::Kubernetes(method) = method else { continue };
            let Some(url) = urls.get(&method.target) else { continue };
            let place = ReviewerSealContext { identity: &self.name, target: &method.target, url };
            if let Some(reviewer) = method.reviewer.reseal_if_outdated(place, keys, nonce())? {
                (method.reviewer, changed) = (reviewer, true);
            }
        }
        Ok(changed.then_some(identity))
    }

    /// All that an administrator says of it.
    #[must_use]
    pub fn spec(&self) -> &IdentitySpec {
        &self.spec
    }

    /// Its grants.
    #[must_use]
    pub fn grants(&self) -> &[IdentityGrant] {
        &self.spec.grants
    }

    /// Returns true if access tokens that an administrator makes let in as it.
    #[must_use]
    pub fn allows_token_auth(&self) -> bool {
        self.spec.auth.iter().any(|method| method.kind() == AuthMethodKind::Token)
    }

    /// Returns true if it has such a way to log in, and lets somebody in by it.
    ///
    /// A record that was put by an earlier version may let whoever manages administrators log in by `kubernetes`: nobody
    /// is let in so.
    #[must_use]
    pub fn admits_by(&self, kind: AuthMethodKind) -> bool {
        let is_refused = kind == AuthMethodKind::Kubernetes && self.spec.manage_administrators;
        !is_refused && self.spec.auth.iter().any(|method| method.kind() == kind)
    }

    /// The audiences of the tokens by which it logs in, if it is an administrator; else none.
    ///
    /// No lease is for such an audience: whoever has the lease could log in as the administrator.
    pub fn administrator_audiences(&self) -> impl Iterator<Item = &Audience> {
        let methods = self.spec.auth.iter().filter(|_| self.spec.admin);
        methods.flat_map(|method| match method {
            AuthMethod::Kubernetes(method) => std::slice::from_ref(&method.allowed_audience),
            AuthMethod::Oidc(method) => method.audiences(),
            AuthMethod::Token(_) => &[],
        })
    }

    /// The id that leases keep of it, and that its `Idempotency-Key`s belong to.
    #[must_use]
    pub fn requester_id(&self) -> String {
        requester_id(&self.name)
    }

    /// The reviewer's token that is kept for a target.
    fn token_reviewer_for(&self, target: &TargetName) -> Option<&Reviewer> {
        self.spec.auth.iter().find_map(|method| match method {
            AuthMethod::Kubernetes(KubernetesAuth { target: known, reviewer, .. })
                if known == target && matches!(reviewer, Reviewer::Token(_)) =>
            {
                Some(reviewer)
            }
            _ => None,
        })
    }
}

impl IdentityPutContext<'_> {
    /// A login by `ServiceAccount`s as it is kept, with its reviewer's token sealed.
    fn seal_reviewer(
        &self,
        identity: &IdentityName,
        index: usize,
        method: KubernetesAuth<ReviewerInput>,
    ) -> Result<KubernetesAuth<Reviewer>, IdentityDefinitionError> {
        method.map_reviewer(|target, reviewer| {
            let url = self.urls.get(target);
            let url = url.ok_or_else(|| IdentityDefinitionError::UnknownTarget(target.clone()))?;
            let place = ReviewerSealContext { identity, target, url };
            let known = self.known.and_then(|known| known.token_reviewer_for(target));
            Reviewer::from_input(reviewer, known, place, self.keys, (self.nonce)())
                .map_err(|source| IdentityDefinitionError::Reviewer { index, source })
        })
    }
}

/// The id that leases keep of an identity of this name.
#[must_use]
pub fn requester_id(name: &IdentityName) -> String {
    format!("identity:{name}")
}

impl<R> IdentitySpec<R> {
    /// Checks what no part can tell by itself.
    fn check_consistency(&self) -> Result<(), IdentityDefinitionError> {
        if self.auth.len() > MAX_AUTH_METHODS {
            return Err(IdentityDefinitionError::AuthCount);
        }
        let tokens = self.auth.iter().filter(|method| method.kind() == AuthMethodKind::Token);
        if tokens.count() > 1 {
            return Err(IdentityDefinitionError::TokenTwice);
        }
        if self.grants.len() > MAX_GRANTS {
            return Err(IdentityDefinitionError::GrantCount);
        }
        if self.manage_administrators && !self.admin {
            return Err(IdentityDefinitionError::NoAdministrator);
        }
        let mut kinds = self.auth.iter().map(AuthMethod::kind);
        if self.manage_administrators && kinds.any(|kind| kind == AuthMethodKind::Kubernetes) {
            return Err(IdentityDefinitionError::ManagerByKubernetes);
        }
        Ok(())
    }
}

impl MaxIssuesPerMinute {
    /// The number, never zero.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u64> for MaxIssuesPerMinute {
    type Error = MaxIssuesPerMinuteError;

    fn try_from(count: u64) -> Result<Self, MaxIssuesPerMinuteError> {
        match u32::try_from(count) {
            Ok(count @ 1..=MAX_ISSUES_PER_MINUTE) => Ok(Self(count)),
            _ => Err(MaxIssuesPerMinuteError),
        }
    }
}

impl From<MaxIssuesPerMinute> for u64 {
    fn from(limit: MaxIssuesPerMinute) -> Self {
        u64::from(limit.0)
    }
}

/// The most ways to log in as one identity; each may cost a request at a login.
const MAX_AUTH_METHODS: usize = 16;

/// The most grants of one identity; they are read with each request of it.
const MAX_GRANTS: usize = 64;

/// The most issues in a minute that a limit may allow: a thousand a second is no limit any more.
const MAX_ISSUES_PER_MINUTE: u32 = 60_000;

#[cfg(test)]
mod tests;
