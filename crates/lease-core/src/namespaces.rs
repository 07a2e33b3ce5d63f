//! Where leases are given.

mod examples;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{NameError, Namespace, NamespaceSelector};

/// The most namespaces that one dynamic secret names.
pub const MAX_NAMESPACES: usize = 256;

/// Where leases are given: by name, by `*`, by a selector, or by names and a selector together.
///
/// Written `{"namespaces":["a","*"],"namespace_selector":{…},"namespace_match":"any"}`.
///
/// Neither `*` nor a selector ever means `kube-*`, `default`, or the namespace of the target's own account:
/// who can change things there can become the cluster's administrator, or us. They have to be named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawNamespaces", into = "RawNamespaces")]
pub struct Namespaces {
    every: bool,
    literal: Vec<Namespace>,
    selector: Option<NamespaceSelector>,
    /// Present exactly where there are both names and a selector.
    matching: Option<NamespaceMatch>,
}

/// One entry of `namespaces`: a name, or `*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum NamespacePattern {
    /// `*`: all but those that have to be named.
    Every,
    /// This one.
    One(Namespace),
}

/// How names and a selector go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamespaceMatch {
    /// One of them is enough.
    Any,
    /// Both have to mean the namespace.
    All,
}

/// What can be said of a namespace before its labels are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Leases are given there.
    Allowed,
    /// None is, whatever its labels.
    Refused,
    /// Its labels decide: read them now, and ask [`Namespaces::allows_labels`].
    AskLabels,
}

/// Why a namespace is not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamespaceError {
    /// None was named, and more than one is allowed.
    #[error("a lease must name one of the namespaces that are allowed")]
    Required,
    /// One was named that is not allowed.
    #[error("namespace `{0}` is not allowed")]
    NotAllowed(Namespace),
}

/// Why a definition of namespaces is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamespacesError {
    /// Neither names nor a selector.
    #[error("`namespaces` or `namespace_selector` says where leases are given")]
    Missing,
    /// No name, or too many.
    #[error("`namespaces` names 1 to {MAX_NAMESPACES} namespaces, or `*`")]
    Count,
    /// One name twice.
    #[error("`namespaces` names `{0}` twice")]
    Twice(String),
    /// Names and a selector, and not how they go together.
    #[error(
        "with both `namespaces` and `namespace_selector`, `namespace_match` says `any` (one of them \
         is enough) or `all`"
    )]
    MatchMissing,
    /// How they go together, where there is only one of them.
    #[error("`namespace_match` goes with both `namespaces` and `namespace_selector`; leave it out")]
    MatchUnused,
}

impl Namespaces {
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
    /// Whether it is allowed is for [`Namespaces::decide`] to say.
    ///
    /// # Errors
    /// Refuses a request that leaves a choice open.
    pub fn choose(&self, asked: Option<Namespace>) -> Result<Namespace, NamespaceError> {
        match (asked, self.literal_only()) {
            (Some(asked), _) => Ok(asked),
            (None, Some([only])) => Ok(only.clone()),
            (None, _) => Err(NamespaceError::Required),
        }
    }

    /// Whether leases are given in a namespace, as far as its name tells.
    ///
    /// `broker` is the namespace of the target's own account, where it is known.
    #[must_use]
    pub fn decide(&self, namespace: &Namespace, broker: Option<&Namespace>) -> Decision {
        let named = self.literal.contains(namespace);
        if !named && has_to_be_named(namespace, broker) {
            return Decision::Refused;
        }
        let by_name = if named || self.every { Decision::Allowed } else { Decision::Refused };
        match (&self.selector, self.matching, by_name) {
            (None, _, _) => by_name,
            (Some(_), Some(NamespaceMatch::Any), Decision::Allowed) => Decision::Allowed,
            (Some(_), Some(NamespaceMatch::All), Decision::Refused) => Decision::Refused,
            (Some(_), _, _) => Decision::AskLabels,
        }
    }

    /// Whether leases are given in a namespace that has these labels.
    #[must_use]
    pub fn allows_labels(
        &self,
        namespace: &Namespace,
        broker: Option<&Namespace>,
        labels: &BTreeMap<String, String>,
    ) -> bool {
        match self.decide(namespace, broker) {
            Decision::Allowed => true,
            Decision::Refused => false,
            Decision::AskLabels => self.selector.as_ref().is_some_and(|s| s.matches(labels)),
        }
    }

