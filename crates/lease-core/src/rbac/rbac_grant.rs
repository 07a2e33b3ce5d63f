//! One thing that may be dangerous, and the one text by which it is named and waived.

use std::fmt;
use std::str::FromStr;

use crate::RoleName;

use super::rule;

/// A verb on a resource, a verb on a path, or a whole role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum RbacGrant {
    /// `core/pods/exec:create`.
    Resource { group: String, resource: String, verb: String },
    /// `nonResourceURLs/logs:get`; a path that is `*` is written as `/*`, which is the same.
    Url { url: String, verb: String },
    /// `role:cluster-admin`, of either kind.
    Role(RoleName),
}

/// Why a text is not the name of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a waiver is `group/resource:verb` (`core/secrets:get`, where the core group is `core`), \
     `nonResourceURLs/path:verb` or `role:name`"
)]
pub struct WaiverError;

impl RbacGrant {
    /// A verb on a resource, of a rule that may hold anything: what cannot stand in a name becomes `?`,
    /// which nobody can waive.
    pub(super) fn for_resource(group: &str, resource: &str, verb: &str) -> Self {
        let group = if group.is_empty() { CORE_GROUP_TEXT } else { group };
        Self::Resource {
            group: text_or_placeholder(group, |text| {
                text == CORE_GROUP_TEXT || rule::check_group(text).is_ok()
            }),
            resource: text_or_placeholder(resource, |text| rule::check_resource(text).is_ok()),
            verb: text_or_placeholder(verb, |text| rule::check_verb(text).is_ok()),
        }
    }

    /// A verb on a path, in the same way.
    pub(super) fn for_url(url: &str, verb: &str) -> Self {
        Self::Url {
            url: text_or_placeholder(if url == "*" { "/*" } else { url }, is_path),
            verb: text_or_placeholder(verb, |text| rule::check_verb(text).is_ok()),
        }
    }

    /// Returns true if `other` is one verb on a resource of which `self` is every verb.
    pub(super) fn is_every_verb_of(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Resource { group, resource, verb },
                Self::Resource { group: other_group, resource: other_resource, .. },
            ) => {
                verb == "*"
                    && !group.contains('*')
                    && !resource.contains('*')
                    && (group, resource) == (other_group, other_resource)
            }
            _ => false,
        }
    }
}

impl fmt::Display for RbacGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource { group, resource, verb } => write!(f, "{group}/{resource}:{verb}"),
            Self::Url { url, verb } => write!(f, "{URL_GRANT_PREFIX}{url}:{verb}"),
            Self::Role(name) => write!(f, "{ROLE_GRANT_PREFIX}{name}"),
        }
    }
}

impl FromStr for RbacGrant {
    type Err = WaiverError;

    fn from_str(text: &str) -> Result<Self, WaiverError> {
        if let Some(name) = text.strip_prefix(ROLE_GRANT_PREFIX) {
            return name.parse().map(Self::Role).map_err(|_| WaiverError);
        }
        let grant = if let Some(rest) = text.strip_prefix(URL_GRANT_PREFIX) {
            // A verb on a path has no `:`, a path may.
            let (url, verb) = rest.rsplit_once(':').ok_or(WaiverError)?;
            Self::for_url(url, verb)
        } else {
            let (group, rest) = text.split_once('/').ok_or(WaiverError)?;
            let (resource, verb) = rest.split_once(':').ok_or(WaiverError)?;
            Self::for_resource(group, resource, verb)
        };
        // What was cleaned or abbreviated is not the one way to write it.
        if grant.to_string() == text && !text.contains(UNREADABLE_CHARACTER) {
            Ok(grant)
        } else {
            Err(WaiverError)
        }
    }
}

fn text_or_placeholder(text: &str, good: impl Fn(&str) -> bool) -> String {
    if good(text) { text.to_owned() } else { UNREADABLE_CHARACTER.to_owned() }
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && rule::check_url(text).is_ok()
}

/// The core group's name here, and in `kubectl api-resources`' documentation: its real name is empty.
const CORE_GROUP_TEXT: &str = "core";
const URL_GRANT_PREFIX: &str = "nonResourceURLs";
const ROLE_GRANT_PREFIX: &str = "role:";
/// In place of what only an API server can have in a rule.
const UNREADABLE_CHARACTER: &str = "?";
