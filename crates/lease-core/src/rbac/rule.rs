//! One rule of RBAC, as `rbac.authorization.k8s.io/v1` has it.

use serde::{Deserialize, Deserializer, Serialize};

use super::document_node::{DocumentNode, NonTextScalar};
use super::fields::Fields;

/// A `PolicyRule`: what may be done to what. Equality is as written, in order.
///
/// Any rule that an API server answers can be held; only [`PolicyRules`](super::PolicyRules) promises one that it
/// would accept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRule {
    /// Groups of the API, where the core group is the empty text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    /// Resources and, behind a `/`, subresources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// The verbs that are allowed.
    pub verbs: Vec<String>,
    /// The only names it may be done to; none stands for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// Paths that are no resources, in place of groups and resources.
    #[serde(rename = "nonResourceURLs", skip_serializing_if = "Vec::is_empty")]
    pub non_resource_urls: Vec<String>,
}

/// The problem with a rule, or with a field of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RuleProblem {
    /// Not a map.
    #[error("a rule is a map")]
    NotAMap,
    /// A field that no rule has.
    #[error(
        "no such field: a rule has `apiGroups`, `resources`, `verbs`, `resourceNames` or \
         `nonResourceURLs`"
    )]
    Unknown,
    /// Not a list.
    #[error("this must be a list of strings")]
    NotAList,
    /// Not a text.
    #[error("this must be a string")]
    NotAText,
    /// A number or a boolean.
    #[error(transparent)]
    Typed(NonTextScalar),
    /// `null` among the groups.
    #[error(
        "Kubernetes reads `null` as the core group, which may not be intended: write `\"\"` for \
         the core group"
    )]
    NullGroup,
    /// A list that is too long.
    #[error("a list has at most {MAX_ENTRIES} entries")]
    TooMany,
    /// A text that no request could match.
    #[error(
        "this must be 1 to {MAX_ENTRY_BYTES} ASCII characters without blanks, quotes, `,` or `\\`"
    )]
    Entry,
    /// The same, where case counts too.
    #[error(
        "this must be 1 to {MAX_ENTRY_BYTES} lower-case letters, digits, `*`, `.` or `-`, in a \
         resource also `/` and `_`, as Kubernetes writes it"
    )]
    LowerCaseEntry,
    /// A text that is no verb.
    #[error("this must be 1 to {MAX_ENTRY_BYTES} letters, digits, `*`, `.`, `-`, `:` or `_`")]
    Verb,
    /// A verb of Kubernetes that would match no request.
    #[error("write this verb in lower case, as Kubernetes does: RBAC compares verbs exactly")]
    VerbCase,
    /// A name that no object has, or that cannot be shown.
    #[error("this must be a name of at least one character, without control characters")]
    Name,
    /// The core group by its nickname.
    #[error("write the core group as the empty string `\"\"`")]
    Core,
    /// Not a path.
    #[error("this must be `*`, or a path that begins with `/`")]
    Url,
    /// Nothing may be done.
    #[error("a rule needs at least one verb")]
    NoVerbs,
    /// To the resources of which group?
    #[error("a rule for resources needs at least one group; the core group is `\"\"`")]
    NoGroups,
    /// To what?
    #[error("a rule needs at least one resource, or `nonResourceURLs`")]
    NoResources,
    /// Two rules in one.
    #[error("a rule must be for `nonResourceURLs` or for resources, not for both")]
    Both,
    /// Not in one namespace.
    #[error("`nonResourceURLs` are in no namespace: they need a ClusterRole and scope `cluster`")]
    UrlInRole,
}

/// A problem with a rule, and the place of it.
#[derive(Debug, thiserror::Error)]
#[error("`{at}`: {problem}")]
pub(super) struct RuleError {
    pub(super) at: String,
    pub(super) problem: RuleProblem,
}

impl RuleError {
    fn new(at: String, problem: RuleProblem) -> Self {
        Self { at, problem }
    }
}

