//! The dangers in rules and roles, found by the catalogue.

use std::collections::BTreeSet;
use std::fmt;

use super::catalogue::{CatalogueRow, DangerCondition, all_rows};
use super::rbac_grant::RbacGrant;
use super::{ExistingRole, Harm, PolicyRule, Reach, RoleKind};

/// A grant that reaches further than it says, and the harm it can do.
///
/// `Display` is its one text, by which it is waived, and the harm: `` `core/secrets:get`: it … ``.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Danger {
    grant: RbacGrant,
    harm: Harm,
    because: &'static str,
}

/// The weight of a danger in its reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DangerWeight {
    /// Refused unless it is waived.
    Refused,
    /// Accepted with a warning.
    Warned,
}

impl Danger {
    fn new(grant: RbacGrant, harm: Harm) -> Self {
        Self { grant, harm, because: harm.as_str() }
    }

    pub(super) fn grant(&self) -> &RbacGrant {
        &self.grant
    }

    /// The kind of harm it can do.
    #[must_use]
    pub fn harm(&self) -> Harm {
        self.harm
    }

    /// Returns the harm, as the end of a sentence that begins with "it".
    #[must_use]
    pub fn harm_clause(&self) -> &'static str {
        self.because
    }

    /// The text of the waiver that allows it, such as `core/secrets:get`.
    #[must_use]
    pub fn waiver_text(&self) -> String {
        self.grant.to_string()
    }
}

impl fmt::Display for Danger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: it {}", self.grant, self.because)
    }
}

/// The dangers of rules that apply in `reach`, each once, in the order of their texts.
///
/// `resourceNames` are not asked: a grant is judged by the worst it can be.
#[must_use]
pub fn find_dangers(rules: &[PolicyRule], reach: Reach) -> Vec<Danger> {
    find_weighted_dangers(rules, reach, DangerWeight::Refused)
}

/// Returns the dangers of `rules` that are harmless in `reach`, but would not be elsewhere, and may
/// do harm in the namespace itself.
#[must_use]
pub fn find_cautions(rules: &[PolicyRule], reach: Reach) -> Vec<Danger> {
    find_weighted_dangers(rules, reach, DangerWeight::Warned)
}

/// The danger that a role is by its name, whatever it holds.
///
/// `system:` is reserved for the control plane, in namespaces too.
#[must_use]
pub fn danger_of_role_name(role: &ExistingRole) -> Option<Danger> {
    let name = role.name.as_str();
    let user_facing =
        role.kind == RoleKind::ClusterRole && matches!(name, "cluster-admin" | "admin" | "edit");
    let dangerous = user_facing || name.starts_with("system:");
    dangerous.then(|| Danger::new(RbacGrant::Role(role.name.clone()), Harm::Role))
}

fn find_weighted_dangers(rules: &[PolicyRule], reach: Reach, wanted: DangerWeight) -> Vec<Danger> {
    let mut found = BTreeSet::new();
    for rule in rules {
        for group in &rule.api_groups {
            found.extend(dangers_in_group(rule, group, reach, wanted));
        }
        if wanted == DangerWeight::Refused {
            found.extend(dangers_in_paths(rule));
        }
    }
    found.into_iter().collect()
}

fn dangers_in_group(
    rule: &PolicyRule,
    group: &str,
    reach: Reach,
    wanted: DangerWeight,
) -> impl Iterator<Item = Danger> {
    // A rule may hold thousands of grants: the rows of its group are sought once.
    let rows: Vec<&CatalogueRow> = all_rows().filter(|row| row.group == group).collect();
    let pairs = rule.resources.iter().flat_map(|r| rule.verbs.iter().map(move |v| (r, v)));
    pairs.filter_map(move |(resource, verb)| {
        let grant = || RbacGrant::for_resource(group, resource, verb);
        if let Some(harm) = harm_anywhere(group, resource, verb) {
            return (wanted == DangerWeight::Refused).then(|| Danger::new(grant(), harm));
        }
        let row = rows.iter().find(|row| row.matches_grant(group, resource, verb))?;
        let matters = row.weight_in_reach(reach) == Some(wanted);
        matters.then(|| Danger { grant: grant(), harm: row.harm, because: row.because })
    })
}

fn dangers_in_paths(rule: &PolicyRule) -> impl Iterator<Item = Danger> {
    let pairs = rule.non_resource_urls.iter().flat_map(|u| rule.verbs.iter().map(move |v| (u, v)));
    pairs.filter_map(|(url, verb)| {
        let harm = harm_of_path(url, verb)?;
        Some(Danger::new(RbacGrant::for_url(url, verb), harm))
    })
}

/// The harm of wildcards, and of verbs that mean the same on every resource.
fn harm_anywhere(group: &str, resource: &str, verb: &str) -> Option<Harm> {
    if [group, resource, verb].iter().any(|text| text.contains('*')) {
        return Some(Harm::Wildcard);
    }
    if matches!(verb, "escalate" | "bind") {
        return Some(Harm::Escalate);
    }
    // Constrained impersonation has `impersonate:user-info`, `impersonate-on:user-info:list` and others.
    verb.starts_with("impersonate").then_some(Harm::Impersonate)
}

/// The harm of a verb on a path that is no resource.
fn harm_of_path(url: &str, verb: &str) -> Option<Harm> {
    let under =
        |root: &str| url.strip_prefix(root).is_some_and(|r| r.is_empty() || r.starts_with('/'));
    match () {
        () if url.contains('*') || verb.contains('*') => Some(Harm::Wildcard),
        () if INTERNAL_PATHS.iter().any(|root| under(root)) => Some(Harm::ServerInternals),
        () => None,
    }
}

impl CatalogueRow {
    fn weight_in_reach(&self, reach: Reach) -> Option<DangerWeight> {
        match self.condition {
            DangerCondition::Anywhere => Some(DangerWeight::Refused),
            DangerCondition::KubeSystem => reach.has_kube_system().then_some(DangerWeight::Refused),
            DangerCondition::ControlPlane => {
                reach.has_control_plane().then_some(DangerWeight::Refused)
            }
            DangerCondition::Elections if reach.has_other_coordination_leases() => {
                Some(DangerWeight::Refused)
            }
            DangerCondition::Elections => Some(DangerWeight::Warned),
        }
    }
}

/// The API server's log files, its profiles and its switches.
const INTERNAL_PATHS: &[&str] = &["/logs", "/debug"];

#[cfg(test)]
mod tests;