    /// The names, where nothing but names decides: no `*` and no selector.
    ///
    /// An existing account goes with these only; one of the same name elsewhere may be anybody's.
    #[must_use]
    pub fn literal_only(&self) -> Option<&[Namespace]> {
        (!self.every && self.selector.is_none()).then_some(&self.literal)
    }

    /// The namespaces that are named, whatever else decides.
    #[must_use]
    pub fn literal(&self) -> &[Namespace] {
        &self.literal
    }
}

/// Whether only a name that is written out means this namespace.
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

/// [`Namespaces`] as they are written, before they are checked.
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

impl TryFrom<RawNamespaces> for Namespaces {
    type Error = NamespacesError;

    fn try_from(raw: RawNamespaces) -> Result<Self, NamespacesError> {
        Self::new(raw.namespaces, raw.namespace_selector, raw.namespace_match)
    }
}

impl From<Namespaces> for RawNamespaces {
    fn from(namespaces: Namespaces) -> Self {
        let Namespaces { every, literal, selector, matching } = namespaces;
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
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Namespaces, String> {
        serde_json::from_str(json).map_err(|e| e.to_string())
    }

    fn good(json: &str) -> Namespaces {
        read(json).unwrap_or_else(|e| panic!("{json}: {e}"))
    }

    fn namespace(name: &str) -> Namespace {
        name.parse().expect("a good name")
    }

    const TEAM_A: &str = r#""namespace_selector":{"matchLabels":{"team":"a"}}"#;

    #[test]
    fn a_definition_says_where_and_leaves_nothing_open() {
        let many: Vec<_> = (0..=MAX_NAMESPACES).map(|i| format!(r#""n{i}""#)).collect();
        let most = format!(r#"{{"namespaces":[{}]}}"#, many[1..].join(","));
        let many = format!(r#"{{"namespaces":[{}]}}"#, many.join(","));
        let with = |names: &str, matching: &str| format!("{{{names}{TEAM_A}{matching}}}");
        for (json, says) in [
            (r#"{"namespaces":["a"]}"#, None),
            (r#"{"namespaces":["*","kube-system"]}"#, None),
            (&most, None),
            (&with("", ""), None),
            (&with(r#""namespaces":["a"],"#, r#","namespace_match":"any""#), None),
            (&with(r#""namespaces":["*"],"#, r#","namespace_match":"all""#), None),
            ("{}", Some("`namespaces` or `namespace_selector` says where")),
            (r#"{"namespace_match":"any"}"#, Some("`namespaces` or `namespace_selector` says")),
            (r#"{"namespaces":[]}"#, Some("names 1 to 256")),
            (&many, Some("names 1 to 256")),
            (r#"{"namespaces":["a","b","a"]}"#, Some("names `a` twice")),
            (r#"{"namespaces":["*","*"]}"#, Some("names `*` twice")),
            (r#"{"namespaces":["a*"]}"#, Some("a namespace is 1 to 63")),
            (r#"{"namespaces":["A"]}"#, Some("a namespace is 1 to 63")),
            (r#"{"namespaces":"a"}"#, Some("expected a sequence")),
            (r#"{"namespaces":["a"],"namespace_selector":{}}"#, Some("for all namespaces say")),
            (r#"{"namespaces":["a"],"namespace_match":"any"}"#, Some("leave it out")),
            (&with("", r#","namespace_match":"all""#), Some("leave it out")),
            (&with(r#""namespaces":["a"],"#, ""), Some("`namespace_match` says `any`")),
            (&with(r#""namespaces":[],"#, r#","namespace_match":"any""#), Some("names 1 to 256")),
            (
                &with(r#""namespaces":["a"],"#, r#","namespace_match":"some""#),
                Some("`any` or `all`"),
            ),
        ] {
            match (read(json).err(), says) {
                (None, None) => {}
                (Some(error), Some(says)) if error.contains(says) => {}
                (error, _) => panic!("{json}: {error:?}, expected {says:?}"),
            }
        }
    }

    #[test]
    fn a_name_decides_alone_and_labels_where_they_must() {
        use Decision::{Allowed, AskLabels, Refused};
        let names = r#"{"namespaces":["a","b"]}"#;
        let star = r#"{"namespaces":["*"]}"#;
        let star_and = r#"{"namespaces":["*","kube-system","default","broker"]}"#;
        let selector = &format!("{{{TEAM_A}}}");
        let any = &format!(r#"{{"namespaces":["a","default"],{TEAM_A},"namespace_match":"any"}}"#);
        let all = &format!(r#"{{"namespaces":["a","default"],{TEAM_A},"namespace_match":"all"}}"#);
        let all_star = &format!(r#"{{"namespaces":["*"],{TEAM_A},"namespace_match":"all"}}"#);
        for (json, name, decision, with_label, without) in [
            (names, "a", Allowed, true, true),
            (names, "c", Refused, false, false),
            (names, "broker", Refused, false, false),
            (star, "c", Allowed, true, true),
            (star, "kube-system", Refused, false, false),
            (star, "kube-public", Refused, false, false),
            (star, "kube", Allowed, true, true),
            (star, "kubelease", Allowed, true, true),
            (star, "default", Refused, false, false),
            (star, "default-2", Allowed, true, true),
            (star, "broker", Refused, false, false),
            (star_and, "kube-system", Allowed, true, true),
            (star_and, "kube-public", Refused, false, false),
            (star_and, "default", Allowed, true, true),
            (star_and, "broker", Allowed, true, true),
            (selector, "c", AskLabels, true, false),
            (selector, "kube-system", Refused, false, false),
            (selector, "default", Refused, false, false),
            (selector, "broker", Refused, false, false),
            (any, "a", Allowed, true, true),
            (any, "default", Allowed, true, true),
            (any, "c", AskLabels, true, false),
            (any, "broker", Refused, false, false),
            (all, "a", AskLabels, true, false),
            (all, "default", AskLabels, true, false),
            (all, "c", Refused, false, false),
            (all_star, "c", AskLabels, true, false),
            (all_star, "kube-system", Refused, false, false),
        ] {
            let name = namespace(name);
            let (namespaces, broker) = (good(json), namespace("broker"));
            let broker = Some(&broker);
            assert_eq!(namespaces.decide(&name, broker), decision, "{name} in {json}");
            let labels = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
            let got = namespaces.allows_labels(&name, broker, &labels);
            assert_eq!(got, with_label, "{name} with the label in {json}");
            let got = namespaces.allows_labels(&name, broker, &BTreeMap::new());
            assert_eq!(got, without, "{name} without the label in {json}");
        }
        let unknown = good(star).decide(&namespace("broker"), None);
        assert_eq!(unknown, Allowed, "where the target's own account is not known");
    }

    #[test]
    fn a_namespace_may_be_left_out_only_where_there_is_no_choice() {
        let any = &format!(r#"{{"namespaces":["a"],{TEAM_A},"namespace_match":"any"}}"#);
        let all = &format!(r#"{{"namespaces":["a"],{TEAM_A},"namespace_match":"all"}}"#);
        for (json, only, literal) in [
            (r#"{"namespaces":["a"]}"#, Some("a"), true),
            (r#"{"namespaces":["a","b"]}"#, None, true),
            (r#"{"namespaces":["a","*"]}"#, None, false),
            (r#"{"namespaces":["*"]}"#, None, false),
            (&format!("{{{TEAM_A}}}"), None, false),
            (any, None, false),
            (all, None, false),
        ] {
            let namespaces = good(json);
            let expected = only.map(namespace).ok_or(NamespaceError::Required);
            assert_eq!(namespaces.choose(None), expected, "{json}");
            assert_eq!(namespaces.choose(Some(namespace("z"))), Ok(namespace("z")), "{json}");
            assert_eq!(namespaces.literal_only().is_some(), literal, "{json}");
        }
    }

    #[test]
    fn what_was_read_is_written_the_same() {
        for json in [
            r#"{"namespaces":["b","a"]}"#.to_owned(),
            r#"{"namespaces":["*","a"]}"#.to_owned(),
            format!("{{{TEAM_A}}}"),
            format!(r#"{{"namespaces":["*"],{TEAM_A},"namespace_match":"all"}}"#),
        ] {
            assert_eq!(serde_json::to_string(&good(&json)).expect("serialises"), json);
        }
    }
}
