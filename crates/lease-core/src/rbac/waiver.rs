//! What an operator allows although it is dangerous.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::danger::{Danger, danger_of_role_name, find_cautions, find_dangers};
use super::rbac_grant::{RbacGrant, WaiverError};
use super::yaml::MAX_TEXT_BYTES;
use super::{ExistingRole, PolicyRule, Reach};

/// A danger that is allowed, by its one text: `core/secrets:get`, `nonResourceURLs/logs:get`,
/// `role:edit`.
///
/// A waiver waives the danger of the same text. `*` as the verb of a named resource waives all of
/// its verbs (`core/secrets:*`). Every other `*` is the wildcard itself, and waives only that:
/// `*/*:*` does not waive `core/secrets:get`. `role:edit` waives all that a role of that name
/// holds, now and later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Waiver(RbacGrant);

impl Waiver {
    /// Returns true if it allows a danger.
    #[must_use]
    pub fn covers_danger(&self, danger: &Danger) -> bool {
        self.0 == *danger.grant() || self.0.is_every_verb_of(danger.grant())
    }

    fn covers_role(&self, role: &ExistingRole) -> bool {
        matches!(&self.0, RbacGrant::Role(name) if *name == role.name)
    }
}

impl FromStr for Waiver {
    type Err = WaiverError;

    fn from_str(text: &str) -> Result<Self, WaiverError> {
        text.parse().map(Self)
    }
}

impl TryFrom<String> for Waiver {
    type Error = WaiverError;

    fn try_from(text: String) -> Result<Self, WaiverError> {
        text.parse()
    }
}

impl From<Waiver> for String {
    fn from(waiver: Waiver) -> Self {
        waiver.to_string()
    }
}

impl fmt::Display for Waiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The `allow_dangerous` of a dynamic secret: waivers, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Waiver>", into = "Vec<Waiver>")]
pub struct Waivers(Vec<Waiver>);

/// Why waivers cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WaiversError {
    /// Too many.
    #[error("`allow_dangerous` has at most {MAX_WAIVERS} entries")]
    TooMany,
    /// A waiver that is given twice.
    #[error("`allow_dangerous` has `{0}` twice")]
    Twice(Waiver),
}

/// Dangers that nobody waived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnwaivedDangers(
    /// At least one.
    pub Vec<Danger>,
);

impl Waivers {
    /// Waivers, in the order in which they are written.
    ///
    /// # Errors
    /// Refuses more than can be meant, and one that is there twice.
    pub fn new(waivers: Vec<Waiver>) -> Result<Self, WaiversError> {
        if waivers.len() > MAX_WAIVERS {
            return Err(WaiversError::TooMany);
        }
        let twice = |(i, waiver)| waivers[..i].contains(waiver);
        match waivers.iter().enumerate().position(twice) {
            Some(i) => Err(WaiversError::Twice(waivers[i].clone())),
            None => Ok(Self(waivers)),
        }
    }

    /// The waivers, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Waiver] {
        &self.0
    }

    /// Lets rules pass that hold no danger in `reach`, or none that is not waived.
    ///
    /// # Errors
    /// Names every danger that is left.
    pub fn check_rules_waived(
        &self,
        rules: &[PolicyRule],
        reach: Reach,
    ) -> Result<(), UnwaivedDangers> {
        self.check_dangers_waived(find_dangers(rules, reach))
    }

    /// Lets a role pass that is bound by name in `reach`, with the rules it holds if they could be read
    /// ([`parse_live_role_rules`](super::parse_live_role_rules)).
    ///
    /// # Errors
    /// Names every danger that is left. If the role's name is waived, none is.
    pub fn check_role_waived(
        &self,
        role: &ExistingRole,
        rules: &[PolicyRule],
        reach: Reach,
    ) -> Result<(), UnwaivedDangers> {
        if self.waives_role(role) {
            return Ok(());
        }
        self.check_dangers_waived(
            danger_of_role_name(role).into_iter().chain(find_dangers(rules, reach)).collect(),
        )
    }

    /// Returns if all that a role of this name holds is waived, now and later.
    #[must_use]
    pub fn waives_role(&self, role: &ExistingRole) -> bool {
        self.0.iter().any(|waiver| waiver.covers_role(role))
    }

    /// The [`find_cautions`] in rules that are not waived.
    #[must_use]
    pub fn unwaived_cautions(&self, rules: &[PolicyRule], reach: Reach) -> Vec<Danger> {
        let mut cautions = find_cautions(rules, reach);
        cautions.retain(|caution| !self.is_waived(caution));
        cautions
    }

    /// The waivers that waive none of these dangers: misspelt, or left over.
    pub fn unused_waivers<'a>(&'a self, dangers: &'a [Danger]) -> impl Iterator<Item = &'a Waiver> {
        self.0.iter().filter(|waiver| !dangers.iter().any(|danger| waiver.covers_danger(danger)))
    }

    fn check_dangers_waived(&self, mut dangers: Vec<Danger>) -> Result<(), UnwaivedDangers> {
        dangers.retain(|danger| !self.is_waived(danger));
        if dangers.is_empty() { Ok(()) } else { Err(UnwaivedDangers(dangers)) }
    }

    fn is_waived(&self, danger: &Danger) -> bool {
        self.0.iter().any(|waiver| waiver.covers_danger(danger))
    }
}

