//! Where leases are given.

mod examples;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{NameError, Namespace, NamespaceSelector};

/// The most namespaces that one dynamic secret names.
pub const MAX_NAMESPACES: usize = 256;

/// The namespaces in which leases are given: by name, by `*`, by a selector, or by names and a
/// selector together.
///
/// Written `{"namespaces":["a","*"],"namespace_selector":{…},"namespace_match":"any"}`.
///
/// Neither `*` nor a selector includes `kube-*`, `default`, or the namespace of the target's own
/// account, because a caller who can change things there can become the cluster's administrator, or
/// kubelease. They have to be named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawNamespaces", into = "RawNamespaces")]
pub struct NamespaceRules {
    every: bool,
    literal: Vec<Namespace>,
    selector: Option<NamespaceSelector>,
    /// Present exactly where there are both names and a selector.
    matching: Option<NamespaceMatch>,
}

/// An entry of `namespaces`: a name, or `*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum NamespacePattern {
    /// `*`: all but those that have to be named.
    Every,
    /// This one.
    One(Namespace),
}

/// The rule for names and a selector together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamespaceMatch {
    /// Either is enough.
    Any,
    /// Both have to mean the namespace.
    All,
}

/// The decision about a namespace before its labels are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamespaceDecision {
    /// Leases are given there.
    Allowed,
    /// None is, whatever its labels.
    Refused,
    /// The labels decide: read them now, and ask [`NamespaceRules::allows_namespace_with_labels`].
    AskLabels,
}

/// Why a namespace is not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamespaceError {
    /// None was named, and more than one is allowed.
    #[error("a lease must name one of the allowed namespaces")]
    Required,
    /// The namespace that was named is not allowed.
    #[error("namespace `{0}` is not allowed")]
    NotAllowed(Namespace),
}

/// Why a definition of namespaces is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamespacesError {
    /// Neither names nor a selector.
    #[error("`namespaces` or `namespace_selector` is required, to select the namespaces of leases")]
    Missing,
    /// No name, or too many.
    #[error("`namespaces` lists 1 to {MAX_NAMESPACES} namespaces, or `*`")]
    Count,
    /// A name that is given twice.
    #[error("`namespaces` lists `{0}` twice")]
    Twice(String),
    /// Names and a selector, and not how they go together.
    #[error(
        "`namespace_match` is required with both `namespaces` and `namespace_selector`: `any` (one \
         of them is enough) or `all`"
    )]
    MatchMissing,
    /// A rule for names and a selector together, if there is only one of them.
    #[error(
        "`namespace_match` needs both `namespaces` and `namespace_selector`; add the other one, or \
         leave `namespace_match` out"
    )]
    MatchUnused,
}

impl NamespaceRules {
    /// Namespaces by name, by selector, or both.
    ///
    /// # Errors
    /// Names the field that does not fit, and what would.
    pub fn new(
        names: Option<Vec<NamespacePattern>>,
        selector: Option<NamespaceSelector>,
        matching: Option<NamespaceMatch>,
    ) -> Result<Self, NamespacesError> {
        match (names.is_some(), selector.is_some(), matching) {
            (false, false, _) => return Err(NamespacesError::Missing),
            (true, true, None) => return Err(NamespacesError::MatchMissing),
            (true, false, Some(_)) | (false, true, Some(_)) => {
                return Err(NamespacesError::MatchUnused);
            }
            _ => {}
        }
        let mut namespaces = Self { every: false, literal: vec![], selector, matching };
        let Some(names) = names else { return Ok(namespaces) };
        if !(1..=MAX_NAMESPACES).contains(&names.len()) {
            return Err(NamespacesError::Count);
        }
        for name in names {
            match name {
                NamespacePattern::Every if !namespaces.every => namespaces.every = true,
                NamespacePattern::One(name) if !namespaces.literal.contains(&name) => {
                    namespaces.literal.push(name);
                }
                twice => return Err(NamespacesError::Twice(twice.into())),
            }
        }
        Ok(namespaces)
    }

    /// The namespace of a lease: the one asked for; the only one, if none is.
    ///
    /// Whether it is allowed is for [`NamespaceRules::decide_by_name`] to say.
    ///
    /// # Errors
    /// Refuses a request that leaves a choice open.
    pub fn choose_namespace(&self, asked: Option<Namespace>) -> Result<Namespace, NamespaceError> {
        match (asked, self.exclusive_literal_namespaces()) {
            (Some(asked), _) => Ok(asked),
            (None, Some([only])) => Ok(only.clone()),
            (None, _) => Err(NamespaceError::Required),
        }
    }