impl PolicyRule {
    /// Reads the shape of a rule that stands at `at`; whether it is accepted is not asked yet.
    pub(super) fn from_node(node: DocumentNode, at: &str) -> Result<Self, RuleError> {
        let mut fields = Fields::from_node(node)
            .ok_or_else(|| RuleError::new(at.to_owned(), RuleProblem::NotAMap))?;
        if let Some(name) = fields.first_unknown_field(&RULE_FIELDS) {
            return Err(RuleError::new(format!("{at}.{name}"), RuleProblem::Unknown));
        }
        Self::from_fields(&mut fields, at)
    }

    /// Reads what a rule says in the fields that are known; none if one of those is no list of texts.
    pub(super) fn read_known(node: DocumentNode) -> Option<Self> {
        Self::from_fields(&mut Fields::from_node(node)?, "rule").ok()
    }

    fn from_fields(fields: &mut Fields, at: &str) -> Result<Self, RuleError> {
        let [api_groups, resources, verbs, resource_names, non_resource_urls] =
            RULE_FIELDS.map(|name| read_texts(fields.take_field(name), at, name));
        Ok(Self {
            api_groups: api_groups?,
            resources: resources?,
            verbs: verbs?,
            resource_names: resource_names?,
            non_resource_urls: non_resource_urls?,
        })
    }

    /// Checks that Kubernetes would accept it in a `ClusterRole` (its `ValidatePolicyRule`), and
    /// that every text in it could match a request.
    pub(super) fn check_rule(&self, at: &str) -> Result<(), RuleError> {
        self.check_shape().map_err(|problem| RuleError::new(at.to_owned(), problem))?;
        let each = |name: &str, list: &[String], check: fn(&str) -> Result<(), RuleProblem>| {
            if list.len() > MAX_ENTRIES {
                return Err(RuleError::new(format!("{at}.{name}"), RuleProblem::TooMany));
            }
            list.iter().enumerate().try_for_each(|(i, text)| {
                check(text).map_err(|problem| RuleError::new(format!("{at}.{name}[{i}]"), problem))
            })
        };
        each("apiGroups", &self.api_groups, check_group)?;
        each("resources", &self.resources, check_resource)?;
        each("verbs", &self.verbs, check_verb)?;
        each("resourceNames", &self.resource_names, check_name)?;
        each("nonResourceURLs", &self.non_resource_urls, check_url)
    }

    fn check_shape(&self) -> Result<(), RuleProblem> {
        let no_resource = self.api_groups.is_empty()
            && self.resources.is_empty()
            && self.resource_names.is_empty();
        match (self.non_resource_urls.is_empty(), no_resource) {
            _ if self.verbs.is_empty() => Err(RuleProblem::NoVerbs),
            (false, false) => Err(RuleProblem::Both),
            (true, _) if self.resources.is_empty() => Err(RuleProblem::NoResources),
            (true, _) if self.api_groups.is_empty() => Err(RuleProblem::NoGroups),
            (false, true) | (true, _) => Ok(()),
        }
    }

    /// Counts its single grants: each verb on each resource of each group, and on each path.
    pub(super) fn count_grants(&self) -> usize {
        let resources = self.api_groups.len().saturating_mul(self.resources.len());
        let what = resources.saturating_add(self.non_resource_urls.len());
        what.saturating_mul(self.verbs.len())
    }

    /// Returns the length of its texts together.
    pub(super) fn text_length(&self) -> usize {
        let Self { api_groups, resources, verbs, resource_names, non_resource_urls } = self;
        let lists = [api_groups, resources, verbs, resource_names, non_resource_urls];
        lists.into_iter().flatten().map(String::len).sum()
    }
}

impl<'de> Deserialize<'de> for PolicyRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = DocumentNode::deserialize(deserializer)?;
        Self::from_node(node, "rule").map_err(serde::de::Error::custom)
    }
}

