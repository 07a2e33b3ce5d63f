//! What may be leased, and on which terms.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{DynamicSecretName, MAX_TTL, MIN_TOKEN_TTL, Namespace, ServiceAccountName, TargetName};
use crate::{Ttl, TtlError};

/// The most namespaces that one dynamic secret names.
pub const MAX_NAMESPACES: usize = 256;

/// What may be leased on a target: an account, where, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DynamicSecret {
    /// Its name here.
    pub name: DynamicSecretName,
    /// The target it is for.
    pub target: TargetName,
    /// Whose token is leased.
    pub account: Account,
    /// Where, and for how long.
    pub terms: Terms,
    /// When it was first put.
    pub created_at: DateTime<Utc>,
    /// When it was last put.
    pub updated_at: DateTime<Utc>,
}

/// Whose token is leased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Account {
    /// A `ServiceAccount` that exists in each of the namespaces.
    Existing {
        /// Its name.
        name: ServiceAccountName,
    },
}

/// Where and for how long leases are given: at least one namespace, and a default within the maximum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawTerms", into = "RawTerms")]
pub struct Terms {
    namespaces: Vec<Namespace>,
    default_ttl: Ttl,
    max_ttl: Ttl,
}

/// Why terms cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// None, or too many.
    #[error("`namespaces` names 1 to {MAX_NAMESPACES} namespaces")]
    NamespaceCount,
    /// One name twice.
    #[error("`namespaces` names `{0}` twice")]
    NamespaceTwice(Namespace),
    /// The maximum is over the installation's own.
    #[error("`max_ttl` is at most {MAX_TTL}, and {0} is more")]
    MaxTooLong(Ttl),
    /// A lease by default would be refused.
    #[error("`default_ttl` is at most `max_ttl`, and {default} is more than {max}")]
    DefaultOverMax {
        /// The default.
        default: Ttl,
        /// The maximum.
        max: Ttl,
    },
    /// A lease by default would be shorter than a token can be.
    #[error(
        "`default_ttl` is at least {MIN_TOKEN_TTL}, the shortest life that Kubernetes gives a token; {0} is less"
    )]
    DefaultTooShort(Ttl),
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

impl Terms {
    /// Terms that hold together.
    ///
    /// # Errors
    /// Names the field that does not fit, and what would.
    pub fn new(
        namespaces: Vec<Namespace>,
        default_ttl: Ttl,
        max_ttl: Ttl,
    ) -> Result<Self, DefinitionError> {
        if !(1..=MAX_NAMESPACES).contains(&namespaces.len()) {
            return Err(DefinitionError::NamespaceCount);
        }
        let twice = |(i, namespace)| namespaces[..i].contains(namespace);
        if let Some(i) = namespaces.iter().enumerate().position(twice) {
            return Err(DefinitionError::NamespaceTwice(namespaces[i].clone()));
        }
        if max_ttl > MAX_TTL {
            return Err(DefinitionError::MaxTooLong(max_ttl));
        }
        if default_ttl > max_ttl {
            return Err(DefinitionError::DefaultOverMax { default: default_ttl, max: max_ttl });
        }
        if default_ttl < MIN_TOKEN_TTL {
            return Err(DefinitionError::DefaultTooShort(default_ttl));
        }
        Ok(Self { namespaces, default_ttl, max_ttl })
    }

    /// The namespace of a lease: the one asked for, if it is allowed; the only one, if none is.
    ///
    /// # Errors
    /// Refuses a namespace that is not allowed, and a request that leaves a choice open.
    pub fn choose_namespace(&self, asked: Option<Namespace>) -> Result<Namespace, NamespaceError> {
        match (asked, self.namespaces.as_slice()) {
            (Some(asked), allowed) if allowed.contains(&asked) => Ok(asked),
            (Some(asked), _) => Err(NamespaceError::NotAllowed(asked)),
            (None, [only]) => Ok(only.clone()),
            (None, _) => Err(NamespaceError::Required),
        }
    }

