//! The rules of a role that is made for a lease.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use super::RoleKind;
use super::document_node::DocumentNode;
use super::rule::{PolicyRule, RuleError, RuleProblem};
use super::yaml::{MAX_TEXT_BYTES, TextError, parse_all_documents};

/// Rules that Kubernetes would accept, at least one. Equality is as sent: in order, nothing merged.
///
/// Read from JSON's list of rules or from a text of YAML or JSON, both with or without the key `rules`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PolicyRules(Vec<PolicyRule>);

/// Why rules cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// The text is not read.
    #[error(transparent)]
    Text(TextError),
    /// Neither a list nor a text of one.
    #[error(
        "rules are a list, or a YAML or JSON text of such a list, alone or under `rules` as the \
         only key"
    )]
    NotRules,
    /// None, or too many.
    #[error("1 to {MAX_RULES} rules are required")]
    Count,
    /// Their texts are too long together.
    #[error("the strings of all rules have at most {MAX_TEXT_BYTES} bytes together")]
    TooLarge,
    /// The rules grant too much.
    #[error("the rules make at most {MAX_GRANTS} single grants (groups × resources × verbs)")]
    TooManyGrants,
    /// A rule or a field does not fit.
    #[error("`{at}`: {problem}")]
    At {
        /// The field, such as `rules[2].verbs`, counted from 0.
        at: String,
        /// The problem with it.
        problem: RuleProblem,
    },
}

impl From<RuleError> for RulesError {
    fn from(RuleError { at, problem }: RuleError) -> Self {
        Self::At { at, problem }
    }
}

impl PolicyRules {
    /// Rules that Kubernetes would accept in a `ClusterRole`.
    ///
    /// # Errors
    /// Names the rule and the field that does not fit, and what would.
    pub fn new(rules: Vec<PolicyRule>) -> Result<Self, RulesError> {
        if !(1..=MAX_RULES).contains(&rules.len()) {
            return Err(RulesError::Count);
        }
        for (i, rule) in rules.iter().enumerate() {
            rule.check_rule(&format!("rules[{i}]"))?;
        }
        if rules.iter().map(PolicyRule::text_length).sum::<usize>() > MAX_TEXT_BYTES {
            return Err(RulesError::TooLarge);
        }
        check_size(rules).map(Self)
    }

    /// Checks that they may stand in a role of this kind.
    ///
    /// # Errors
    /// Names the rule that needs a `ClusterRole`.
    pub fn check_fit_role_kind(&self, kind: RoleKind) -> Result<(), RulesError> {
        let urls = |rule: &PolicyRule| !rule.non_resource_urls.is_empty();
        match (kind, self.0.iter().position(urls)) {
            (RoleKind::Role, Some(i)) => {
                let at = format!("rules[{i}].nonResourceURLs");
                Err(RulesError::At { at, problem: RuleProblem::UrlInRole })
            }
            _ => Ok(()),
        }
    }

    /// The rules, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[PolicyRule] {
        &self.0
    }

    /// Reads rules in a list, or in a text of one, both with or without the key `rules`.
    pub(super) fn from_node(node: DocumentNode) -> Result<Self, RulesError> {
        match node {
            DocumentNode::Text(text) => text.parse(),
            node => Self::new(read_rules(unwrap_rules_key(node)?)?),
        }
    }
}

impl FromStr for PolicyRules {
    type Err = RulesError;

    /// Reads YAML or JSON: one list of rules, or one map that has nothing but `rules`.
    fn from_str(text: &str) -> Result<Self, RulesError> {
        let documents = parse_all_documents(text).map_err(RulesError::Text)?;
        let mut said = documents.into_iter().filter(|document| !document.is_null());
        let (Some(node), None) = (said.next(), said.next()) else {
            return Err(RulesError::NotRules);
        };
        Self::new(read_rules(unwrap_rules_key(node)?)?)
    }
}

impl<'de> Deserialize<'de> for PolicyRules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_node(DocumentNode::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The rules of a role that an API server answered: any number, none if they are `null`, and whatever
/// it accepted, to be looked through for [`find_dangers`](super::find_dangers).
///
/// # Errors
/// Refuses what is no list of rules, a field that no rule has (a later version's, which might grant
/// what nobody looked at), and more grants than can be looked at.
pub fn parse_live_role_rules<'de>(
    rules: impl Deserializer<'de>,
) -> Result<Vec<PolicyRule>, RulesError> {
    match DocumentNode::deserialize(rules) {
        Ok(DocumentNode::Null) => Ok(Vec::new()),
        Ok(node) => check_size(read_rules(node)?),
        Err(_) => Err(RulesError::NotRules),
    }
}

/// The rules that can be looked through of a role whose rules cannot all be ([`parse_live_role_rules`]): the fields that
/// are known of each rule, without the rules that make more grants than are left of [`MAX_GRANTS`].
///
/// What is dangerous in them is dangerous whatever the rest says; that nothing is says nothing of the rest.
pub fn parse_known_rule_fields<'de>(rules: impl Deserializer<'de>) -> Vec<PolicyRule> {
    let Ok(DocumentNode::List(list)) = DocumentNode::deserialize(rules) else { return vec![] };
    let mut left = MAX_GRANTS;
    let mut fits = |rule: &PolicyRule| {
        let rest = left.checked_sub(rule.count_grants());
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    let known = list.into_iter().filter_map(PolicyRule::read_known);
    known.filter(|rule| fits(rule)).collect()
}

/// Takes the list out of a map that has nothing but `rules`.
fn unwrap_rules_key(node: DocumentNode) -> Result<DocumentNode, RulesError> {
    let DocumentNode::Map(map) = node else { return Ok(node) };
    match <[_; 1]>::try_from(map) {
        Ok([(key, rules)]) if key == "rules" => Ok(rules),
        _ => Err(RulesError::NotRules),
    }
}

fn read_rules(node: DocumentNode) -> Result<Vec<PolicyRule>, RulesError> {
    let DocumentNode::List(list) = node else { return Err(RulesError::NotRules) };
    let rule = |(i, node)| PolicyRule::from_node(node, &format!("rules[{i}]"));
    Ok(list.into_iter().enumerate().map(rule).collect::<Result<_, _>>()?)
}

fn check_size(rules: Vec<PolicyRule>) -> Result<Vec<PolicyRule>, RulesError> {
    let grants = rules.iter().map(PolicyRule::count_grants).fold(0, usize::saturating_add);
    if grants > MAX_GRANTS { Err(RulesError::TooManyGrants) } else { Ok(rules) }
}

/// The most rules of a role that is made for a lease: such a role says little, and can be read.
pub const MAX_RULES: usize = 64;

/// The most single grants that are looked through. `admin` with all its parts has about a thousand; lists
/// multiply, and without a bound a short text could ask for billions of looks.
pub const MAX_GRANTS: usize = 65_536;

#[cfg(test)]
mod tests;
