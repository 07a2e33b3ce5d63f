//! The shapes of targets.

use chrono::SecondsFormat;
use lease_core::{
    ApiServerUrl, ClusterCredential, MissingPermission, Target, TargetCheck, TargetName,
};
use serde::{Deserialize, Serialize};

/// What an administrator says of a target.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `url` and `auth`")]
pub(crate) struct TargetInput {
    pub(crate) url: ApiServerUrl,
    pub(crate) auth: AuthInput,
}

/// How kubelease authenticates there.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum AuthInput {
    /// By a bearer token; without one, by the one that is known.
    Token { token: Option<ClusterCredential> },
}

/// A target as it is shown.
#[derive(Serialize)]
pub(crate) struct TargetJson {
    name: TargetName,
    url: ApiServerUrl,
    auth: AuthJson,
    created_at: String,
    updated_at: String,
    last_check: Option<CheckJson>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum AuthJson {
    Token,
}

/// What a check saw. `ok` says that nothing is missing.
#[derive(Serialize)]
pub(crate) struct CheckJson {
    checked_at: String,
    ok: bool,
    reachable: bool,
    problem: Option<String>,
    version: Option<String>,
    username: Option<String>,
    groups: Vec<String>,
    missing_permissions: Vec<MissingPermission>,
}

impl AuthInput {
    pub(crate) fn credential(self) -> Option<ClusterCredential> {
        let Self::Token { token } = self;
        token
    }
}

impl TargetJson {
    pub(crate) fn of(target: Target, check: Option<TargetCheck>) -> Self {
        Self {
            created_at: target.created_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            updated_at: target.updated_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            name: target.name,
            url: target.url,
            auth: AuthJson::Token,
            last_check: check.map(CheckJson::from),
        }
    }
}

impl From<TargetCheck> for CheckJson {
    fn from(check: TargetCheck) -> Self {
        Self {
            checked_at: check.checked_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            ok: check.problem.is_none() && check.missing_permissions.is_empty(),
            reachable: check.reachable,
            problem: check.problem,
            version: check.version,
            username: check.username,
            groups: check.groups,
            missing_permissions: check.missing_permissions,
        }
    }
}