    /// The lifetime of a lease: what is asked for, or the default, within the maximum.
    ///
    /// # Errors
    /// Refuses what lies outside; it never shortens in silence.
    pub fn grant_ttl(&self, asked: Option<Ttl>) -> Result<Ttl, TtlError> {
        Ttl::grant(asked, self.default_ttl, self.max_ttl)
    }

    /// The namespaces that leases may name.
    #[must_use]
    pub fn namespaces(&self) -> &[Namespace] {
        &self.namespaces
    }

    /// The lifetime where none is asked for.
    #[must_use]
    pub fn default_ttl(&self) -> Ttl {
        self.default_ttl
    }

    /// The longest lifetime.
    #[must_use]
    pub fn max_ttl(&self) -> Ttl {
        self.max_ttl
    }
}

/// [`Terms`] as they are stored, before they are checked.
#[derive(Serialize, Deserialize)]
struct RawTerms {
    namespaces: Vec<Namespace>,
    default_ttl: Ttl,
    max_ttl: Ttl,
}

impl TryFrom<RawTerms> for Terms {
    type Error = DefinitionError;

    fn try_from(raw: RawTerms) -> Result<Self, DefinitionError> {
        Self::new(raw.namespaces, raw.default_ttl, raw.max_ttl)
    }
}

impl From<Terms> for RawTerms {
    fn from(terms: Terms) -> Self {
        let Terms { namespaces, default_ttl, max_ttl } = terms;
        Self { namespaces, default_ttl, max_ttl }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespaces(names: &[&str]) -> Vec<Namespace> {
        names.iter().map(|name| name.parse().expect("a good name")).collect()
    }

    fn ttl(text: &str) -> Ttl {
        text.parse().expect("a good duration")
    }

    #[test]
    fn terms_that_could_not_be_kept_are_refused_when_they_are_put() {
        let many: Vec<String> = (0..=MAX_NAMESPACES).map(|i| format!("n{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (names, default, max, error) in [
            (["a", "b"].as_slice(), "1h", "24h", None),
            (&["a"], "10m", "10m", None),
            (&["a"], "1h", "768h", None),
            (&[], "1h", "24h", Some(DefinitionError::NamespaceCount)),
            (&many, "1h", "24h", Some(DefinitionError::NamespaceCount)),
            (
                &["a", "b", "a"],
                "1h",
                "24h",
                Some(DefinitionError::NamespaceTwice(namespaces(&["a"])[0].clone())),
            ),
            (&["a"], "1h", "769h", Some(DefinitionError::MaxTooLong(ttl("769h")))),
            (
                &["a"],
                "2h",
                "1h",
                Some(DefinitionError::DefaultOverMax { default: ttl("2h"), max: ttl("1h") }),
            ),
            (&["a"], "599s", "1h", Some(DefinitionError::DefaultTooShort(ttl("599s")))),
        ] {
            let terms = Terms::new(namespaces(names), ttl(default), ttl(max));
            assert_eq!(terms.err(), error, "{} namespaces, {default}, {max}", names.len());
        }
    }

    #[test]
    fn a_namespace_may_be_left_out_only_where_there_is_no_choice() {
        for (allowed, asked, chosen) in [
            (["a"].as_slice(), None, Some("a")),
            (&["a"], Some("a"), Some("a")),
            (&["a"], Some("b"), None),
            (&["a", "b"], None, None),
            (&["a", "b"], Some("b"), Some("b")),
        ] {
            let terms = Terms::new(namespaces(allowed), ttl("1h"), ttl("1h")).expect("good terms");
            let asked = asked.map(|name| namespaces(&[name])[0].clone());
            let got = terms.choose_namespace(asked.clone()).ok();
            assert_eq!(got.as_ref().map(Namespace::as_str), chosen, "{allowed:?}, asked {asked:?}");
        }
    }

    #[test]
    fn stored_terms_are_checked_when_they_are_read() {
        let stored = r#"{"namespaces":["a"],"default_ttl":"2h","max_ttl":"1h"}"#;
        let error = serde_json::from_str::<Terms>(stored).unwrap_err().to_string();
        assert!(error.contains("`default_ttl` is at most `max_ttl`"), "{error}");
    }
}