fn read_texts(node: DocumentNode, at: &str, field: &str) -> Result<Vec<String>, RuleError> {
    let list = match node {
        DocumentNode::Null => return Ok(Vec::new()),
        DocumentNode::List(list) => list,
        DocumentNode::Text(_) | DocumentNode::Typed(_) | DocumentNode::Map(_) => {
            return Err(RuleError::new(format!("{at}.{field}"), RuleProblem::NotAList));
        }
    };
    let text = |(i, node)| {
        let problem = match node {
            DocumentNode::Text(text) => return Ok(text),
            DocumentNode::Typed(typed) => RuleProblem::Typed(typed),
            DocumentNode::Null if field == RULE_FIELDS[0] => RuleProblem::NullGroup,
            DocumentNode::Null | DocumentNode::List(_) | DocumentNode::Map(_) => {
                RuleProblem::NotAText
            }
        };
        Err(RuleError::new(format!("{at}.{field}[{i}]"), problem))
    };
    list.into_iter().enumerate().map(text).collect()
}

/// `/` parts a group from a resource wherever both are written as one.
pub(super) fn check_group(text: &str) -> Result<(), RuleProblem> {
    match text {
        "" => Ok(()),
        // To Kubernetes it is another group, one that does not exist.
        "core" => Err(RuleProblem::Core),
        _ => check_lower_case_entry(text, b".*-"),
    }
}

pub(super) fn check_resource(text: &str) -> Result<(), RuleProblem> {
    check_lower_case_entry(text, b".*-_/")
}

/// RBAC compares by the letter. Kubernetes' own verbs come in lower case, so that `GET` would grant nothing; who
/// asks by access reviews may ask for any verb, such as `readThing`.
pub(super) fn check_verb(text: &str) -> Result<(), RuleProblem> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b".*-_:".contains(&b);
    if !(1..=MAX_ENTRY_BYTES).contains(&text.len()) || !text.bytes().all(good) {
        return Err(RuleProblem::Verb);
    }
    let lower = text.to_ascii_lowercase();
    let miswritten = lower != text && STANDARD_VERBS.contains(&lower.as_str());
    if miswritten { Err(RuleProblem::VerbCase) } else { Ok(()) }
}

/// Groups and resources are in lower case wherever they are served.
fn check_lower_case_entry(text: &str, signs: &[u8]) -> Result<(), RuleProblem> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || signs.contains(&b);
    let fits = (1..=MAX_ENTRY_BYTES).contains(&text.len()) && text.bytes().all(good);
    fits.then_some(()).ok_or(RuleProblem::LowerCaseEntry)
}

/// An empty name would match the requests that name nothing, such as lists.
///
/// Users and groups to impersonate are named by `resourceNames` too, and may be called anything, such as
/// `cn=ops,ou=groups,dc=example`. All texts of all rules together are bounded.
fn check_name(text: &str) -> Result<(), RuleProblem> {
    let fits = !text.is_empty() && !text.contains(char::is_control);
    fits.then_some(()).ok_or(RuleProblem::Name)
}

fn check_visible_entry(text: &str) -> Result<(), RuleProblem> {
    let good = |b: u8| b.is_ascii_graphic() && !b"\"'`,\\".contains(&b);
    let fits = (1..=MAX_ENTRY_BYTES).contains(&text.len()) && text.bytes().all(good);
    fits.then_some(()).ok_or(RuleProblem::Entry)
}

pub(super) fn check_url(text: &str) -> Result<(), RuleProblem> {
    check_visible_entry(text)?;
    (text == "*" || text.starts_with('/')).then_some(()).ok_or(RuleProblem::Url)
}

/// The fields of a rule, the groups first.
const RULE_FIELDS: [&str; 5] =
    ["apiGroups", "resources", "verbs", "resourceNames", "nonResourceURLs"];

/// The verbs of Kubernetes' own requests and checks: those of resources, of paths, and those that RBAC, admission
/// and certificates ask for (<https://kubernetes.io/docs/reference/access-authn-authz/authorization/>).
const STANDARD_VERBS: [&str; 20] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "proxy",
    "head",
    "options",
    "post",
    "put",
    "use",
    "bind",
    "escalate",
    "impersonate",
    "approve",
    "sign",
    "attest",
];

/// The longest text in a rule but for `resourceNames`: as long as the name of an object may be.
pub const MAX_ENTRY_BYTES: usize = 253;

/// The longest list in a rule; `view`, the longest that people copy, has lists of a dozen.
pub const MAX_ENTRIES: usize = 128;
