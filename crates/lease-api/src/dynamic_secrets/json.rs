//! The shapes of dynamic secrets.

use chrono::SecondsFormat;
use lease_core::{Account, DynamicSecret, DynamicSecretName, Namespace, TargetName, Terms, Ttl};
use lease_engine::DynamicSecretDefinition;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// What an administrator says of a dynamic secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `target`, `account` and `namespaces`")]
pub(crate) struct DynamicSecretInput {
    target: TargetName,
    account: Account,
    namespaces: Vec<Namespace>,
    default_ttl: Option<Ttl>,
    max_ttl: Option<Ttl>,
}

/// A dynamic secret as it is shown.
#[derive(Serialize)]
pub(crate) struct DynamicSecretJson {
    name: DynamicSecretName,
    target: TargetName,
    account: Account,
    namespaces: Vec<Namespace>,
    default_ttl: Ttl,
    max_ttl: Ttl,
    created_at: String,
    updated_at: String,
}

impl DynamicSecretInput {
    /// The definition of this name.
    ///
    /// # Errors
    /// 422 where its terms do not hold together.
    pub(crate) fn define(
        self,
        name: DynamicSecretName,
    ) -> Result<DynamicSecretDefinition, Problem> {
        // What is said bounds what is not: a default alone may be longer than our maximum, and so on.
        let max =
            self.max_ttl.unwrap_or(DEFAULT_MAX_TTL.max(self.default_ttl.unwrap_or(DEFAULT_TTL)));
        let default = self.default_ttl.unwrap_or(DEFAULT_TTL.min(max));
        let terms = Terms::new(self.namespaces, default, max)
            .map_err(|error| Problem::unprocessable("invalid_terms", error.to_string()))?;
        Ok(DynamicSecretDefinition { name, target: self.target, account: self.account, terms })
    }
}

impl From<DynamicSecret> for DynamicSecretJson {
    fn from(secret: DynamicSecret) -> Self {
        Self {
            namespaces: secret.terms.namespaces().to_vec(),
            default_ttl: secret.terms.default_ttl(),
            max_ttl: secret.terms.max_ttl(),
            created_at: secret.created_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            updated_at: secret.updated_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            name: secret.name,
            target: secret.target,
            account: secret.account,
        }
    }
}

/// The default lifetime where a definition names none: that of `kubectl create token`.
const DEFAULT_TTL: Ttl = Ttl::HOUR;

/// The longest lifetime where a definition names none: a working day, and what managed clusters grant.
const DEFAULT_MAX_TTL: Ttl = Ttl::DAY;