    /// Decides by name alone if leases are given in a namespace.
    ///
    /// `broker` is the namespace of the target's own account, if it is known.
    #[must_use]
    pub fn decide_by_name(
        &self,
        namespace: &Namespace,
        broker: Option<&Namespace>,
    ) -> NamespaceDecision {
        let named = self.literal.contains(namespace);
        if !named && has_to_be_named(namespace, broker) {
            return NamespaceDecision::Refused;
        }
        let by_name = if named || self.every {
            NamespaceDecision::Allowed
        } else {
            NamespaceDecision::Refused
        };
        match (&self.selector, self.matching, by_name) {
            (None, _, _) => by_name,
            (Some(_), Some(NamespaceMatch::Any), NamespaceDecision::Allowed) => {
                NamespaceDecision::Allowed
            }
            (Some(_), Some(NamespaceMatch::All), NamespaceDecision::Refused) => {
                NamespaceDecision::Refused
            }
            (Some(_), _, _) => NamespaceDecision::AskLabels,
        }
    }

    /// Returns true if leases are given in a namespace that has these labels.
    #[must_use]
    pub fn allows_namespace_with_labels(
        &self,
        namespace: &Namespace,
        broker: Option<&Namespace>,
        labels: &BTreeMap<String, String>,
    ) -> bool {
        match self.decide_by_name(namespace, broker) {
            NamespaceDecision::Allowed => true,
            NamespaceDecision::Refused => false,
            NamespaceDecision::AskLabels => {
                self.selector.as_ref().is_some_and(|s| s.matches_labels(labels))
            }
        }
    }

    /// Returns true if `*` alone lets in every namespace but those that have to be named.
    #[must_use]
    pub fn covers_every_namespace(&self) -> bool {
        self.every && self.matching != Some(NamespaceMatch::All)
    }

    /// The selector, if there are namespaces that only their labels let in.
    #[must_use]
    pub fn deciding_selector(&self) -> Option<&NamespaceSelector> {
        self.selector.as_ref().filter(|_| !self.covers_every_namespace())
    }

    /// The names, if nothing but names decides: no `*` and no selector.
    ///
    /// An existing account goes with these only; one of the same name elsewhere may be anybody's.
    #[must_use]
    pub fn exclusive_literal_namespaces(&self) -> Option<&[Namespace]> {
        (!self.every && self.selector.is_none()).then_some(&self.literal)
    }

    /// The namespaces that are named, whatever else decides.
    #[must_use]
    pub fn literal_namespaces(&self) -> &[Namespace] {
        &self.literal
    }
}

/// Returns true if only a name that is written out includes this namespace.
fn has_to_be_named(namespace: &Namespace, broker: Option<&Namespace>) -> bool {
    let name = namespace.as_str();
    name == "default" || name.starts_with("kube-") || broker == Some(namespace)
}

impl TryFrom<String> for NamespacePattern {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        if text == "*" { Ok(Self::Every) } else { Namespace::try_from(text).map(Self::One) }
    }
}

impl From<NamespacePattern> for String {
    fn from(pattern: NamespacePattern) -> Self {
        match pattern {
            NamespacePattern::Every => "*".to_owned(),
            NamespacePattern::One(name) => name.into(),
        }
    }
}

/// [`NamespaceRules`] as they are written, before they are checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNamespaces {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespaces: Option<Vec<NamespacePattern>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace_selector: Option<NamespaceSelector>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace_match: Option<NamespaceMatch>,
}

impl TryFrom<RawNamespaces> for NamespaceRules {
    type Error = NamespacesError;

    fn try_from(raw: RawNamespaces) -> Result<Self, NamespacesError> {
        Self::new(raw.namespaces, raw.namespace_selector, raw.namespace_match)
    }
}

impl From<NamespaceRules> for RawNamespaces {
    fn from(namespaces: NamespaceRules) -> Self {
        let NamespaceRules { every, literal, selector, matching } = namespaces;
        let every = every.then_some(NamespacePattern::Every);
        let names: Vec<_> =
            every.into_iter().chain(literal.into_iter().map(NamespacePattern::One)).collect();
        Self {
            namespaces: Some(names).filter(|names| !names.is_empty()),
            namespace_selector: selector,
            namespace_match: matching,
        }
    }
}

#[cfg(test)]
mod tests;