impl TryFrom<Vec<Waiver>> for Waivers {
    type Error = WaiversError;

    fn try_from(waivers: Vec<Waiver>) -> Result<Self, WaiversError> {
        Self::new(waivers)
    }
}

impl From<Waivers> for Vec<Waiver> {
    fn from(waivers: Waivers) -> Self {
        waivers.0
    }
}

/// Tells every danger, those of one harm together, and what would allow them.
impl fmt::Display for UnwaivedDangers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, more) = self.0.split_at(self.shown_count());
        f.write_str("dangerous, and not waived: ")?;
        for (i, (because, dangers)) in group_by_harm(shown).into_iter().enumerate() {
            let who = if dangers.len() == 1 { "it" } else { "each" };
            let grants: Vec<String> =
                dangers.iter().map(|d| format!("`{}`", d.waiver_text())).collect();
            let between = if i == 0 { "" } else { "; " };
            write!(f, "{between}{}: {who} {because}", grants.join(", "))?;
        }
        if !more.is_empty() {
            write!(f, "; and {} more", more.len())?;
        }
        if self.0.len() > MAX_WAIVERS {
            return write!(
                f,
                ". `allow_dangerous` takes at most {MAX_WAIVERS} entries: use `group/resource:*` \
                 to allow every verb of one resource"
            );
        }
        let waivers: Vec<String> =
            shown.iter().map(|d| format!("\"{}\"", d.waiver_text())).collect();
        write!(f, ". To allow this, set `\"allow_dangerous\":[{}]`", waivers.join(","))
    }
}

impl UnwaivedDangers {
    /// The names of the first few, for a sentence that is kept: `` `core/secrets:get` and 3 more ``.
    #[must_use]
    pub fn names_text(&self) -> String {
        let shown = self
            .0
            .iter()
            .take(MAX_NAMED_DANGERS)
            .map(|danger| format!("`{}`", danger.waiver_text()));
        let shown = shown.collect::<Vec<_>>().join(", ");
        match self.0.len().saturating_sub(MAX_NAMED_DANGERS) {
            0 => shown,
            more => format!("{shown} and {more} more"),
        }
    }

    /// Returns the number of dangers to tell: as many as have names that are together no longer
    /// than rules may be.
    ///
    /// Lists multiply, so a few texts of a role could otherwise make an answer of many megabytes.
    fn shown_count(&self) -> usize {
        let mut bytes = 0;
        let fits = |danger: &&Danger| {
            bytes += danger.waiver_text().len();
            bytes <= MAX_TEXT_BYTES
        };
        self.0.iter().take_while(fits).count()
    }
}

/// The dangers of each harm together, in the order in which the first of each stands.
fn group_by_harm(dangers: &[Danger]) -> Vec<(&'static str, Vec<&Danger>)> {
    let mut groups: Vec<(&'static str, Vec<&Danger>)> = vec![];
    for danger in dangers {
        match groups.iter_mut().find(|(because, _)| *because == danger.harm_clause()) {
            Some((_, group)) => group.push(danger),
            None => groups.push((danger.harm_clause(), vec![danger])),
        }
    }
    groups
}

impl std::error::Error for UnwaivedDangers {}

/// The most waivers of one dynamic secret: whoever needs more waives a role by its name.
pub const MAX_WAIVERS: usize = 128;

/// The most dangers that are named where the result of a check is kept, one for each dynamic secret.
const MAX_NAMED_DANGERS: usize = 8;

#[cfg(test)]
mod tests;
